/**
 * The two interfaces to other machines: a Transport reaches a machine, an Engine runs jobs there. Types only.
 *
 * Rules that hold for each of them:
 * - The end record that our shim wrote on the far side decides how a job ended. No exit code of a transport
 *   does, and no absence.
 * - A machine that does not answer changes no state: the methods throw a TargetError then.
 * - Times of the far machine are used only as differences.
 * - No sentence for users is made here: a trouble is a word of a list, and what the far side said.
 */

import type { Unseen, Usage } from '../../job/state.ts';

/** Why a target cannot be used. It chooses the hint for the user, and decides nothing. */
export const TROUBLES = [
  /** There is no program `ssh`. */
  'no-ssh',
  /** ssh does not accept its options or its configuration file. */
  'ssh-options',
  'unknown-host',
  'no-route',
  'connection-refused',
  'timed-out',
  'host-key-unknown',
  'host-key-changed',
  /** No key is accepted, or a password or a second factor is wanted. */
  'permission',
  /** Nothing came within the time limit of `ready`, and ssh did not say that it is logged in. */
  'silent',
  /** ssh is logged in, and nothing came within the time limit: a start file runs something else. */
  'login-shell-hangs',
  /** The connection ended before `ready`: a start file ends the shell, or the account is closed. */
  'login-shell-ended',
  /** A program that the far side needs is missing there; `said` names it. */
  'far-tools',
  /** The folder for our records cannot be made or written; `said` names it and the reason. */
  'far-folder',
  /** The connection broke, or nothing came for a while. */
  'connection-lost',
  /** The machine answers, and slurmctld does not; `said` is what `scontrol ping` says. */
  'slurm-down',
  'unclear',
] as const;
export type Trouble = (typeof TROUBLES)[number];

/**
 * `refused`: the far side was never `ready`; the call that asked for it fails with 125.
 * `unreachable`: it was; states stay as they are, and the caller tries again later.
 */
export class TargetError extends Error {
  constructor(
    readonly kind: 'refused' | 'unreachable',
    readonly trouble: Trouble,
    /** The last line that ssh or the far side wrote; may be empty. */
    readonly said: string,
  ) {
    super(`${kind}: ${trouble}: ${said}`);
  }
}

export interface ExecResult {
  /** Null: the program was not reached, did not end in time, or the connection broke. */
  code: number | null;
  stdout: Buffer;
  stderr: string;
}

/** One way to reach a machine on which jobs run. */
export interface Transport {
  /** Runs a program there once. Throws a TargetError `refused` if the machine was not reached. */
  exec(argv: string[], stdin: string | Uint8Array, limitMs: number): Promise<ExecResult>;
  /**
   * Runs this program of sh there. It must print a newline, `$far_nonce ready`, a blank, words and a newline;
   * from then on the session carries what both sides write. Throws a TargetError `refused`.
   */
  open(program: string, readyMs: number): Promise<FarSession>;
}

export interface FarSession {
  /** The words after `ready`. */
  readonly hello: string;
  write(text: string): void;
  /** Called with all bytes after the line of `ready`; set it at once. */
  onData(listener: (bytes: Buffer) => void): void;
  /** Fulfilled when the connection is over, with the last line that ssh wrote. */
  readonly ended: Promise<string>;
  close(): void;
}

/** `out` holds both streams of a job without --split. */
export type FarStream = 'out' | 'err';

export interface FarJob {
  /** `TOKENHASH-ID-ATTEMPT`: letters, digits and `-`. The far claim: a job of one uid starts once. */
  uid: string;
  argv: string[];
  /** A path there. Null: the home there. */
  cwd: string | null;
  /** `NAME=value` each, beside the environment of a login there. */
  env: string[];
  umask: number;
  timeoutMs: number | null;
  graceMs: number;
  maxLogBytes: number | null;
  onMaxLog: 'trim' | 'kill';
  split: boolean;
  /** The bytes of stdin; null: /dev/null. */
  stdin: Uint8Array | null;
  /** The first signal of --timeout and --max-log: TERM, INT. Without SIG. */
  signal: string;
}

export type SubmitResult =
  /** `known`: the claim was there; the job was not started again. */
  | { kind: 'accepted' | 'known'; nativeId: string }
  /** It was not started, and will not be. */
  /** `engine`: the engine there did not accept it; `said` is what it says. */
  | { kind: 'refused'; why: 'no-cwd' | 'no-room' | 'cannot-write' | 'cannot-trim' | 'engine'; said: string }
  /** It was certainly not sent: the engine there did not answer before. It may be sent later. */
  | { kind: 'unsent'; error: TargetError }
  /** No answer came. The same call with the same uid is harmless. */
  | { kind: 'maybe'; error: TargetError };

/** What an engine with a will of its own did to a job, or knows of its end. */
export const VERDICTS = [
  /** Slurm: TIMEOUT. */
  'time-limit',
  'out-of-memory',
  /** Somebody cancelled it there, and it was not bgjob. */
  'cancelled',
  /** And not started again. */
  'preempted',
  /** Its node failed. Its processes may live. */
  'node-failed',
  /** The engine could not start it: its log folder is not there on the node, for instance. It never ran. */
  'not-started',
  /** It is over, and nothing says how. */
  'unclear',
] as const;

export interface Verdict {
  word: (typeof VERDICTS)[number];
  /** As the engine says it: `TIMEOUT TimeLimit 0:9`. */
  said: string;
}

/** The end record of the far shim, its checksum proven; or of the engine there, if the shim could not write one. */
export interface FarEnd {
  uid: string;
  /** As the shell has it: 128+N for signal N. Null: not known; then there is a verdict. */
  status: number | null;
  /** The limit that stopped it; then `status` may be anything. */
  limit: 'timeout' | 'max-log' | null;
  /** How long the main process ran, by the far clock. */
  tookMs: number;
  /** A signal of a stop was sent before its end. */
  afterStop: boolean;
  /** It decides the outcome; `status` stays a fact. Null: the job ended by itself, or by us. */
  verdict: Verdict | null;
  /** How many times the engine there started it again. */
  restarts: number;
  /** What it cost. Null: not known, or of a `look` at Slurm. It decides nothing. */
  usage: Usage | null;
}

export type FarState =
  /** No claim is there: the job never started there, or its records were removed. */
  | { kind: 'absent' }
  /** The engine has it in a queue of its own. `restarts`: how many times it was put back there. */
  | { kind: 'queued'; reason: string; restarts: number }
  /** Its shim is about to start it. */
  | { kind: 'claimed' }
  /** `ranMs`: since its start, by the far clock. */
  | { kind: 'running'; pid: number; host: string; ranMs: number; restarts: number }
  | { kind: 'ended'; end: FarEnd }
  /**
   * Final. `restarted`: the far machine was. `gone`: no process and no end record, for the grace.
   * `forgotten`: no end record, and the engine there does not know the job, for the grace.
   */
  | { kind: 'lost'; why: 'restarted' | 'gone' | 'forgotten' }
  /**
   * Nothing can be said. `other-host`: the connection reached another machine of the same home.
   * `engine-silent`: the machine answers, the engine there does not; `said` is what it says.
   */
  | { kind: 'unknown'; why: 'no-process' | 'other-host' | 'engine-silent'; said: string };

/** What `stop` did. The grace and the SIGKILL after it are the far side's. */
export interface StopResult {
  signalled: number;
  /**
   * What it could not see or do. `environments`: no /proc, so processes that left the session and lost their
   * parent are not found. `permission`: so many processes of the job belong to another user.
   */
  unseen: Unseen | null;
}

export interface Watched {
  uid: string;
  /** The offsets from which bytes are wanted; `err` null: not split. */
  out: number;
  err: number | null;
}

/** Called in the order of the bytes of each stream. An offset may come again after a reconnection. */
export interface FollowEvents {
  bytes(uid: string, stream: FarStream, offset: number, bytes: Buffer): void;
  /** The far side removed these bytes for --max-log; they will never come. */
  gap(uid: string, stream: FarStream, from: number, to: number): void;
  /** After all bytes that were there at the end. Leftovers may write more. */
  ended(uid: string, end: FarEnd): void;
  /** The machine answered. */
  heartbeat(): void;
  /** Once, and the last call: the stream is over. Follow again after a connect. */
  lost(error: TargetError): void;
}

export interface Following {
  grade: 'perl' | 'python3' | 'sh';
  /** Begins to watch jobs, or goes on from other offsets. */
  watch(jobs: Watched[]): void;
  drop(uids: string[]): void;
  close(): void;
}

/** What a check of a target tells. */
export interface FarFacts {
  system: string;
  host: string;
  user: string;
  home: string;
  /** The folder of our records. */
  folder: string;
  grade: Following['grade'];
  /** The far clock minus ours, seconds. */
  clockDifference: number;
  /** Time from the start of the connection until it was ready. */
  readyMs: number;
}

/** What Slurm says of itself. */
export interface SlurmFacts {
  version: string;
  cluster: string;
  /** `scontrol ping` finds slurmctld. Without it the rest is empty. */
  answers: boolean;
  /** Whether there is a database of ended jobs. bgjob needs none. */
  accounting: boolean;
  /** So many tasks fit into one array. */
  maxArray: number;
  /** How long slurmctld remembers a job after its end, seconds; 0: for ever. */
  minJobAge: number;
  partitions: { name: string; isDefault: boolean; state: string; nodes: number; timeLimit: string }[];
}

export interface EngineAbilities {
  stdin: boolean;
  pty: boolean;
  pause: boolean;
  signals: boolean;
  ports: boolean;
  memory: boolean;
  /** `--on-max-log trim`; known after connect. */
  trim: boolean;
}

/** Runs jobs on a machine. Each method throws a TargetError if the machine is not reached. */
export interface Engine {
  readonly can: EngineAbilities;
  /** Opens the connection, if there is none; each other method does so too. */
  connect(): Promise<FarFacts>;
  /** Writes a file into the folder there and removes it; throws a TargetError `far-folder`. */
  probe(): Promise<void>;
  submit(job: FarJob): Promise<SubmitResult>;
  /**
   * Several jobs of the same limits, in the order of the results: as few calls there as possible. Slurm:
   * arrays of `maxArray` at most.
   */
  submitAll(jobs: FarJob[]): Promise<SubmitResult[]>;
  /**
   * One call for all jobs. What the engine there knows of an end without a record becomes a record now: so
   * the end of a job comes by `follow`, after its output. This holds for each way to end.
   */
  look(jobs: { uid: string; nativeId: string }[]): Promise<Map<string, FarState>>;
  /** What the engine there says of itself; null: it is none of its own. */
  slurmFacts(): Promise<SlurmFacts | null>;
  /**
   * Signals the processes of a job now; the far side sends SIGKILL after the grace, with or without us.
   * `signal` without SIG; `0` only counts. A job whose end is recorded: its leftovers, also when
   * its records are removed; without records no KILL follows by itself. The end of a job that is
   * stopped is recorded when none of its processes is left, or cannot be killed.
   */
  stop(uid: string, signal: string, graceMs: number): Promise<StopResult>;
  /** Bytes that are there, at most `length`. */
  read(uid: string, stream: FarStream, offset: number, length: number): Promise<Buffer>;
  follow(events: FollowEvents): Promise<Following>;
  /** The uids that have records there. */
  find(): Promise<string[]>;
  /** Removes all records of these jobs. A job with a live process keeps its records, and is returned. */
  remove(uids: string[]): Promise<string[]>;
  close(): void;
}
