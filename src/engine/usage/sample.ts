/**
 * What the processes of a job use now: the main process and its descendants, found through
 * `/proc/PID/task/TID/children`, without a look at all processes of the machine. A process that left its
 * parent (a daemon) is not found. Without /proc there are no samples.
 */
import { readdirSync } from 'node:fs';
import { readText } from '../../base/fs/read-record.ts';
import { attemptQuietly } from '../../base/result.ts';
import type { Identity } from '../../job/identity.ts';
import { HAS_PROC, parseStat, TICKS_PER_SECOND } from '../os/process-identity.ts';
import { runTool } from '../os/programs.ts';

export interface Sample {
  /** With the CPU time of ended processes for which one of these has waited. Null: without /proc. */
  cpuMs: number | null;
  /** Null: it was not asked for exactly, and is surely not above the bound. */
  memoryBytes: number | null;
  /** The largest memory that one of them ever had. */
  largestBytes: number;
}

/** For more processes the kernel is not asked which pages they share: it takes a millisecond for each GB. */
const MOST_ROLLUPS = 20;
const MOST_PROCESSES = 5000;

/**
 * Undefined if the main process is gone, or cannot be seen. Which pages the processes share is looked up only
 * if they may use more than `bound` bytes: for a large process that takes milliseconds.
 */
export function sampleTree(main: Identity, bound = 0): Sample | undefined {
  if (!HAS_PROC) return undefined;
  const pids = [main.pid];
  const seen = new Set(pids);
  const memories: { pid: number; anonymous: number; other: number }[] = [];
  let [ticks, largestKb] = [0, 0];
  for (let pid = pids.pop(); pid !== undefined && seen.size < MOST_PROCESSES; pid = pids.pop()) {
    const text = readText(`/proc/${pid}/stat`);
    const stat = parseStat(text);
    if (!stat) continue;
    // without its main process nothing is known of a job
    if (pid === main.pid && stat.startTicks !== main.startTicks) return undefined;
    ticks += ticksOf(text);
    const status = readText(`/proc/${pid}/status`);
    largestKb = Math.max(largestKb, kilobytes(status, 'VmHWM'));
    const anonymous = kilobytes(status, 'RssAnon');
    memories.push({ pid, anonymous, other: kilobytes(status, 'VmRSS') - anonymous });
    for (const child of childrenOf(pid)) {
      if (seen.has(child)) continue;
      seen.add(child);
      pids.push(child);
    }
  }
  if (memories.length === 0) return undefined;
  return {
    cpuMs: (ticks * 1000) / TICKS_PER_SECOND,
    memoryBytes: roughSumOf(memories) * 1024 <= bound ? null : sumOf(memories) * 1024,
    largestBytes: largestKb * 1024,
  };
}

/** For a system without /proc, from one call of ps. */
export function sampleByPs({ pid }: Identity): Sample | undefined {
  return parsePsSample(runTool('ps', ['-axo', 'pid=,ppid=,rss=']), pid);
}

export function parsePsSample(text: string, main: number): Sample | undefined {
  const rows = text.split('\n').map((line) => line.trim().split(/\s+/).map(Number));
  const tree = new Set([main]);
  // a child may stand before its parent
  for (let before = 0; before < tree.size; ) {
    before = tree.size;
    for (const [pid, ppid] of rows) if (tree.has(ppid!)) tree.add(pid!);
  }
  const sizes = rows.flatMap(([pid, , kb]) => (tree.has(pid!) ? [kb! * 1024] : []));
  if (sizes.length === 0) return undefined;
  return { cpuMs: null, memoryBytes: sizes.reduce((a, b) => a + b), largestBytes: Math.max(...sizes) };
}

/** How much of the machine's memory is in use, percent; 0: not known. */
export function memoryInUse(text = readText('/proc/meminfo')): number {
  const [total, available] = [kilobytes(text, 'MemTotal'), kilobytes(text, 'MemAvailable')];
  return total === 0 ? 0 : Math.round(100 * (1 - available / total));
}

/** utime, stime, cutime, cstime: fields 14 to 17 of proc(5). */
function ticksOf(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return [11, 12, 13, 14].reduce((sum, at) => sum + (Number(fields[at]) || 0), 0);
}

const kilobytes = (text: string, name: string): number => {
  const at = text.indexOf(`${name}:`);
  return at < 0 ? 0 : Number.parseInt(text.slice(at + name.length + 1), 10) || 0;
};

const roughSumOf = (memories: { anonymous: number; other: number }[]): number =>
  memories.reduce((sum, { anonymous, other }) => sum + anonymous + other, 0);

/** Pages that processes share count once. For many processes: files and shared memory of one of them. */
function sumOf(memories: { pid: number; anonymous: number; other: number }[]): number {
  if (memories.length > MOST_ROLLUPS)
    return memories
      .reduce(([anonymous, other], one) => [anonymous + one.anonymous, Math.max(other, one.other)] as const, [
        0, 0,
      ] as readonly [number, number])
      .reduce((a, b) => a + b);
  return memories.reduce((sum, { pid, anonymous, other }) => {
    const rollup = memories.length === 1 ? '' : readText(`/proc/${pid}/smaps_rollup`);
    return sum + (kilobytes(rollup, 'Pss') || anonymous + other);
  }, 0);
}

/** A kernel without CONFIG_PROC_CHILDREN shows none. */
const childrenOf = (pid: number): number[] =>
  (attemptQuietly(() => readdirSync(`/proc/${pid}/task`)) ?? []).flatMap((thread) =>
    readText(`/proc/${pid}/task/${thread}/children`).split(' ').map(Number).filter(Boolean),
  );
