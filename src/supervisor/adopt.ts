/**
 * An adopter: it takes the place of a supervisor that died. The watcher started it, and replaces it too. It has no
 * child to wait for: the shim nudges it (SIGURG), a watch on `exit.N` does where the nudge went to a dead
 * predecessor, and once a second it looks for itself.
 */
import { closeSync, statSync, watch } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../base/clock.ts';
import { ignoreSystemError } from '../base/result.ts';
import { ownEnvironment } from '../engine/launch/environment.ts';
import { openStdinEnd } from '../engine/launch/job-stdin.ts';
import { filesAt, HAS_PROC, hasOpen } from '../engine/os/process-identity.ts';
import type { AdopterCall } from '../engine/shim/shim.ts';
import { readShim } from '../engine/shim/shim-record.ts';
import type { JobPaths } from '../job/home/paths.ts';
import { highestGeneration, readState } from '../job/home/records.ts';
import { isSendable } from '../job/spec.ts';
import type { Status } from '../job/state.ts';
import { leave } from './after-end.ts';
import { moveOn } from './next-job.ts';
import { dequeue } from './requeue.ts';
import type { Supervision } from './supervision.ts';

const DEAD_SOCKET_FD = 3;
const POLL_MS = 1000;

/** How this job's next adopter is started. */
export function adopterCall({ home, spec }: Supervision): AdopterCall {
  return {
    node: process.execPath,
    supervisor: join(__dirname, 'supervisor.js'),
    home: home.path,
    id: spec.id,
    environment: ownEnvironment(process.env),
  };
}

export function adopt(supervision: Supervision): void {
  closeSync(DEAD_SOCKET_FD);
  supervision.mayTake = false;
  supervision.hasSeenAlive = false;
  supervision.watcherPid = findWatcher(supervision);
  supervision.moveOn = () => moveOn(supervision, true);
  supervision.onEnded = () => leave(supervision, () => endWatcher(supervision));
  const state = readState(supervision.job);
  // it died when the job waited again, before it told the watcher
  if (isPutBack(supervision.job)) {
    supervision.handBack();
    return;
  }
  const known: Status = state.kind === 'read' ? state.value.status : { phase: 'starting' };
  // taken from its queue once more, and not told yet
  const before: Status = known.phase === 'queued' ? { phase: 'starting' } : known;
  dequeue(supervision);
  if (isSendable(supervision.spec)) supervision.stdinFd = openStdinEnd(supervision.job);
  if (before.phase === 'starting') startedBefore(supervision);
  else supervision.resume(before, state.kind === 'read' ? state.value : { stopped: 0, forced: 0 });
  supervision.readRequests();
  supervision.checkMain();
  // the one who died may have been about to start another
  if (!supervision.isOver) void moveOn(supervision, false);
  watchExit(supervision);
}

/** Whether the dead owner had put the job back into its queue: whoever takes it again becomes its owner before anything is started. */
export function isPutBack(job: JobPaths): boolean {
  const state = readState(job);
  if (state.kind !== 'read' || state.value.status.phase !== 'queued') return false;
  return state.value.generation >= highestGeneration(job);
}

/** The supervisor died after it started the shim and before it said so: the shim's own record is the start. */
function startedBefore(supervision: Supervision): void {
  const { job, owner } = supervision;
  // blank since the launch: the shim has not come to write
  const isWritten = readShim(job, owner.identity).shim !== undefined;
  const agoMs = isWritten ? Math.max(0, systemClock.now() - statSync(job.shim).mtimeMs) : 0;
  const { now, monotonic } = systemClock;
  supervision.dispatch({
    type: 'started',
    at: Math.round(now() - agoMs),
    // not before the launch: the clock may have been set since
    monotonicMs: Math.max(supervision.spec.createdMonotonicMs, monotonic() - agoMs),
  });
}

/** Our parent, if that is the watcher: it holds `alive` as we do. If it was killed our parent is a stranger, who does not. */
function findWatcher({ job, owner }: Supervision): number | undefined {
  const parent = process.ppid;
  const isWatcher = HAS_PROC
    ? hasOpen(parent, filesAt([job.alive]), true)
    : readShim(job, owner.identity).watcher?.pid === parent;
  return parent > 1 && isWatcher ? parent : undefined;
}

/** Ends the watcher: the end is published, and there is nothing to watch any more. */
function endWatcher(supervision: Supervision): void {
  const watcher = findWatcher(supervision);
  if (watcher === undefined) return;
  try {
    process.kill(watcher, 'SIGKILL');
  } catch (thrown) {
    ignoreSystemError(thrown);
  }
}

function watchExit(supervision: Supervision): void {
  const timer = setInterval(() => {
    const { isOver } = supervision;
    const isGone = !isOver && supervision.home.isRemoved(supervision.job);
    if (isOver || isGone) clearInterval(timer);
    // somebody removed the job's directory: there is nothing left to own, and the shim waits for us
    if (isGone) supervision.abandon();
    else supervision.checkMain();
  }, POLL_MS);
  try {
    const watcher = watch(supervision.job.exit(supervision.attempt), { persistent: false }, () => {
      supervision.checkMain();
      if (supervision.isOver) watcher.close();
    });
    watcher.on('error', () => watcher.close());
  } catch (thrown) {
    // no inotify instance left: the look once a second has to do
    ignoreSystemError(thrown);
  }
}
