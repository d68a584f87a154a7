/**
 * Single-instance lock: a dangling symlink `kept.KEY.N` whose target is `pid.startTicks.bootId`. The link of
 * a dead process is succeeded by the next number.
 */
import { readdirSync, readlinkSync, symlinkSync } from 'node:fs';
import { removeQuietly } from '../../base/fs/atomic-write.ts';
import { errnoOf, ignoreSystemError } from '../../base/result.ts';
import { identify, isAlive } from './process-identity.ts';

const NAME = /^kept\.([0-9a-z]+)\.(\d{1,15})$/;

/**
 * Takes the lock for this key (small letters and digits) and returns the path of the link; undefined if a
 * living process has it. Throws system errors.
 */
export function claimInstance(dir: string, key: string): string | undefined {
  const self = identify(process.pid)!;
  for (;;) {
    const claims = readdirSync(dir).flatMap((name) => {
      const match = NAME.exec(name);
      return match?.[1] === key ? [{ path: `${dir}/${name}`, number: Number(match[2]) }] : [];
    });
    const highest = claims.sort((a, b) => b.number - a.number)[0];
    if (highest && isLiving(highest.path)) return undefined;
    const path = `${dir}/kept.${key}.${(highest?.number ?? 0) + 1}`;
    try {
      symlinkSync(`${self.pid}.${self.startTicks}.${self.bootId}`, path);
      for (const { path: dead } of claims) removeQuietly(dead);
      return path;
    } catch (thrown) {
      if (errnoOf(thrown) !== 'EEXIST') throw thrown;
    }
  }

  function isLiving(path: string): boolean {
    try {
      const [pid, startTicks, bootId] = readlinkSync(path).split('.');
      return (
        isAlive({ ...self, pid: Number(pid), startTicks: Number(startTicks), bootId: bootId! }) === 'alive'
      );
    } catch (thrown) {
      ignoreSystemError(thrown);
      return false;
    }
  }
}
