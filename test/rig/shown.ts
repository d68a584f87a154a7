/** Waiting for what `show --json` tells of a job. A call costs as much as a job: it is made when a file of the job has changed. */
import * as fs from 'node:fs';
import type { Rig } from './rig.ts';
import { until } from './until.ts';

/** Some of it is in no file: who lives decides. */
const AGAIN_MS = 500;

export function untilShown<T>(
  rig: Rig,
  id: number,
  read: (job: any) => T,
  holds: (value: T) => boolean,
  what: string,
): Promise<T> {
  let value: T;
  let stamp = '';
  let dueAt = 0;
  const dir = rig.file(id, '.');
  return until(
    async () => {
      const now = `${fs.statSync(dir, { bigint: true, throwIfNoEntry: false })?.mtimeNs}`;
      if (now === stamp && performance.now() < dueAt) return value;
      stamp = now;
      value = read(await rig.show(id));
      dueAt = performance.now() + AGAIN_MS;
      return value;
    },
    holds,
    what,
  );
}
