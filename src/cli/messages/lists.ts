/** Messages of `ls` and `gc`. */
import { renderSize } from '../../base/clock.ts';
import { jobs } from './job-text.ts';

/** `ls --state failed`: the state was called so up to 0.9, while people call every failure so. */
export const failedStateNote = (): string =>
  '(--state failed means start-failed: the job could not be started; for all failed jobs: bgjob ls --failed)';

export const noJobsYet = (): string => 'no jobs yet: bgjob run -- command';

/** After the first `ls` of a home that shows a live job. */
export const watchHint = (): string =>
  '(bgjob watch shows this live: the last lines of output, logs, kill and restart with a key)';

/** What `gc` removed and kept. */
export const removedJobsText = (
  dryRun: boolean,
  done: { removed: unknown[]; freedBytes: number; kept: number; live: number },
): string =>
  `${dryRun ? 'would remove' : 'removed'} ${jobs(done.removed.length)}, ${renderSize(done.freedBytes)}; ` +
  `kept ${done.kept} ended, ${done.live} live`;
