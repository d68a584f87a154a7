/** Waiting for jobs and telling each end as it comes: the one way of `wait` and `run --wait`. */
import { observe } from '../../engine/observe/observe.ts';
import { waitEnded } from '../../engine/wait/job-end.ts';
import type { Home } from '../../job/home/home.ts';
import type { JobView } from '../../job/view.ts';
import { type Exit, SUCCESS } from '../command/command.ts';
import type { Output } from '../output/output.ts';
import type { Patience, WaitPlan } from './deadline.ts';
import { goneView, type LastLines, reportEnd, reportStillRunning } from './report-outcome.ts';
import { startProgress, startSpinner } from './waiting-line.ts';

/** So many are waited for one by one, each with a descriptor and a timer. */
const FEW = 50;

/** Waits for the jobs and tells each end as it comes. Returns the first failed job's exit, in the order given. */
export async function waitForAll(
  output: Output,
  home: Home,
  views: JobView[],
  plan: WaitPlan,
  patience: Patience,
  lastLines: LastLines = 'of a failure',
): Promise<Exit> {
  if (views.length > FEW) {
    const { waitForMany } = require('./wait-for-many.ts') as typeof import('./wait-for-many.ts');
    const ids = views.map(({ id }) => id);
    return waitForMany(output, home, ids, plan, patience);
  }
  const exits = new Map<number, Exit>();
  const stillLive = new Map(views.map((view) => [view.id, view]));
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
          failed: [...exits.values()].filter(({ code }) => code !== 0).length,
          running: [...stillLive.keys()].filter(isRunning).length,
        }));
  await Promise.all(
    views.map(async ({ id }) => {
      const view = await waitEnded(home, id, patience.signal);
      // as it is now: what was seen when the waiting began may be hours old
      if (view?.kind === 'live') stillLive.set(id, view);
      if (decided || (view?.kind === 'live' && patience.signal.aborted)) return;
      spinner?.pause();
      const exit = await reportEnd(output, home, view ?? goneView(id), lastLines);
      exits.set(id, exit);
      stillLive.delete(id);
      spinner?.resume();
      if (plan.any || (plan.failFast && exit.code !== 0)) {
        decided ??= exit;
        patience.end();
      }
    }),
  );
  spinner?.stop();
  if (decided) return decided;
  const failed = views.map(({ id }) => exits.get(id)).find((exit) => exit !== undefined && exit.code !== 0);
  if (stillLive.size === 0) {
    patience.end();
    return failed ?? SUCCESS;
  }
  return reportStillRunning(output, home, [...stillLive.values()], patience);
}
