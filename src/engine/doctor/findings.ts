/** What `doctor` can find, as facts; cli/messages/findings.ts turns each into what it means and what to do. */
import type { Failure } from '../../job/failure.ts';
import type { JobId } from '../../job/spec.ts';
import type { Enclosure } from '../os/call-sandbox.ts';

/** A limit of the shell's `ulimit`, in its own units but for bytes. */
export type LimitName = 'nofile' | 'nproc' | 'fsize' | 'cpu';

export type Finding =
  | { code: 'node-too-old'; version: string; least: number }
  | { code: 'proc-missing' }
  | { code: 'proc-foreign' }
  /** Nothing tells this boot of the machine from the one before. */
  | { code: 'boot-unknown' }
  | { code: 'ends-with-call'; enclosure: Enclosure }
  /** logind ends what is in this session's scope when the session ends. */
  | { code: 'session-ends-jobs'; unit: string }
  /** The user's systemd, and what is below it, ends with the user's last session. */
  | { code: 'not-lingering'; user: string }
  | { code: 'tool-missing'; tool: string }
  /** `value`: what is allowed; `left`: how much of it is. */
  | { code: 'limit-low'; limit: LimitName; value: number; left: number }
  | { code: 'no-watches'; errno: string }
  | { code: 'few-watches'; key: string; value: number }
  | { code: 'zombies-stay'; count: number; init: string }
  | { code: 'home-unusable'; failure: Failure }
  /** config.json: `run` refuses, and gc does not run by itself. */
  | { code: 'config-broken'; failure: Failure }
  | { code: 'home-remote'; path: string; type: string }
  | { code: 'home-full'; path: string; what: 'bytes' | 'files'; left: number }
  | { code: 'job-unreadable'; id: JobId; why: string }
  /** A supervisor ended that should not have. */
  | { code: 'supervisor-failed'; id: JobId; why: string }
  /** So many more jobs of which one of these would be told. */
  | { code: 'more-jobs'; like: 'job-unreadable' | 'job-adrift' | 'supervisor-failed'; count: number }
  /** A job was added so much later than it is now, milliseconds: the clock was set back. */
  | { code: 'clock-behind'; id: JobId; aheadMs: number }
  /** Supervisor and shim are gone, processes are left. */
  | { code: 'job-adrift'; id: JobId; name: string | null; left: number }
  /** Jobs that only another sandbox may start, where nobody is. */
  | { code: 'queue-stranded'; queue: string; ids: JobId[]; count: number }
  /** Jobs wait, slots are free, and nobody will start them. */
  | { code: 'queue-left'; queue: string; count: number };
