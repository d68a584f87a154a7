/** The last words on many jobs that were started together and waited for: how many are done, what failed, and how to run that again. */
import { observe } from '../../engine/observe/observe.ts';
import type { Home } from '../../job/home/home.ts';
import type { JobId } from '../../job/spec.ts';
import type { JobView } from '../../job/view.ts';
import type { Exit } from '../command/command.ts';
import { commandLine, jobLabel } from '../messages/job-text.ts';
import type { Output } from '../output/output.ts';
import type { Deadline } from '../wait/deadline.ts';
import { renderIds } from '../wait/render-ids.ts';
import { waitForMany } from '../wait/wait-for-many.ts';

/** So many failures are named. */
const MOST_NAMED = 20;
const MOST_COMMAND = 100;

/** Waits for all of them and ends with the summary. `again`: the command that goes on waiting for the same jobs. */
export async function waitWithSummary(
  output: Output,
  home: Home,
  ids: JobId[],
  again: string,
  patience: Deadline,
): Promise<Exit> {
  const told = new Map<JobId, Exit>();
  const beside = output.sideOutput();
  const plan = { any: false, failFast: false, again, told, failuresOnly: output.isTerminal(2) };
  const exit = await waitForMany(beside, home, ids, plan, patience);
  if (!output.json) for (const line of summaryOf(home, ids, told)) output.note(line);
  return exit;
}

/** The lines of the summary. */
function summaryOf(home: Home, ids: JobId[], told: ReadonlyMap<JobId, Exit>): string[] {
  const failed = ids.filter((id) => (told.get(id)?.code ?? 0) !== 0);
  const left = ids.length - told.size;
  const counts = [
    `${told.size - failed.length} done`,
    ...(failed.length > 0 ? [`${failed.length} failed`] : []),
    ...(left > 0 ? [`${left} not ended`] : []),
  ].join(', ');
  // that is told before, with how to go on
  if (failed.length === 0) return left > 0 ? [] : [counts];
  const named = failed.slice(0, MOST_NAMED).map((id) => nameOf(id, observe(home, id)));
  const more = failed.length - named.length;
  return [
    ...(named.length === 1 ? [`${counts}: ${named[0]}`] : [`${counts}:`, ...named.map((one) => `  ${one}`)]),
    ...(more > 0 ? [`  and ${more} more`] : []),
    `run ${failed.length === 1 ? 'it' : 'them'} again: bgjob restart ${renderIds(failed)}`,
  ];
}

const nameOf = (id: JobId, view: JobView | undefined): string =>
  view ? `${jobLabel(view)} ${commandLine(view, MOST_COMMAND)}` : String(id);
