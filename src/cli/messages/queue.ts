/** Failures of queues in words. */
import { plural, safe } from '../../base/text/sanitize.ts';
import type { Failure } from '../../job/failure.ts';

/** So many queues are named. */
const MOST_KNOWN = 10;

type QueueFailure = Extract<Failure, { code: 'no-such-queue' | 'queue-in-use' | 'not-waiting' }>;

/** What happened, why, and a command to type next. */
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
        message: `job ${id} is in no queue: it waits for a time or for other jobs, not for its turn; nothing was moved`,
        hint: `bgjob show ${id}`,
      };
}

function noSuchQueue({ name, known }: Extract<Failure, { code: 'no-such-queue' }>) {
  const more = known.length > MOST_KNOWN ? ' …' : '';
  const there =
    known.length > 0 ? `; there are: ${known.slice(0, MOST_KNOWN).join(', ')}${more}` : '; there is none yet';
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
    message: `queue ${queue} is in use: ${facts.join(', ') || 'somebody adds a job to it'}; nothing was removed`,
    hint: `bgjob wait -a --queue ${queue}, or to stop them all: bgjob ls -a -q --queue ${queue} | xargs bgjob kill`,
  };
}
