/** What `doctor --self-test` says: its checks, and its report, which can be pasted into an issue. */

import { renderDuration } from '../../base/clock.ts';
import { clip, plural, safe } from '../../base/text/sanitize.ts';
import type { MachineFacts } from '../../engine/doctor/machine-facts.ts';
import { MEMORY_TEXTS } from './lists.ts';
import { badValue } from './usage.ts';

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
