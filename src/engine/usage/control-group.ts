/**
 * The control group (cgroup v2) that keeps the memory of one job below `--memory`: made by the user's systemd
 * (a scope), or by bgjob in a part of the tree that it may write. Where neither can be had, the supervisor
 * compares samples with the limit. Which of these it is, one pure function decides from what it reads.
 */
import { accessSync, constants, existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { readSystemText } from '../../base/fs/read-record.ts';
import { attemptQuietly } from '../../base/result.ts';
import { quote } from '../../base/text/shell-quote.ts';
import { findTool, runTool } from '../os/programs.ts';
import type { GroupEntry } from '../shim/shim.ts';

const ROOT = '/sys/fs/cgroup';

/** What the choice reads. */
export interface SystemTree {
  /** Empty: it cannot be read. */
  read(path: string): string;
  exists(path: string): boolean;
  isWritable(path: string): boolean;
}

export type MemoryWay =
  | { way: 'scope' }
  /** A new group below this directory. */
  | { way: 'group'; parent: string }
  | { way: 'samples' };

const hasMemory = (controllers: string): boolean => controllers.trim().split(/\s+/).includes('memory');

/** `runtimeDir`: XDG_RUNTIME_DIR of the job; `canRunScopes`: systemd-run is installed. */
export function chooseMemoryWay(
  tree: SystemTree,
  uid: number,
  runtimeDir: string | undefined,
  canRunScopes: boolean,
): MemoryWay {
  const path = /^0::(\/.*)$/m.exec(tree.read('/proc/self/cgroup'))?.[1];
  // without v2, or where v1 has the memory, there is nothing to choose
  if (path === undefined || !hasMemory(tree.read(`${ROOT}/cgroup.controllers`))) return { way: 'samples' };
  const manager = `${ROOT}/user.slice/user-${uid}.slice/user@${uid}.service`;
  // first: below a slice of systemd no other program should make groups
  if (canRunScopes && runtimeDir !== undefined && tree.exists(`${runtimeDir}/systemd/private`))
    if (hasMemory(tree.read(`${manager}/cgroup.controllers`))) return { way: 'scope' };
  const parts = path.split('/').filter(Boolean);
  // a group outside of the namespace of this process
  if (parts.includes('..')) return { way: 'samples' };
  for (let depth = parts.length; depth >= 0; depth--) {
    const parent = [ROOT, ...parts.slice(0, depth)].join('/');
    const isOurs = tree.isWritable(parent) && tree.isWritable(`${parent}/cgroup.procs`);
    if (isOurs && hasMemory(tree.read(`${parent}/cgroup.subtree_control`))) return { way: 'group', parent };
  }
  return { way: 'samples' };
}

export const systemTree: SystemTree = {
  read: readSystemText,
  exists: existsSync,
  isWritable: (path) => attemptQuietly(() => accessSync(path, constants.W_OK) === undefined) === true,
};

/** As it is here for a job with this environment. */
export const memoryWay = (environment: Record<string, string | undefined>): MemoryWay =>
  chooseMemoryWay(
    systemTree,
    process.getuid?.() ?? 0,
    environment['XDG_RUNTIME_DIR'],
    findTool('systemd-run') !== undefined,
  );

/** The name of the group of one attempt. No other home has the token. */
export const groupName = ({ token }: { token: string }, id: number, attempt: number): string =>
  `bgjob-${token.slice(0, 12)}-${id}-${attempt}`;

/** Undefined: it cannot be had after all. `isRunnable`: whether such a scope can be started, tried once. */
export function enterGroup(
  way: MemoryWay,
  name: string,
  bytes: number,
  isRunnable: (words: string[]) => boolean,
): GroupEntry | undefined {
  if (way.way === 'samples') return undefined;
  if (way.way === 'scope') {
    const tool = findTool('systemd-run');
    // without swap: a job that swaps is neither stopped nor of use
    const limits = ['-p', `MemoryMax=${bytes}`, '-p', 'MemorySwapMax=0'];
    const words = [tool ?? '', '--user', '--scope', '--quiet', ...limits];
    if (!tool || !isRunnable([...words, '--collect', '--'])) return undefined;
    return { line: '', words: [...words, `--unit=${name}`, '--'].map(quote) };
  }
  const group = `${way.parent}/${name}`;
  return attemptQuietly(() => {
    // it may be there: an owner died before the start
    attemptQuietly(() => mkdirSync(group));
    writeFileSync(`${group}/memory.max`, String(bytes));
    for (const [file, value] of [
      ['memory.swap.max', '0'],
      ['memory.oom.group', '1'],
    ] as const)
      attemptQuietly(() => writeFileSync(`${group}/${file}`, value));
    // if this fails the supervisor finds the job outside of the group, and compares samples
    return { line: `{ echo 0 >${quote(`${group}/cgroup.procs`)}; } 2>/dev/null || :; `, words: [] };
  });
}

/** The directory of the group of a job, if the process is in it. */
export function groupOf(pid: number, name: string): string | undefined {
  const path = /^0::(\/.*)$/m.exec(readSystemText(`/proc/${pid}/cgroup`))?.[1];
  return path?.split('/').some((part) => part === name || part === `${name}.scope`)
    ? `${ROOT}${path}`
    : undefined;
}

export interface GroupUsage {
  cpuMs: number;
  peakBytes: number | null;
  /** The kernel killed processes because the group was at its limit. */
  wasKilled: boolean;
}

const numberIn = (text: string, key: string): number | undefined => {
  const value = new RegExp(`^${key} (\\d+)$`, 'm').exec(text)?.[1];
  return value === undefined ? undefined : Number(value);
};

/** Undefined: the group is gone. */
export function readGroup(group: string, read = readSystemText): GroupUsage | undefined {
  const cpu = numberIn(read(`${group}/cpu.stat`), 'usage_usec');
  if (cpu === undefined) return undefined;
  // memory.peak is there from Linux 5.19 on
  const peak = Number.parseInt(read(`${group}/memory.peak`), 10);
  const kills = numberIn(read(`${group}/memory.events`), 'oom_kill') ?? 0;
  return {
    cpuMs: Math.round(cpu / 1000),
    peakBytes: Number.isSafeInteger(peak) ? peak : null,
    wasKilled: kills > 0,
  };
}

/** systemd removes the group of a scope with its last process, and remembers why it ended. */
export function wasScopeKilled(group: string): boolean {
  const unit = group.split('/').at(-1)!;
  if (!unit.endsWith('.scope') || !findTool('systemctl')) return false;
  const ask = (...words: string[]) =>
    attemptQuietly(() =>
      runTool('systemctl', ['--user', ...words, unit], {
        LC_ALL: 'C',
        XDG_RUNTIME_DIR: `/run/user/${process.getuid?.()}`,
      }),
    ) ?? '';
  const result = ask('show', '-p', 'Result');
  ask('reset-failed');
  return result.trim() === 'Result=oom-kill';
}

/** Fails while a process is in it: then it stays. */
export const removeGroup = (group: string): void => {
  if (!group.endsWith('.scope')) attemptQuietly(() => rmdirSync(group));
};
