/**
 * The spec of a job: what it runs. The process that adds the job writes the spec once, and nothing changes
 * it. The schemas are the file format: a change that an older build cannot read needs a higher number in
 * job/home/home.ts.
 */
import * as is from '../base/schema.ts';
import { identitySchema } from './identity.ts';
import { sessionSchema } from './session.ts';
import { targetSchema } from './target.ts';

/** The time from TERM to KILL, if no other is given, milliseconds. */
export const DEFAULT_GRACE_MS = 5000;

/** A positive whole number. Ids ascend and are never given twice. */
export type JobId = number;

/** Null in a spec: /dev/null. */
const stdinSchema = is.variant('kind', {
  /** From `send`, until `send --eof`. */
  hold: {},
  file: { path: is.text },
  /** From the copy that `run` made in the job's directory. */
  kept: {},
});
export type Stdin = is.SchemaType<typeof stdinSchema>;

const terminalSchema = is.object({ columns: is.count, rows: is.count });
export type TerminalSize = is.SchemaType<typeof terminalSchema>;

export const isSendable = ({ stdin }: { stdin: Stdin | null }): boolean => stdin?.kind === 'hold';

/** A spec has null for `never`. */
export const NOTIFY_WHENS = ['always', 'failure', 'never'] as const;
export type NotifyWhen = (typeof NOTIFY_WHENS)[number];

/** The terminal of one session. After it another user may have a terminal of that name. */
const callerTerminalSchema = is.object({
  path: is.text,
  /** The device number, as the kernel has it. */
  device: is.count,
  leader: identitySchema,
  type: is.text,
});
export type CallerTerminal = is.SchemaType<typeof callerTerminalSchema>;

/** `--notify`: when the user is notified of the end, and where. */
const noticeSchema = is.object({
  when: is.literal('always', 'failure'),
  /** The variables (`NAME=value`) that lead to the desktop of the call, if there is one. */
  desktop: is.listOf(is.text),
  /** The terminal from which the job was started; null: there was none. */
  terminal: is.nullable(callerTerminalSchema),
});
export type Notice = is.SchemaType<typeof noticeSchema>;

/** `--tell`: when the end is queued into the thread of Codex that started the job. */
const tellSchema = is.object({
  when: is.literal('always', 'failure'),
  /** The variables (`NAME=value`) that `codex` needs. */
  env: is.listOf(is.text),
});
export type Tell = is.SchemaType<typeof tellSchema>;

interface Hooks {
  onExit: string | null;
  notify: Notice | null;
  tell: Tell | null;
}
export const hasHook = ({ onExit, notify, tell }: Hooks): boolean =>
  onExit !== null || notify !== null || tell !== null;

interface End {
  outcome: { kind: string };
  code: number;
  stop: { cause: string } | null;
}

/** A stop on request is no failure. */
export const isNotified = ({ when }: Pick<Notice, 'when'>, { outcome, code, stop }: End): boolean =>
  when === 'always' || (code !== 0 && outcome.kind !== 'cancelled' && stop?.cause !== 'kill');

const originSchema = is.variant('kind', {
  /** `at`: the time for which the job was due; null: `cron run`. */
  schedule: { name: is.text, at: is.nullable(is.time) },
  /** `delivery`: the id that the sender gave it, if any. */
  trigger: { name: is.text, delivery: is.nullable(is.text) },
  own: { serves: is.literal('schedules', 'triggers', 'target') },
});
export type Origin = is.SchemaType<typeof originSchema>;

/** A job that this one waits for; `any`: until its end, whatever the outcome, instead of its success. */
const dependencySchema = is.object({ id: is.count, any: is.flag });
export type Dependency = is.SchemaType<typeof dependencySchema>;

const placementSchema = is.object({
  /** The queue. `-` holds the jobs that wait for something and are in no queue; it has no slots. */
  queue: is.text,
  priority: is.integer,
  notBefore: is.nullable(is.time),
  after: is.listOf(dependencySchema),
  /** See engine/launch/confinement.ts. */
  sandbox: is.text,
  cgroup: is.text,
  umask: is.upTo(0o777),
  /** The I/O priority of the call in the form of `ionice`; null: unknown. */
  ioPriority: is.since(is.nullable(is.text), null),
  /** The first job of its --batch; null: it was added alone. */
  batch: is.nullable(is.count),
});
export type Placement = is.SchemaType<typeof placementSchema>;

/** A variable that the job does not have as its caller had it; `why`: a word of variable-rules.ts. */
const variableChangeSchema = is.object({
  name: is.text,
  did: is.literal('removed', 'changed'),
  why: is.text,
});
export type VariableChange = is.SchemaType<typeof variableChangeSchema>;

/** Exit codes, both ends included. */
const codeRangeSchema = is.object({ from: is.upTo(255), to: is.upTo(255) });
export type CodeRange = is.SchemaType<typeof codeRangeSchema>;

/** As it is typed: `75,100-110`. */
export const codesText = (ranges: CodeRange[]): string =>
  ranges.map(({ from, to }) => (from === to ? from : `${from}-${to}`)).join(',');

const draftFields = {
  name: is.nullable(is.text),
  /** The command; its first word is an absolute path. */
  argv: is.listOf(is.text),
  /** The shell line as typed; null for a command of words. */
  line: is.nullable(is.text),
  words: is.listOf(is.text),
  /** The script of `run -`, stored as `script`: its index in argv, and a short description for lists. */
  script: is.since(is.nullable(is.object({ at: is.count, summary: is.text })), null),
  cwd: is.text,
  /** The path through a link by which the call named the directory; null: it named the real path. */
  cwdLink: is.since(is.nullable(is.text), null),
  project: is.text,
  tags: is.listOf(is.text),
  /** The values of `-e` and `--env-file`, for a restart. They are never shown. */
  env: is.listOf(is.text),
  /** Never the values. Empty for jobs of before 0.11. */
  changedVariables: is.since(is.listOf(variableChangeSchema), []),
  keepEnv: is.flag,
  timeoutMs: is.nullable(is.count),
  idleTimeoutMs: is.nullable(is.count),
  graceMs: is.count,
  /** The limit of the log on disk, bytes, and what happens there. Jobs of 0.1.0 have no limit. */
  maxLogBytes: is.since(is.nullable(is.count), null),
  onMaxLog: is.since(is.literal('trim', 'kill'), 'trim'),
  /** `--memory`, bytes: the most memory of all its processes together. */
  memory: is.since(is.nullable(is.count), null),
  split: is.since(is.flag, false),
  stdin: is.since(is.nullable(stdinSchema), null),
  /** The job runs in a terminal of this size, and `send` can write to it. */
  pty: is.since(is.nullable(terminalSchema), null),
  /** Null: the job starts at once. */
  placement: is.since(is.nullable(placementSchema), null),
  /** Where it runs; null: on this machine. A job on a target always has a placement. */
  target: is.since(is.nullable(targetSchema), null),
  /** Retries after a failure, and the first delay in milliseconds; each further one is twice as long. */
  retry: is.since(is.count, 0),
  backoffMs: is.since(is.count, 0),
  /** `--retry-on`: only a failure with one of these exit codes is retried. Null: each failure is. */
  retryOn: is.since(is.nullable(is.listOf(codeRangeSchema)), null),
  onExit: is.since(is.nullable(is.text), null),
  notify: is.since(is.nullable(noticeSchema), null),
  tell: is.since(is.nullable(tellSchema), null),
  /**
   * Started with --until-port, --until-url, --until-cmd or --reuse: it is to run on when the work is done.
   */
  server: is.since(is.flag, false),
};
export const draftSchema = is.object(draftFields);

export const specSchema = is.object({
  /** 2 with `needs`: a program without them cannot read it, and does not start the job. */
  v: is.version(1, 2),
  id: is.count,
  /** The keys of this spec that the starting program must know; see job/needs.ts. */
  needs: is.since(is.listOf(is.text), []),
  ...draftFields,
  parent: is.nullable(is.count),
  restartOf: is.since(is.nullable(is.count), null),
  /** The agent's session in which it was started; null: there was none, or the job is older than sessions. */
  session: is.since(is.nullable(sessionSchema), null),
  /** The schedule, trigger or service that started it; null: a user did. */
  origin: is.since(is.nullable(originSchema), null),
  createdAt: is.time,
  createdMonotonicMs: is.amount,
  bootId: is.text,
  machine: is.text,
});
export type Spec = is.SchemaType<typeof specSchema>;
