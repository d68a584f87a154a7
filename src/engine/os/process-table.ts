/** All processes of this machine: /proc where there is one, ps-list elsewhere. */
import { accessSync, closeSync, constants, existsSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { readRecord, readSystemText } from '../../base/fs/read-record.ts';
import { errnoOf, ignoreSystemError } from '../../base/result.ts';
import type { JobId } from '../../job/spec.ts';
import {
  HAS_PROC,
  hasOpenPath,
  isDeadState,
  openFiles,
  type ProcessStat,
  readStat,
  readStatsFromPs,
} from './process-identity.ts';
import { requireTool } from './programs.ts';

/** How many of the pids given last are tried although they were not there yet when /proc was listed. */
const NEWEST = 32;

/**
 * The living processes that we can see, the youngest first; `visit` is called for each as soon as it was read: what
 * forks and ends every 2 ms is not on a list any more when that was read to its end.
 */
export async function readTable(visit: (stat: ProcessStat) => void = () => {}): Promise<ProcessStat[]> {
  if (!HAS_PROC) return readTableFromPs(visit);
  const listed = pidsInProc();
  const known = new Set(listed);
  const last = lastPid();
  const newest = Array.from({ length: NEWEST }, (_, n) => last - n).filter((pid) => pid > 1);
  // pids are given in ascending order, and from the bottom again when the top is reached
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

const pidsInProc = (): number[] =>
  readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? Number(name) : []));

/** The pid that was given last; 0 where the kernel does not say. */
function lastPid(): number {
  try {
    return Number(/\d+\s*$/.exec(readFileSync('/proc/loadavg', 'latin1'))?.[0] ?? 0);
  } catch (thrown) {
    ignoreSystemError(thrown);
    return 0;
  }
}

/** Whether a number is that of a process, not of a thread. */
function isLeader(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/status`, 'latin1').includes(`\nTgid:\t${pid}\n`);
  } catch (thrown) {
    ignoreSystemError(thrown);
    return false;
  }
}

/** The same where there is no /proc: one ps for all of them, not one for each. */
async function readTableFromPs(visit: (stat: ProcessStat) => void): Promise<ProcessStat[]> {
  const { default: psList } = await import('ps-list');
  const pids = (await psList()).map(({ pid }) => pid);
  const table = readStatsFromPs(pids).filter(({ state }) => !isDeadState(state));
  for (const stat of table) visit(stat);
  return table;
}

/** The environment with which a process was started; empty where it may not be read. */
export function readEnvironment(pid: number): string[] {
  return wordsIn(`/proc/${pid}/environ`);
}

/** The words of a process's command line, or the title that it gave itself; empty where it may not be read. */
export function readCommandLine(pid: number): string[] {
  return HAS_PROC ? wordsIn(`/proc/${pid}/cmdline`) : [commandFromPs(pid)];
}

function commandFromPs(pid: number): string {
  const { spawnSync } = require('node:child_process') as typeof import('node:child_process');
  return (
    spawnSync(requireTool('ps'), ['-o', 'command=', '-p', String(pid)], {
      encoding: 'utf8',
    }).stdout?.trim() ?? ''
  );
}

/**
 * The job that a process supervises: its title says so, and because a title is cheap to forge, it must hold a job's FIFO, where
 * the kernel tells who does.
 */
export function supervisedJob(pid: number): JobId | undefined {
  const id = /^bgjob\[(\d+)\]/.exec(readCommandLine(pid)[0] ?? '')?.[1];
  if (id === undefined) return undefined;
  return !HAS_PROC || hasOpenPath(pid, new RegExp(`/jobs/${id}/alive$`), true) ? Number(id) : undefined;
}

/** The folder of the job whose FIFO `alive` a process has open; undefined if it has none open. */
export function folderOfSupervised(pid: number): string | undefined {
  for (const [, path] of openFiles(pid)) {
    const folder = /^(.*\/jobs\/\d+)\/alive$/.exec(path)?.[1];
    // it may live where the home has another path
    if (folder !== undefined) return existsSync(folder) ? folder : `/proc/${pid}/root${folder}`;
  }
  return undefined;
}

/** Whether a process of our own user shows nothing of itself to us, because it made itself undumpable (ssh-agent, gpg-agent). */
export function isOpaque(pid: number): boolean {
  if (!HAS_PROC) return false;
  try {
    accessSync(`/proc/${pid}/environ`, constants.R_OK);
    // it is open to root alone, whoever runs it
    closeSync(openSync(`/proc/${pid}/environ`, 'r'));
    return false;
  } catch (thrown) {
    const errno = errnoOf(thrown);
    return (errno === 'EACCES' || errno === 'EPERM') && userOf(pid) === process.getuid?.();
  }
}

/** The real user of a process; undefined if it is gone. Not the owner of its files in /proc: that is root where it is not dumpable. */
const userOf = (pid: number): number | undefined => {
  const uid = /^Uid:\s*(\d+)/m.exec(readSystemText(`/proc/${pid}/status`))?.[1];
  return uid === undefined ? undefined : Number(uid);
};

function wordsIn(path: string): string[] {
  const stored = readRecord(path);
  return stored.kind === 'text' ? stored.text.split('\0') : [];
}
