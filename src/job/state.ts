/**
 * How far a job is: its status, how it ended, what asked it to stop. Only the job's owner writes a state. The shapes here are
 * the format of the file: a change that an older build cannot read needs a new number in job/home/home.ts.
 */
import { unreachable } from '../base/result.ts';
import * as is from '../base/schema.ts';
import { EXIT } from './failure.ts';
import { identitySchema } from './identity.ts';
import { specSchema } from './spec.ts';

/** The first signal of a stop, written before it is sent: whoever comes after sends none again, and counts the same grace. */
export const firstSignalSchema = is.object({
  v: is.version(1),
  /** When it was about to be sent (clock ticks since boot): what is younger was not meant. */
  ticks: is.count,
  /** When the stop began; the grace counts from there. */
  monotonicMs: is.amount,
  graceMs: is.since(is.count, 0),
});
export type FirstSignal = is.Shaped<typeof firstSignalSchema>;

/** A request to stop, as `kill` leaves it and as the state keeps it. */
export const stopSchema = is.object({
  /** Who asked, in words: `kill`, `the --timeout of 10m`. */
  by: is.text,
  /** What began the stop. */
  cause: is.literal('kill', 'timeout', 'idle-timeout', 'max-log'),
  signal: is.text,
  graceMs: is.count,
  at: is.time,
});
export type Stop = is.Shaped<typeof stopSchema>;

/** As a process hands it over: 256 would arrive as 0. */
const exitCode: is.Schema<number> = is.upTo(255);

export const outcomeSchema = is.variant('kind', {
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
export type Outcome = is.Shaped<typeof outcomeSchema>;

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
export const pauseSchema = is.object({
  /** The last request that was answered. */
  request: is.count,
  /** How long it was paused, all pauses that are over. */
  pausedMs: is.amount,
  /** The pause that lasts. */
  since: is.nullable(is.object({ at: is.time, monotonicMs: is.amount, by: is.text })),
});

export const statusSchema = is.variant('phase', {
  /** Nothing of it runs; on record only for a job that is to be run again. */
  queued: { notBefore: is.nullable(is.time) },
  starting: {},
  running: {
    startedAt: is.time,
    startedMonotonicMs: is.amount,
    /** Null: nobody ever asked for a pause. */
    holding: is.since(is.nullable(pauseSchema), null),
  },
  stopping: {
    startedAt: is.time,
    startedMonotonicMs: is.amount,
    stop: stopSchema,
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
    outcome: outcomeSchema,
    /** The stop that was asked for before the end, if there was one. */
    stop: is.nullable(stopSchema),
  },
});
export type Status = is.Shaped<typeof statusSchema>;
export type Phase = Status['phase'];
export type StatusOf<P extends Phase> = Extract<Status, { phase: P }>;
export type LivePhase = Exclude<Phase, 'ended'>;

/** An attempt that failed and was followed by another. */
const attemptSchema = is.object({
  startedAt: is.nullable(is.time),
  endedAt: is.time,
  endKnown: is.since(is.flag, true),
  tookMs: is.since(is.nullable(is.amount), null),
  outcome: outcomeSchema,
});
export type Attempt = is.Shaped<typeof attemptSchema>;

export const stateSchema = is.object({
  v: is.version(1),
  /** Which owner wrote this: `owner.N`. */
  generation: is.count,
  attempt: is.count,
  /** Those before. */
  attempts: is.since(is.listOf(attemptSchema), []),
  status: statusSchema,
  /** How many processes a stop has found in all. */
  stopped: is.count,
  /** How many of these did not end within the grace, and were ended with KILL. */
  forced: is.since(is.count, 0),
  /** What was left of the job when it ended. */
  left: is.listOf(identitySchema),
  /** Once it ended: the size of its log then, and the spec again, so that a list of thousands reads one file per job. */
  logBytes: is.nullable(is.count),
  spec: is.nullable(specSchema),
});
export type State = is.Shaped<typeof stateSchema>;

/** That an owner ended because of an error that nobody expected, or that nobody was left who could start the job. */
export const crashSchema = is.object({ v: is.version(1), at: is.time, why: is.text });
export type Crash = is.Shaped<typeof crashSchema>;

export const ownerSchema = is.object({
  v: is.version(1),
  identity: identitySchema,
  /** What its program knows of what a job may need, see job/needs.ts; nothing if it is of before `needs`. */
  knows: is.since(is.listOf(is.text), []),
  /** The number (inode) of the job's directory: a copy of it has another. Null: not noted. */
  directory: is.since(is.nullable(is.text), null),
});
