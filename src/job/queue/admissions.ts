/**
 * Who holds a slot of a queue: each admission is noted with a number above all others, and none is given twice. A start is a link that
 * leads nowhere: it is there at once, as a whole, and nobody overwrites it. Functions that write throw system errors.
 */
import { readlinkSync, symlinkSync } from 'node:fs';
import { removeQuietly } from '../../base/fs/atomic-write.ts';
import { requireDirectory } from '../../base/fs/directories.ts';
import { namesIn } from '../../base/fs/read-record.ts';
import { errnoOf, ignoreSystemError } from '../../base/result.ts';
import { parseId } from '../home/ids.ts';
import type { QueuePaths } from '../home/paths.ts';
import type { JobId } from '../spec.ts';

/** That a job was admitted, as the how manieth. */
export interface Admission {
  number: number;
  id: JobId;
  /** Of the one who admitted it: see sandboxKey. */
  sandbox: string;
}

const startNumber = (name: string): number => Number(/^start\.(\d{1,15})$/.exec(name)?.[1] ?? 0);

/** Who was admitted, in order; what stands there and was not written by us has no job. `known`: they never change. */
export function listAdmissions(queue: QueuePaths, known = new Map<number, Admission>()): Admission[] {
  const numbers = namesIn(queue.dir)
    .map(startNumber)
    .filter((number) => number > 0);
  const starts = numbers
    .sort((a, b) => a - b)
    .map((number) => known.get(number) ?? readAdmission(queue, number));
  known.clear();
  for (const start of starts) known.set(start.number, start);
  return starts;
}

function readAdmission(queue: QueuePaths, number: number): Admission {
  try {
    const [id, sandbox = ''] = readlinkSync(queue.start(number)).split('.');
    return { number, id: parseId(id!) ?? 0, sandbox };
  } catch (thrown) {
    ignoreSystemError(thrown);
    return { number, id: 0, sandbox: '' };
  }
}

/** Notes that a job is admitted, with a number above all others: a link is there at once, as a whole, and nobody overwrites it. */
export function claimAdmission(queue: QueuePaths, id: JobId, sandbox: string): number {
  requireDirectory(queue.dir, true);
  for (;;) {
    const number = Math.max(0, ...namesIn(queue.dir).map(startNumber)) + 1;
    try {
      symlinkSync(`${id}.${sandbox}`, queue.start(number));
      return number;
    } catch (thrown) {
      if (errnoOf(thrown) !== 'EEXIST') throw thrown;
    }
  }
}

/** Forgets admissions whose jobs ended. Never the highest: its number would be given again. */
export function forgetAdmissions(queue: QueuePaths, dead: Admission[], highest: number): void {
  for (const { number } of dead) if (number < highest) removeQuietly(queue.start(number));
}
