/**
 * All expected failures, and their exit codes. A failure carries facts; cli/messages/failures.ts makes the
 * text. Fields with text are `message` and `hint` of `usage`, and `why` or `how` where the reason was
 * recorded as text.
 */
import type { BaseFailure } from '../base/result.ts';
import type { Target } from './target.ts';

export { ok } from '../base/result.ts';

type HomeTrouble =
  | 'not-a-directory'
  | 'symbolic-link'
  | 'foreign'
  /** It would be made, by root, in the home directory of another user. */
  | 'in-users-home'
  | 'open-to-others'
  | 'no-fifos'
  | 'not-utf-8'
  | 'in-use'
  | 'damaged';

/** Why a line of a batch cannot be a job; `says` is the shell's own error text. */
export type LineTrouble =
  | { kind: 'not-utf-8' }
  | { kind: 'nul' }
  | { kind: 'too-long'; bytes: number }
  | { kind: 'not-found'; command: string; interpreter?: string }
  | { kind: 'not-executable'; command: string; why: 'directory' | 'permission'; interpreter?: string }
  | { kind: 'syntax'; says: string }
  /** Line number `line` has the same name. */
  | { kind: 'name-twice'; name: string; line: number };
export interface BadLine {
  /** Counted from 1. */
  number: number;
  trouble: LineTrouble;
}

/** Why the text for coding agents was not written to a file, or not removed from it. */
export type SkillTrouble =
  /** Root would make it in the home directory, or in a project, of another user. */
  | { kind: 'in-users-home'; owner: number; place: 'HOME' | 'this project' }
  | { kind: 'no-file' }
  | { kind: 'not-ours' }
  /** The file was changed after it was read. */
  | { kind: 'meanwhile' }
  | { kind: 'damaged-block' }
  /** The host could not read its hooks file. */
  | { kind: 'damaged-hooks'; why: string }
  | { kind: 'outside'; real: string; base: string }
  | { kind: 'errno'; doing: string; errno: string };

/** Why a job was not paused or not resumed; `how`: its outcome as text. */
export type PauseTrouble =
  | { kind: 'queued' | 'stopping' | 'no-answer' | 'no-owner' }
  | { kind: 'ended'; how: string }
  /** These processes did not stop. */
  | { kind: 'not-stopped'; pids: number[] };

export type SetTrouble =
  /** `started`: only a job that waits has a priority. `older`: its supervisor does not know `set`. */
  | { kind: 'started' | 'no-queue' | 'stopping' | 'older' | 'no-answer' | 'no-owner' }
  | { kind: 'ended'; how: string };

/** The fault in the times of a schedule. */
export type ScheduleTrouble =
  /** Of `@every`. */
  | { kind: 'no-duration' | 'too-long' | 'too-short'; duration: string }
  /** `CRON_TZ=ZONE TIMES`; `times` null: there are none. */
  | { kind: 'zone-inside'; zone: string; times: string | null }
  /** A line of crontab. */
  | { kind: 'command-inside'; times: string; command: string }
  /** `@word`; `known`: those that there are. */
  | { kind: 'unknown-word'; known: string[] }
  | { kind: 'reboot' | 'field-count' | 'never-due' }
  /** `field`: its name; `hasSeconds`: the first of its six fields is the second. */
  | { kind: 'out-of-range'; field: string; value: number; range: string; hasSeconds: boolean }
  | { kind: 'no-value' | 'no-name'; part: string }
  | { kind: 'empty-value'; field: string }
  | { kind: 'backwards'; from: string; to: string }
  /** `every`: the duration that was meant. */
  | { kind: 'large-step'; every: string | null }
  /** As croner says it. */
  | { kind: 'other'; why: string };

/** What a key of config.json takes. */
export type ConfigValue =
  | ('duration' | 'size' | 'log size' | 'memory size' | 'text' | 'notify' | 'queue' | 'count' | 'object')
  | ('target name' | 'engine' | 'host' | 'list of words' | 'absolute path' | 'slots')
  | ('login node' | 'partition' | 'options of sbatch' | 'line of sh');

export type ConfigTrouble =
  | { kind: 'unreadable'; why: string }
  | { kind: 'unknown'; known: string[] }
  /** Without this key the value has no sense. */
  | { kind: 'missing'; key: string }
  /** The key is for targets of this engine. */
  | { kind: 'only-of'; engine: string }
  /** It says nothing without the other key. */
  | { kind: 'needs'; key: string }
  /** `value` as JSON. */
  | { kind: 'expected'; expected: ConfigValue; value: string };

/** A job of this project; `state`: its state, with its exit code if it exited. */
export interface KnownJob {
  id: number;
  name: string | null;
  state: string;
}

/** A job of another project that may have been meant. */
export interface JobElsewhere {
  id: number;
  name: string | null;
  project: string;
}

/** All expected failures. `errno` is the name of a system error, such as `ENOSPC`. */
export type Failure =
  | BaseFailure
  /** `known`: the newest jobs of this project; `typed`: the command up to the reference. */
  | { code: 'no-such-job'; reference: string; known: KnownJob[]; elsewhere: JobElsewhere[]; typed: string }
  | { code: 'nothing-selected'; what: string; hint?: string }
  | { code: 'no-such-queue'; name: string; known: string[] }
  | { code: 'queue-in-use'; name: string; running: number; waiting: number }
  /** The job does not wait in a queue and so cannot be moved there. */
  | { code: 'not-waiting'; id: number; state: string; inQueue: boolean }
  | { code: 'bad-schedule'; expression: string; trouble: ScheduleTrouble }
  /** `option`: the zone is that of --tz, not of a record. */
  | { code: 'bad-zone'; zone: string; option: boolean }
  /** Of --until-url. */
  | { code: 'bad-url'; text: string }
  | { code: 'no-such-starter'; kind: 'schedule' | 'trigger'; name: string; known: string[] }
  | { code: 'starter-taken'; kind: 'schedule' | 'trigger'; name: string }
  | { code: 'started-before'; name: string }
  /** A newer bgjob added the schedule or trigger, with options that this one does not know. */
  | { code: 'starter-newer'; name: string; why: string }
  | { code: 'not-served'; kind: 'schedules' | 'triggers'; id: number | null; why: string }
  /**
   * `meant`: the call that was meant. `line`: the words, which are a shell line. `interpreter`: the program
   * that is not found, of the `#!` line of the command.
   */
  | { code: 'command-not-found'; command: string; meant?: string; line?: string; interpreter?: string }
  | {
      code: 'command-not-executable';
      command: string;
      why: 'directory' | 'permission';
      interpreter?: string;
    }
  | { code: 'bad-cwd'; directory: string; errno: string }
  /**
   * `room`: the directory in the home that is refused; absent: the home itself. `owner`: the uid, for
   * `foreign` and `in-users-home`.
   */
  | { code: 'home-refused'; home: string; trouble: HomeTrouble; room?: string; owner?: number }
  | { code: 'home-newer'; home: string; found: number; known: number }
  | { code: 'unreadable'; id: number; why: string }
  | { code: 'elsewhere'; id: number; machine: string }
  /** A stop is requested; it is done when the target answers. */
  | { code: 'target-silent'; id: number; target: string; silentMs: number; why: string }
  /** Before its first word. `trouble`: a word of engine/targets/engine.ts; `said`: by ssh or the far side. */
  | { code: 'target-refused'; target: Target; trouble: string; said: string }
  /** `cwd`: the directory that was asked for there, if the target has none. `why`: as the record of its end has it. */
  | { code: 'not-started-there'; id: number; target: Target; cwd: string; why: string }
  /** `count`: processes of the job on a target that belong to another user there. */
  | { code: 'not-stopped-there'; id: number; target: Target; count: number }
  /** So many outlived KILL. */
  | { code: 'left-there'; id: number; target: Target; count: number }
  | { code: 'not-verified'; id: number; pids: number[]; why: 'alive' | 'unproven' | 'no-answer' }
  | { code: 'not-held'; id: number; verb: 'pause' | 'resume'; trouble: PauseTrouble }
  | { code: 'not-set'; id: number; trouble: SetTrouble }
  /** The job waits in its queue, or its script, input or stored environment is gone. */
  | {
      code: 'not-restarted';
      id: number;
      why: 'queued' | 'newer' | 'script' | 'input' | 'environment';
      errno?: string;
    }
  /** /proc shows another pid namespace, where the same pid is another process. */
  | { code: 'proc-foreign' }
  /** `refused`: a program of that name in PATH that is not trusted. */
  | { code: 'tool-missing'; tool: string; refused: string | null }
  | { code: 'not-started'; id: number; errno: string }
  /** Node or a file of bgjob is not there any more, so nothing can be started. */
  | { code: 'program-gone'; path: string }
  | { code: 'program-replaced'; from: string; to: string }
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
  /** `unread`: the file of NODE_EXTRA_CA_CERTS, if it gave nothing; `errno` is null: no certificate in it. */
  | {
      code: 'untrusted-certificate';
      url: string;
      why: string;
      unread: { path: string; errno: string | null } | null;
    }
  /** `left`: the number of good lines. */
  | { code: 'bad-lines'; file: string; bad: BadLine[]; left: number }
  /** `again`: the command that does it anyway; for `meanwhile`, the same command. */
  | { code: 'skill-refused'; path: string; trouble: SkillTrouble; again: string }
  /** What was sent: `lines`, `bytes`, and `halfBytes` of one more line. `how`: the outcome as text. */
  | {
      code: 'not-sent';
      id: number;
      why: 'not-held' | 'ended' | 'closed' | 'let-go' | 'full' | 'queued' | 'starting';
      lines: number;
      bytes: number;
      halfBytes: number;
      how: string;
    }
  /** `key`: the full name of the key; null: the whole file. */
  | { code: 'bad-config'; path: string; key: string | null; trouble: ConfigTrouble }
  /** `instead`: stderr has the answer, or the action was undone. */
  | { code: 'answer-lost'; errno: string; instead: 'stderr' | { undone: string; again: string } | null };

export type Result<T> = { ok: true; value: T } | { ok: false; failure: Failure };

export const fail = (failure: Failure): { ok: false; failure: Failure } => ({ ok: false, failure });

/** The exit codes of bgjob itself. Any other code comes from the job. */
export const EXIT = {
  ok: 0,
  /** The job was skipped or cancelled, or a check found something. */
  no: 1,
  /** The deadline of this call passed; the job still runs. */
  stillRunning: 75,
  timedOut: 124,
  /** bgjob could not do it, or the outcome is unknown. */
  bgjob: 125,
  notExecutable: 126,
  notFound: 127,
} as const;

export function exitCodeOfFailure(failure: Failure): number {
  if (failure.code === 'command-not-found') return EXIT.notFound;
  if (failure.code === 'command-not-executable') return EXIT.notExecutable;
  // the same call may work later, unless half a line was sent: it would be sent twice
  const mayWork = failure.code === 'not-sent' && ['full', 'queued', 'starting'].includes(failure.why);
  return mayWork && failure.halfBytes === 0 ? EXIT.stillRunning : EXIT.bgjob;
}
