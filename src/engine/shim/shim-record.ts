/**
 * The shim's record, the file `shim` of a job: one line for each of our helper processes of the job and one
 * for its main process. shim.sh and pty-leader.sh write it; this file makes room for it and reads it.
 */
import { createBlank } from '../../base/fs/preallocated.ts';
import { readRecord } from '../../base/fs/read-record.ts';
import type { JobPaths } from '../../job/home/paths.ts';
import type { Identity } from '../../job/identity.ts';
import { HAS_PROC, parsePsLine, parseStat, thisHost } from '../os/process-identity.ts';

/** Six lines at most, each of at most 52 numbers. */
const RECORD_BYTES = 4096;

/**
 * Creates the file for the record as blanks, like `exit.N`: a full disk must not stop the shim from writing
 * it, or an adopter would call a running job lost. It is not fsynced: after a power cut none of these
 * processes lives.
 */
export const prepareShim = (job: JobPaths): void => createBlank(job.shim, RECORD_BYTES);

export interface ShimRecord {
  shim?: Identity;
  watcher?: Identity;
  main?: Identity;
  /** The process that keeps stdin open for `send`. */
  holder?: Identity;
  /** `script`, which makes the job's terminal, and the leader of that, which records the exit status. */
  terminal?: Identity;
  leader?: Identity;
}
const LINES = ['shim', 'watcher', 'main', 'holder', 'terminal', 'leader'] as const;

/** Reads the record. `host` is where the owner ran that started the shim: its pids are valid there. */
export function readShim(job: JobPaths, host: Omit<Identity, 'pid' | 'startTicks'> = thisHost()): ShimRecord {
  const stored = readRecord(job.shim);
  return stored.kind === 'text' ? parseShim(stored.text, host) : {};
}

/** Parses the text of a record. */
export function parseShim(text: string, host: Omit<Identity, 'pid' | 'startTicks'> = thisHost()): ShimRecord {
  const record: ShimRecord = {};
  const { bootId, pidNamespace, machine } = host;
  const lines = text.split('\n');
  for (const [n, name] of LINES.entries()) {
    const stat = HAS_PROC ? parseStat(lines[n] ?? '') : parsePsLine(lines[n] ?? '');
    if (stat) record[name] = { pid: stat.pid, startTicks: stat.startTicks, bootId, pidNamespace, machine };
  }
  return record;
}

/** Our helper processes of a job. They end by themselves, and are left out of its process list. */
export const helperProcesses = ({ shim, watcher, holder, terminal, leader }: ShimRecord): Identity[] =>
  [shim, watcher, holder, terminal, leader].filter((one) => one !== undefined);
