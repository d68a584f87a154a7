/**
 * After the end is published: move the queue on, tell the watcher, note what was left behind, cut the log for the last time, now and
 * then clean up. The process then ends by itself, or with the job that it took, or with what was left behind: with the shim,
 * because we are its parent, and where pid 1 does not reap nobody else takes it from the process table.
 */
import { systemClock } from '../base/clock.ts';
import { errnoOf } from '../base/failure.ts';
import { DEFAULT_RETENTION } from '../job/retention.ts';
import { collect, isCollectionDue } from '../process/collect.ts';
import { suspectJobs } from '../process/leftovers.ts';
import { moveOn } from './next.ts';
import { Supervision } from './supervision.ts';

/** The ends of queued jobs come one upon the other: one look at all processes, after this time, serves those of the meantime, milliseconds. */
const LOOK_MS = 100;
let suspects: Promise<(view: Pick<Supervision['spec'], 'id'>) => boolean> | undefined;

/** Whether anything of the job may have been left behind. */
async function isSuspect({ home, spec }: Supervision): Promise<boolean> {
  if (spec.placement === null) return true;
  suspects ??= systemClock.sleep(LOOK_MS).then(() => {
    suspects = undefined;
    return suspectJobs(home);
  });
  return (await suspects)(spec);
}

/** `tellWatcher`: that the end is published; undefined: the job never started, and there is none. */
export async function leave(supervision: Supervision, tellWatcher?: () => void): Promise<void> {
  await moveOn(supervision, true);
  tellWatcher?.();
  // now that nobody holds it: its own turn may have come
  if (supervision.isRequeued) await moveOn(supervision, false);
  // put back into the queue: its records are the next owner's
  const mayBeLeft = tellWatcher && !supervision.isRequeued && (await isSuspect(supervision));
  if (mayBeLeft) await supervision.recordLeft();
  const limit = tellWatcher && supervision.keepLimit();
  // it may take a second, in which no other job's end would be heard
  if (Supervision.all.size === 0 && isCollectionDue(supervision.home)) {
    try {
      await collect(supervision.home, DEFAULT_RETENTION, false);
    } catch (thrown) {
      errnoOf(thrown);
    }
  }
  await limit;
}
