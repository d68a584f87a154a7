/**
 * A job in a queue, from its records: whether it waits, what became of those it waits for, and its end without a start. Whoever
 * cancels or skips one becomes its owner first, as whoever starts it does: one of them comes first.
 */
import { closeSync, constants, openSync } from 'node:fs';
import { systemClock } from '../../base/clock.ts';
import { removeQuietly } from '../../base/fs/atomic-write.ts';
import { ignoreSystemError } from '../../base/result.ts';
import type { Home } from '../../job/home/home.ts';
import { markEnded } from '../../job/home/job-index.ts';
import type { JobPaths } from '../../job/home/paths.ts';
import {
  claimOwner,
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
import { startHook } from '../hooks/exit-hook.ts';
import type { QueuedSpec } from '../launch/stored-environment.ts';
import { observe } from '../observe/observe.ts';
import { identify, isAlive, isLocked } from '../os/process-identity.ts';
import { readShim } from '../shim/shim-record.ts';
import { nudgeQueueWaiter } from './queue-waiter.ts';

/** Whether somebody has taken the job to start it, or has ended it: who owns it lives, or its state or shim says so. */
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

/** Whether an owner has nothing to do with a job any more: it is dead, or has put it back and lives on for other jobs. */
export function isPast(job: JobPaths, { generation, identity }: Owner): boolean {
  const state = readState(job);
  const isBack =
    state.kind === 'read' && state.value.status.phase === 'queued' && state.value.generation === generation;
  return isBack || isAlive(identity) === 'dead';
}

/** Whether the job has begun to run, or ended: then it waits no more, whoever owns it. */
export function hasStarted(job: JobPaths): boolean {
  const state = readState(job);
  return (state.kind === 'read' && state.value.status.phase !== 'queued') || readShim(job).shim !== undefined;
}

/** A shim that has not written itself down: somebody holds the job whose owner is dead. It may also be about to be started anew. */
function mayBeStarting(job: JobPaths): boolean {
  const owner = readOwner(job);
  return owner.kind === 'read' && isAlive(owner.value.identity) === 'dead' && isLocked(job.alive);
}

/** Ends a job that nobody has taken; false if somebody has, or was first. Throws system errors. */
export function dismiss(home: Home, spec: QueuedSpec, event: Event): boolean {
  const job = home.job(spec.id);
  // first of all: whoever becomes its owner from here on comes before us
  const generation = highestGeneration(job) + 1;
  if (mayBeStarting(job) || isTaken(job)) return false;
  const before = readState(job);
  const known = before.kind === 'read' ? before.value : undefined;
  // the end that follows is durable: this need not be
  if (!claimOwner(job, { generation, identity: identify(process.pid)! }, false)) return false;
  const queued: Status = known?.status ?? { phase: 'queued', notBefore: null };
  const events: Event[] = event.type === 'start-failed' ? [{ type: 'admitted' }, event] : [event];
  const status = events.reduce(nextStatus, queued);
  if (status.phase !== 'ended') throw new Error(`${event.type} does not end what is queued`);
  const { attempt = 1, attempts = [] } = known ?? {};
  // an attempt before may have written
  const logBytes = readLogSize(job) ?? null;
  writeState(job, {
    v: 1,
    generation,
    attempt,
    attempts,
    status,
    stopped: 0,
    forced: 0,
    left: [],
    logBytes,
    spec,
  });
  markEnded(home, spec.id, status.endedAt, spec.project);
  // before the entry goes: whoever meets one of an ended job does it
  startHook(home, spec);
  removeFromQueue(home, spec);
  nudgeQueueWaiter(home.queue(spec.placement.queue), sandboxKey(spec.placement));
  wake(job);
  return true;
}

/** Takes the entry of a job that was started or ended, and its environment if it needs that no more. */
export function removeFromQueue(home: Home, spec: QueuedSpec): void {
  // the entry last: as long as it is there somebody meets it, and does what is left
  if (!spec.keepEnv && spec.onExit === null) removeQuietly(home.job(spec.id).env);
  const entry = findEntry(home, spec);
  if (entry) removeEntry(entry);
}

/** Whoever waits for a job that never ran sleeps on its FIFO: it is held for an instant, and let go. */
function wake(job: JobPaths): void {
  try {
    closeSync(openSync(job.alive, constants.O_RDWR | constants.O_NONBLOCK | constants.O_NOFOLLOW));
  } catch (thrown) {
    // nobody waits: there is none
    ignoreSystemError(thrown);
  }
}

/** How an attempt or a job ended, in two words. */
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

/** What became of a job that another waits for. */
export function fateOf(home: Home, id: JobId): Fate {
  const view = observe(home, id);
  if (!view) return { kind: 'unknown', how: 'was removed' };
  // what cannot be judged now may be later
  if (view.kind !== 'ended') return { kind: 'waits' };
  const { outcome } = view.status;
  if (outcome.kind === 'lost') return { kind: 'unknown', how: howEnded(outcome) };
  return exitCodeOf(outcome) === 0 ? { kind: 'succeeded' } : { kind: 'failed', how: howEnded(outcome) };
}

/** Skips a job; true if it is over, whoever ended it. */
export function skip(home: Home, spec: QueuedSpec, why: string): boolean {
  return dismiss(home, spec, { type: 'skipped', at: systemClock.now(), why });
}
