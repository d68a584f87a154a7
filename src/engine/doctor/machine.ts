/**
 * Checks the machine for what would end jobs early or break them: missing programs, limits, /proc, pid 1.
 * Checks for features of Linux run only where there is a /proc. Each check takes milliseconds, and none can
 * hang.
 */
import { watch } from 'node:fs';
import { basename } from 'node:path';
import { systemClock } from '../../base/clock.ts';
import { readSystemText } from '../../base/fs/read-record.ts';
import { errnoOf } from '../../base/result.ts';
import { callerZone } from '../../job/automation/timezone.ts';
import { findEnclosure, isProcForeign } from '../os/call-sandbox.ts';
import { findCiRunner } from '../os/early-ends.ts';
import { missingPart } from '../os/own-program.ts';
import { HAS_PROC, pidsInProc, readStat } from '../os/process-identity.ts';
import { readCommandLine } from '../os/process-table.ts';
import { findTool, newSession, refusedTool } from '../os/programs.ts';
import type { Finding, LimitName } from './findings.ts';

const MIN_NODE = 20;
/**
 * Without setsid (or perl) a job shares the process group of its shim; script and stty are for --pty. bgjob itself uses
 * ps only where there is no /proc. Without bash shell lines run without pipefail.
 */
const TOOLS = ['sh', 'env', 'mkfifo', 'setsid', 'script', 'stty', 'ps', 'bash'];

function checkNode(): Finding[] {
  const version = process.versions.node;
  if (Number.parseInt(version, 10) < MIN_NODE) return [{ code: 'node-too-old', version, least: MIN_NODE }];
  const path = missingPart();
  return path === undefined ? [] : [{ code: 'program-gone', path }];
}

function checkProc(): Finding[] {
  if (process.platform === 'linux' && !HAS_PROC) return [{ code: 'proc-missing' }];
  if (isProcForeign()) return [{ code: 'proc-foreign' }];
  const isKnown = !HAS_PROC || readSystemText('/proc/sys/kernel/random/boot_id') !== '';
  return isKnown ? [] : [{ code: 'boot-unknown' }];
}

function checkTools(): Finding[] {
  const isMissing = (tool: string) =>
    tool === 'setsid' ? newSession().length === 0 : findTool(tool) === undefined;
  return TOOLS.filter(isMissing).map((tool) => ({ code: 'tool-missing', tool, refused: refusedTool(tool) }));
}

const LIMITS: [LimitName, string][] = [
  ['nofile', 'Max open files'],
  ['nproc', 'Max processes'],
  ['fsize', 'Max file size'],
  ['cpu', 'Max cpu time'],
];
/** The need of a supervisor (Node has a dozen threads), a shim and a small job: with less they fail. */
const MIN_LEFT = { nofile: 64, nproc: 32 };
/** CAP_SYS_ADMIN or CAP_SYS_RESOURCE: the limit of processes does not apply. */
const EXEMPT = (1n << 21n) | (1n << 24n);

function countThreads(): number {
  const uid = process.getuid!();
  let threads = 0;
  for (const pid of pidsInProc()) {
    const status = readSystemText(`/proc/${pid}/status`);
    if (Number(/^Uid:\s*(\d+)/m.exec(status)?.[1]) !== uid) continue;
    threads += Number(/^Threads:\s*(\d+)/m.exec(status)?.[1] ?? 0);
  }
  return threads;
}

function roomOf(limit: LimitName, value: number): number {
  if (limit !== 'nproc') return value;
  const capabilities = /^CapEff:\s*(\w+)/m.exec(readSystemText('/proc/self/status'))?.[1] ?? '0';
  const isExempt = process.getuid!() === 0 || (BigInt(`0x${capabilities}`) & EXEMPT) !== 0n;
  return isExempt ? Number.POSITIVE_INFINITY : value - countThreads();
}

function checkLimits(): Finding[] {
  const text = readSystemText('/proc/self/limits');
  return LIMITS.flatMap(([limit, title]): Finding[] => {
    const value = Number(new RegExp(`^${title}\\s+(\\d+)\\s`, 'm').exec(text)?.[1] ?? Number.NaN);
    if (Number.isNaN(value)) return [];
    const left = roomOf(limit, value);
    // any limit of these two ends a long job with a signal
    const isLow = limit === 'fsize' || limit === 'cpu' || left < MIN_LEFT[limit];
    return isLow ? [{ code: 'limit-low', limit, value, left }] : [];
  });
}

/** With less than this a few editors and development servers use up all watches. */
const FEW_WATCHES: [key: string, least: number][] = [
  ['max_user_watches', 8192],
  ['max_user_instances', 128],
];

function checkWatches(): Finding[] {
  try {
    watch('/').close();
  } catch (thrown) {
    return [{ code: 'no-watches', errno: errnoOf(thrown) }];
  }
  if (!HAS_PROC) return [];
  return FEW_WATCHES.flatMap(([name, least]): Finding[] => {
    const key = `fs.inotify.${name}`;
    const text = readSystemText(`/proc/sys/${key.replaceAll('.', '/')}`);
    return text !== '' && Number(text) < least ? [{ code: 'few-watches', key, value: Number(text) }] : [];
  });
}

function checkZone(tz: string | undefined): Finding[] {
  const { timezone, unread } = callerZone(tz);
  return unread === null ? [] : [{ code: 'zone-unread', tz: unread, timezone }];
}

/** Pid 1 reaps its dead children at once, or never. */
const REAPED_MS = 50;

async function checkInit(): Promise<Finding[]> {
  if (!HAS_PROC || isProcForeign()) return [];
  const isDead = (pid: number): boolean => {
    const stat = readStat(pid);
    return stat?.state === 'Z' && stat.ppid === 1;
  };
  const dead = pidsInProc().filter(isDead);
  if (dead.length === 0) return [];
  await systemClock.sleep(REAPED_MS);
  const count = dead.filter(isDead).length;
  const init = basename(readCommandLine(1)[0] ?? '');
  return count === 0 ? [] : [{ code: 'zombies-stay', count, init }];
}

/** All problems of this machine, the worst first. */
export async function checkMachine(env: NodeJS.ProcessEnv): Promise<Finding[]> {
  const enclosure = findEnclosure(env);
  const ends: Finding[] = enclosure ? [{ code: 'ends-with-call', enclosure }] : [];
  const runner = findCiRunner(env);
  if (runner) ends.push({ code: 'runner-ends-jobs', runner });
  const first = [...checkNode(), ...checkProc(), ...ends, ...checkTools()];
  return [...first, ...checkLimits(), ...checkWatches(), ...checkZone(env['TZ']), ...(await checkInit())];
}
