/**
 * Messages of `doctor`: one line for each finding, what it means and what to do; and of its `--self-test`:
 * checks and a report, which can be pasted into an issue.
 */

import { renderDuration, renderSize } from '../../base/clock.ts';
import { clip, plural, safe } from '../../base/text/sanitize.ts';
import type { Finding, LimitName } from '../../engine/doctor/findings.ts';
import type { MachineFacts } from '../../engine/doctor/machine-facts.ts';
import { HAS_PROC } from '../../engine/os/process-identity.ts';
import type { MemoryWay } from '../../engine/usage/control-group.ts';
import { sessionText } from '../../job/session.ts';
import { quoteWord } from '../../job/view.ts';
import { SERVICE, zoneUnreadText } from './automation.ts';
import { FULL, type Message, messageAndHint, messageFrom } from './failures.ts';
import { MEMORY_TEXTS } from './lists.ts';
import { silentTargetText, targetLabel } from './targets.ts';
import { badValue, errnoText, type MessageAndHint, type TextsOf, textFor } from './usage.ts';
import { enclosureText, runnerRemedy, runnerText, serviceRemedy, serviceText } from './warnings.ts';

/** Findings that are no danger for jobs: the exit code stays 0. */
export const isNote = (finding: Finding): boolean =>
  [
    'few-watches',
    'zone-unread',
    'zombies-stay',
    'clock-behind',
    'runner-ends-jobs',
    'session',
    'agent-host',
  ].includes(finding.code) ||
  (finding.code === 'service-broken' && finding.replaced) ||
  (finding.code === 'tool-missing' && (finding.tool === 'bash' || (finding.tool === 'ps' && HAS_PROC)));

const LIMITS: Record<LimitName, (value: number, left: number) => MessageAndHint> = {
  nofile: (value) => [`only ${value} open files are allowed (ulimit -n): jobs fail`, 'ulimit -n 1024'],
  nproc: (value, left) => [
    `only ${Math.max(0, left)} of ${value} processes and threads (ulimit -u) are left: jobs fail`,
    'end some processes, or raise the limit: ulimit -u 4096',
  ],
  fsize: (value) => [
    `no file may become larger than ${renderSize(value)} (ulimit -f): ` +
      'a job with a larger log is killed (SIGXFSZ)',
    'ulimit -f unlimited',
  ],
  cpu: (value) => [
    `a process is killed after ${value} s of processor time (ulimit -t), jobs too`,
    'ulimit -t unlimited',
  ],
};

const MOST_IDS = 5;

const MORE = {
  'job-adrift': { what: 'that left processes running', options: ' --state lost' },
  'job-unreadable': { what: 'with records that cannot be read', options: ' --state unreadable' },
  'supervisor-failed': { what: 'whose supervisor failed', options: '' },
};

const waitIn = (queue: string, count: number) => `queue ${queue}: ${plural(count, 'job waits', 'jobs wait')}`;

const FINDINGS: TextsOf<Finding, 'code', Finding['code'], MessageAndHint> = {
  'node-too-old': ({ version, least }) => [
    `Node ${version} is too old: bgjob needs ${least} or newer`,
    'install a newer one from https://nodejs.org',
  ],
  'proc-missing': [
    '/proc is not mounted: the processes of jobs cannot be recognized',
    'mount -t proc proc /proc',
  ],
  'proc-foreign': () => messageAndHint({ code: 'proc-foreign' }),
  'boot-unknown': [
    '/proc/sys/kernel/random/boot_id cannot be read: after a restart of the machine ' +
      'a foreign process may be taken for a job',
    'give this sandbox a /proc of its own, with /proc/sys',
  ],
  'ends-with-call': ({ enclosure }) => [
    `${enclosureText(enclosure)}: every job is lost then`,
    'wait for jobs in the same call (run --wait), or call bgjob outside the sandbox',
  ],
  'service-ends-jobs': ({ service }) => [
    `${serviceText(service)}: every job that starts here is lost then`,
    serviceRemedy(service),
  ],
  'runner-ends-jobs': ({ runner }) => [
    `${runnerText(runner)}: jobs that still run are killed then (exit code 137 or 143)`,
    `wait for jobs in the same CI job (run --wait), or let one live: ${runnerRemedy(runner)}`,
  ],
  session: ({ session }) => [
    `this call is in the agent session ${sessionText(session)}, which is told of the jobs that it starts`,
    'bgjob ls --unseen',
  ],
  'agent-host': ({ host, place, path, hasHooks, inPath, deafShell, off }) => {
    const name = host === 'claude' ? 'Claude Code' : 'Codex';
    if (off)
      return [
        `the hooks of ${name} are switched off (${safe(off.setting)} in ${safe(off.path)}): ` +
          'it is not told how jobs ended, though its hooks are installed',
        'remove that setting, or let the agent ask: bgjob ls --unseen',
      ];
    if (!hasHooks)
      return [
        `${name} has the page of bgjob (${safe(path)}), and no hooks: it is not told how jobs ended`,
        `bgjob skill --${place} --hooks`,
      ];
    if (!inPath)
      return [
        `${name} has the hooks of bgjob (${safe(path)}), but there is no bgjob in PATH: ` +
          `where ${name} has this PATH too, it is not told how jobs ended`,
        'install bgjob as its README says, or add its directory to the PATH of the agent',
      ];
    if (deafShell !== null)
      return [
        `the hooks of ${name} find no bgjob (${safe(deafShell)} -l sets another PATH): ` +
          `${name} is not told how jobs ended`,
        `set PATH in the login profile, until this prints a path: ${quoteWord(deafShell)} -lc 'command -v bgjob'`,
      ];
    return [
      `${name} has the hooks of bgjob (${safe(path)}): it is told how jobs ended` +
        (host === 'codex' ? ', once you have trusted them there (/hooks)' : ''),
    ];
  },
  'session-ends-jobs': ({ unit }) => [
    `logind kills all processes of ${safe(unit)} at logout (KillUserProcesses=yes), jobs too`,
    'loginctl enable-linger, and then systemd-run --user --scope bgjob run …; ' +
      'or KillUserProcesses=no in /etc/systemd/logind.conf',
  ],
  'not-lingering': ({ user }) => [
    `systemd kills all processes of ${safe(user)} below user@.service after the last logout, jobs too`,
    'loginctl enable-linger',
  ],
  'tool-missing': (missing) => messageAndHint(missing),
  'limit-low': ({ limit, value, left }) => LIMITS[limit](value, left),
  'no-watches': ({ errno }) => [
    `no file can be watched (inotify: ${errnoText(errno)}): ` +
      'jobs that watch files fail, and bgjob has to poll',
    'sysctl fs.inotify.max_user_instances=1024 fs.inotify.max_user_watches=524288',
  ],
  'few-watches': ({ key, value }) => [
    `${key} is only ${value}: jobs that watch many files may fail`,
    `sysctl ${key}=${key.endsWith('instances') ? 1024 : 524288}`,
  ],
  'zone-unread': ({ tz, timezone }) => [
    `${zoneUnreadText(tz, timezone)} for new schedules, and times may be shown in another zone`,
    `export TZ=${timezone}`,
  ],
  'zombies-stay': ({ init, count }) => [
    `pid 1 (${safe(init)}) does not reap zombies (${count} now): ` +
      'jobs end normally, but each leaves entries in the process table',
    'run an init in the container: docker run --init',
  ],
  'home-unusable': ({ failure }) => messageAndHint(failure),
  'config-broken': ({ failure }) => {
    const [message, hint] = messageAndHint(failure);
    return [`${message}: run fails, and old jobs are not removed`, hint];
  },
  'home-remote': ({ path, type }) => [
    `the home ${safe(path)} is on a network file system (${type}): ` +
      'jobs break when it is not reachable, and other machines cannot reach the jobs',
    'set BGJOB_HOME to a directory on this machine: export BGJOB_HOME=/var/tmp/bgjob-$(id -u)',
  ],
  'home-full': ({ what, left, path }) => {
    const space = what === 'bytes' ? renderSize(left) : `space for ${plural(left, 'file')}`;
    return [`only ${space} is left for the home ${safe(path)}`, FULL];
  },
  'job-unreadable': ({ id, why }) => [
    `jobs/${id}/${safe(why)}`,
    `bgjob show ${id}; to drop the job, move its directory out of the home`,
  ],
  'supervisor-failed': ({ id, why }) => [
    `a supervisor of job ${id} failed: ${safe(why)}`,
    `bgjob show ${id}; if no record is damaged, this is a bug in bgjob`,
  ],
  'more-jobs': ({ count, like }) => [
    `and ${plural(count, 'more job')} ${MORE[like].what}`,
    `bgjob ls -a${MORE[like].options}`,
  ],
  'clock-behind': ({ id, aheadMs }) => [
    `job ${id} was added ${renderDuration(aheadMs)} from now: ` +
      'the clock was set back, and ages are wrong until then',
    'check the time: date',
  ],
  'job-adrift': ({ name, id, left }) => {
    const still = plural(left, 'process of it still runs', 'processes of it still run');
    return [`${name === null ? '' : `${safe(name)} `}${id} is lost, but ${still}`, `bgjob kill ${id}`];
  },
  'queue-stranded': ({ queue, ids }) => [
    `${waitIn(queue, ids.length)} for a bgjob ` +
      'command in the sandbox in which it was queued, and no process runs there',
    `bgjob ls in that sandbox; or bgjob kill ${ids.slice(0, MOST_IDS).join(' ')}`,
  ],
  'queue-left': ({ queue, count }) => [
    `${waitIn(queue, count)}, slots are free, but no process can start them`,
    `solve the other problems, then bgjob queue; or bgjob ls --queue ${queue}`,
  ],
  'program-gone': ({ path }) => messageAndHint({ code: 'program-gone', path }),
  'target-silent': ({ target, jobs, silence }) => silentTargetText(target, jobs, silence),
  'target-unserved': ({ target, jobs }) => [
    `the service of target ${targetLabel(target)} does not run, and ${plural(jobs, 'job')} there ` +
      `${jobs === 1 ? 'needs' : 'need'} it`,
    'bgjob ls -a; its own log: bgjob tail REF of the job bgjob target there',
  ],
  'service-broken': ({ serves, id, path, replaced }) => [
    `${SERVICE[serves]} (job ${id}) ran with ${safe(path)}, which is gone: ` +
      (replaced ? 'it is replaced' : 'it can start no job'),
    replaced
      ? undefined
      : `bgjob kill ${id}; then bgjob ${{ schedules: 'cron ls', triggers: 'trigger ls', target: 'targets' }[serves]}`,
  ],
  'boot-broken': ({ entry, path }) => [
    `after a restart of the machine ${entry} calls ${safe(path)}, which is gone: ` +
      'schedules, triggers and queues do not go on then',
    'bgjob cron add --boot',
  ],
};

/** What was found, its effect, and what to do. */
export const findingText = (finding: Finding): Message => messageFrom(textFor('code', finding, FINDINGS));

/** The longest line, so that a path of 4 KB does not fill the screen. */
const LONGEST = 2000;

export function findingLine(finding: Finding): string {
  const { message, hint } = findingText(finding);
  const kind = isNote(finding) ? 'note' : 'problem';
  return clip(`${kind}: ${message}${hint === undefined ? '' : ` → ${hint}`}`, LONGEST);
}

/** What was checked, if there is no problem. `looked`: at so many of the jobs. */
export function wellLine(
  path: string,
  bash: string | undefined,
  looked: number,
  jobs: number,
  memory: MemoryWay['way'],
): string {
  const seen = looked < jobs ? `the newest ${looked} of ${jobs} jobs` : plural(jobs, 'job');
  const shell = bash === undefined ? 'no bash' : safe(bash);
  const limit = `--memory ${MEMORY_TEXTS[memory]}`;
  return `no problems found: Node ${process.versions.node}, ${shell}, home ${safe(path)}, ${seen}, ${limit}`;
}

// self-test

const CHECK_TEXTS = {
  program: 'bin/bgjob starts by its first line',
  'exit-code': 'true exit codes: 7, a signal, a timeout',
  fifo: 'a FIFO is locked as long as its job lives',
  session: 'a job has a session of its own',
  processes: 'the list of processes and their whole command lines',
  kill: 'kill ends a process tree, also what ignores TERM',
  adoption: 'a supervisor that is killed is replaced',
  lost: 'a job whose end no process saw is lost',
  environment: 'odd variables reach the job unchanged',
  pipefail: 'bash: a failure before the last | counts',
  pty: 'a terminal (script, stty), and typing into it',
  stdin: 'send, and end of file',
  'log-limit': 'a log is cut on the disk (holes, or copies)',
  until: 'waiting for a line of output',
  follow: 'output as it comes',
  port: 'waiting for a port, and the job that has it',
  queue: 'three jobs of a queue, one after the other',
  retry: 'a second attempt',
  schedule: 'a time zone, and a job of a schedule',
  trigger: 'a job of a POST to 127.0.0.1',
  lock: 'of four calls at once one gets the name',
  records: 'a damaged record is noticed, and gc',
};
export type CheckKind = keyof typeof CHECK_TEXTS;

export const checkText = (name: CheckKind): string => CHECK_TEXTS[name];

export const unknownCheck = (name: string) =>
  badValue('--self-test', name, `a check: ${Object.keys(CHECK_TEXTS).join(', ')}`);

export interface CheckResult {
  name: CheckKind;
  result: 'ok' | 'failed' | 'skipped';
  tookMs: number;
  /** Why it failed; the calls that it had made. */
  why: string | null;
  calls: string[];
}

const MAX_WHY = 600;
const MAX_CALLS = 4;
const MAX_CALL = 800;

export const mismatchText = (what: string, found: string, wanted: string): string =>
  `${what}: ${clip(found, MAX_WHY)} instead of ${wanted}`;
export const neverText = (what: string, last: string): string =>
  `${what}: it did not come in time; the last value was ${clip(last, MAX_WHY)}`;
export const noAnswerText = (call: string): string =>
  `${clip(call, MAX_WHY)}: the call did not return in time`;
export const noStartText = (): string => 'no job was started';
export const outOfTimeText = (): string => 'it was not tried: the two minutes were over';

/** A whole call, for the report of a failure. */
export const callText = (call: string): string => clip(safeLines(call), MAX_CALL);
const safeLines = (text: string): string => text.trimEnd().split('\n').map(safe).join('\n          ');

const or = (text: string, other: string): string => (text === '' ? other : text);

/** The first lines of the report. */
export function headText(version: string, facts: MachineFacts): string {
  const { node, platform, arch, system, kernel, libc, fileSystem, inside, sh, missing } = facts;
  const { cpus, load, openFiles, isRoot, memoryLimit } = facts;
  return [
    `bgjob ${version} doctor --self-test`,
    safe(`Node ${node}, ${platform} ${kernel} ${arch}, ${or(system, 'unknown system')}, ${libc}`),
    safe(
      `file system ${fileSystem}, sh is ${or(sh, 'missing')}, inside: ${or(inside.join(', '), 'nothing')}`,
    ),
    `${plural(cpus, 'CPU')}, load ${load}, ulimit -n ${openFiles || 'unknown'}, ${isRoot ? 'as root' : 'not as root'}`,
    `--memory: ${MEMORY_TEXTS[memoryLimit]}`,
    ...(missing.length === 0 ? [] : [`missing: ${missing.join(', ')}`]),
  ].join('\n');
}

const RESULTS = { ok: 'ok', failed: 'FAILED', skipped: 'skipped' };

/** One check in a line; of one that failed also why, and its last calls. */
export function checkLine({ name, result, tookMs, why, calls }: CheckResult): string {
  const line = `${RESULTS[result].padEnd(8)}${name.padEnd(13)}${CHECK_TEXTS[name].padEnd(54)}`;
  const took = renderDuration(Math.max(10, Math.round(tookMs / 10) * 10));
  const details = why === null ? [] : [safe(why), ...calls.slice(-MAX_CALLS).map(callText)];
  return [`${line}${took}`, ...details.map((text) => `        ${text}`)].join('\n');
}

export const progressLine = (done: number, total: number, name: CheckKind): string =>
  `${done} of ${total}: ${name}, ${CHECK_TEXTS[name]}`;

/** The last line of the report. */
export function totalText(results: CheckResult[], tookMs: number): string {
  const named = (result: CheckResult['result']) =>
    results.filter((one) => one.result === result).map(({ name }) => name);
  const [failed, skipped] = [named('failed'), named('skipped')];
  const count = `${plural(results.length, 'check')} in ${renderDuration(tookMs)}`;
  const left = skipped.length === 0 ? '' : `, not for this machine: ${skipped.join(', ')}`;
  if (failed.length === 0) return `${count}: all passed${left}`;
  return `${count}: ${failed.length} failed (${failed.join(', ')})${left}; paste these lines into an issue`;
}

export const interruptedText = (): string =>
  'interrupted: the jobs of the self-test are ended, and its files are removed';
