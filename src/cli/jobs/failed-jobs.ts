/**
 * What failed in the last round: what `ls --failed` shows and `restart --failed` starts once more. Not what a later job stands for, not
 * what somebody stopped on request, and not what a schedule or trigger started.
 */
import { plural, safe } from '../../base/text/sanitize.ts';
import { QueueOverview } from '../../engine/queue/queue-status.ts';
import { callerJobs } from '../../engine/wait/caller-jobs.ts';
import { endFacts } from '../../engine/wait/counted.ts';
import { failuresOf, findRound, lastAnswered, type Round, type RoundScope } from '../../engine/wait/round.ts';
import type { Home } from '../../job/home/home.ts';
import type { JobId } from '../../job/spec.ts';
import type { EndedView, JobView } from '../../job/view.ts';
import type { Context } from '../command/context.ts';
import { type Choice, isAsked, type Picked } from './job-filter.ts';

export interface FailedJobs {
  /** By id, as they were started. */
  views: EndedView[];
  /** How many more failed, which gc has removed. */
  removed: number;
}

/** Of each queue that is named its last round; without one, that of the project. */
export function failedJobs(context: Context, home: Home | undefined, choice: Choice): FailedJobs {
  const views = new Map<JobId, EndedView>();
  const removed = new Set<JobId>();
  if (!home) return { views: [], removed: 0 };
  const here = choice.everywhere ? null : context.here();
  const callers = callerJobs(home, context.env);
  for (const queue of choice.queues.length > 0 ? new Set(choice.queues) : [null]) {
    const scope: RoundScope = { here, queue };
    const round = findRound(home, scope, callers);
    if (!round) continue;
    for (const { id } of round.removed) removed.add(id);
    for (const view of failuresOf(home, withRestarted(home, round))) {
      const { stopped, automatic } = endFacts(home, view);
      if (!stopped && !automatic && isAsked(choice, view)) views.set(view.id, view);
    }
  }
  return { views: [...views.values()].sort((a, b) => a.id - b.id), removed: removed.size };
}

/** What failed, as a list shows it. */
export const pickFailed = (home: Home, { views, removed }: FailedJobs): Picked => ({
  overview: new QueueOverview(home),
  *views() {
    yield* views;
  },
  hidden: () => 0,
  rest: () => (removed === 0 ? [] : [`${removedFailuresText(removed)}`]),
});

/** That there is none, and what was asked for. */
export function nothingFailedText({ removed }: FailedJobs, { queues, tags, everywhere }: Choice): string {
  const what = [
    ...queues.map((name) => `of queue ${safe(name)}`),
    ...tags.map((tag) => `with tag ${safe(tag)}`),
    ...(everywhere ? [] : ['of this project']),
  ].join(' ');
  const gone = removed === 0 ? '' : `; ${removedFailuresText(removed)}`;
  return `nothing ${what === '' ? '' : `${what} `}failed in the last round${gone}`;
}

/** `2 failures were removed by gc`. */
export const removedFailuresText = (removed: number): string =>
  `${plural(removed, 'failure was', 'failures were')} removed by gc`;

/** Where the round is made of jobs of the one before that were started once more, what failed there beside them still counts. */
function withRestarted(home: Home, round: Round): Round {
  if (round.answered || round.views.length === 0) return round;
  const earlier = lastAnswered(home, round.scope);
  const known = new Set(earlier.map(({ id }) => id));
  const isAgain = (view: JobView): boolean => {
    const before = 'spec' in view ? view.spec.restartOf : null;
    if (before === null || !known.has(before)) return false;
    known.add(view.id);
    return true;
  };
  return round.views.every(isAgain) ? { ...round, views: [...earlier, ...round.views] } : round;
}
