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

import type { Unseen } from '../../job/state.ts';

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
  | { kind: 'refused'; why: 'no-cwd' | 'no-room' | 'cannot-write' | 'cannot-trim'; said: string }
  /** No answer came. The same call with the same uid is harmless. */
  | { kind: 'maybe'; error: TargetError };

/** The end record of the far shim, its checksum proven. */
export interface FarEnd {
  uid: string;
  /** As the shell has it: 128+N for signal N. */
  status: number;
  /** The limit that stopped it; then `status` may be anything. */
  limit: 'timeout' | 'max-log' | null;
  /** How long the main process ran, by the far clock. */
  tookMs: number;
  /** A signal of a stop was sent before its end. */
  afterStop: boolean;
}

export type FarState =
  /** No claim is there: the job never started there, or its records were removed. */
  | { kind: 'absent' }
  /** The engine has it in a queue of its own. */
  | { kind: 'queued'; reason: string }
  /** Its shim is about to start it. */
  | { kind: 'claimed' }
  /** `ranMs`: since its start, by the far clock. */
  | { kind: 'running'; pid: number; host: string; ranMs: number }
  | { kind: 'ended'; end: FarEnd }
  /** Final. `restarted`: the far machine was. `gone`: no process and no end record, for the grace. */
  | { kind: 'lost'; why: 'restarted' | 'gone' }
  /** Nothing can be said. `other-host`: the connection reached another machine of the same home. */
  | { kind: 'unknown'; why: 'no-process' | 'other-host'; said: string };

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
  /** One call for all jobs. */
  look(jobs: { uid: string; nativeId: string }[]): Promise<Map<string, FarState>>;
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
