/** All processes of this machine: /proc where there is one, ps-list elsewhere. */
import * as fs from 'node:fs';
import { errnoOf } from '../base/failure.ts';
import { HAS_PROC, isDeadState, type ProcessStat, readStat } from './identity.ts';

/**
 * The living processes that we can see, the highest pid first; `visit` is called for each as soon as it was read: what
 * forks and ends every 2 ms has the highest pid, and is gone when the whole table was read.
 */
export async function readTable(visit: (stat: ProcessStat) => void = () => {}): Promise<ProcessStat[]> {
  const pids = HAS_PROC ? pidsInProc() : await pidsFromPsList();
  return pids
    .sort((a, b) => b - a)
    .flatMap((pid) => {
      const stat = readStat(pid);
      if (!stat || isDeadState(stat.state)) return [];
      visit(stat);
      return [stat];
    });
}

const pidsInProc = (): number[] =>
  fs.readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? Number(name) : []));

async function pidsFromPsList(): Promise<number[]> {
  const { default: psList } = await import('ps-list');
  return (await psList()).map(({ pid }) => pid);
}

/** The environment with which a process was started; empty where it may not be read. */
export function readEnvironment(pid: number): string[] {
  try {
    return fs.readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0');
  } catch (thrown) {
    errnoOf(thrown);
    return [];
  }
}

/** The words of a process's command line, or the title that it gave itself; empty where it may not be read. */
export function readCommandLine(pid: number): string[] {
  try {
    return fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch (thrown) {
    errnoOf(thrown);
    return [];
  }
}
