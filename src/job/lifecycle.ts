/**
 * The lifecycle of a job: one pure table from (status, event) to the next status. Every pair is listed, so
 * that the compiler finds a missing one; `stay` means that the event changes nothing.
 *
 *     queued ◀──────────────────retried───────────────────────┐
 *        │ └──────stop-requested (cancelled), skipped──────────┐ │
 *     admitted                                                 ▼ │
 *        ▼                                                     │ │
 *     starting ──started──▶ running ──main-ended──────────────▶ ended
 *        │                     │                                  ▲
 *        │                     │ ──requeued-there─▶ starting      │
 *        │             stop-requested, limit-reached              │
 *        │                     ▼                                  │
 *        │                  stopping ──main-ended, then swept─────┤
 *        └──stop-requested (cancelled), start-failed──────────────┘
 *
 * A paused job counts as running: it keeps its slot and its name. A job has ended when its main process has
 * ended. A stop is for the whole process tree, and so a stopped job has ended when the tree is gone too.
 */
import { signalOfCode } from './signals.ts';
import { codesText, type Spec } from './spec.ts';
import { exitCodeOf, type Outcome, type Phase, type Status, type StatusOf, type Stop } from './state.ts';

export type Event =
  | { type: 'admitted' }
  | { type: 'skipped'; at: number; why: string }
  | { type: 'retried'; notBefore: number }
  /** Slurm put the job back into its queue, and starts it again. */
  | { type: 'requeued-there' }
  | { type: 'started'; at: number; monotonicMs: number }
  | { type: 'start-failed'; at: number; why: string; code: number }
  | { type: 'stop-requested'; stop: Stop }
  | { type: 'limit-reached'; stop: Stop }
  /** `pause` or `resume` left the request with this number. */
  | { type: 'pause-requested'; request: number; by: string; at: number; monotonicMs: number }
  | { type: 'resume-requested'; request: number; monotonicMs: number }
  | { type: 'signalled'; signal: string }
  /**
   * `code` null: no process recorded the exit status. `known` false: no process saw the end, and `at` is when
   * the process was found dead. `tookMs`: the run time, if the wall clock was changed meanwhile.
   */
  | { type: 'main-ended'; at: number; code: number | null; known?: boolean; tookMs?: number | null }
  /** No process of the job is left, or the rest survives SIGKILL. */
  | { type: 'swept'; at: number };
export type EventType = Event['type'];
type EventOf<T extends EventType> = Extract<Event, { type: T }>;

type Step<P extends Phase, T extends EventType> = (status: StatusOf<P>, event: EventOf<T>) => Status;
type Table = { [P in Phase]: { [T in EventType]: Step<P, T> } };

export const SHIM_KILLED = 'its shim was killed; the exit status is unknown';

const stay = <S extends Status>(status: S): Status => status;

/** The end is the time stamp of a file, whose clock may be some milliseconds behind. */
const notBefore = (startedAt: number, at: number): number => Math.max(startedAt, at);

/** The outcome for exit status `code`, after the stop `stop` (if any) and the signals `sent`. */
function outcomeOf(code: number | null, stop: Stop | null, sent: string[]): Outcome {
  if (stop && (stop.cause === 'timeout' || stop.cause === 'idle-timeout'))
    return { kind: 'timed-out', limit: stop.cause, code };
  if (code === null) return { kind: 'lost', why: SHIM_KILLED };
  // KILL went to all processes; a shell whose child got it first may still have ended by itself, with 0
  if (stop?.cause === 'memory') return { kind: 'killed', code: 137, signal: 'SIGKILL' };
  const signal = signalOfCode(code);
  if (stop && signal && sent.includes(signal)) return { kind: 'killed', code, signal };
  return { kind: 'exited', code, afterKill: stop !== null };
}

const neverStarted = (endedAt: number, outcome: Outcome, stop: Stop | null = null): StatusOf<'ended'> => ({
  phase: 'ended',
  startedAt: null,
  endedAt,
  endKnown: true,
  tookMs: null,
  outcome,
  stop,
});
const cancelled = (stop: Stop): StatusOf<'ended'> => neverStarted(stop.at, { kind: 'cancelled' }, stop);

/** Also for a paused job: a stop resumes it. */
const stopping = (
  { startedAt, startedMonotonicMs }: StatusOf<'running'>,
  stop: Stop,
): StatusOf<'stopping'> => ({
  phase: 'stopping',
  startedAt,
  startedMonotonicMs,
  stop,
  sent: [],
  ended: null,
});

const TABLE: Table = {
  queued: {
    admitted: () => ({ phase: 'starting' }),
    skipped: (_, { at, why }) => neverStarted(at, { kind: 'skipped', why }),
    retried: stay,
    'requeued-there': stay,
    started: stay,
    'start-failed': stay,
    'stop-requested': (_, { stop }) => cancelled(stop),
    'limit-reached': stay,
    'pause-requested': stay,
    'resume-requested': stay,
    signalled: stay,
    'main-ended': stay,
    swept: stay,
  },
  starting: {
    admitted: stay,
    skipped: stay,
    retried: stay,
    'requeued-there': stay,
    started: (_, { at, monotonicMs }) => ({
      phase: 'running',
      startedAt: at,
      startedMonotonicMs: monotonicMs,
      holding: null,
    }),
    'start-failed': (_, { at, why, code }) => neverStarted(at, { kind: 'failed', why, code }),
    'stop-requested': (_, { stop }) => cancelled(stop),
    'limit-reached': stay,
    'pause-requested': stay,
    'resume-requested': stay,
    signalled: stay,
    'main-ended': stay,
    swept: stay,
  },
  running: {
    admitted: stay,
    skipped: stay,
    retried: stay,
    'requeued-there': () => ({ phase: 'starting' }),
    started: stay,
    'start-failed': stay,
    'stop-requested': (status, { stop }) => stopping(status, stop),
    'limit-reached': (status, { stop }) => stopping(status, stop),
    'pause-requested': (status, { request, by, at, monotonicMs }) => {
      const { holding } = status;
      if (request <= (holding?.request ?? 0)) return status;
      const since = holding?.since ?? { at, monotonicMs, by };
      return { ...status, holding: { request, pausedMs: holding?.pausedMs ?? 0, since } };
    },
    'resume-requested': (status, { request, monotonicMs }) => {
      const { holding } = status;
      if (request <= (holding?.request ?? 0)) return status;
      const thisMs = holding?.since ? Math.max(0, monotonicMs - holding.since.monotonicMs) : 0;
      return { ...status, holding: { request, pausedMs: (holding?.pausedMs ?? 0) + thisMs, since: null } };
    },
    signalled: stay,
    'main-ended': ({ startedAt }, { at, code, known = true, tookMs = null }) => ({
      phase: 'ended',
      startedAt,
      endedAt: notBefore(startedAt, at),
      endKnown: known,
      tookMs,
      outcome: outcomeOf(code, null, []),
      stop: null,
    }),
    swept: stay,
  },
  stopping: {
    admitted: stay,
    skipped: stay,
    retried: stay,
    'requeued-there': stay,
    started: stay,
    'start-failed': stay,
    // the first cause stays: a kill during a timeout is still a timeout. A harder kill only shortens the
    // grace, which is counted from the first request on
    'stop-requested': (status, { stop: { graceMs: ownMs, at } }) => {
      const graceMs = ownMs === 0 ? 0 : ownMs + Math.max(0, at - status.stop.at);
      return graceMs < status.stop.graceMs ? { ...status, stop: { ...status.stop, graceMs } } : status;
    },
    'limit-reached': stay,
    'pause-requested': stay,
    'resume-requested': stay,
    signalled: (status, { signal }) =>
      status.ended || status.sent.includes(signal) ? status : { ...status, sent: [...status.sent, signal] },
    'main-ended': (status, { at, code, known = true, tookMs = null }) =>
      status.ended ? status : { ...status, ended: { at, code, known, tookMs } },
    swept: (status) =>
      status.ended
        ? {
            phase: 'ended',
            startedAt: status.startedAt,
            endedAt: notBefore(status.startedAt, status.ended.at),
            endKnown: status.ended.known,
            tookMs: status.ended.tookMs,
            outcome: outcomeOf(status.ended.code, status.stop, status.sent),
            stop: status.stop,
          }
        : status,
  },
  ended: {
    admitted: stay,
    skipped: stay,
    retried: (_, { notBefore }) => ({ phase: 'queued', notBefore }),
    'requeued-there': stay,
    started: stay,
    'start-failed': stay,
    'stop-requested': stay,
    'limit-reached': stay,
    'pause-requested': stay,
    'resume-requested': stay,
    signalled: stay,
    'main-ended': stay,
    swept: stay,
  },
};

/** An event without effect returns the same object. */
export function nextStatus(status: Status, event: Event): Status {
  const step = TABLE[status.phase][event.type] as (status: Status, event: Event) => Status;
  return step(status, event);
}

/** The first signal of a stop, as it is on record: its grace, and how long before the end it was. */
export interface FirstSent {
  graceMs: number;
  beforeEndMs: number;
}

/**
 * The signals that another process has sent by the end: a sweeper, or a `kill` that found no owner. It records
 * the first one before it sends it, and kills after the grace. Without a grace it kills at once, and records
 * nothing but the request.
 */
export function signalsOfOthers(status: Status, first: FirstSent | undefined): Event[] {
  if (status.phase !== 'stopping') return [];
  const { signal, graceMs } = status.stop;
  const sent = first ? [signal] : [];
  if ((first?.beforeEndMs ?? 0) >= Math.min(graceMs, first?.graceMs ?? graceMs)) sent.push('SIGKILL');
  return sent.map((one) => ({ type: 'signalled', signal: one }));
}

/**
 * The end of a job without an owner. Of the requests `stops`, those from before the end count. `startedAt`:
 * the start of a job that no owner recorded as running; null: unknown.
 */
export function endWithoutOwner(
  status: Status,
  at: number,
  code: number | null,
  stops: Stop[] = [],
  startedAt: number | null = null,
  first?: FirstSent,
): StatusOf<'ended'> {
  const begun: Event[] = [
    { type: 'admitted' },
    { type: 'started', at, monotonicMs: 0 },
    ...stops.filter((stop) => stop.at <= at).map((stop) => ({ type: 'stop-requested' as const, stop })),
  ];
  const before = begun.reduce(nextStatus, status);
  const events: Event[] = [
    ...signalsOfOthers(before, first),
    { type: 'main-ended', at, code },
    { type: 'swept', at },
  ];
  const ended = events.reduce(nextStatus, before);
  if (ended.phase !== 'ended') throw new Error(`${status.phase} does not lead to an end`);
  return 'startedAt' in status || ended.startedAt === null ? ended : { ...ended, startedAt };
}

const LONGEST_BACKOFF_MS = 86_400_000;

type Ended = Pick<StatusOf<'ended'>, 'outcome' | 'stop'>;

/** Whether a retry is left, and the attempt has failed by itself. */
function mayRetry(spec: Spec, attempt: number, { outcome, stop }: Ended): boolean {
  if (spec.placement === null || attempt > spec.retry) return false;
  return (
    outcome.kind === 'timed-out' ||
    outcome.kind === 'failed' ||
    (outcome.kind === 'killed' && stop?.cause === 'memory') ||
    (outcome.kind === 'exited' && !outcome.afterKill && exitCodeOf(outcome) !== 0)
  );
}

const isRetried = ({ retryOn }: Spec, outcome: Outcome): boolean =>
  retryOn === null ||
  retryOn.some(({ from, to }) => from <= exitCodeOf(outcome) && exitCodeOf(outcome) <= to);

/**
 * `exit 2 is not in --retry-on 75,100-110`: why a failure with a retry left is not run again; else undefined.
 */
export const whyNotRetried = (spec: Spec, attempt: number, ended: Ended): string | undefined =>
  mayRetry(spec, attempt, ended) && !isRetried(spec, ended.outcome)
    ? `exit ${exitCodeOf(ended.outcome)} is not in --retry-on ${codesText(spec.retryOn!)}`
    : undefined;

/** When the next attempt may begin, after an attempt that ended so. Undefined: there is none. */
export function retryAt(
  spec: Spec,
  attempt: number,
  { outcome, endedAt, stop }: StatusOf<'ended'>,
): number | undefined {
  if (!mayRetry(spec, attempt, { outcome, stop }) || !isRetried(spec, outcome)) return undefined;
  return endedAt + Math.min(LONGEST_BACKOFF_MS, spec.backoffMs * 2 ** Math.min(attempt - 1, 30));
}
