/**
 * After the end is published: tell the watcher, note what was left behind, cut the log for the last time, now and
 * then clean up. The process then ends by itself, or with the job that it took, or with what was left behind: with the shim,
 * because we are its parent, and where pid 1 does not reap nobody else takes it from the process table.
 */
import { existsSync } from 'node:fs';
import { systemClock } from '../base/clock.ts';
import { ignoreSystemError } from '../base/result.ts';
import { collect, isCollectionDue } from '../engine/gc/collect.ts';
import { startHook } from '../engine/hooks/exit-hook.ts';
import { suspectJobs } from '../engine/observe/leftovers.ts';
import { identify, isAlive } from '../engine/os/process-identity.ts';
import { continueHelpers } from '../engine/stop/stop-processes.ts';
import { readConfig } from '../job/home/config.ts';
import { noteCrash } from './crash.ts';
import { moveOn } from './next-job.ts';
import { Supervision } from './supervision.ts';

/** The ends of queued jobs come one upon the other: one look at all processes, after this time, serves those of the meantime, milliseconds. */
const POLL_MS = 1000;
let suspects: Promise<(view: Pick<Supervision['spec'], 'id'>) => boolean> | undefined;

/** Whether anything of the job may have been left behind. */
async function isSuspect({ home, spec, owner }: Supervision): Promise<boolean> {
  if (spec.placement === null) return true;
  suspects ??= systemClock.sleep(POLL_MS).then(() => {
    suspects = undefined;
    // jobs of this process are younger than it
    return suspectJobs(home, owner.identity.startTicks);
  });
  return (await suspects)(spec);
}

/** How often a job's leftovers are looked at. */
const LEFTOVERS_POLL_MS = 300;

/** `notifyWatcher`: that the end is published; undefined: the job never started, and there is none. */
export async function leave(supervision: Supervision, notifyWatcher?: () => void): Promise<void> {
  try {
    await endInOrder(supervision, notifyWatcher);
  } catch (thrown) {
    // the end is published: an adopter would only meet the same error
    noteCrash(supervision, thrown);
    supervision.trim.stop();
    notifyWatcher?.();
  } finally {
    await supervision.release();
  }
}

async function endInOrder(supervision: Supervision, notifyWatcher?: () => void): Promise<void> {
  // what was put back moves the queue on while its watcher still lives
  if (supervision.isRequeued) await moveOn(supervision, true);
  // before the watcher goes: if we are killed here its adopter does it
  else if (supervision.status.phase === 'ended') startHook(supervision.home, supervision.spec);
  // one that somebody stopped would not hear it
  if (notifyWatcher) continueHelpers(supervision.job, supervision.owner.identity);
  notifyWatcher?.();
  // now that nobody holds it: its own turn may have come
  if (supervision.isRequeued) await moveOn(supervision, false);
  // put back into the queue: its records are the next owner's
  const mayBeLeft = notifyWatcher && !supervision.isRequeued && (await isSuspect(supervision));
  if (mayBeLeft) await recordLeft(supervision);
  const limit = notifyWatcher && keepLimit(supervision);
  // gc may take a second, in which no other job's end would be heard. What has become
  // a link since the job began is neither written nor emptied
  const { home } = supervision;
  if (Supervision.all.size === 0 && home.isOpen() && isCollectionDue(home)) {
    try {
      // as the home says now, and not when the job was added; by rules that cannot be read nothing is removed
      const config = readConfig(home.path);
      if (config.ok) await collect(home, config.value.retention, false);
    } catch (thrown) {
      ignoreSystemError(thrown);
    }
  }
  await limit;
}

/** Notes what the main process left behind: later only this tells such a process from a stranger's. */
async function recordLeft(supervision: Supervision): Promise<void> {
  const left = await supervision.processes();
  if (left.length === 0) return;
  supervision.left = left.flatMap(({ pid }) => identify(pid) ?? []);
  if (!supervision.home.isRemoved(supervision.job)) supervision.publish();
}

/**
 * Keeps the limit of the log beyond the end: a last cut, and for what the main process left behind more of them, as long as any of
 * it lives. Everything is published by then, and nobody waits for us.
 */
async function keepLimit(supervision: Supervision): Promise<void> {
  const { trim, spec, job } = supervision;
  await trim.finish();
  if (spec.maxLogBytes === null || supervision.left.length === 0) {
    trim.close();
    return;
  }
  trim.start();
  while (existsSync(job.spec)) {
    if (!supervision.left.some((one) => isAlive(one) === 'alive')) {
      // they may have started others, who write on
      supervision.left = (await supervision.processes()).flatMap(({ pid }) => identify(pid) ?? []);
      if (supervision.left.length === 0) break;
    }
    await systemClock.sleep(LEFTOVERS_POLL_MS);
  }
  await trim.finish();
  trim.close();
}
