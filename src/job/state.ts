/**
 * How far a job is: its status, how it ended, what asked it to stop. Only the job's owner writes a state. The shapes here are
 * the format of the file: a change that an older build cannot read needs a new number in job/home/home.ts.
 */
import { unreachable } from '../base/result.ts';
import * as is from '../base/schema.ts';
import { EXIT } from './failure.ts';
import { identityShape } from './identity.ts';
import { specShape } from './spec.ts';

/** The first signal of a stop, written before it is sent: whoever comes after sends none again, and counts the same grace. */
export const firstSignalShape = is.object({
  v: is.version(1),
  /** When it was about to be sent (clock ticks since boot): what is younger was not meant. */
  ticks: is.count,
  /** When the stop began; the grace counts from there. */
  monotonicMs: is.amount,
});
export type FirstSignal = is.Shaped<typeof firstSignalShape>;

/** A request to stop, as `kill` leaves it and as the state keeps it. */
export const stopShape = is.object({
  /** Who asked, in words: `kill`, `the --timeout of 10m`. */
  by: is.text,
  /** What began the stop. */
  cause: is.literal('kill', 'timeout', 'idle-timeout', 'max-log'),
  signal: is.text,
  graceMs: is.count,
  at: is.time,
});
export type Stop = is.Shaped<typeof stopShape>;

/** As a process hands it over: 256 would arrive as 0. */
const exitCode: is.Shape<number> = is.upTo(255);

export const outcomeShape = is.variant('kind', {
  /** The main process ended by itself, or at least not by a signal of ours; `afterKill` if we had asked it to. */
  exited: { code: exitCode, afterKill: is.flag },
  /** It ended by a signal that bgjob sent. */
  killed: { code: exitCode, signal: is.text },
  /** A limit of ours began the stop; `code` is what came back, null if nothing did. */
  'timed-out': { limit: is.literal('timeout', 'idle-timeout'), code: is.nullable(exitCode) },
  /** Stopped before it started. */
  cancelled: {},
  skipped: { why: is.text },
  /** It could not be started: seen by the supervisor before the shim ran. */
  failed: { why: is.text, code: exitCode },
  /** Nobody saw the end. */
  lost: { why: is.text },
});
export type Outcome = is.Shaped<typeof outcomeShape>;

/** When it ended, as far as it may be shown; null: nobody saw it. */
export const shownEnd = ({ endedAt, endKnown }: Pick<Attempt, 'endedAt' | 'endKnown'>): number | null =>
  endKnown ? endedAt : null;

/** How long it ran, milliseconds; null: it never started, or nobody saw one of its ends. */
export function ranMs({ startedAt, endedAt, endKnown, tookMs }: Omit<Attempt, 'outcome'>): number | null {
  return startedAt === null || !endKnown ? null : (tookMs ?? Math.max(0, endedAt - startedAt));
}

/** The exit code that says how a job ended, for every command that passes it on. */
export function exitCodeOf(outcome: Outcome): number {
  switch (outcome.kind) {
    case 'exited':
    case 'killed':
    case 'failed':
      return outcome.code;
    case 'timed-out':
      return EXIT.timedOut;
    case 'cancelled':
    case 'skipped':
      return EXIT.no;
    case 'lost':
      return EXIT.bgjob;
    default:
      return unreachable(outcome);
  }
}

/** What pauses have done to a running job. */
export const holdingShape = is.object({
  /** The last request that was answered. */
  request: is.count,
  /** How long it was paused, all pauses that are over. */
  pausedMs: is.amount,
  /** The pause that lasts. */
  since: is.nullable(is.object({ at: is.time, monotonicMs: is.amount, by: is.text })),
});

export const statusShape = is.variant('phase', {
  /** Nothing of it runs; on record only for a job that is to be run again. */
  queued: { notBefore: is.nullable(is.time) },
  starting: {},
  running: {
    startedAt: is.time,
    startedMonotonicMs: is.amount,
    /** Null: nobody ever asked for a pause. */
    holding: is.since(is.nullable(holdingShape), null),
  },
  stopping: {
    startedAt: is.time,
    startedMonotonicMs: is.amount,
    stop: stopShape,
    /** The signals that bgjob has sent to the main process so far. */
    sent: is.listOf(is.text),
    /** Set when the main process ended; what it left behind is still being stopped. `code` null: nobody saw it. */
    ended: is.nullable(
      is.object({
        code: is.nullable(exitCode),
        at: is.time,
        known: is.since(is.flag, true),
        tookMs: is.since(is.nullable(is.amount), null),
      }),
    ),
  },
  ended: {
    startedAt: is.nullable(is.time),
    /** Where nobody saw the end (`endKnown`), the last sign of life: for order and age, never to be shown. */
    endedAt: is.time,
    endKnown: is.since(is.flag, true),
    /** Set where the clock was set while it ran: then its two times do not tell how long that was. */
    tookMs: is.since(is.nullable(is.amount), null),
    outcome: outcomeShape,
    /** The stop that was asked for before the end, if there was one. */
    stop: is.nullable(stopShape),
  },
});
export type Status = is.Shaped<typeof statusShape>;
export type Phase = Status['phase'];
export type StatusOf<P extends Phase> = Extract<Status, { phase: P }>;
export type LivePhase = Exclude<Phase, 'ended'>;

/** An attempt that failed and was followed by another. */
const attemptShape = is.object({
  startedAt: is.nullable(is.time),
  endedAt: is.time,
  endKnown: is.since(is.flag, true),
  tookMs: is.since(is.nullable(is.amount), null),
  outcome: outcomeShape,
});
export type Attempt = is.Shaped<typeof attemptShape>;

export const stateShape = is.object({
  v: is.version(1),
  /** Which owner wrote this: `owner.N`. */
  generation: is.count,
  attempt: is.count,
  /** Those before. */
  attempts: is.since(is.listOf(attemptShape), []),
  status: statusShape,
  /** How many processes a stop has found in all. */
  stopped: is.count,
  /** How many of these did not end within the grace, and were ended with KILL. */
  forced: is.since(is.count, 0),
  /** What was left of the job when it ended. */
  left: is.listOf(identityShape),
  /** Once it ended: the size of its log then, and the spec again, so that a list of thousands reads one file per job. */
  logBytes: is.nullable(is.count),
  spec: is.nullable(specShape),
});
export type State = is.Shaped<typeof stateShape>;

/** That an owner ended because of an error that nobody expected, or that nobody was left who could start the job. */
export const crashShape = is.object({ v: is.version(1), at: is.time, why: is.text });
export type Crash = is.Shaped<typeof crashShape>;

export const ownerShape = is.object({
  v: is.version(1),
  identity: identityShape,
  /** What its program knows of what a job may need, see job/needs.ts; nothing if it is of before `needs`. */
  knows: is.since(is.listOf(is.text), []),
  /** The number (inode) of the job's directory: a copy of it has another. Null: not noted. */
  directory: is.since(is.nullable(is.text), null),
});
