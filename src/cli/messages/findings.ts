/** Messages of `doctor`: one line for each finding, what it means and what to do. */
import { renderDuration, renderSize } from '../../base/clock.ts';
import { unreachable } from '../../base/result.ts';
import { clip, plural, safe } from '../../base/text/sanitize.ts';
import type { Finding, LimitName } from '../../engine/doctor/findings.ts';
import { HAS_PROC } from '../../engine/os/process-identity.ts';
import type { Failure } from '../../job/failure.ts';
import { errnoText, FULL, type Message, messageOf } from './failures.ts';
import { enclosureText } from './warnings.ts';

/** Findings that are no danger for jobs: the exit code stays 0. */
export const isNote = (finding: Finding): boolean =>
  ['few-watches', 'zombies-stay', 'clock-behind'].includes(finding.code) ||
  (finding.code === 'tool-missing' && (finding.tool === 'bash' || (finding.tool === 'ps' && HAS_PROC)));

/** The package of each tool that not every system has. */
const PACKAGES: Record<string, string> = {
  script: 'bsdutils or util-linux',
  setsid: 'util-linux',
  mkfifo: 'coreutils',
  env: 'coreutils',
  ps: 'procps',
  bash: 'bash',
};
/** The effect of a missing tool. */
const WITHOUT: Record<string, string> = {
  sh: 'no job can be started',
  env: 'no job can be started',
  mkfifo: 'no job can be started',
  setsid: 'a job can kill its own shim, and is lost then',
  script: 'run --pty does not work',
  ps: 'the commands with ps in the hints of bgjob do not work',
  bash: 'a shell line runs under sh -c, which does not notice a failure before its last |',
};
/** The folders of tools; PATH does not matter. */
const TOOL_FOLDERS = '/usr/bin, /bin, /usr/local/bin';

const LIMITS: Record<LimitName, (value: number, left: number) => Message> = {
  nofile: (value) => ({
    message: `only ${value} open files are allowed (ulimit -n): jobs fail`,
    hint: 'ulimit -n 1024',
  }),
  nproc: (value, left) => ({
    message: `only ${Math.max(0, left)} of ${value} processes and threads (ulimit -u) are left: jobs fail`,
    hint: 'end some processes, or raise the limit: ulimit -u 4096',
  }),
  fsize: (value) => ({
    message:
      `no file may become larger than ${renderSize(value)} (ulimit -f): ` +
      'a job with a larger log is killed (SIGXFSZ)',
    hint: 'ulimit -f unlimited',
  }),
  cpu: (value) => ({
    message: `a process is killed after ${value} s of processor time (ulimit -t), jobs too`,
    hint: 'ulimit -t unlimited',
  }),
};

const MOST_IDS = 5;

const MORE = {
  'job-adrift': { what: 'that left processes running', options: ' --state lost' },
  'job-unreadable': { what: 'with records that cannot be read', options: ' --state unreadable' },
  'supervisor-failed': { what: 'whose supervisor failed', options: '' },
};

/** A broken config.json, and its effect. */
function configFinding(failure: Failure): Message {
  const { message, hint } = messageOf(failure);
  return { message: `${message}: run fails, and old jobs are not removed`, ...(hint && { hint }) };
}

/** What was found, its effect, and what to do. */
export function findingText(finding: Finding): Message {
  switch (finding.code) {
    case 'node-too-old':
      return {
        message: `Node ${finding.version} is too old: bgjob needs ${finding.least} or newer`,
        hint: 'install a newer one from https://nodejs.org',
      };
    case 'proc-missing':
      return {
        message: '/proc is not mounted: the processes of jobs cannot be recognized',
        hint: 'mount -t proc proc /proc',
      };
    case 'proc-foreign':
      return messageOf({ code: 'proc-foreign' });
    case 'boot-unknown':
      return {
        message:
          '/proc/sys/kernel/random/boot_id cannot be read: after a restart of the machine ' +
          'a foreign process may be taken for a job',
        hint: 'give this sandbox a /proc of its own, with /proc/sys',
      };
    case 'ends-with-call':
      return {
        message: `${enclosureText(finding.enclosure)}: every job is lost then`,
        hint: 'wait for jobs in the same call (run --wait), or call bgjob outside the sandbox',
      };
    case 'session-ends-jobs':
      return {
        message:
          `logind kills all processes of ${safe(finding.unit)} at logout (KillUserProcesses=yes), ` +
          'jobs too',
        hint:
          'loginctl enable-linger, and then systemd-run --user --scope bgjob run …; ' +
          'or KillUserProcesses=no in /etc/systemd/logind.conf',
      };
    case 'not-lingering':
      return {
        message:
          `systemd kills all processes of ${safe(finding.user)} below user@.service ` +
          'after the last logout, jobs too',
        hint: 'loginctl enable-linger',
      };
    case 'tool-missing':
      return {
        message: `${finding.tool} is not there (in ${TOOL_FOLDERS}): ${WITHOUT[finding.tool]}`,
        hint: finding.tool in PACKAGES ? `install ${PACKAGES[finding.tool]}` : 'install a POSIX shell',
      };
    case 'limit-low':
      return LIMITS[finding.limit](finding.value, finding.left);
    case 'no-watches':
      return {
        message:
          `no file can be watched (inotify: ${errnoText(finding.errno)}): ` +
          'jobs that watch files fail, and bgjob has to poll',
        hint: 'sysctl fs.inotify.max_user_instances=1024 fs.inotify.max_user_watches=524288',
      };
    case 'few-watches':
      return {
        message: `${finding.key} is only ${finding.value}: jobs that watch many files may fail`,
        hint: `sysctl ${finding.key}=${finding.key.endsWith('instances') ? 1024 : 524288}`,
      };
    case 'zombies-stay':
      return {
        message:
          `pid 1 (${safe(finding.init)}) does not reap zombies (${finding.count} now): ` +
          'jobs end normally, but each leaves entries in the process table',
        hint: 'run an init in the container: docker run --init',
      };
    case 'home-unusable':
      return messageOf(finding.failure);
    case 'config-broken':
      return configFinding(finding.failure);
    case 'home-remote':
      return {
        message:
          `the home ${safe(finding.path)} is on a network file system (${finding.type}): ` +
          'jobs break when it is not reachable, and other machines cannot reach the jobs',
        hint: 'set BGJOB_HOME to a directory on this machine',
      };
    case 'home-full': {
      const left =
        finding.what === 'bytes' ? renderSize(finding.left) : `space for ${plural(finding.left, 'file')}`;
      return {
        message: `only ${left} is left for the home ${safe(finding.path)}`,
        hint: FULL,
      };
    }
    case 'job-unreadable':
      return {
        message: `jobs/${finding.id}/${safe(finding.why)}`,
        hint: `bgjob show ${finding.id}; to drop the job, move its directory out of the home`,
      };
    case 'supervisor-failed':
      return {
        message: `a supervisor of job ${finding.id} failed: ${safe(finding.why)}`,
        hint: `bgjob show ${finding.id}; if no record is damaged, this is a bug in bgjob`,
      };
    case 'more-jobs':
      return {
        message: `and ${plural(finding.count, 'more job')} ${MORE[finding.like].what}`,
        hint: `bgjob ls -a${MORE[finding.like].options}`,
      };
    case 'clock-behind':
      return {
        message:
          `job ${finding.id} was added ${renderDuration(finding.aheadMs)} from now: ` +
          'the clock was set back, and ages are wrong until then',
        hint: 'check the time: date',
      };
    case 'job-adrift': {
      const name = finding.name === null ? '' : `${safe(finding.name)} `;
      return {
        message:
          `${name}${finding.id} is lost, but ` +
          plural(finding.left, 'process of it still runs', 'processes of it still run'),
        hint: `bgjob kill ${finding.id}`,
      };
    }
    case 'queue-stranded': {
      const ids = finding.ids.slice(0, MOST_IDS).join(' ');
      return {
        message:
          `queue ${finding.queue}: ${plural(finding.ids.length, 'job waits', 'jobs wait')} for a bgjob ` +
          'command in the sandbox in which it was queued, and no process runs there',
        hint: `bgjob ls in that sandbox; or bgjob kill ${ids}`,
      };
    }
    case 'queue-left':
      return {
        message:
          `queue ${finding.queue}: ${plural(finding.count, 'job waits', 'jobs wait')}, slots are free, ` +
          'but no process can start them',
        hint: `solve the other problems, then bgjob queue; or bgjob ls --queue ${finding.queue}`,
      };
    default:
      return unreachable(finding);
  }
}

/** The longest line, so that a path of 4 KB does not fill the screen. */
const LONGEST = 2000;

/** A finding in one line. */
export function findingLine(finding: Finding): string {
  const { message, hint } = findingText(finding);
  const kind = isNote(finding) ? 'note' : 'problem';
  return clip(`${kind}: ${message}${hint === undefined ? '' : ` → ${hint}`}`, LONGEST);
}

/** What was checked, if there is no problem. `looked`: at so many of the jobs. */
export function wellLine(path: string, bash: string | undefined, looked: number, jobs: number): string {
  const seen = looked < jobs ? `the newest ${looked} of ${jobs} jobs` : plural(jobs, 'job');
  const shell = bash === undefined ? 'no bash' : safe(bash);
  return `no problems found: Node ${process.versions.node}, ${shell}, home ${safe(path)}, ${seen}`;
}
