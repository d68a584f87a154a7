/**
 * Requests to pause a job and to let it go on. Each is a claim of the next number, so that two at once have an order; the highest
 * is what was wanted last. The owner answers with the number in its state, and removes those below: the highest always stays, so no
 * number is given twice. A request is for one attempt.
 */
import { sealed } from '../../base/checksum.ts';
import { claim, removeQuietly } from '../../base/fs/atomic-write.ts';
import { namesIn } from '../../base/fs/read-record.ts';
import { type Hold, holdShape } from '../pause.ts';
import type { JobPaths } from './paths.ts';
import { readShaped } from './records.ts';

const NAME = /^hold\.([1-9]\d{0,8})$/;

const numbersOf = (job: JobPaths): number[] =>
  namesIn(job.dir).flatMap((name) => Number(NAME.exec(name)?.[1] ?? []));

/** Leaves a request and returns its number. Throws system errors. */
export function requestHold(job: JobPaths, hold: Hold): number {
  for (;;) {
    const number = Math.max(0, ...numbersOf(job)) + 1;
    // one that stood still while others came and were removed got a number below theirs: it counts for nothing
    if (claim(job.hold(number), sealed(hold)) && Math.max(...numbersOf(job)) === number) return number;
  }
}

/** What was wanted last; undefined: nothing, or it cannot be read. */
export function readHold(job: JobPaths): { number: number; hold: Hold } | undefined {
  const number = Math.max(0, ...numbersOf(job));
  if (number === 0) return undefined;
  const stored = readShaped(job.hold(number), `hold.${number}`, holdShape);
  return stored.kind === 'read' ? { number, hold: stored.value } : undefined;
}

/** Removes the requests below the one that was answered. */
export function pruneHolds(job: JobPaths, answered: number): void {
  for (const number of numbersOf(job)) if (number < answered) removeQuietly(job.hold(number));
}
