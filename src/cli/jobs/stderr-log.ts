/** The log of stderr of a job with --split: where it is, and how large. */
import type { Home } from '../../job/home/home.ts';
import { readLogSize, type Stream } from '../../job/log/log.ts';
import { readEmptiedBytes, readTrimmedBytes } from '../../job/log/trim-record.ts';
import type { JobView } from '../../job/view.ts';

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
