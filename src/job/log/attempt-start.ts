/**
 * Where the output of an attempt begins in the logs: `out/attempt`, written by the owner before it starts the attempt, from the
 * second one on. It is not flushed: after a power cut no attempt runs.
 */
import { sealed } from '../../base/checksum.ts';
import { writeRenamed } from '../../base/fs/atomic-write.ts';
import { readRecord } from '../../base/fs/read-record.ts';
import * as is from '../../base/schema.ts';
import type { JobPaths, Stream } from '../home/paths.ts';
import type { State } from '../state.ts';
import { readLogSize } from './log.ts';

const startSchema = is.object({
  v: is.version(1),
  attempt: is.count,
  log: is.count,
  err: is.count,
});

/** Notes that an attempt begins here. Throws a system error. */
export function writeAttemptStart(job: JobPaths, attempt: number): void {
  const [log, err] = [readLogSize(job) ?? 0, readLogSize(job, 'err') ?? 0];
  writeRenamed(job.attemptStart, sealed({ v: 1, attempt, log, err }), false);
}

/** The offset at which the output of the attempt begins that a state is of; that of earlier ones failed. */
export function readAttemptStart(
  job: JobPaths,
  { attempt, status }: Pick<State, 'attempt' | 'status'>,
  stream: Stream,
): number {
  if (attempt === 1) return 0;
  // asked before the record: if there is none of this attempt by then, all of this is of earlier ones
  const size = readLogSize(job, stream) ?? 0;
  const stored = readRecord(job.attemptStart);
  const start = stored.kind === 'text' ? is.parseSchema(startSchema, stored.text) : undefined;
  if (start?.ok && start.value.attempt >= attempt) return start.value[stream];
  return status.phase === 'queued' ? size : 0;
}

/** What the owner writes into the log before an attempt, as a note of ours: see writeLogNote. */
export const headingOf = (attempt: number, attempts: number, how: string): string =>
  `attempt ${attempt} of ${attempts}${how}`;

const HEADING = /^\[bgjob: attempt \d+ of \d+(, after it [^\]]*)?\]$/;

/** Whether a line of a log is such a one: nothing that the job wrote. */
export const isHeading = (line: string): boolean => HEADING.test(line);
