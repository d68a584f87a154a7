/** Waiting for jobs and telling each end as it comes: the one way of `wait` and `run --wait`. */
import { observe } from '../../engine/observe/observe.ts';
import { waitEnded } from '../../engine/wait/job-end.ts';
import type { Home } from '../../job/home/home.ts';
import type { JobView } from '../../job/view.ts';
import { type Exit, SUCCESS } from '../command/command.ts';
import type { Output } from '../output/output.ts';
import type { Deadline, WaitPlan } from './deadline.ts';
import { watchPauses } from './pause-notes.ts';
import {
  goneView,
  judgeEnd,
  type LastLines,
  printTrouble,
  reportEnd,
  reportStillRunning,
} from './report-outcome.ts';
import { beside, startProgress, startSpinner } from './waiting-line.ts';

/** So many are waited for one by one, each with a descriptor and a timer. */
const FEW = 50;

/** Waits for the jobs and tells each end as it comes. Returns the first failed job's exit, in the order given. */
export async function waitForAll(
  output: Output,
  home: Home,
  views: JobView[],
  plan: WaitPlan,
  patience: Deadline,
  lastLines: LastLines = 'of a failure',
): Promise<Exit> {
  if (views.length > FEW) {
    const { waitForMany } = require('./wait-for-many.ts') as typeof import('./wait-for-many.ts');
    const ids = views.map(({ id }) => id);
    return waitForMany(output, home, ids, plan, patience);
  }
  const exits = plan.told ?? new Map<number, Exit>();
  const stillLive = new Map(views.map((view) => [view.id, view]));
  let failures = 0;
  let decided: Exit | undefined;
  const isRunning = (id: number): boolean => {
    const view = observe(home, id);
    return view?.kind === 'live' && view.status.phase !== 'queued';
  };
  const spinner =
    views.length === 1
      ? await startSpinner(output, views[0]!)
      : await startProgress(output, () => ({
          total: views.length,
          ended: exits.size,
          failed: failures,
          running: [...stillLive.keys()].filter(isRunning).length,
        }));
  const tell = async (view: JobView): Promise<void> => {
    spinner?.pause();
    const judgement = plan.judge?.(view) ?? judgeEnd(view);
    const exit = await reportEnd(output, home, view, lastLines, judgement);
    exits.set(view.id, exit);
    if (judgement.failed) failures++;
    stillLive.delete(view.id);
    spinner?.resume();
    if (plan.any || (plan.failFast && exit.code !== 0)) {
      decided ??= exit;
      patience.end();
    }
  };
  // those that ended before, one after the other: each call tells them in the same order
  for (const view of sortEnded(views, plan.any || plan.failFast)) if (!decided) await tell(view);
  const stopNotes = watchPauses(output, home, () => [...stillLive.keys()], beside(spinner));
  await Promise.all(
    [...stillLive.keys()].map(async (id) => {
      if (decided) return;
      const view = await waitEnded(home, id, patience.signal, printTrouble(output, id));
      // as it is now: what was seen when the waiting began may be hours old
      if (view?.kind === 'live') stillLive.set(id, view);
      if (decided || (view?.kind === 'live' && patience.signal.aborted)) return;
      await tell(view ?? goneView(id));
    }),
  );
  stopNotes();
  spinner?.stop();
  if (decided) return decided;
  const failed = views.map(({ id }) => exits.get(id)).find((exit) => exit !== undefined && exit.code !== 0);
  if (stillLive.size === 0) {
    patience.end();
    return failed ?? SUCCESS;
  }
  return reportStillRunning(output, home, [...stillLive.values()], patience, plan.again);
}

/** Those that live no more: in the order given, or where the first decides in that of their ends. */
function sortEnded(views: JobView[], byEnd: boolean): JobView[] {
  const ended = views.filter(({ kind }) => kind !== 'live');
  return byEnd ? ended.sort((a, b) => endedAt(a) - endedAt(b) || a.id - b.id) : ended;
}

const endedAt = (view: JobView): number =>
  view.kind === 'ended' ? view.status.endedAt : Number.POSITIVE_INFINITY;
