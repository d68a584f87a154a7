/**
 * Everything that can go wrong in an expected way, and the exit code that says so. A failure carries facts, never sentences:
 * cli/messages/failures.ts turns each into what happened, why, and what to type next. base/ raises the two of its own.
 */
import type { BaseFailure } from '../base/result.ts';

export { ok } from '../base/result.ts';

/** Why the home directory cannot be used. */
export type HomeTrouble =
  | 'not-a-directory'
  | 'symbolic-link'
  | 'foreign'
  | 'open-to-others'
  | 'no-fifos'
  | 'not-utf-8'
  | 'in-use'
  | 'damaged';

/** Why a line of a batch can be no job; `says`: the shell's own words. */
export type LineTrouble =
  | { kind: 'not-utf-8' }
  | { kind: 'nul' }
  | { kind: 'too-long'; bytes: number }
  | { kind: 'not-found'; command: string }
  | { kind: 'not-executable'; command: string; why: 'directory' | 'permission' }
  | { kind: 'syntax'; says: string }
  /** `line` has the same name. */
  | { kind: 'name-twice'; name: string; line: number };
export interface BadLine {
  /** From 1. */
  number: number;
  trouble: LineTrouble;
}

/** Why the text for coding agents is not put, or taken away, there. */
export type SkillTrouble =
  | { kind: 'no-file' }
  | { kind: 'not-ours' }
  /** Since it was looked at. */
  | { kind: 'meanwhile' }
  | { kind: 'damaged-block' }
  | { kind: 'outside'; real: string; base: string }
  | { kind: 'errno'; doing: string; errno: string };

/** Why a job was not paused, or not let go on; `how`: its outcome in words. */
export type PauseTrouble =
  | { kind: 'queued' | 'stopping' | 'no-answer' | 'no-owner' }
  | { kind: 'ended'; how: string }
  /** These did not stop. */
  | { kind: 'not-stopped'; pids: number[] };

/** What is wrong with a config.json, or with one key of it. */
export type ConfigTrouble =
  | { kind: 'unreadable'; why: string }
  | { kind: 'unknown'; known: string[] }
  /** `value` as JSON. */
  | { kind: 'expected'; expected: string; value: string };

/** A job of this project; `state`: its state, with its exit code if it exited. */
export interface KnownJob {
  id: number;
  name: string | null;
  state: string;
}

/** A job of another project that a reference might have meant. */
export interface JobElsewhere {
  id: number;
  name: string | null;
  project: string;
}

/** Everything that can go wrong in an expected way. `errno` is a system error name such as `ENOSPC`. */
export type Failure =
  | BaseFailure
  /** `known`: the newest jobs of this project; `typed`: the command up to the reference. */
  | { code: 'no-such-job'; reference: string; known: KnownJob[]; elsewhere: JobElsewhere[]; typed: string }
  | { code: 'nothing-selected'; what: string; hint?: string }
  | { code: 'no-such-queue'; name: string; known: string[] }
  | { code: 'queue-in-use'; name: string; running: number; waiting: number }
  /** It cannot be moved in its queue: it does not wait there. */
  | { code: 'not-waiting'; id: number; state: string; inQueue: boolean }
  /** `kind` of what starts jobs by itself. */
  | { code: 'no-such-starter'; kind: 'schedule' | 'trigger'; name: string; known: string[] }
  | { code: 'starter-taken'; kind: 'schedule' | 'trigger'; name: string }
  /** Somebody claimed this time, or delivery, before. */
  | { code: 'started-before'; name: string }
  /** A schedule or trigger of a newer bgjob, of which this one does not know all. */
  | { code: 'starter-newer'; name: string; why: string }
  /** Our own job that serves them does not answer. */
  | { code: 'not-served'; kind: 'schedules' | 'triggers'; id: number | null; why: string }
  /** `meant`: the call that was meant. `line`: the words, which are a shell line. */
  | { code: 'command-not-found'; command: string; meant?: string; line?: string }
  | { code: 'command-not-executable'; command: string; why: 'directory' | 'permission' }
  | { code: 'bad-cwd'; directory: string; errno: string }
  /** `room`: not the home itself, but this directory in it. */
  | { code: 'home-refused'; home: string; trouble: HomeTrouble; room?: string }
  | { code: 'home-newer'; home: string; found: number; known: number }
  | { code: 'unreadable'; id: number; why: string }
  | { code: 'elsewhere'; id: number; machine: string }
  | { code: 'not-verified'; id: number; pids: number[]; why: 'alive' | 'unproven' | 'no-answer' }
  /** Its processes cannot be paused, or let go on. */
  | { code: 'not-held'; id: number; verb: 'pause' | 'resume'; trouble: PauseTrouble }
  /** It waits in its queue, its script is gone, or the environment that was kept with it. */
  | {
      code: 'not-restarted';
      id: number;
      why: 'queued' | 'newer' | 'script' | 'input' | 'environment';
      errno?: string;
    }
  /** /proc is that of another pid namespace: its pids are others here. */
  | { code: 'proc-foreign' }
  | { code: 'not-started'; id: number; errno: string }
  | { code: 'name-taken'; name: string; id: number; state: string; ageMs: number | null; ports: number[] }
  | { code: 'port-not-free'; name: string; id: number; port: number }
  | { code: 'pattern-too-slow'; pattern: string; from: number; line: string; why: 'time' | 'memory' }
  | {
      code: 'port-taken';
      port: number;
      pid: number;
      command: string;
      job: { id: number; name: string | null } | null;
    }
  | { code: 'untrusted-certificate'; url: string; why: string }
  /** `left`: how many lines are good. */
  | { code: 'bad-lines'; file: string; bad: BadLine[]; left: number }
  /** `again`: the command that does it all the same; after `meanwhile` the same one. */
  | { code: 'skill-refused'; path: string; trouble: SkillTrouble; again: string }
  /** `lines` and `bytes` were sent, and `halfBytes` of one more line; `how` it ended. */
  | {
      code: 'not-sent';
      id: number;
      why: 'not-held' | 'ended' | 'closed' | 'let-go' | 'full' | 'queued' | 'starting';
      lines: number;
      bytes: number;
      halfBytes: number;
      how: string;
    }
  /** `key`: which one, with those above it; null: the whole file. */
  | { code: 'bad-config'; path: string; key: string | null; trouble: ConfigTrouble }
  /** `instead`: where the answer stands, or that what it tells of was undone. */
  | { code: 'answer-lost'; errno: string; instead: 'stderr' | { undone: string; again: string } | null };

export type Result<T> = { ok: true; value: T } | { ok: false; failure: Failure };

export const fail = (failure: Failure): { ok: false; failure: Failure } => ({ ok: false, failure });

/** The exit codes of bgjob's own making; every other code is the job's. */
export const EXIT = {
  ok: 0,
  /** Also: skipped, cancelled, something is left. */
  no: 1,
  /** The deadline of this call passed, the job goes on. */
  stillRunning: 75,
  timedOut: 124,
  /** bgjob itself could not do it, or the outcome is not known. */
  bgjob: 125,
  notExecutable: 126,
  notFound: 127,
} as const;

/** The exit code of a command that failed this way. */
export function exitCodeOfFailure(failure: Failure): number {
  if (failure.code === 'command-not-found') return EXIT.notFound;
  if (failure.code === 'command-not-executable') return EXIT.notExecutable;
  // the same again may work; but not half a line a second time
  const mayWork = failure.code === 'not-sent' && ['full', 'queued', 'starting'].includes(failure.why);
  return mayWork && failure.halfBytes === 0 ? EXIT.stillRunning : EXIT.bgjob;
}
