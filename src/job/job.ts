/**
 * What a job is. The spec says what to run and never changes; the state says how far it is, and only the job's
 * owner writes it; the view is what a reader makes of both. Shapes here are the format of the files: a change
 * that an older build cannot read needs a new number in `job/home/home.ts`.
 */
import { unreachable } from '../base/result.ts';
import * as is from '../base/schema.ts';
import { EXIT } from './failure.ts';
import { noticeShape } from './notice.ts';
import { originShape } from './origin.ts';
import { holdingShape } from './pause.ts';
import { stdinShape, terminalShape } from './stdin.ts';
import { identityShape } from './who.ts';

export { type Identity, identityShape } from './who.ts';

/** Positive and whole, given in order, never used twice. */
export type JobId = number;

/** A job that another waits for; `any`: for its end, however it ended, and not for its success. */
const dependencyShape = is.object({ id: is.count, any: is.flag });
export type Dependency = is.Shaped<typeof dependencyShape>;

/** How a job waits until it is started. */
const placementShape = is.object({
  /** The queue; `-` is the one of jobs that wait for something and are in no queue: it has no slots. */
  queue: is.text,
  /** The higher comes first. */
  priority: is.integer,
  notBefore: is.nullable(is.time),
  after: is.listOf(dependencyShape),
  /** Where it may run: what engine/queue/confinement.ts makes of user, namespaces and limits, and the control group. */
  sandbox: is.text,
  cgroup: is.text,
  umask: is.upTo(0o777),
  /** The first job of the --batch with which it was added; null: it was added alone. */
  batch: is.nullable(is.count),
});
export type Placement = is.Shaped<typeof placementShape>;

/** What a command line, a schedule or a trigger decides of a job. */
const draftFields = {
  name: is.nullable(is.text),
  /** What runs, its first word an absolute path. */
  argv: is.listOf(is.text),
  /** The shell line as it was typed; null for a command of words. */
  line: is.nullable(is.text),
  /** The words as they were typed. */
  words: is.listOf(is.text),
  /** The script of `run -`, kept as `script`: the word of argv that is its path, and a few words on it for lists. */
  script: is.since(is.nullable(is.object({ at: is.count, summary: is.text })), null),
  cwd: is.text,
  project: is.text,
  tags: is.listOf(is.text),
  /** The values of `-e` and `--env-file`, for a restart; never shown. */
  env: is.listOf(is.text),
  keepEnv: is.flag,
  timeoutMs: is.nullable(is.count),
  idleTimeoutMs: is.nullable(is.count),
  graceMs: is.count,
  /** How large the log may get on the disk, bytes; what happens then. Jobs of 0.1.0 had no limit. */
  maxLogBytes: is.since(is.nullable(is.count), null),
  onMaxLog: is.since(is.literal('trim', 'kill'), 'trim'),
  /** stderr goes to a log of its own, `out/err`. */
  split: is.since(is.flag, false),
  stdin: is.since(is.nullable(stdinShape), null),
  /** It runs in a terminal of this size; its stdin is held then. */
  pty: is.since(is.nullable(terminalShape), null),
  placement: is.since(is.nullable(placementShape), null), // null: it starts at once
  /** How often it is run again after a failure, and how long after the first, milliseconds; each time twice as long. */
  retry: is.since(is.count, 0),
  backoffMs: is.since(is.count, 0),
  /** A shell line that is run when it has ended. */
  onExit: is.since(is.nullable(is.text), null),
  notify: is.since(is.nullable(noticeShape), null),
};
/** A job that is yet to be started, as a schedule or a trigger keeps it. */
export const draftShape = is.object(draftFields);

export const specShape = is.object({
  v: is.version(1),
  id: is.count,
  ...draftFields,
  parent: is.nullable(is.count),
  /** What started it by itself; null: somebody did. */
  origin: is.since(is.nullable(originShape), null),
  createdAt: is.time,
  createdMonotonicMs: is.amount,
  bootId: is.text,
  machine: is.text,
});
export type Spec = is.Shaped<typeof specShape>;

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
    ended: is.nullable(is.object({ code: is.nullable(exitCode), at: is.time })),
  },
  ended: {
    startedAt: is.nullable(is.time),
    endedAt: is.time,
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
  /** What was left of the job when it ended. */
  left: is.listOf(identityShape),
  /** Once it ended: the size of its log then, and the spec again, so that a list of thousands reads one file per job. */
  logBytes: is.nullable(is.count),
  spec: is.nullable(specShape),
});
export type State = is.Shaped<typeof stateShape>;

export const ownerShape = is.object({ v: is.version(1), identity: identityShape });

/** What may be said of a job in one word, in JSON. */
export const STATE_WORDS = [
  ...(['queued', 'starting', 'running', 'stopping', 'paused'] as const),
  ...(['exited', 'killed', 'timed-out', 'cancelled', 'skipped', 'failed', 'lost'] as const),
  ...(['unreadable', 'elsewhere'] as const),
] as const;
export type StateWord = (typeof STATE_WORDS)[number];

/** A job as a reader sees it at one moment. */
export type JobView =
  | { kind: 'unreadable'; id: JobId; why: string }
  | { kind: 'elsewhere'; id: JobId; spec: Spec; machine: string }
  | {
      kind: 'live';
      id: JobId;
      spec: Spec;
      status: StatusOf<LivePhase>;
      state: State | null;
    }
  | { kind: 'ended'; id: JobId; spec: Spec; status: StatusOf<'ended'>; state: State | null };
export type EndedView = Extract<JobView, { kind: 'ended' }>;
export type LiveView = Extract<JobView, { kind: 'live' }>;

/** The pause that lasts; null: it is not paused. */
export const pauseOf = (status: Status) =>
  status.phase === 'running' ? (status.holding?.since ?? null) : null;

export function stateWord(view: JobView): StateWord {
  if (view.kind === 'live') return pauseOf(view.status) ? 'paused' : view.status.phase;
  return view.kind === 'ended' ? view.status.outcome.kind : view.kind;
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

/** The command on one line, as it was typed. */
export function commandText(spec: Pick<Spec, 'line' | 'words' | 'script'>): string {
  const text = spec.line ?? spec.words.map(quoteWord).join(' ');
  return spec.script === null ? text : `${text} (${spec.script.summary})`;
}

/** A word as a shell takes it. bash makes a home of the `~` in `a=~` and `a=b:~`, too. */
export const quoteWord = (word: string): string =>
  /^(?!(.*[=:])?~)[\w@%+=:,./~-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
