/** Messages of `queue` and `move`, why a job waits, and what Slurm did to it. */
import { renderDuration, renderTime, systemClock } from '../../base/clock.ts';
import { clip, plural, safe } from '../../base/text/sanitize.ts';
import type { Waiting } from '../../engine/queue/queue-status.ts';
import type { Verdict } from '../../engine/targets/engine.ts';
import { needText } from '../../job/needs.ts';
import type { JobId } from '../../job/spec.ts';
import type { Target } from '../../job/target.ts';
import { heldCell, heldText, targetLabel } from './targets.ts';
import { type FailureTexts, textFor, usageError } from './usage.ts';

const MOST_KNOWN = 10;

export const queueFailures: FailureTexts<'no-such-queue' | 'queue-in-use' | 'not-waiting'> = {
  'no-such-queue': ({ name, known }) => {
    const named = `${known.slice(0, MOST_KNOWN).join(', ')}${known.length > MOST_KNOWN ? ' …' : ''}`;
    return known.length > 0
      ? [`no queue "${safe(name)}"; queues: ${named}`, 'bgjob queue']
      : [`no queue "${safe(name)}"; there are no queues yet`, 'bgjob run -Q NAME -- command'];
  },
  'queue-in-use': ({ name, running, waiting }) => {
    const facts = [
      ...(running > 0 ? [`${plural(running, 'job')} ${running === 1 ? 'runs' : 'run'} in it`] : []),
      ...(waiting > 0 ? [`${plural(waiting, 'job')} ${waiting === 1 ? 'waits' : 'wait'} there`] : []),
    ];
    const queue = safe(name);
    const use = facts.join(', ') || 'a job is being added to it';
    return [
      `queue ${queue} is in use: ${use}; nothing was removed`,
      `bgjob wait -a --queue ${queue}, or stop all of them: bgjob kill -a --queue ${queue}`,
    ];
  },
  'not-waiting': ({ id, state, inQueue }) =>
    inQueue
      ? [`job ${id} does not wait any more: it is ${state}; nothing was moved`, 'bgjob ls --state queued']
      : [
          `job ${id} is in no queue: it waits for a time or for other jobs; nothing was moved`,
          `bgjob show ${id}`,
        ],
};

export const queueNeedsSlots = (name: string) =>
  usageError('queue set needs --slots N', `bgjob queue set ${name} --slots 2`);

export const queueListWithName = (name: string) =>
  usageError('queue list takes no name', `bgjob ls --queue ${safe(name)}`);

/** `place`: from 1; null: the job is being started. */
export const movedText = (label: string, queue: string, place: number | null) =>
  `${label} ${place === null ? 'is being started' : `is #${place} in queue ${queue}`}`;

const MOST_AWAITED = 5;
const DAY_MS = 86_400_000;

/** Why a job waits: `#3 in line`, `waits for job 41`. */
export const waitingText = (waiting: Waiting): string =>
  textFor('kind', waiting, {
    skip: ({ why }) => `about to be skipped: ${why}`,
    paused: ({ queue }) => `the queue ${queue} is paused`,
    after: ({ ids }) => afterText(ids),
    time: ({ at, isRetry }) => {
      const when = `${timeText(at)} (${renderDuration(at - systemClock.now())})`;
      return isRetry ? `waits for its next attempt, at ${when}` : `waits until ${when}`;
    },
    'newer-bgjob': ({ needs }) => `waits for a newer bgjob: this one does not know ${needText(needs)}`,
    'older-bgjob': ({ ids, needs }) => {
      const whose = ids.length === 1 ? 'its supervisor is' : 'their supervisors are';
      return `${afterText(ids)}: ${whose} of an older bgjob, which may not know ${needText(needs)}`;
    },
    target: ({ target, far }) => heldText(target, far) || `waits for a slot on ${targetLabel(target)}`,
    'other-sandbox': 'waits for a bgjob command in the sandbox where it was queued',
    slot: ({ position }) => (position === null ? 'about to start' : `#${position} in line`),
  });

/** The same for a table: `#3`, `after 41`; empty if there is nothing to say. */
export function waitingCell(waiting: Waiting): string {
  const after = ({ ids }: { ids: JobId[] }) =>
    `after ${ids[0]}${ids.length > 1 ? `,+${ids.length - 1}` : ''}`;
  return textFor('kind', waiting, {
    skip: 'skipped',
    paused: 'paused',
    after,
    'older-bgjob': after,
    time: ({ at }) => `until ${timeText(at)}`,
    'newer-bgjob': 'newer bgjob',
    target: ({ target, far }) => heldCell(target, far) || `for ${targetLabel(target)}`,
    'other-sandbox': 'other sandbox',
    slot: ({ position }) => (position === null ? '' : `#${position}`),
  });
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

// the queue of Slurm

/** The name of the queue in which it waits there: `slurm: Resources`. */
export const waitsThereText = ({ engine }: Pick<Target, 'engine'>, reason: string): string =>
  safe(reason === '' ? engine : `${engine}: ${reason}`);

export const restartsText = (restarts: number): string =>
  `Slurm put it back into its queue ${plural(restarts, 'time')}`;

/** What Slurm did to a job, in words. */
const VERDICT: Record<Verdict['word'], string> = {
  'time-limit': 'over its time limit in Slurm',
  'out-of-memory': 'out of memory',
  cancelled: 'cancelled in Slurm',
  preempted: 'preempted in Slurm',
  'node-failed': 'its node failed',
  'not-started': 'Slurm could not start it',
  unclear: 'Slurm does not say how',
};
export const verdictText = (word: string): string => VERDICT[word as Verdict['word']] ?? safe(word);

/** `part`: the one of the list that is wrong. */
export const badCodes = (part: string, why: 'syntax' | 'zero' | 'high' | 'order') => {
  const whys = {
    syntax: 'is not an exit code, nor a range of them (75,100-110)',
    zero: 'has 0, which is success: a success is not retried',
    high: 'is above 255, the highest exit code',
    order: 'ends below its start',
  };
  return usageError(
    part.trim() === ''
      ? `--retry-on: an exit code is missing (75,100-110)`
      : `--retry-on: "${clip(safe(part.trim()), 40)}" ${whys[why]}`,
  );
};
