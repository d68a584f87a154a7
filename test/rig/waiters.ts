/** Calls of bgjob that wait: what shows that one of them has begun to. */
import * as fs from 'node:fs';
import type { Rig } from './rig.ts';
import { until } from './until.ts';

function read(path: string): string {
  try {
    return fs.readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function fdsOf(pid: number): string[] {
  try {
    return fs.readdirSync(`/proc/${pid}/fd`);
  } catch {
    return [];
  }
}

function linkOf(path: string): string {
  try {
    return fs.readlinkSync(path);
  } catch {
    return '';
  }
}

/** Whether a process sleeps until something happens to this file. One that looks at it in passing has it open, too. */
export function sleepsOn(pid: number, path: string): boolean {
  const dir = `/proc/${pid}/fd`;
  const waited = fdsOf(pid)
    .filter((fd) => linkOf(`${dir}/${fd}`) === 'anon_inode:[eventpoll]')
    .flatMap((fd) =>
      [...read(`/proc/${pid}/fdinfo/${fd}`).matchAll(/^tfd:\s+(\d+)/gm)].map(([, tfd]) => tfd),
    );
  return waited.some((fd) => linkOf(`${dir}/${fd}`) === path);
}

/** Whether a call has a deadline, and ends with ^C as if that had come: what waits for many jobs sleeps on no file of each. */
export function isPatient(pid: number): boolean {
  const caught = /^SigCgt:\s*([0-9a-f]+)$/m.exec(read(`/proc/${pid}/status`))?.[1] ?? '0';
  return (BigInt(`0x${caught}`) & 2n) !== 0n;
}

/** Returns when a process of this group, whatever call it is, sleeps until the end of the job. */
export async function waiterIn(rig: Rig, group: number, id: number): Promise<void> {
  const isIn = (pid: number): boolean => {
    const stat = read(`/proc/${pid}/stat`);
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2]) === group;
  };
  await until(
    () => fs.readdirSync('/proc').map(Number).filter(isIn),
    (pids) => pids.some((pid) => sleepsOn(pid, rig.file(id, 'alive'))),
    `a call of group ${group} that waits for job ${id}`,
  );
}

/** Returns when a `bgjob wait` sleeps until the end of the job: its pid. */
export async function waiterOf(rig: Rig, id: number): Promise<number> {
  const waiters = (): number[] =>
    fs
      .readdirSync('/proc')
      .map(Number)
      .filter((pid) => pid > 0 && read(`/proc/${pid}/cmdline`).split('\0').includes('wait'))
      .filter((pid) => sleepsOn(pid, rig.file(id, 'alive')));
  const [pid] = await until(waiters, (pids) => pids.length > 0, `somebody who waits for job ${id}`);
  return pid!;
}
