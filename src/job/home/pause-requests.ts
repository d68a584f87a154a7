/**
 * Requests to pause a job and to let it go on. Each is a claim of the next number, so that two at once have an order; the highest
 * is what was wanted last. The owner answers with the number in its state, and removes those below: the highest always stays, so no
 * number is given twice. A request is for one attempt.
 */
import { sealed } from '../../base/checksum.ts';
import { claim, removeQuietly } from '../../base/fs/atomic-write.ts';
import { namesIn } from '../../base/fs/read-record.ts';
import * as is from '../../base/schema.ts';
import type { JobPaths } from './paths.ts';
import { readShaped } from './records.ts';

/** A request to pause a job, or to let it go on; the highest number of its attempt counts. */
const pauseRequestSchema = is.object({
  paused: is.flag,
  /** The command that asked, in words. */
  by: is.text,
  attempt: is.count,
});
export type PauseRequest = is.Shaped<typeof pauseRequestSchema>;

const NAME = /^hold\.([1-9]\d{0,8})$/;

const numbersOf = (job: JobPaths): number[] =>
  namesIn(job.dir).flatMap((name) => Number(NAME.exec(name)?.[1] ?? []));

/** Leaves a request and returns its number. Throws system errors. */
export function writePauseRequest(job: JobPaths, request: PauseRequest): number {
  for (;;) {
    const number = Math.max(0, ...numbersOf(job)) + 1;
    // one that stood still while others came and were removed got a number below theirs: it counts for nothing
    if (claim(job.hold(number), sealed(request)) && Math.max(...numbersOf(job)) === number) return number;
  }
}

/** What was wanted last; undefined: nothing, or it cannot be read. */
export function readPauseRequest(job: JobPaths): { number: number; request: PauseRequest } | undefined {
  const number = Math.max(0, ...numbersOf(job));
  if (number === 0) return undefined;
  const stored = readShaped(job.hold(number), `hold.${number}`, pauseRequestSchema);
  return stored.kind === 'read' ? { number, request: stored.value } : undefined;
}

/** Removes the requests below the one that was answered. */
export function prunePauseRequests(job: JobPaths, answered: number): void {
  for (const number of numbersOf(job)) if (number < answered) removeQuietly(job.hold(number));
}
