/**
 * The steps after the end is published: tell the watcher, record what the job left running, trim the log for
 * the last time, and sometimes run gc. Then the process ends, unless it has taken another job, or must trim
 * the log of leftovers. The shim ends with it: we are its parent, and where pid 1 does not reap, no other
 * process takes it from the process table.
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
import { recordCrash } from './crash.ts';
import { startAddedJob, startNextJob } from './next-job.ts';
import { Supervision } from './supervision.ts';

/** Queued jobs end in quick succession: one scan of all processes, after this time, serves all of them. */
const POLL_MS = 1000;
/** Where thousands of processes run, scans take this part of a core at most. */
const SHARE = 0.05;
let scanMs = 0;
let suspects: Promise<(view: Pick<Supervision['spec'], 'id'>) => boolean> | undefined;

async function isSuspect({ home, spec, owner }: Supervision): Promise<boolean> {
  if (spec.placement === null) return true;
  suspects ??= systemClock.sleep(Math.max(POLL_MS, scanMs / SHARE)).then(async () => {
    suspects = undefined;
    const begun = process.cpuUsage();
    // jobs of this process are younger than this process
    const isSuspected = await suspectJobs(home, owner.identity.startTicks);
    // CPU: on a busy machine a scan of a second would keep this process for twenty more
    const { user, system } = process.cpuUsage(begun);
    scanMs = (user + system) / 1000;
    return isSuspected;
  });
  return (await suspects)(spec);
}

const LEFTOVERS_POLL_MS = 300;

/** `notifyWatcher` undefined: the job never started and has no watcher. */
export async function finishAfterEnd(supervision: Supervision, notifyWatcher?: () => void): Promise<void> {
  try {
    await endInOrder(supervision, notifyWatcher);
  } catch (thrown) {
    // the end is published: an adopter would meet the same error
    recordCrash(supervision, thrown);
    supervision.trim.stop();
    notifyWatcher?.();
  } finally {
    await supervision.release();
  }
}

async function endInOrder(supervision: Supervision, notifyWatcher?: () => void): Promise<void> {
  // a job that was put back moves the queue on while its watcher still lives
  if (supervision.isRequeued) await startNextJob(supervision, 'locked');
  // before the watcher ends: if we are killed here, its adopter starts the hook
  else if (supervision.status.phase === 'ended') startHook(supervision.home, supervision.spec);
  // a watcher that was stopped would not read it
  if (notifyWatcher) continueHelpers(supervision.job, supervision.owner.identity);
  notifyWatcher?.();
  // the job is unlocked now: it may be the next one itself
  if (supervision.isRequeued) await startNextJob(supervision, 'free');
  else await startAddedJob(supervision);
  // the records of a job that was put back belong to the next owner
  const mayBeLeft = notifyWatcher && !supervision.isRequeued && !supervision.isSwept;
  if (mayBeLeft && (await isSuspect(supervision))) await recordLeftovers(supervision);
  const limit = notifyWatcher && enforceLogLimit(supervision);
  // last, because gc may take a second, in which this process would not react to the end of another job
  const { home } = supervision;
  if (Supervision.all.size === 0 && home.isOpen() && isCollectionDue(home)) {
    try {
      // by the rules of now, not of the time when the job was added. If they cannot be read, nothing is
      // removed
      const config = readConfig(home.path);
      if (config.ok) await collect(home, config.value.retention, false);
    } catch (thrown) {
      ignoreSystemError(thrown);
    }
  }
  await limit;
}

/** Later, only this record proves that these processes are the job's. */
async function recordLeftovers(supervision: Supervision): Promise<void> {
  const left = await supervision.processes();
  if (left.length === 0) return;
  supervision.left = left.flatMap(({ pid }) => identify(pid) ?? []);
  if (!supervision.home.isRemoved(supervision.job)) supervision.publish();
}

/** Trims the log once more, and again as long as a leftover process lives. No process waits for this. */
async function enforceLogLimit(supervision: Supervision): Promise<void> {
  const { trim, spec, job } = supervision;
  await trim.finish();
  if (spec.maxLogBytes === null || supervision.left.length === 0) {
    trim.close();
    return;
  }
  trim.start();
  while (existsSync(job.spec)) {
    if (!supervision.left.some((one) => isAlive(one) === 'alive')) {
      // they may have started other processes that write
      supervision.left = (await supervision.processes()).flatMap(({ pid }) => identify(pid) ?? []);
      if (supervision.left.length === 0) break;
    }
    await systemClock.sleep(LEFTOVERS_POLL_MS);
  }
  await trim.finish();
  trim.close();
}
