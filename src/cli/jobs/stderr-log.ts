/** The log of stderr of a job with --split: where it is, and how large. */
import type { Home } from '../../job/home/home.ts';
import { readLogSize, type Stream } from '../../job/log/log.ts';
import { isAway, readEmptiedBytes, readTrimmedBytes } from '../../job/log/trim-record.ts';
import type { JobView } from '../../job/view.ts';
import { awayText } from '../messages/lists.ts';

export interface StderrLog {
  path: string;
  bytes: number;
  trimmedBytes: number;
  emptiedBytes: number;
}

const isSplit = (view: JobView): boolean => 'spec' in view && view.spec.split;

/** The logs that hold all of its output. */
export const streamsOf = (view: JobView): Stream[] => (isSplit(view) ? ['log', 'err'] : ['log']);

/** Null where stderr has no log of its own. */
export function stderrOf(home: Home, view: JobView): StderrLog | null {
  if (!isSplit(view)) return null;
  const job = home.job(view.id);
  return {
    path: job.err,
    bytes: readLogSize(job, 'err') ?? 0,
    trimmedBytes: readTrimmedBytes(job, 'err'),
    emptiedBytes: readEmptiedBytes(job, 'err'),
  };
}

/** That the log of a job is not at its path any more; undefined: it is, or the job has not started. */
export function awayNote(home: Home, view: JobView, streams: Stream[] = streamsOf(view)): string | undefined {
  const job = home.job(view.id);
  const startedAt = 'status' in view && 'startedAt' in view.status ? view.status.startedAt : null;
  const away = startedAt === null ? undefined : streams.find((stream) => isAway(job, stream));
  return away && awayText(job[away]);
}
