/**
 * The problems that `doctor` can find, as facts. cli/messages/findings.ts turns each into its meaning and
 * what to do.
 */
import type { Failure } from '../../job/failure.ts';
import type { Session } from '../../job/session.ts';
import type { JobId } from '../../job/spec.ts';
import type { Target } from '../../job/target.ts';
import type { FarContact } from '../../job/view.ts';
import type { Serves } from '../launch/service-launch.ts';
import type { Enclosure } from '../os/call-sandbox.ts';
import type { CiRunner, EndingService } from '../os/early-ends.ts';

/** A limit of the shell's `ulimit`, in the units of that, but sizes in bytes. */
export type LimitName = 'nofile' | 'nproc' | 'fsize' | 'cpu';

export type Finding =
  | { code: 'node-too-old'; version: string; least: number }
  /** Node or a file of this bgjob is gone. */
  | { code: 'program-gone'; path: string }
  | { code: 'proc-missing' }
  | { code: 'proc-foreign' }
  /** The machine has no boot id, so a restart cannot be recognised. */
  | { code: 'boot-unknown' }
  | { code: 'ends-with-call'; enclosure: Enclosure }
  | { code: 'service-ends-jobs'; service: EndingService }
  | { code: 'runner-ends-jobs'; runner: CiRunner }
  /** A host of coding agents that `bgjob skill` has set up; `off`: the setting that keeps its hooks from running. */
  | {
      code: 'agent-host';
      host: 'claude' | 'codex';
      place: 'user' | 'project' | 'codex';
      path: string;
      hasHooks: boolean;
      /** Whether there is a bgjob in PATH: the hooks call it by its name. */
      inPath: boolean;
      off: { path: string; setting: string } | null;
      /** The shell in which the host runs its hooks, if bgjob is not in the PATH of its login profile. */
      deafShell: string | null;
    }
  | { code: 'session-ends-jobs'; unit: string }
  /** The agent's session of the call. */
  | { code: 'session'; session: Session }
  | { code: 'not-lingering'; user: string }
  | { code: 'tool-missing'; tool: string; refused: string | null }
  /** `value`: the limit; `left`: how much of it is unused. */
  | { code: 'limit-low'; limit: LimitName; value: number; left: number }
  | { code: 'no-watches'; errno: string }
  | { code: 'few-watches'; key: string; value: number }
  /** `timezone`: the zone that TZ counts as. */
  | { code: 'zone-unread'; tz: string; timezone: string }
  | { code: 'zombies-stay'; count: number; init: string }
  | { code: 'home-unusable'; failure: Failure }
  /** config.json is unreadable: `run` refuses, and gc does not run by itself. */
  | { code: 'config-broken'; failure: Failure }
  | { code: 'home-remote'; path: string; type: string }
  | { code: 'home-full'; path: string; what: 'bytes' | 'files'; left: number }
  | { code: 'job-unreadable'; id: JobId; why: string }
  | { code: 'supervisor-failed'; id: JobId; why: string }
  | { code: 'more-jobs'; like: 'job-unreadable' | 'job-adrift' | 'supervisor-failed'; count: number }
  /** A job was added this many milliseconds in the future: the clock was set back. */
  | { code: 'clock-behind'; id: JobId; aheadMs: number }
  | { code: 'job-adrift'; id: JobId; name: string | null; left: number }
  /** Jobs that only another sandbox may start, and it has no process. */
  | { code: 'queue-stranded'; queue: string; ids: JobId[]; count: number }
  | { code: 'queue-left'; queue: string; count: number }
  /** Jobs wait or run on a target that does not answer, or no service is there for them. */
  | { code: 'target-silent'; target: Target; jobs: number; silence: NonNullable<FarContact['silence']> }
  | { code: 'target-unserved'; target: Target; jobs: number }
  /** The program of the running scheduler or listener is gone; `replaced`: this command has started another. */
  | { code: 'service-broken'; serves: Serves; id: JobId; path: string; replaced: boolean }
  /** The program that is called after a restart of the machine is gone. */
  | { code: 'boot-broken'; entry: string; path: string };
