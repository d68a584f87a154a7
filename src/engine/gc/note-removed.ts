/**
 * Records facts about jobs before gc removes them: a `wait --queue` or `wait --all` may still have to answer
 * for them.
 */
import { systemClock } from '../../base/clock.ts';
import { attemptQuietly } from '../../base/result.ts';
import type { Home } from '../../job/home/home.ts';
import { writeRemoved } from '../../job/rounds/removed-jobs.ts';
import { exitCodeOf } from '../../job/state.ts';
import type { EndedView } from '../../job/view.ts';
import { endFacts, isLeftOut, roundQueueOf } from '../wait/counted.ts';

/** Records the failures among them, and the highest ids of the others. On a full disk gc goes on without. */
export function recordRemoved(home: Home, views: EndedView[]): void {
  const recorded = views.filter(({ spec }) => spec.origin?.kind !== 'own');
  for (const project of new Set(recorded.map(({ spec }) => spec.project))) {
    const own = recorded.filter(({ spec }) => spec.project === project);
    const added = {
      failures: own.filter(isFailure).map((view) => failureOf(home, view)),
      ended: own
        .filter((view) => !isFailure(view))
        .map((view) => ({ queue: roundQueueOf(view), leftOut: isLeftOut(home, view), upTo: view.id })),
    };
    attemptQuietly(() => writeRemoved(home, project, added, systemClock.now()));
  }
}

const isFailure = ({ status }: EndedView): boolean => exitCodeOf(status.outcome) !== 0;

const failureOf = (home: Home, view: EndedView) => ({
  id: view.id,
  queue: roundQueueOf(view),
  batch: view.spec.placement?.batch ?? null,
  session: view.spec.session,
  code: exitCodeOf(view.status.outcome),
  by: ['exited', 'killed'].includes(view.status.outcome.kind) ? ('job' as const) : ('bgjob' as const),
  endedAt: view.status.endedAt,
  ...endFacts(home, view),
});
