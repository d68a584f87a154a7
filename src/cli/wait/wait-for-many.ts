/** Waiting for more jobs than anybody reads about one by one: each end is a line, and only the first failures come with their output. */
import { countLeftovers, markedProcesses } from '../../engine/observe/leftovers.ts';
import { observe } from '../../engine/observe/observe.ts';
import { Endings } from '../../engine/wait/job-ends.ts';
import type { Home } from '../../job/home/home.ts';
import { noteSeen } from '../../job/home/records.ts';
import type { JobId } from '../../job/spec.ts';
import type { JobView } from '../../job/view.ts';
import { type Exit, SUCCESS } from '../command/command.ts';
import { jobs } from '../messages/job-text.ts';
import type { Output } from '../output/output.ts';
import type { Deadline, WaitPlan } from './deadline.ts';
import { watchPauses } from './pause-notes.ts';
import { goneView, judgeEnd, printKnownEnd, reportStillRunning } from './report-outcome.ts';
import { beside, startProgress } from './waiting-line.ts';

/** So many failures are told with their last lines. */
const MOST_SHOWN = 5;
/** So many of those that go on are told in a line each. */
const MOST_LIVE_TOLD = 20;
/** Waits for them, in no order, and returns the first failed job's exit, in the order given. */
export async function waitForMany(
  output: Output,
  home: Home,
  ids: JobId[],
  plan: WaitPlan,
  patience: Deadline,
): Promise<Exit> {
  const endings = new Endings(home, ids);
  const exits = plan.told ?? new Map<JobId, Exit>();
  let failed = 0;
  let decided: Exit | undefined;
  const spinner = await startProgress(output, () => ({
    ...{ total: ids.length, ended: exits.size, failed },
    running: endings.running.size,
  }));
  const stopNotes = watchPauses(output, home, () => endings.left, beside(spinner));
  await endings.wait(patience.signal, async (ended) => {
    const marked = await markedProcesses(home);
    spinner?.pause();
    for (const { id, view = goneView(id) } of ended) {
      const leftovers = view.kind === 'ended' ? countLeftovers(home, view, marked) : 0;
      const judgement = plan.judge?.(view) ?? judgeEnd(view);
      const lastLines = failed < MOST_SHOWN ? 'of a failure' : 'none';
      const isNotified = judgement.failed || !plan.failuresOnly || output.json;
      if (!isNotified) noteSeen(home.job(id));
      const exit = isNotified
        ? printKnownEnd(output, home, view, lastLines, leftovers, judgement)
        : judgement.exit;
      exits.set(id, exit);
      if (judgement.failed) failed++;
      if (plan.any || (plan.failFast && exit.code !== 0)) {
        decided = exit;
        patience.end();
        break;
      }
    }
    spinner?.resume();
  });
  stopNotes();
  spinner?.stop();
  if (failed > MOST_SHOWN && !output.json)
    output.note(
      `(${jobs(failed)} failed; the last lines of the first ${MOST_SHOWN} were shown: bgjob tail ID)`,
    );
  if (decided) return decided;
  const first = ids.map((id) => exits.get(id)).find((exit) => exit !== undefined && exit.code !== 0);
  if (exits.size === new Set(ids).size) {
    patience.end();
    return first ?? SUCCESS;
  }
  return printManyStillRunning(output, home, endings, patience, plan.again);
}

/** Those that run are told, the first of them; of those that wait for their turn only how many they are, but in JSON. */
function printManyStillRunning(
  output: Output,
  home: Home,
  { left, running }: Endings,
  patience: Deadline,
  again: string,
): Exit {
  const told = output.json ? left : left.filter((id) => running.has(id)).slice(0, MOST_LIVE_TOLD);
  const views = told.flatMap((id): JobView | JobView[] => observe(home, id) ?? []);
  const more = left.length - told.length;
  if (more > 0 && !output.json)
    output.note(`(${told.length === 0 ? '' : 'the first that run; '}${jobs(more)} more did not end)`);
  return reportStillRunning(output, home, views, patience, again, left);
}
