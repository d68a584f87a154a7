/**
 * Where the output of an attempt begins in the logs: `out/attempt`. The owner writes it before each attempt
 * but the first. It is not flushed, because no attempt survives a power cut.
 */
import { withChecksum } from '../../base/checksum.ts';
import { writeAtomic } from '../../base/fs/atomic-write.ts';
import * as is from '../../base/schema.ts';
import type { JobPaths, Stream } from '../home/paths.ts';
import { readValid } from '../home/records.ts';
import type { State } from '../state.ts';
import { readLogSize } from './log.ts';

const startSchema = is.object({ v: is.version(1), attempt: is.count, log: is.count, err: is.count });

export function writeAttemptStart(job: JobPaths, attempt: number): void {
  const [log, err] = [readLogSize(job) ?? 0, readLogSize(job, 'err') ?? 0];
  writeAtomic(job.attemptStart, withChecksum({ v: 1, attempt, log, err }), 'none');
}

/** The offset at which the output of the state's attempt begins. Before it is that of failed attempts. */
export function readAttemptStart(
  job: JobPaths,
  { attempt, status }: Pick<State, 'attempt' | 'status'>,
  stream: Stream,
): number {
  if (attempt === 1) return 0;
  // read before the record: if there is no record of this attempt yet, all of this is of earlier ones
  const size = readLogSize(job, stream) ?? 0;
  const start = readValid(job.attemptStart, startSchema);
  if (start && start.attempt >= attempt) return start[stream];
  return status.phase === 'queued' ? size : 0;
}

/** The heading that the owner writes into the log before an attempt, see writeLogNote. */
export const headingOf = (attempt: number, attempts: number, how: string): string =>
  `attempt ${attempt} of ${attempts}${how}`;

const HEADING = /^\[bgjob: attempt \d+ of \d+(, after it [^\]]*)?\]$/;

export const isHeading = (line: string): boolean => HEADING.test(line);
