/**
 * Links to processes: dangling symlinks whose target is `pid.startTicks.bootId`. Such a link `kept.KEY.N` is
 * a single-instance lock: the link of a dead process is succeeded by the next number.
 */
import { readdirSync, readlinkSync, symlinkSync } from 'node:fs';
import { removeQuietly } from '../../base/fs/atomic-write.ts';
import { errnoOf, ignoreSystemError } from '../../base/result.ts';
import { identify, isAlive, thisHost } from './process-identity.ts';

/** Makes a link to this process; false if something has that name. Throws system errors. */
export function linkToSelf(path: string): boolean {
  const { pid, startTicks, bootId } = identify(process.pid)!;
  try {
    symlinkSync(`${pid}.${startTicks}.${bootId}`, path);
    return true;
  } catch (thrown) {
    if (errnoOf(thrown) === 'EEXIST') return false;
    throw thrown;
  }
}

/** The process to which such a link leads. Throws system errors. */
export function readProcessLink(path: string): { pid: number; isAlive: boolean } {
  const [pid, startTicks, bootId] = readlinkSync(path).split('.');
  const identity = {
    ...thisHost(),
    ...{ pid: Number(pid), startTicks: Number(startTicks), bootId: bootId ?? '' },
  };
  return { pid: identity.pid, isAlive: isAlive(identity) === 'alive' };
}

const NAME = /^kept\.([0-9a-z]+)\.(\d{1,15})$/;

/**
 * Takes the lock for this key (small letters and digits) and returns the path of the link; undefined if a
 * living process has it. Throws system errors.
 */
export function claimInstance(dir: string, key: string): string | undefined {
  for (;;) {
    const claims = readdirSync(dir).flatMap((name) => {
      const match = NAME.exec(name);
      return match?.[1] === key ? [{ path: `${dir}/${name}`, number: Number(match[2]) }] : [];
    });
    const highest = claims.sort((a, b) => b.number - a.number)[0];
    if (highest && leadsToLiving(highest.path)) return undefined;
    const path = `${dir}/kept.${key}.${(highest?.number ?? 0) + 1}`;
    if (!linkToSelf(path)) continue;
    for (const { path: dead } of claims) removeQuietly(dead);
    return path;
  }
}

function leadsToLiving(path: string): boolean {
  try {
    return readProcessLink(path).isAlive;
  } catch (thrown) {
    ignoreSystemError(thrown);
    return false;
  }
}
