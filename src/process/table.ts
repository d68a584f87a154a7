/** All processes of this machine: /proc where there is one, ps-list elsewhere. */
import * as fs from 'node:fs';
import { errnoOf } from '../base/failure.ts';
import { HAS_PROC, isDeadState, type ProcessStat, readStat } from './identity.ts';

/** The living processes that we can see. */
export async function readTable(): Promise<ProcessStat[]> {
  const pids = HAS_PROC ? pidsInProc() : await pidsFromPsList();
  return pids.flatMap((pid) => {
    const stat = readStat(pid);
    return stat && !isDeadState(stat.state) ? [stat] : [];
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
