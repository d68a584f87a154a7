/**
 * An adopter: a supervisor that the watcher starts when the supervisor of a job died. The watcher also
 * replaces an adopter. The shim is not its child. It learns of the end by the shim's SIGURG; by a watch on
 * `exit.N`, if the shim knew only the dead supervisor; and by a poll once a second.
 */
import { closeSync, existsSync, statSync, watch } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../base/clock.ts';
import { attemptQuietly, ignoreSystemError } from '../base/result.ts';
import { ownEnvironment } from '../engine/launch/environment.ts';
import { openStdinEnd } from '../engine/launch/job-stdin.ts';
import { nodeProgram } from '../engine/os/own-program.ts';
import { filesAt, HAS_PROC, hasOpen } from '../engine/os/process-identity.ts';
import type { AdopterCall } from '../engine/shim/shim.ts';
import { readShim } from '../engine/shim/shim-record.ts';
import type { JobPaths } from '../job/home/paths.ts';
import { foundValue, highestGeneration, readState } from '../job/home/records.ts';
import { isSendable } from '../job/spec.ts';
import type { Status } from '../job/state.ts';
import { finishAfterEnd } from './after-end.ts';
import { startNextJob } from './next-job.ts';
import { dequeue } from './requeue.ts';
import type { Supervision } from './supervision.ts';

const DEAD_SOCKET_FD = 3;
const POLL_MS = 1000;

export function adopterCall({ home, spec }: Supervision): AdopterCall {
  return {
    node: nodeProgram(),
    supervisor: join(__dirname, 'supervisor.js'),
    home: home.path,
    id: spec.id,
    environment: ownEnvironment(process.env),
  };
}

export function adopt(supervision: Supervision): void {
  closeSync(DEAD_SOCKET_FD);
  supervision.mayStartNext = false;
  supervision.hasSeenAlive = false;
  supervision.watcherPid = findWatcher(supervision);
  supervision.startNextJob = (slot) => startNextJob(supervision, slot);
  supervision.onEnded = () => finishAfterEnd(supervision, () => endWatcher(supervision));
  const state = foundValue(readState(supervision.job));
  // the supervisor died after it put the job back into its queue, before it told the watcher
  if (isPutBack(supervision.job)) {
    supervision.endRequeued();
    return;
  }
  const known: Status = state?.status ?? { phase: 'starting' };
  // the job was taken from its queue again, and that was not published yet
  const before: Status = known.phase === 'queued' ? { phase: 'starting' } : known;
  dequeue(supervision);
  if (isSendable(supervision.spec)) supervision.stdinFd = openStdinEnd(supervision.job);
  if (before.phase === 'starting') startedBefore(supervision);
  else supervision.resume(before, state ?? { stopped: 0, forced: 0 });
  supervision.readRequests();
  supervision.checkMain();
  // the dead supervisor may have been about to start the next job
  if (!supervision.isOver) void startNextJob(supervision, 'free');
  watchExit(supervision);
}

/** Whether a dead owner put the job back into its queue: a process that takes it again owns it first. */
export function isPutBack(job: JobPaths): boolean {
  const state = foundValue(readState(job));
  return state?.status.phase === 'queued' && state.generation >= highestGeneration(job);
}

/** The supervisor died before it published the start. The record of the shim tells the start. */
function startedBefore(supervision: Supervision): void {
  const { job, owner } = supervision;
  // the record is blank until the shim writes it
  const isWritten = readShim(job, owner.identity).shim !== undefined;
  const agoMs = isWritten ? Math.max(0, systemClock.now() - statSync(job.shim).mtimeMs) : 0;
  const { now, monotonic } = systemClock;
  supervision.dispatch({
    type: 'started',
    at: Math.round(now() - agoMs),
    // not before the launch: the wall clock may have been changed since
    monotonicMs: Math.max(supervision.spec.createdMonotonicMs, monotonic() - agoMs),
  });
}

/** Our parent, unless the watcher was killed: the watcher has `alive` open as we have. */
function findWatcher({ job, owner }: Supervision): number | undefined {
  const parent = process.ppid;
  const isWatcher = HAS_PROC
    ? hasOpen(parent, filesAt([job.alive]))
    : readShim(job, owner.identity).watcher?.pid === parent;
  return parent > 1 && isWatcher ? parent : undefined;
}

/** The end is published. */
function endWatcher(supervision: Supervision): void {
  const watcher = findWatcher(supervision);
  if (watcher === undefined) return;
  attemptQuietly(() => process.kill(watcher, 'SIGKILL'));
}

function watchExit(supervision: Supervision): void {
  const timer = setInterval(() => {
    const { isOver } = supervision;
    const isGone = !isOver && supervision.home.isRemoved(supervision.job);
    if (isOver || isGone) clearInterval(timer);
    // the job's directory was removed: there is nothing left to own, and the shim waits for us
    if (isGone) supervision.abandon();
    else supervision.checkMain();
  }, POLL_MS);
  try {
    // the shim writes the CPU time right after the exit status; a shim of before 0.16 has no such file
    const { job, attempt } = supervision;
    const last = existsSync(job.usage(attempt)) ? job.usage(attempt) : job.exit(attempt);
    const watcher = watch(last, { persistent: false }, () => {
      supervision.checkMain();
      if (supervision.isOver) watcher.close();
    });
    watcher.on('error', () => watcher.close());
  } catch (thrown) {
    // no inotify instance is left, and the poll must do
    ignoreSystemError(thrown);
  }
}
