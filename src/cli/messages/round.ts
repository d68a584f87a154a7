/** What `wait` says of rounds, batches and of waits for oneself. */
import { renderDuration } from '../../base/clock.ts';
import { safe } from '../../base/text/sanitize.ts';
import type { NotCounted } from '../../engine/wait/counted.ts';
import type { RemovedFailure } from '../../job/rounds/removed-jobs.ts';
import type { JobId, Spec } from '../../job/spec.ts';
import type { EndedView } from '../../job/view.ts';
import { jobs } from './job-text.ts';

const DAY_MS = 86_400_000;

/** Behind the sentence that tells an end: `, 2d ago`; an end of today needs no age. */
export const ageText = ({ status }: EndedView, now: number): string =>
  now - status.endedAt > DAY_MS ? `, ${renderDuration(now - status.endedAt)} ago` : '';

/** Behind the sentence that tells a failure which does not count. */
export function notCountedText(why: NotCounted, { origin }: Spec, successor: JobId | undefined): string {
  const reason = {
    superseded: successor === undefined ? 'another job took its place' : `${successor} took its place`,
    automatic:
      origin && 'name' in origin ? `${origin.kind} ${safe(origin.name)} started it` : 'nobody typed it',
    stopped: 'it was stopped on request',
  };
  return ` (not counted: ${reason[why]})`;
}

/** A failure whose records gc has removed. */
export const removedText = ({ id, code }: Pick<RemovedFailure, 'id' | 'code'>): string =>
  `${id} ended with exit code ${code} (gc removed its records)`;

const where = (queue: string | null): string => (queue === null ? '' : ` to queue ${safe(queue)}`);

/** That a call answers for the same round as one before; `gone`: so many of its jobs gc has removed. */
export function sameRoundText(queue: string | null, gone: number): string {
  const removed = gone === 0 ? '' : `; gc removed ${jobs(gone)} of it`;
  return `(nothing was added${where(queue)} since: this is the last answer again${removed})`;
}

/** That there is nothing to answer for. `leftOut`: how many jobs a round of the project leaves out. */
export const emptyRoundText = (leftOut: number): string =>
  leftOut > 0
    ? `(nothing to wait for: ${jobs(leftOut)} left out, which ${leftOut === 1 ? 'was' : 'were'} stopped on request, started by a schedule or trigger, or ${leftOut === 1 ? 'runs' : 'run'} this call)`
    : '(nothing to wait for: gc removed the jobs that were added since; none of them failed)';

/** That this project never had a job there. */
export function noRoundText(queue: string | null, everywhere: boolean): { what: string; hint: string } {
  const whose = everywhere ? '' : ' of this project';
  return queue === null
    ? { what: `no job${whose} to wait for`, hint: everywhere ? 'bgjob ls -a' : 'bgjob ls -a, or cd to it' }
    : {
        what: `no job${whose} to wait for in queue ${safe(queue)}`,
        hint: everywhere ? `bgjob ls -a --queue ${safe(queue)}` : `bgjob wait --queue ${safe(queue)} -a`,
      };
}

/** That a job would wait for itself. */
export const selfWaitText = (own: JobId): string =>
  `this call runs in job ${own}, which would wait for its own end`;

/** That jobs which started this one are waited for. */
export const ancestorText = (ids: JobId[], own: JobId): string =>
  `(${ids.join(' ')} started job ${own}, in which this call runs: if ${ids.length === 1 ? 'it waits' : 'they wait'} for ${own}, neither ends)`;

/** That a job waits for a slot which the job of this call holds itself. */
export const ownSlotText = (queue: string, own: JobId): string =>
  `(queue ${safe(queue)} is full: job ${own}, in which this call runs, holds the slot that is waited for; nothing starts there before ${own} has ended, or: bgjob queue set ${safe(queue)} --slots N)`;
