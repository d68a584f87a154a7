/**
 * A job in a queue, by its records: whether it waits, the result of the jobs on which it depends, and its end
 * without a start. A process that cancels or skips a job becomes its owner first, like a process that starts
 * it: only one of them succeeds.
 */
import { closeSync, constants, openSync } from 'node:fs';
import { removeQuietly } from '../../base/fs/atomic-write.ts';
import { attemptQuietly } from '../../base/result.ts';
import type { Home } from '../../job/home/home.ts';
import { markEnded } from '../../job/home/job-index.ts';
import type { JobPaths } from '../../job/home/paths.ts';
import {
  claimOwner,
  foundValue,
  highestGeneration,
  isEmpty,
  type Owner,
  readOwner,
  readState,
  writeState,
} from '../../job/home/records.ts';
import { type Event, nextStatus } from '../../job/lifecycle.ts';
import { readLogSize } from '../../job/log/log.ts';
import { findEntry, removeEntry } from '../../job/queue/queue-files.ts';
import { type Fate, sandboxKey } from '../../job/queue/queue-order.ts';
import type { JobId } from '../../job/spec.ts';
import { exitCodeOf, type Outcome, type Status } from '../../job/state.ts';
import type { Target } from '../../job/target.ts';
import { markTargetDone, unmarkTargetJob } from '../../job/targets/target-records.ts';
import { startHook } from '../hooks/exit-hook.ts';
import type { QueuedSpec } from '../launch/stored-environment.ts';
import { observe } from '../observe/observe.ts';
import { identify, isAlive, isLocked } from '../os/process-identity.ts';
import { readShim } from '../shim/shim-record.ts';
import { nudgeQueueWaiter } from './queue-waiter.ts';

/** Whether a process has taken the job or ended it: its owner lives, or its state or shim says so. */
export function isTaken(job: JobPaths): boolean {
  const state = readState(job);
  if (
    (state.kind === 'unreadable' && !isEmpty(state)) ||
    (state.kind === 'read' && state.value.status.phase !== 'queued')
  )
    return true;
  const owner = readOwner(job);
  if (owner.kind === 'unreadable' && !isEmpty(owner)) return true;
  if (owner.kind === 'read' && !isPast(job, owner.value)) return true;
  return readShim(job).shim !== undefined;
}

/** Whether an owner is done with a job: it is dead, or it put the job back and lives on for other jobs. */
function isPast(job: JobPaths, { generation, identity }: Omit<Owner, 'slot'>): boolean {
  const state = foundValue(readState(job));
  const isBack = state?.status.phase === 'queued' && state.generation === generation;
  return isBack || isAlive(identity) === 'dead';
}

/** Whether the job has begun to run, or has ended: then it waits no more, whether its owner lives or not. */
export function hasStarted(job: JobPaths): boolean {
  const phase = foundValue(readState(job))?.status.phase;
  return (phase !== undefined && phase !== 'queued') || readShim(job).shim !== undefined;
}

/** Whether the job is locked though its owner is dead: its shim is not recorded, or a new start begins. */
function mayBeStarting(job: JobPaths): boolean {
  const owner = foundValue(readOwner(job));
  return owner !== undefined && isAlive(owner.identity) === 'dead' && isLocked(job.alive);
}

/** Ends a job that no process has taken; false if one has, or was faster. Throws system errors. */
export function dismiss(home: Home, spec: QueuedSpec, event: Event): boolean {
  const job = home.job(spec.id);
  // before anything else: a process that becomes its owner from here on comes before us
  const generation = highestGeneration(job) + 1;
  if (mayBeStarting(job) || isTaken(job)) return false;
  const known = foundValue(readState(job));
  // not flushed: the end that follows is durable
  if (!claimOwner(job, { generation, identity: identify(process.pid)!, slot: null }, 'none')) return false;
  const queued: Status = known?.status ?? { phase: 'queued', notBefore: null };
  const events: Event[] = event.type === 'start-failed' ? [{ type: 'admitted' }, event] : [event];
  const status = events.reduce(nextStatus, queued);
  if (status.phase !== 'ended') throw new Error(`${event.type} does not end what is queued`);
  const { attempt = 1, attempts = [] } = known ?? {};
  // an earlier attempt may have written
  const logBytes = readLogSize(job) ?? null;
  const none = { stopped: 0, forced: 0, left: [] };
  writeState(job, { v: 1, generation, attempt, attempts, status, ...none, logBytes, spec });
  markEnded(home, spec, status.endedAt);
  // before the entry is removed: a process that finds the entry of an ended job starts the hook
  startHook(home, spec);
  removeFromQueue(home, spec);
  if (spec.target) settleOnTarget(home, spec, spec.target, attempt);
  nudgeQueueWaiter(home.queue(spec.placement.queue), sandboxKey(spec.placement));
  wake(job);
  return true;
}

/** It has files there only if an earlier attempt ran. */
function settleOnTarget(home: Home, { id }: QueuedSpec, { key }: Target, attempt: number): void {
  if (attempt > 1) markTargetDone(home, key, id, attempt - 1);
  else unmarkTargetJob(home, key, id);
}

/** Removes the entry of a job that was started or ended, and its environment if it is not needed any more. */
export function removeFromQueue(home: Home, spec: QueuedSpec): void {
  // the entry last: while it is there, another process finds it and finishes this
  if (!spec.keepEnv && spec.onExit === null) removeQuietly(home.job(spec.id).env);
  const entry = findEntry(home, spec);
  if (entry) removeEntry(entry);
}

/** Wakes waiters of a job that never ran: they sleep on its FIFO, which is locked and unlocked here. */
function wake(job: JobPaths): void {
  const { O_RDWR, O_NONBLOCK, O_NOFOLLOW } = constants;
  // without a FIFO no process waits
  attemptQuietly(() => closeSync(openSync(job.alive, O_RDWR | O_NONBLOCK | O_NOFOLLOW)));
}

export function howEnded(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'exited':
      return `exited ${outcome.code}`;
    case 'killed':
      return `was killed (${outcome.signal})`;
    case 'timed-out':
      return 'timed out';
    case 'failed':
      return 'failed to start';
    case 'lost':
      return 'was lost';
    default:
      return `was ${outcome.kind}`;
  }
}

/** A function that gives the result of a job on which another depends. It reads each job once. */
export function readFates(home: Home): (id: JobId) => Fate {
  const fates = new Map<JobId, Fate>();
  return (id) => {
    const fate = fates.get(id) ?? fateOf(home, id);
    fates.set(id, fate);
    return fate;
  };
}

function fateOf(home: Home, id: JobId): Fate {
  const view = observe(home, id);
  if (!view) return { kind: 'unknown', how: 'was removed' };
  // a job that cannot be judged now may be later
  if (view.kind !== 'ended') return { kind: 'waits' };
  const { outcome } = view.status;
  if (outcome.kind === 'lost') return { kind: 'unknown', how: howEnded(outcome) };
  return exitCodeOf(outcome) === 0 ? { kind: 'succeeded' } : { kind: 'failed', how: howEnded(outcome) };
}
