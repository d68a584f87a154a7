/**
 * The identity of a process, whether it lives, and which files it has open. On Linux all comes from /proc:
 * `kill(pid, 0)` calls a zombie alive, and a pid may be given to another program within seconds. Where there
 * is no /proc (macOS) it comes from ps, with a start time in whole seconds. Lists of all processes are in
 * process-table.ts.
 */
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  statSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { basename } from 'node:path';
import { type FileId, fileAt, isSameFile } from '../../base/fs/file-id.ts';
import { readRecord, readSystemText, readText } from '../../base/fs/read-record.ts';
import { attemptQuietly, errnoOf, ignoreSystemError, rethrowShortage } from '../../base/result.ts';
import type { Identity } from '../../job/identity.ts';
import { runTool } from './programs.ts';

export interface ProcessStat {
  pid: number;
  ppid: number;
  group: number;
  session: number;
  /** The letter of the kernel: R S D T t Z X. */
  state: string;
  startTicks: number;
}

export const HAS_PROC = existsSync('/proc/self/stat');

/** Parses `/proc/PID/stat`. The program name may hold anything, as `) R 1 (`: so the last `)` counts. */
export function parseStat(text: string): ProcessStat | undefined {
  const close = text.lastIndexOf(')');
  // perhaps thousands of blanks: room in a record of the shim
  if (close === -1) return undefined;
  const pid = Number.parseInt(text, 10);
  const fields = text.slice(close + 2).split(' ', 20);
  const startTicks = Number(fields[19]);
  if (!(pid > 0) || !Number.isSafeInteger(startTicks)) return undefined;
  return {
    pid,
    state: fields[0]!,
    ppid: Number(fields[1]),
    group: Number(fields[2]),
    session: Number(fields[3]),
    startTicks,
  };
}

export const pidsInProc = (): number[] =>
  readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? Number(name) : []));

export function readStat(pid: number): ProcessStat | undefined {
  if (!HAS_PROC) return readStatsFromPs([pid])[0];
  const stat = readRecord(`/proc/${pid}/stat`);
  return stat.kind === 'text' ? parseStat(stat.text) : undefined;
}

/** The clock ticks per second that Linux shows to programs (USER_HZ, proc(5)). */
export const TICKS_PER_SECOND = 100;

/** Now, in the unit of `startTicks`: a process with a smaller number was started before. */
export function ticksNow(): number {
  if (!HAS_PROC) return Math.floor(Date.now() / 1000);
  const seconds = Number.parseFloat(readSystemText('/proc/uptime'));
  // some sandboxes hide the uptime; with 0 no process counts as older
  return Number.isFinite(seconds) ? Math.round(seconds * TICKS_PER_SECOND) : 0;
}

/** A past moment (milliseconds since 1970) in ticks. Wrong by the amount that the clock was set since. */
export const ticksAt = (at: number): number =>
  HAS_PROC ? Math.ceil(ticksNow() - ((Date.now() - at) * TICKS_PER_SECOND) / 1000) : Math.ceil(at / 1000);

export const readStats = (pids: number[]): ProcessStat[] =>
  HAS_PROC ? pids.flatMap((pid) => readStat(pid) ?? []) : readStatsFromPs(pids);

export const PS_COLUMNS = 'pid=,ppid=,pgid=,sess=,state=,lstart=';

/** The same in one call of ps. */
export function readStatsFromPs(pids: number[]): ProcessStat[] {
  if (pids.length === 0) return [];
  const text = runTool('ps', ['-ww', '-o', PS_COLUMNS, '-p', pids.join(',')]);
  return text.split('\n').flatMap((line) => parsePsLine(line) ?? []);
}

/** Parses a line `pid ppid pgid sess state lstart` of ps in the C locale. */
export function parsePsLine(line: string): ProcessStat | undefined {
  const match = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(\S+)\s+(.+?)\s*$/.exec(line);
  const startTicks = match ? Math.round(Date.parse(`${match[6]} UTC`) / 1000) : Number.NaN;
  if (!match || !Number.isSafeInteger(startTicks)) return undefined;
  return {
    pid: Number(match[1]),
    ppid: Number(match[2]),
    group: Number(match[3]),
    // macOS prints an address as the session: then the group stands in
    session: Number(match[4]) || Number(match[3]),
    state: match[5]!.charAt(0),
    startTicks,
  };
}

/** The boot, pid namespace and machine in which a pid and its start time are valid. */
export interface Host {
  bootId: string;
  pidNamespace: string;
  machine: string;
}

export const readLink = (path: string): string | undefined => attemptQuietly(() => readlinkSync(path));

function readHost(): Host {
  const pidNamespace = (HAS_PROC && readLink('/proc/self/ns/pid')) || '';
  const bootId =
    readText('/proc/sys/kernel/random/boot_id').trim() ||
    // macOS. Not kern.boottime: that changes when the clock is set.
    attemptQuietly(() => runTool('sysctl', ['-n', 'kern.bootsessionuuid']))?.trim() ||
    'unknown';
  return { bootId, pidNamespace, machine: readText('/etc/machine-id').trim() || hostname() };
}

let here: Host | undefined;
export function thisHost(): Host {
  here ??= readHost();
  return here;
}

/** The identity of a running process of this machine; undefined if there is no such process. */
export function identify(pid: number): Identity | undefined {
  const stat = readStat(pid);
  return stat && { pid, startTicks: stat.startTicks, ...thisHost() };
}

/** A zombie counts as dead: it only waits for a parent that may never ask. */
export const isDeadState = (state: string): boolean => state === 'Z' || state === 'X' || state === 'x';

/** The bit of SIGSTOP among the pending signals in /proc/PID/status; bits count from 1. */
const PENDING_STOP = 1n << 18n;

/**
 * Whether a process runs none of its code until it gets SIGCONT: it is stopped, or stops as soon as its
 * system call returns. A parent in vfork returns only when its child does, which was stopped before its exec.
 */
export function isStopped({ pid, state }: ProcessStat): boolean {
  if (state !== 'D') return state === 'T' || state === 't';
  const masks = readSystemText(`/proc/${pid}/status`).matchAll(/^S[ih][gd]Pnd:\s*([0-9a-f]+)$/gm);
  return [...masks].some(([, mask]) => (BigInt(`0x${mask}`) & PENDING_STOP) !== 0n);
}

function findAlive(identity: Identity): ProcessStat | 'dead' | 'unknown' {
  const host = thisHost();
  if (identity.bootId !== host.bootId) return identity.machine === host.machine ? 'dead' : 'unknown';
  if (identity.pidNamespace !== host.pidNamespace) return 'unknown';
  const stat = readStat(identity.pid);
  return stat && stat.startTicks === identity.startTicks && !isDeadState(stat.state) ? stat : 'dead';
}

/** Whether this very process lives; `unknown` in another pid namespace, where its pid means nothing to us. */
export function isAlive(identity: Identity): 'alive' | 'dead' | 'unknown' {
  const found = findAlive(identity);
  return typeof found === 'string' ? found : 'alive';
}

/** Whether this very process lives and is not stopped: it may still do its work. */
export function isAtWork(identity: Identity): boolean {
  const found = findAlive(identity);
  return typeof found !== 'string' && !isStopped(found);
}

export const isSame = (a: Identity, b: Identity): boolean =>
  a.pid === b.pid &&
  a.startTicks === b.startTicks &&
  a.bootId === b.bootId &&
  a.pidNamespace === b.pidNamespace;

/** The pid inside a pid namespace of a process that we see; undefined if it is not in that namespace. */
function pidIn(namespace: string, pid: number): number | undefined {
  if (namespace === thisHost().pidNamespace) return pid;
  if (readLink(`/proc/${pid}/ns/pid`) !== namespace) return undefined;
  return Number(/^NSpid:.*\s(\d+)$/m.exec(readText(`/proc/${pid}/status`))?.[1]);
}

/** Whether a process that we see has this identity; it may live in a pid namespace below ours. */
export const matchesIdentity = (stat: ProcessStat | undefined, identity: Identity): boolean =>
  stat?.startTicks === identity.startTicks &&
  identity.bootId === thisHost().bootId &&
  pidIn(identity.pidNamespace, stat.pid) === identity.pid;

/** The pid under which we see a process; undefined if we do not see it, or it is gone. */
export function pidHere(identity: Identity): number | undefined {
  const isHere = identity.pidNamespace === thisHost().pidNamespace || !HAS_PROC;
  return (isHere ? [identity.pid] : pidsInProc()).find((pid) => {
    const stat = readStat(pid);
    return matchesIdentity(stat, identity) && !isDeadState(stat!.state);
  });
}

/**
 * Whether a process holds this FIFO open for writing. The kernel answers in microseconds, across pid
 * namespaces. The FIFO is opened for reading only: opening it for writing would lock it for a moment.
 */
export function isLocked(fifo: string): boolean {
  const { O_RDONLY, O_NONBLOCK, O_NOFOLLOW } = constants;
  let fd: number;
  try {
    fd = openSync(fifo, O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
  } catch (thrown) {
    rethrowShortage(thrown);
    ignoreSystemError(thrown);
    return false;
  }
  try {
    if (!fstatSync(fd).isFIFO()) return false;
    // no process writes into it: the answer is end of file (unlocked) or EAGAIN (locked)
    readSync(fd, Buffer.alloc(1));
    return false;
  } catch (thrown) {
    return errnoOf(thrown) === 'EAGAIN';
  } finally {
    closeSync(fd);
  }
}

export const isFifo = (path: string): boolean =>
  lstatSync(path, { throwIfNoEntry: false })?.isFIFO() === true;

export function* openFiles(pid: number): Generator<[fd: string, path: string]> {
  for (const fd of attemptQuietly(() => readdirSync(`/proc/${pid}/fd`)) ?? []) {
    const path = readLink(`/proc/${pid}/fd/${fd}`);
    if (path !== undefined) yield [fd, path];
  }
}

export interface NamedFile extends FileId {
  name: string;
}

export const filesAt = (paths: string[]): NamedFile[] =>
  paths.flatMap((path) => {
    const file = fileAt(path);
    return file ? [{ dev: file.dev, ino: file.ino, name: basename(path) }] : [];
  });

/** The file behind a descriptor of a process; undefined if we may not see it. */
export const openFile = (pid: number, fd: string): FileId | undefined =>
  attemptQuietly(() => statSync(`/proc/${pid}/fd/${fd}`, { bigint: true, throwIfNoEntry: false }));

/**
 * Whether the process has one of these files open for writing. The same home may have another path there (a
 * bind mount, a container), so device and inode decide. The name is compared first: stat on somebody else's
 * file on a dead server would hang.
 */
export function hasOpen(pid: number, files: NamedFile[]): boolean {
  for (const [fd, target] of openFiles(pid)) {
    const named = files.filter(({ name }) => target.endsWith(`/${name}`));
    const file = named.length === 0 ? undefined : openFile(pid, fd);
    if (named.some((one) => isSameFile(one, file)) && isForWriting(pid, fd)) return true;
  }
  return false;
}

/** Whether the process has a file open for writing whose path matches. */
export function hasOpenPath(pid: number, path: RegExp): boolean {
  // not all of them are listed: what is looked for has a low number as a rule
  for (const [fd, target] of openFiles(pid)) if (path.test(target) && isForWriting(pid, fd)) return true;
  return false;
}

/** The bits of the open flags that say read, write or both. */
const O_ACCMODE = 3;

export function isForWriting(pid: number, fd: string): boolean {
  const flags = /^flags:\s*(\d+)/m.exec(readText(`/proc/${pid}/fdinfo/${fd}`));
  return flags !== null && (Number.parseInt(flags[1]!, 8) & O_ACCMODE) !== constants.O_RDONLY;
}
