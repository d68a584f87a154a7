/**
 * The state of a job: its status, its outcome, and what requested a stop. Only the owner of the job writes
 * it. The schemas are the file format: a change that an older build cannot read needs a higher number in
 * job/home/home.ts.
 */
import { unreachable } from '../base/result.ts';
import * as is from '../base/schema.ts';
import { EXIT } from './failure.ts';
import { type Identity, identitySchema } from './identity.ts';
import { specSchema } from './spec.ts';

/**
 * The first signal of a stop, recorded before it is sent. A process that continues the stop counts the same
 * grace.
 */
export const firstSignalSchema = is.object({
  v: is.version(1),
  /** In clock ticks since boot, before the signal. Younger processes get none. */
  ticks: is.count,
  /** When the stop began; the grace counts from here. */
  monotonicMs: is.amount,
  graceMs: is.since(is.count, 0),
});
export type FirstSignal = is.SchemaType<typeof firstSignalSchema>;

/** A request to stop, as `kill` writes it and as the state keeps it. */
const stopFields = is.object({
  /** What asked, as text: `kill`, `the --timeout of 10m`. */
  by: is.text,
  cause: is.literal('kill', 'timeout', 'idle-timeout', 'max-log', 'memory'),
  signal: is.text,
  graceMs: is.count,
  at: is.time,
  /** The `kill` that stops the processes itself, because it stops many jobs; the owner waits for it. */
  sweeper: is.since(is.nullable(identitySchema), null),
});
export type Stop = Omit<is.SchemaType<typeof stopFields>, 'sweeper'> & { sweeper?: Identity | null };
/** Without `sweeper` where there is none, as records of older versions are. */
export const stopSchema: is.Schema<Stop> = (value, at) => {
  const { sweeper, ...stop } = stopFields(value, at);
  return sweeper ? { ...stop, sweeper } : stop;
};

/** What a sweeper leaves for the owner: no process of the job was left in five looks in a row. */
export const sweptSchema = is.object({
  v: is.version(1),
  stopped: is.count,
  forced: is.count,
});
export type Swept = is.SchemaType<typeof sweptSchema>;

/** An exit status is one byte: 256 would arrive as 0. */
const exitCode: is.Schema<number> = is.upTo(255);

const outcomeSchema = is.variant('kind', {
  /** The main process ended, and not by a signal of bgjob; `afterKill`: after bgjob had sent one. */
  exited: { code: exitCode, afterKill: is.flag },
  killed: { code: exitCode, signal: is.text },
  /** `code` null: there is no exit status. */
  'timed-out': { limit: is.literal('timeout', 'idle-timeout'), code: is.nullable(exitCode) },
  cancelled: {},
  skipped: { why: is.text },
  /** It could not be started: the supervisor found that before it started the shim. */
  failed: { why: is.text, code: exitCode },
  lost: { why: is.text },
});
export type Outcome = is.SchemaType<typeof outcomeSchema>;

/** Null: no process saw the end. */
export const shownEnd = ({ endedAt, endKnown }: Pick<Attempt, 'endedAt' | 'endKnown'>): number | null =>
  endKnown ? endedAt : null;

/** Null: the job never started, or no process saw the end. */
export function ranMs({ startedAt, endedAt, endKnown, tookMs }: Omit<Attempt, 'outcome'>): number | null {
  return startedAt === null || !endKnown ? null : (tookMs ?? Math.max(0, endedAt - startedAt));
}

/** As all commands pass it on. */
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

const pauseSchema = is.object({
  /** The last request that was done. */
  request: is.count,
  pausedMs: is.amount,
  since: is.nullable(is.object({ at: is.time, monotonicMs: is.amount, by: is.text })),
});

const statusSchema = is.variant('phase', {
  /** The job waits to run again. A job that waits for its first start has no state. */
  queued: { notBefore: is.nullable(is.time) },
  starting: {},
  running: {
    startedAt: is.time,
    startedMonotonicMs: is.amount,
    /** Null: no pause was ever requested. */
    holding: is.since(is.nullable(pauseSchema), null),
  },
  stopping: {
    startedAt: is.time,
    startedMonotonicMs: is.amount,
    stop: stopSchema,
    /** The signals of bgjob to the main process so far. */
    sent: is.listOf(is.text),
    /** The main process ended, and the rest of the tree is still being stopped. `code` null: not recorded. */
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
    /** If `endKnown` is false, the last sign of life: only for order and age, never shown. */
    endedAt: is.time,
    endKnown: is.since(is.flag, true),
    /** If the wall clock was changed meanwhile: then the two times do not tell it. */
    tookMs: is.since(is.nullable(is.amount), null),
    outcome: outcomeSchema,
    stop: is.nullable(stopSchema),
  },
});
export type Status = is.SchemaType<typeof statusSchema>;
export type Phase = Status['phase'];
export type StatusOf<P extends Phase> = Extract<Status, { phase: P }>;
export type LivePhase = Exclude<Phase, 'ended'>;

const attemptSchema = is.object({
  startedAt: is.nullable(is.time),
  endedAt: is.time,
  endKnown: is.since(is.flag, true),
  tookMs: is.since(is.nullable(is.amount), null),
  outcome: outcomeSchema,
});
export type Attempt = is.SchemaType<typeof attemptSchema>;

/** What an attempt cost. */
const usageSchema = is.object({
  cpuMs: is.nullable(is.amount),
  /** A lower bound, unless `from` is `cgroup`. */
  peakMemoryBytes: is.nullable(is.amount),
  /** Where the exit status may mean SIGKILL: how much of the machine's memory was in use then, percent. */
  machinePercent: is.since(is.nullable(is.amount), null),
  /** What told the CPU time, or else the memory. */
  from: is.literal('cgroup', 'shim', 'samples'),
});
export type Usage = Omit<is.SchemaType<typeof usageSchema>, 'machinePercent'> & {
  machinePercent?: number | null;
};

const unseenSchema = is.object({
  /** `environments`: no /proc; `permission`: so many processes belong to another user. */
  why: is.literal('environments', 'permission'),
  count: is.count,
});
/** What a stop on a target could not see or signal there. */
export type Unseen = is.SchemaType<typeof unseenSchema>;

const thereSchema = is.object({
  /** What the engine calls it; null: not known. */
  nativeId: is.nullable(is.text),
  /** Why it waits in the queue of the engine there; null: it does not wait. */
  waits: is.nullable(is.text),
  /** The machine on which the engine runs it, or ran it last. */
  node: is.nullable(is.text),
  /** How many times the engine started this attempt again, and the earlier ones. */
  restarts: is.count,
  earlier: is.count,
  /** What the engine did to it: a word of engine/targets, and as the engine says it. */
  verdict: is.nullable(is.object({ word: is.text, said: is.text })),
});
/** Of a job on a target that has an engine with a queue of its own, what the engine tells. */
export type There = is.SchemaType<typeof thereSchema>;
export const NOTHING_THERE: There = {
  nativeId: null,
  waits: null,
  node: null,
  restarts: 0,
  earlier: 0,
  verdict: null,
};

const stateFields = is.object({
  v: is.version(1),
  /** The owner that wrote this: `owner.N`. */
  generation: is.count,
  attempt: is.count,
  attempts: is.since(is.listOf(attemptSchema), []),
  status: statusSchema,
  stopped: is.count,
  /** How many of them did not end within the grace and got SIGKILL. */
  forced: is.since(is.count, 0),
  left: is.listOf(identitySchema),
  unseen: is.since(is.nullable(unseenSchema), null),
  there: is.since(is.nullable(thereSchema), null),
  /** The number of the slot in which the attempt runs or ran. */
  slot: is.since(is.nullable(is.count), null),
  /** The number of the last `set` that its owner obeys. */
  settings: is.since(is.nullable(is.count), null),
  /** Set at the end, if anything is known. */
  usage: is.since(is.nullable(usageSchema), null),
  /** Set at the end, with a copy of the spec, so that a long list reads one file per job. */
  logBytes: is.nullable(is.count),
  spec: is.nullable(specSchema),
});
export type State = Omit<
  is.SchemaType<typeof stateFields>,
  'unseen' | 'there' | 'slot' | 'settings' | 'usage'
> & {
  unseen?: Unseen | null;
  there?: There | null;
  slot?: number | null;
  settings?: number | null;
  usage?: Usage | null;
};
/** Without some of the fields where there is nothing, as records of older versions are. */
export const stateSchema: is.Schema<State> = (value, at) => {
  const { unseen, there, slot, settings, usage, ...state } = stateFields(value, at);
  return {
    ...state,
    ...{ ...(unseen && { unseen }), ...(there && { there }) },
    ...{ ...(slot && { slot }), ...(settings && { settings }), ...(usage && { usage }) },
  };
};

/** The number of the attempt that runs or ran last. Slurm starts a job again that it has put back. */
export const attemptsOf = ({ attempt, there }: State): number =>
  attempt + (there ? there.restarts + there.earlier : 0);

/** Why an owner ended unexpectedly, or why no process could start the job. */
export const crashSchema = is.object({ v: is.version(1), at: is.time, why: is.text });
export type Crash = is.SchemaType<typeof crashSchema>;

export const ownerSchema = is.object({
  v: is.version(1),
  identity: identitySchema,
  /** See job/needs.ts. */
  knows: is.since(is.listOf(is.text), []),
  /** The inode of the job's directory, which a copy does not share. Null: not recorded. */
  directory: is.since(is.nullable(is.text), null),
  /** The number of the slot in which the job runs. Null: it is in no queue, or an older bgjob admitted it. */
  slot: is.since(is.nullable(is.count), null),
});
