/**
 * The shim's record, the file `shim` of a job: one line for each of our processes beside the job and for its main process, as
 * the shim and the leader of a terminal write them (shim.sh, pty-leader.sh).
 */
import { closeSync } from 'node:fs';
import { createBlank } from '../../base/fs/preallocated.ts';
import { readRecord } from '../../base/fs/read-record.ts';
import type { JobPaths } from '../../job/home/paths.ts';
import type { Identity } from '../../job/identity.ts';
import { HAS_PROC, parsePsLine, parseStat, thisHost } from '../os/process-identity.ts';

/** Up to six lines of at most 52 numbers each. */
const RECORD_BYTES = 4096;

/**
 * Makes the file for the shim's record: blanks, like `exit.N`. Without a record an adopter would call a running job lost. Not
 * fsynced: after a power cut none of these processes lives.
 */
export const prepareShim = (job: JobPaths): void => closeSync(createBlank(job.shim, RECORD_BYTES));

/** Who the shim wrote down, as far as it got. */
export interface ShimRecord {
  shim?: Identity;
  watcher?: Identity;
  main?: Identity;
  /** Who holds stdin open for `send`. */
  holder?: Identity;
  /** `script`, which is the job's terminal, and the sh in it that leads its session and records the exit status. */
  terminal?: Identity;
  leader?: Identity;
}
const LINES = ['shim', 'watcher', 'main', 'holder', 'terminal', 'leader'] as const;

/** `host`: where the owner was that started the shim; its pids count there. */
export function readShim(job: JobPaths, host: Omit<Identity, 'pid' | 'startTicks'> = thisHost()): ShimRecord {
  const stored = readRecord(job.shim);
  const record: ShimRecord = {};
  if (stored.kind !== 'text') return record;
  const { bootId, pidNamespace, machine } = host;
  const lines = stored.text.split('\n');
  for (const [n, name] of LINES.entries()) {
    const stat = HAS_PROC ? parseStat(lines[n] ?? '') : parsePsLine(lines[n] ?? '');
    if (stat) record[name] = { pid: stat.pid, startTicks: stat.startTicks, bootId, pidNamespace, machine };
  }
  return record;
}

/** Those of ours beside a job: they end by themselves, and are not a part of it. */
export const oursOf = ({ shim, watcher, holder, terminal, leader }: ShimRecord): Identity[] =>
  [shim, watcher, holder, terminal, leader].filter((one) => one !== undefined);
