/**
 * Links to processes: dangling symlinks whose target is `pid.startTicks.bootId`. Such a link `kept.KEY.N` is
 * a single-instance lock: the link of a dead process is succeeded by the next number.
 */
import { readlinkSync } from 'node:fs';
import { removeQuietly } from '../../base/fs/atomic-write.ts';
import { claimLink, highestNumber, listNumbers } from '../../base/fs/generation-claim.ts';
import { attemptQuietly } from '../../base/result.ts';
import { identify, isAlive, thisHost } from './process-identity.ts';

/** Makes a link to this process; false if something has that name. Throws system errors. */
export function linkToSelf(path: string): boolean {
  const { pid, startTicks, bootId } = identify(process.pid)!;
  return claimLink(path, `${pid}.${startTicks}.${bootId}`);
}

/** The process to which such a link leads. Throws system errors. */
export function readProcessLink(path: string): { pid: number; isAlive: boolean } {
  const [pid, startTicks, bootId] = readlinkSync(path).split('.');
  const process = { pid: Number(pid), startTicks: Number(startTicks), bootId: bootId ?? '' };
  return { pid: process.pid, isAlive: isAlive({ ...thisHost(), ...process }) === 'alive' };
}

/** The process that took the lock for this key last; undefined: there is none. */
export function readInstance(dir: string, key: string): { pid: number; isAlive: boolean } | undefined {
  const highest = highestNumber(dir, `kept.${key}`);
  return highest === 0 ? undefined : attemptQuietly(() => readProcessLink(`${dir}/kept.${key}.${highest}`));
}

/**
 * Takes the lock for this key (small letters and digits) and returns the path of the link; undefined if a
 * living process has it. Throws system errors.
 */
export function claimInstance(dir: string, key: string): string | undefined {
  const pathOf = (number: number): string => `${dir}/kept.${key}.${number}`;
  for (;;) {
    const numbers = listNumbers(dir, `kept.${key}`);
    const highest = Math.max(0, ...numbers);
    if (highest > 0 && attemptQuietly(() => readProcessLink(pathOf(highest)).isAlive)) return undefined;
    if (!linkToSelf(pathOf(highest + 1))) continue;
    for (const number of numbers) removeQuietly(pathOf(number));
    return pathOf(highest + 1);
  }
}
