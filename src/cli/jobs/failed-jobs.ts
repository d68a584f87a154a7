/**
 * The failures of the last round: `ls --failed` shows them and `restart --failed` starts them again. Left out
 * are jobs that a later job replaced, jobs that were stopped on request, and jobs that a schedule or trigger
 * started.
 */

import { callerJobs } from '../../engine/observe/caller-jobs.ts';
import { QueueOverview } from '../../engine/queue/queue-status.ts';
import { endFacts } from '../../engine/wait/counted.ts';
import { failuresOf, findRound, lastAnswered, type Round, type RoundScope } from '../../engine/wait/round.ts';
import type { Home } from '../../job/home/home.ts';
import type { JobId } from '../../job/spec.ts';
import type { EndedView, JobView } from '../../job/view.ts';
import type { Context } from '../command/context.ts';
import { removedFailuresText } from '../messages/lists.ts';
import { type Choice, isAsked, type Picked } from './job-filter.ts';

export interface FailedJobs {
  /** By id, as they were started. */
  views: EndedView[];
  /** So many more failed, and were removed by gc. */
  removed: number;
}

/** The last round of each named queue; of the project, if no queue is named. */
export function failedJobs(context: Context, home: Home | undefined, choice: Choice): FailedJobs {
  const views = new Map<JobId, EndedView>();
  const removed = new Set<JobId>();
  if (!home) return { views: [], removed: 0 };
  const here = choice.everywhere ? null : context.here();
  const callers = callerJobs(home, context.env);
  for (const queue of choice.queues.length > 0 ? new Set(choice.queues) : [null]) {
    const scope: RoundScope = { here, queue, session: choice.session };
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

/** The same as a list. */
export const pickFailed = (home: Home, { views, removed }: FailedJobs): Picked => ({
  overview: new QueueOverview(home),
  *views() {
    yield* views;
  },
  hidden: () => 0,
  rest: () => (removed === 0 ? [] : [removedFailuresText(removed)]),
});

/**
 * If the round consists of restarted jobs of the round before, the other failures of that round still count.
 */
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
