/**
 * Requests to pause a job and to resume it. Each is a claim of the next number, which gives concurrent
 * requests an order; the highest number counts. The owner answers with the number in its state and removes
 * the requests below. The highest one always stays, so that no number is given twice. A request is for one
 * attempt.
 */
import { withChecksum } from '../../base/checksum.ts';
import { claim, removeQuietly } from '../../base/fs/atomic-write.ts';
import { claimNext, highestNumber, listNumbers } from '../../base/fs/generation-claim.ts';
import * as is from '../../base/schema.ts';
import type { JobPaths } from './paths.ts';
import { readValid } from './records.ts';

const pauseRequestSchema = is.object({
  paused: is.flag,
  /** The command that asked, as text. */
  by: is.text,
  attempt: is.count,
});
type PauseRequest = is.SchemaType<typeof pauseRequestSchema>;

/** Returns the number of the request. Throws system errors. */
export function writePauseRequest(job: JobPaths, request: PauseRequest): number {
  for (;;) {
    const number = claimNext(job.dir, 'hold', (path) => claim(path, withChecksum(request)));
    // a process that was suspended may get a number below removed ones: that request does not count
    if (number === highestNumber(job.dir, 'hold')) return number;
  }
}

/** The request that counts; undefined if there is none, or it cannot be read. */
export function readPauseRequest(job: JobPaths): { number: number; request: PauseRequest } | undefined {
  const number = highestNumber(job.dir, 'hold');
  const request = readValid(job.pauseRequest(number), pauseRequestSchema);
  return request && { number, request };
}

export function prunePauseRequests(job: JobPaths, answered: number): void {
  for (const number of listNumbers(job.dir, 'hold'))
    if (number < answered) removeQuietly(job.pauseRequest(number));
}
