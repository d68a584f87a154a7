/**
 * All processes of this machine, from /proc or from ps-list where there is no /proc; their command lines and
 * environments.
 */
import { accessSync, closeSync, constants, existsSync, openSync } from 'node:fs';
import { readSystemText, readText } from '../../base/fs/read-record.ts';
import { errnoOf } from '../../base/result.ts';
import type { JobId } from '../../job/spec.ts';
import {
  HAS_PROC,
  hasOpenPath,
  isDeadState,
  openFiles,
  type ProcessStat,
  pidsInProc,
  readStat,
  readStatsFromPs,
} from './process-identity.ts';
import { runTool } from './programs.ts';

/** How many of the newest pids are tried although they were not in /proc yet when it was listed. */
const NEWEST = 32;

/**
 * The living processes that we can see, the youngest first. `visit` is called as soon as a process is read:
 * one that forks and ends every 2 ms is gone before the whole table is read.
 */
export async function readTable(visit: (stat: ProcessStat) => void = () => {}): Promise<ProcessStat[]> {
  if (!HAS_PROC) return readTableFromPs(visit);
  const listed = pidsInProc();
  const known = new Set(listed);
  const last = lastPid();
  const newest = Array.from({ length: NEWEST }, (_, n) => last - n).filter((pid) => pid > 1);
  // pids are given in ascending order, and begin again at the bottom when the top is reached
  const age = (pid: number) => (pid <= last ? last - pid : last + 2 ** 22 - pid);
  const table: ProcessStat[] = [];
  for (const pid of new Set([...newest, ...listed.sort((a, b) => age(a) - age(b))])) {
    const stat = readStat(pid);
    if (!stat || isDeadState(stat.state)) continue;
    // a thread can be read under its number, but is not listed
    if (!known.has(pid) && !isLeader(pid)) continue;
    visit(stat);
    table.push(stat);
  }
  return table;
}

/** The pid that was given last; 0 where the kernel does not say. */
const lastPid = (): number => Number(/\d+\s*$/.exec(readSystemText('/proc/loadavg'))?.[0] ?? 0);

const isLeader = (pid: number): boolean =>
  readSystemText(`/proc/${pid}/status`).includes(`\nTgid:\t${pid}\n`);

/** For a long-lived process: an update or a removal of bgjob may take the file of the package away. */
export async function preloadTable(): Promise<void> {
  if (!HAS_PROC) await import('ps-list');
}

/** The table where there is no /proc: one ps for all processes. */
async function readTableFromPs(visit: (stat: ProcessStat) => void): Promise<ProcessStat[]> {
  const { default: psList } = await import('ps-list');
  const pids = (await psList()).map(({ pid }) => pid);
  const table = readStatsFromPs(pids).filter(({ state }) => !isDeadState(state));
  for (const stat of table) visit(stat);
  return table;
}

export const readEnvironment = (pid: number): string[] => readText(`/proc/${pid}/environ`).split('\0');

/**
 * The command line of a process, or the title that it gave itself; empty where we may not read it. Without -ww
 * ps cuts it at 79 characters, or at COLUMNS.
 */
export const readCommandLine = (pid: number): string[] =>
  HAS_PROC
    ? readText(`/proc/${pid}/cmdline`).split('\0')
    : [runTool('ps', ['-ww', '-o', 'command=', '-p', String(pid)], process.env).trim()];

/**
 * The job that a process supervises, by its title. A title is easy to forge, so the process must also hold
 * the FIFO of that job open, where the kernel shows that.
 */
export function supervisedJob(pid: number): JobId | undefined {
  const id = /^bgjob\[(\d+)\]/.exec(readCommandLine(pid)[0] ?? '')?.[1];
  if (id === undefined) return undefined;
  return !HAS_PROC || hasOpenPath(pid, new RegExp(`/jobs/${id}/alive$`)) ? Number(id) : undefined;
}

/** The folder of the job whose FIFO `alive` a process has open; undefined if it has none open. */
export function supervisedFolder(pid: number): string | undefined {
  for (const [, path] of openFiles(pid)) {
    const folder = /^(.*\/jobs\/\d+)\/alive$/.exec(path)?.[1];
    // the process may see the home under another path
    if (folder !== undefined) return existsSync(folder) ? folder : `/proc/${pid}/root${folder}`;
  }
  return undefined;
}

/** Whether a process of our user is hidden from us: it made itself undumpable (ssh-agent, gpg-agent). */
export function isOpaque(pid: number): boolean {
  if (!HAS_PROC) return false;
  try {
    accessSync(`/proc/${pid}/environ`, constants.R_OK);
    // access(2) may say yes where open(2) is refused
    closeSync(openSync(`/proc/${pid}/environ`, 'r'));
    return false;
  } catch (thrown) {
    const errno = errnoOf(thrown);
    return (errno === 'EACCES' || errno === 'EPERM') && userOf(pid) === process.getuid?.();
  }
}

/** The real user of a process. Its files in /proc belong to root if it is not dumpable. */
const userOf = (pid: number): number =>
  Number(/^Uid:\s*(\d+)/m.exec(readSystemText(`/proc/${pid}/status`))?.[1]);
