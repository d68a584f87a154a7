/** Messages of `queue` and `move`. */
import { plural, safe } from '../../base/text/sanitize.ts';
import type { Failure } from '../../job/failure.ts';
import { type UsageFailure, usageError } from './usage.ts';

/** At most so many queues are named. */
const MOST_KNOWN = 10;

type QueueFailure = Extract<Failure, { code: 'no-such-queue' | 'queue-in-use' | 'not-waiting' }>;

export function queueMessageOf(failure: QueueFailure): { message: string; hint: string } {
  if (failure.code === 'no-such-queue') return noSuchQueue(failure);
  if (failure.code === 'queue-in-use') return queueInUse(failure);
  const { id, state, inQueue } = failure;
  return inQueue
    ? {
        message: `job ${id} does not wait any more: it is ${state}; nothing was moved`,
        hint: 'bgjob ls --state queued',
      }
    : {
        message: `job ${id} is in no queue: it waits for a time or for other jobs; nothing was moved`,
        hint: `bgjob show ${id}`,
      };
}

function noSuchQueue({ name, known }: Extract<Failure, { code: 'no-such-queue' }>) {
  const more = known.length > MOST_KNOWN ? ' …' : '';
  const there =
    known.length > 0
      ? `; queues: ${known.slice(0, MOST_KNOWN).join(', ')}${more}`
      : '; there are no queues yet';
  return {
    message: `no queue "${safe(name)}"${there}`,
    hint: known.length > 0 ? 'bgjob queue' : 'bgjob run -Q NAME -- command',
  };
}

function queueInUse({ name, running, waiting }: Extract<Failure, { code: 'queue-in-use' }>) {
  const facts = [
    ...(running > 0 ? [`${plural(running, 'job')} ${running === 1 ? 'runs' : 'run'} in it`] : []),
    ...(waiting > 0 ? [`${plural(waiting, 'job')} ${waiting === 1 ? 'waits' : 'wait'} there`] : []),
  ];
  const queue = safe(name);
  return {
    message:
      `queue ${queue} is in use: ${facts.join(', ') || 'a job is being added to it'}; ` +
      'nothing was removed',
    hint: `bgjob wait -a --queue ${queue}, or stop all of them: bgjob kill -a --queue ${queue}`,
  };
}

export const queueNeedsSlots = (name: string): UsageFailure =>
  usageError('queue set needs --slots N', `bgjob queue set ${name} --slots 2`);

export const queueListWithName = (name: string): UsageFailure =>
  usageError('queue list takes no name', `bgjob ls --queue ${safe(name)}`);

/** `place`: from 1; null: the job is being started. */
export const movedText = (label: string, queue: string, place: number | null): string =>
  `${label} ${place === null ? 'is being started' : `is #${place} in queue ${queue}`}`;
