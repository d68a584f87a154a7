/** What the tests need to know about processes, from /proc: on purpose not the program's own code. */
import * as fs from 'node:fs';

function read(path: string): string {
  try {
    return fs.readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

/** Whether a process lives; a zombie does not. */
export function isRunning(pid: number): boolean {
  const stat = read(`/proc/${pid}/stat`);
  return stat !== '' && !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
}

/** The parent of a process; 0 if it is gone. */
export const parentOf = (pid: number): number => {
  const stat = read(`/proc/${pid}/stat`);
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1] ?? 0);
};

/** All living processes that name `text` in their environment or command line, have it open or work in it; the asker is left out. */
export function processesNaming(text: string): { pid: number; command: string }[] {
  return fs.readdirSync('/proc').flatMap((name) => {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid || !isRunning(pid)) return [];
    const command = read(`/proc/${pid}/cmdline`);
    const isInside = () => [...openFiles(pid), linkOf(pid, 'cwd')].some((path) => path.startsWith(text));
    if (!command.includes(text) && !read(`/proc/${pid}/environ`).includes(text) && !isInside()) return [];
    return [{ pid, command: command.replaceAll('\0', ' ').trim() }];
  });
}

/** The variables that a process was started with. */
export const environmentOf = (pid: number): string[] => read(`/proc/${pid}/environ`).split('\0');

function linkOf(pid: number, name: string): string {
  try {
    return fs.readlinkSync(`/proc/${pid}/${name}`);
  } catch {
    return '';
  }
}

/** The paths that a process has open. */
export function openFiles(pid: number): string[] {
  try {
    return fs.readdirSync(`/proc/${pid}/fd`).map((fd) => linkOf(pid, `fd/${fd}`));
  } catch {
    return [];
  }
}

/** What a process adds to the use of memory, kilobytes; 0 if it is gone. */
export const memoryKb = (pid: number): number =>
  Number(/^Pss:\s+(\d+)/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0);

/** The memory of a process, also what it shares, kilobytes; 0 if it is gone. */
export const residentKb = (pid: number): number =>
  Number(/^Rss:\s+(\d+)/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0);

/** How often a process has slept so far; 0 if it is gone. */
export const switchesOf = (pid: number): number =>
  Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0);

/** The time that a process has computed so far, milliseconds. */
export function computedMs(pid: number): number {
  const stat = read(`/proc/${pid}/stat`);
  const [user, system] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13);
  // a hundred ticks a second, on every machine that there is
  return (Number(user ?? 0) + Number(system ?? 0)) * 10;
}

/** How often a process has called read(2) so far; 0 if it is gone. */
export const readsOf = (pid: number): number =>
  Number(/^syscr: (\d+)$/m.exec(read(`/proc/${pid}/io`))?.[1] ?? 0);

/** The kernel's letter for a process: R S D T t Z; '' if it is gone. */
export const letterOf = (pid: number): string => {
  const stat = read(`/proc/${pid}/stat`);
  return stat.slice(stat.lastIndexOf(')') + 2).charAt(0);
};
