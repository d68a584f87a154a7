/** Messages of `queue` and `move`, and why a job waits. */
import { renderDuration, renderTime, systemClock } from '../../base/clock.ts';
import { unreachable } from '../../base/result.ts';
import { plural, safe } from '../../base/text/sanitize.ts';
import type { Waiting } from '../../engine/queue/queue-status.ts';
import type { Failure } from '../../job/failure.ts';
import { needText } from '../../job/needs.ts';
import type { JobId } from '../../job/spec.ts';
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

/** How many of the jobs for which a job waits are named. */
const MOST_AWAITED = 5;
const DAY_MS = 86_400_000;

/** Why a job waits: `#3 in line`, `waits for job 41`. */
export function waitingText(waiting: Waiting): string {
  switch (waiting.kind) {
    case 'skip':
      return `about to be skipped: ${waiting.why}`;
    case 'paused':
      return `the queue ${waiting.queue} is paused`;
    case 'after':
      return afterText(waiting.ids);
    case 'time': {
      const when = `${timeText(waiting.at)} (${renderDuration(waiting.at - systemClock.now())})`;
      return waiting.isRetry ? `waits for its next attempt, at ${when}` : `waits until ${when}`;
    }
    case 'newer-bgjob':
      return `waits for a newer bgjob: this one does not know ${needText(waiting.needs)}`;
    case 'older-bgjob': {
      const whose = waiting.ids.length === 1 ? 'its supervisor is' : 'their supervisors are';
      const older = `${whose} of an older bgjob, which may not know ${needText(waiting.needs)}`;
      return `${afterText(waiting.ids)}: ${older}`;
    }
    case 'other-sandbox':
      return 'waits for a bgjob command in the sandbox where it was queued';
    case 'slot':
      return waiting.position === null ? 'about to start' : `#${waiting.position} in line`;
    default:
      return unreachable(waiting);
  }
}

/** The same for a table: `#3`, `after 41`; empty if there is nothing to say. */
export function waitingCell(waiting: Waiting): string {
  switch (waiting.kind) {
    case 'skip':
      return 'skipped';
    case 'paused':
      return 'paused';
    case 'after':
    case 'older-bgjob':
      return `after ${waiting.ids[0]}${waiting.ids.length > 1 ? `,+${waiting.ids.length - 1}` : ''}`;
    case 'time':
      return `until ${timeText(waiting.at)}`;
    case 'newer-bgjob':
      return 'newer bgjob';
    case 'other-sandbox':
      return 'other sandbox';
    case 'slot':
      return waiting.position === null ? '' : `#${waiting.position}`;
    default:
      return unreachable(waiting);
  }
}

function afterText(ids: JobId[]): string {
  const named = ids.slice(0, MOST_AWAITED).join(', ');
  const more = ids.length > MOST_AWAITED ? ` and ${ids.length - MOST_AWAITED} more` : '';
  return `waits for ${ids.length === 1 ? 'job' : 'jobs'} ${named}${more}`;
}

/** The local time, with the day if it is more than a day away. */
function timeText(at: number): string {
  const time = renderTime(at);
  return at - systemClock.now() > DAY_MS ? time : time.slice(-8);
}
