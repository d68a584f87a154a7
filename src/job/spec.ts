/**
 * What a job is to run: written once, by the process that adds the job, and never changed. The shapes here are the format of
 * the file: a change that an older build cannot read needs a new number in job/home/home.ts.
 */
import * as is from '../base/schema.ts';
import { identitySchema } from './identity.ts';

/** Positive and whole, given in order, never used twice. */
export type JobId = number;

/** What a job reads on stdin; null in a spec: nothing. */
export const stdinSchema = is.variant('kind', {
  /** What `send` writes, until somebody says that it was all. */
  hold: {},
  /** A file of the caller's. */
  file: { path: is.text },
  /** What `run` copied into the job's directory. */
  kept: {},
});
export type Stdin = is.Shaped<typeof stdinSchema>;

/** The size of a terminal, in characters. */
export const terminalSchema = is.object({ columns: is.count, rows: is.count });
export type TerminalSize = is.Shaped<typeof terminalSchema>;

/** Whether `send` reaches the job, once it runs. */
export const isSendable = ({ stdin }: { stdin: Stdin | null }): boolean => stdin?.kind === 'hold';

/** As it is typed; a spec has null for `never`. */
export const NOTIFY_WHENS = ['always', 'failure', 'never'] as const;
export type NotifyWhen = (typeof NOTIFY_WHENS)[number];

/** A terminal as one session had it: its name alone is somebody else's as soon as that session has ended. */
const callerTerminalSchema = is.object({
  path: is.text,
  /** Of the device: major and minor in one, as the kernel has them. */
  device: is.count,
  /** Who leads the session. */
  leader: identitySchema,
  /** TERM. */
  type: is.text,
});
export type CallerTerminal = is.Shaped<typeof callerTerminalSchema>;

/** `--notify`: the part of a spec that says when somebody is told of the end, and where. */
export const noticeSchema = is.object({
  when: is.literal('always', 'failure'),
  /** `NAME=value` of what leads to the desktop of the call, if there is one. */
  desktop: is.listOf(is.text),
  /** From which the job was started; null: from none. */
  terminal: is.nullable(callerTerminalSchema),
});
export type Notice = is.Shaped<typeof noticeSchema>;

/** Whether a process of ours has something to do when the job has ended. */
export const hasHook = ({ onExit, notify }: { onExit: string | null; notify: Notice | null }): boolean =>
  onExit !== null || notify !== null;

/** How a job ended, as far as it matters here. */
interface End {
  outcome: { kind: string };
  /** As wait would exit. */
  code: number;
  stop: { cause: string } | null;
}

/** Whether that end is told; what somebody asked for is no failure. */
export const isNotified = ({ when }: Notice, { outcome, code, stop }: End): boolean =>
  when === 'always' || (code !== 0 && outcome.kind !== 'cancelled' && stop?.cause !== 'kill');

/** Where a job comes from that nobody typed: a time of a schedule, or a delivery to a trigger. */
export const originSchema = is.variant('kind', {
  /** `at`: the time for which it was due; null: `cron run`. */
  schedule: { name: is.text, at: is.nullable(is.time) },
  /** `delivery`: what the sender calls it, if it does. */
  trigger: { name: is.text, delivery: is.nullable(is.text) },
  /** One of our own: it starts what schedules and triggers say. */
  own: { serves: is.literal('schedules', 'triggers') },
});
export type Origin = is.Shaped<typeof originSchema>;

/** A job that another waits for; `any`: for its end, however it ended, and not for its success. */
const dependencySchema = is.object({ id: is.count, any: is.flag });
export type Dependency = is.Shaped<typeof dependencySchema>;

/** How a job waits until it is started. */
const placementSchema = is.object({
  /** The queue; `-` is the one of jobs that wait for something and are in no queue: it has no slots. */
  queue: is.text,
  /** The higher comes first. */
  priority: is.integer,
  notBefore: is.nullable(is.time),
  after: is.listOf(dependencySchema),
  /** Where it may run: what engine/queue/confinement.ts makes of user, namespaces and limits, and the control group. */
  sandbox: is.text,
  cgroup: is.text,
  umask: is.upTo(0o777),
  /** The I/O priority of the call, as `ionice` tells it; null: not known. */
  ioPriority: is.since(is.nullable(is.text), null),
  /** The first job of the --batch with which it was added; null: it was added alone. */
  batch: is.nullable(is.count),
});
export type Placement = is.Shaped<typeof placementSchema>;

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
  stdin: is.since(is.nullable(stdinSchema), null),
  /** It runs in a terminal of this size; its stdin is held then. */
  pty: is.since(is.nullable(terminalSchema), null),
  placement: is.since(is.nullable(placementSchema), null), // null: it starts at once
  /** How often it is run again after a failure, and how long after the first, milliseconds; each time twice as long. */
  retry: is.since(is.count, 0),
  backoffMs: is.since(is.count, 0),
  /** A shell line that is run when it has ended. */
  onExit: is.since(is.nullable(is.text), null),
  notify: is.since(is.nullable(noticeSchema), null),
};
/** A job that is yet to be started, as a schedule or a trigger keeps it. */
export const draftSchema = is.object(draftFields);

export const specSchema = is.object({
  /** 2 where `needs` names something: a program that does not know `needs` cannot read the job, and so does not start it. */
  v: is.version(1, 2),
  id: is.count,
  /** The keys of this spec that the program which starts the job must know; see job/needs.ts. */
  needs: is.since(is.listOf(is.text), []),
  ...draftFields,
  parent: is.nullable(is.count),
  /** The job that `restart` started once more as this one; null: none. */
  restartOf: is.since(is.nullable(is.count), null),
  /** What started it by itself; null: somebody did. */
  origin: is.since(is.nullable(originSchema), null),
  createdAt: is.time,
  createdMonotonicMs: is.amount,
  bootId: is.text,
  machine: is.text,
});
export type Spec = is.Shaped<typeof specSchema>;
