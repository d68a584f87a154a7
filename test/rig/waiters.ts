/** Calls of bgjob that wait for a job: found by the FIFO that each of them has open. */
import * as fs from 'node:fs';
import { openFiles } from './processes.ts';
import type { Rig } from './rig.ts';
import { until } from './until.ts';

function wordsOf(pid: number): string[] {
  try {
    return fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

/** Returns when a `bgjob wait` sleeps until the end of the job: its pid. */
export async function waiterOf(rig: Rig, id: number): Promise<number> {
  const waiters = (): number[] =>
    fs
      .readdirSync('/proc')
      .map(Number)
      .filter(
        (pid) => pid > 0 && wordsOf(pid).includes('wait') && openFiles(pid).includes(rig.file(id, 'alive')),
      );
  const [pid] = await until(waiters, (pids) => pids.length > 0, `somebody who waits for job ${id}`);
  return pid!;
}
