/** What `doctor` found, in words: one line each, what it means and what to do about it. */
import { renderDuration, renderSize } from '../../base/clock.ts';
import { unreachable } from '../../base/result.ts';
import { clip, plural, safe } from '../../base/text/sanitize.ts';
import type { Finding, LimitName } from '../../engine/doctor/findings.ts';
import { HAS_PROC } from '../../engine/os/process-identity.ts';
import type { Failure } from '../../job/failure.ts';
import { errnoText, type Message, messageOf } from './failures.ts';
import { enclosureText } from './warnings.ts';

/** What is no danger for jobs: it is told, and all is well. */
export const isNote = (finding: Finding): boolean =>
  ['few-watches', 'zombies-stay', 'clock-behind'].includes(finding.code) ||
  (finding.code === 'tool-missing' && (finding.tool === 'bash' || (finding.tool === 'ps' && HAS_PROC)));

/** In which package a tool is, where it is not there from the start. */
const PACKAGES: Record<string, string> = {
  script: 'bsdutils or util-linux',
  setsid: 'util-linux',
  mkfifo: 'coreutils',
  env: 'coreutils',
  ps: 'procps',
  bash: 'bash',
};
const WITHOUT: Record<string, string> = {
  sh: 'no job can be started',
  env: 'no job can be started',
  mkfifo: 'no job can be started',
  setsid: 'a job can signal its own shim, and its end is lost then',
  script: 'run --pty does not work',
  ps: 'what the hints of bgjob ask it cannot be asked',
  bash: 'a shell line runs under sh -c, and a failure before its last | is not seen',
};
/** Where tools are looked for, whatever PATH is. */
const PLACES = '/usr/bin, /bin, /usr/local/bin';

const LIMITS: Record<LimitName, (value: number, left: number) => Message> = {
  nofile: (value) => ({
    message: `only ${value} open files are allowed (ulimit -n): jobs fail`,
    hint: 'ulimit -n 1024',
  }),
  nproc: (value, left) => ({
    message: `of ${value} processes and threads that are allowed (ulimit -u) ${Math.max(0, left)} are left: jobs fail`,
    hint: 'end some, or raise it: ulimit -u 4096',
  }),
  fsize: (value) => ({
    message: `no file may get larger than ${renderSize(value)} (ulimit -f): a job whose log does is ended (SIGXFSZ)`,
    hint: 'ulimit -f unlimited',
  }),
  cpu: (value) => ({
    message: `a process is ended after ${value} s of processor time (ulimit -t): jobs too`,
    hint: 'ulimit -t unlimited',
  }),
};

const MOST_IDS = 5;

const MORE = {
  'job-adrift': { what: 'that left something running', options: ' --state lost' },
  'job-unreadable': { what: 'with records that cannot be read', options: ' --state unreadable' },
  'supervisor-failed': { what: 'whose supervisor failed', options: '' },
};

/** What follows from it. */
function configFinding(failure: Failure): Message {
  const { message, hint } = messageOf(failure);
  return { message: `${message}: run refuses, and old jobs are not removed`, ...(hint && { hint }) };
}

/** What was found, why it matters, and what to do. */
export function findingText(finding: Finding): Message {
  switch (finding.code) {
    case 'node-too-old':
      return {
        message: `Node ${finding.version} is too old: bgjob needs ${finding.least} or newer`,
        hint: 'install a newer one from https://nodejs.org',
      };
    case 'proc-missing':
      return { message: '/proc is not mounted: jobs cannot be told apart', hint: 'mount -t proc proc /proc' };
    case 'proc-foreign':
      return messageOf({ code: 'proc-foreign' });
    case 'boot-unknown':
      return {
        message:
          '/proc/sys/kernel/random/boot_id cannot be read: after a restart of the machine another process may be taken for one of a job',
        hint: 'give this sandbox a /proc of its own, with /proc/sys',
      };
    case 'ends-with-call':
      return {
        message: `${enclosureText(finding.enclosure)}: every job is lost then`,
        hint: 'wait for jobs in the same call (run --wait), or call bgjob outside the sandbox',
      };
    case 'session-ends-jobs':
      return {
        message: `logind ends all that runs in ${safe(finding.unit)} at logout (KillUserProcesses=yes), jobs too`,
        hint: 'loginctl enable-linger, and then systemd-run --user --scope bgjob run …; or KillUserProcesses=no in /etc/systemd/logind.conf',
      };
    case 'not-lingering':
      return {
        message: `systemd ends all that ${safe(finding.user)} runs below user@.service after the last logout, jobs too`,
        hint: 'loginctl enable-linger',
      };
    case 'tool-missing':
      return {
        message: `${finding.tool} is not there (in ${PLACES}): ${WITHOUT[finding.tool]}`,
        hint: finding.tool in PACKAGES ? `install ${PACKAGES[finding.tool]}` : 'install a POSIX shell',
      };
    case 'limit-low':
      return LIMITS[finding.limit](finding.value, finding.left);
    case 'no-watches':
      return {
        message: `no file can be watched (inotify: ${errnoText(finding.errno)}): jobs that watch files fail, and bgjob has to look`,
        hint: 'sysctl fs.inotify.max_user_instances=1024 fs.inotify.max_user_watches=524288',
      };
    case 'few-watches':
      return {
        message: `${finding.key} is only ${finding.value}: jobs that watch many files may fail`,
        hint: `sysctl ${finding.key}=${finding.key.endsWith('instances') ? 1024 : 524288}`,
      };
    case 'zombies-stay':
      return {
        message: `pid 1 (${safe(finding.init)}) does not take in its dead (${finding.count} now): jobs end all the same, but each leaves entries in the process table`,
        hint: 'an init in the container helps: docker run --init',
      };
    case 'home-unusable':
      return messageOf(finding.failure);
    case 'config-broken':
      return configFinding(finding.failure);
    case 'home-remote':
      return {
        message: `the home ${safe(finding.path)} is on a network file system (${finding.type}): jobs break when it is away, and other machines cannot reach them`,
        hint: 'set BGJOB_HOME to a directory on this machine',
      };
    case 'home-full': {
      const left =
        finding.what === 'bytes'
          ? `${renderSize(finding.left)} of room`
          : `room for ${plural(finding.left, 'file')}`;
      return {
        message: `only ${left} is left for the home ${safe(finding.path)}`,
        hint: 'bgjob gc --ended removes what ended jobs hold; or set BGJOB_HOME to a place with room',
      };
    }
    case 'job-unreadable':
      return {
        message: `jobs/${finding.id}/${safe(finding.why)}`,
        hint: `bgjob show ${finding.id}; mv it out of the home to forget the job`,
      };
    case 'supervisor-failed':
      return {
        message: `a supervisor of job ${finding.id} failed: ${safe(finding.why)}`,
        hint: `bgjob show ${finding.id}; if no record was damaged this is a bug in bgjob`,
      };
    case 'more-jobs':
      return {
        message: `and ${plural(finding.count, 'more job')} ${MORE[finding.like].what}`,
        hint: `bgjob ls -a${MORE[finding.like].options}`,
      };
    case 'clock-behind':
      return {
        message: `job ${finding.id} was added ${renderDuration(finding.aheadMs)} from now: the clock was set back, and ages are wrong until then`,
        hint: 'is this the time? date',
      };
    case 'job-adrift': {
      const name = finding.name === null ? '' : `${safe(finding.name)} `;
      return {
        message: `${name}${finding.id} is lost, and ${plural(finding.left, 'process', 'processes')} of it still run`,
        hint: `bgjob kill ${finding.id}`,
      };
    }
    case 'queue-stranded': {
      const ids = finding.ids.slice(0, MOST_IDS).join(' ');
      return {
        message: `queue ${finding.queue}: ${plural(finding.ids.length, 'job waits', 'jobs wait')} for a bgjob command in the sandbox where it was queued, and nobody is there`,
        hint: `bgjob ls there; or bgjob kill ${ids}`,
      };
    }
    case 'queue-left':
      return {
        message: `queue ${finding.queue}: ${plural(finding.count, 'job waits', 'jobs wait')}, slots are free, and nobody can start them`,
        hint: `mend what else is told here, then bgjob queue; or bgjob ls --queue ${finding.queue}`,
      };
    default:
      return unreachable(finding);
  }
}

/** A line is read by people: no path of 4 KB. */
const LONGEST = 2000;

/** One line: what it is, and what to do. */
export function findingLine(finding: Finding): string {
  const { message, hint } = findingText(finding);
  const kind = isNote(finding) ? 'note' : 'problem';
  return clip(`${kind}: ${message}${hint === undefined ? '' : ` → ${hint}`}`, LONGEST);
}
