/**
 * After the end is published: tell the watcher, note what was left behind, cut the log for the last time, now and then clean up.
 * The process then ends by itself, or with what was left behind: with the shim,
 * because we are its parent, and where pid 1 does not reap nobody else takes it from the process table.
 */
import { errnoOf } from '../base/failure.ts';
import { DEFAULT_RETENTION } from '../job/retention.ts';
import { collect, isCollectionDue } from '../process/collect.ts';
import type { Supervision } from './supervision.ts';

/** `tellWatcher`: that the end is published; undefined: the job never started, and there is none. */
export async function leave(supervision: Supervision, tellWatcher?: () => void): Promise<void> {
  tellWatcher?.();
  if (tellWatcher) await supervision.recordLeft();
  const limit = tellWatcher && supervision.keepLimit();
  if (isCollectionDue(supervision.home)) {
    try {
      await collect(supervision.home, DEFAULT_RETENTION, false);
    } catch (thrown) {
      errnoOf(thrown);
    }
  }
  await limit;
}
