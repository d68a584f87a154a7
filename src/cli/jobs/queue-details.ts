/**
 * The rows of `show` for a job that was queued: its queue and position, what it waited for, and its attempts.
 */
import { renderDuration, renderTime, systemClock } from '../../base/clock.ts';
import { wasQueued } from '../../engine/launch/stored-environment.ts';
import type { Home } from '../../job/home/home.ts';
import { findEntry } from '../../job/queue/queue-files.ts';
import { priorityOf, rankOfEntry } from '../../job/queue/queue-order.ts';
import { codesText, type Spec } from '../../job/spec.ts';
import { type Attempt, ranMs } from '../../job/state.ts';
import { type JobView, notRetriedOf } from '../../job/view.ts';
import { type Extras, outcomeText, queueOf } from '../messages/job-text.ts';
import { movedToText } from '../messages/lists.ts';
import { restartsText } from '../messages/queue.ts';

/** The head of a row, and its text; a row without text is left out. */
export type DetailRow = [head: string, text: string | null | undefined | false];

/** The priority of the entry, which `move` may have changed. */
function priorityText(home: Home, spec: Spec): string | false {
  if (!wasQueued(spec)) return false;
  const entry = findEntry(home, spec);
  const priority = entry ? priorityOf(rankOfEntry(entry.name)) : spec.placement.priority;
  if (typeof priority === 'string') return movedToText(priority);
  return priority !== 0 && String(priority);
}

export function queueRows(view: JobView, home: Home, { waiting }: Extras): DetailRow[] {
  if (!('spec' in view) || !wasQueued(view.spec)) return [];
  const { spec } = view;
  const { after, notBefore } = view.spec.placement;
  const queue = queueOf(view);
  const position = waiting?.position ? ` (#${waiting.position} in line)` : '';
  const named = (any: boolean) => after.filter((one) => one.any === any).map(({ id }) => id);
  return [
    ['queue', queue !== null && queue + position],
    ['slot', 'state' in view && view.state?.slot ? String(view.state.slot) : null],
    ['priority', queue !== null && priorityText(home, spec)],
    ['after', named(false).length > 0 && `success of ${named(false).join(' ')}`],
    ['after any', named(true).length > 0 && `the end of ${named(true).join(' ')}`],
    ['not before', notBefore !== null && renderTime(notBefore)],
  ];
}

function attemptText(spec: Spec, attempt: Attempt): string {
  const end = outcomeText(attempt.outcome, spec);
  if (attempt.startedAt === null) return end;
  const took = ranMs(attempt);
  const after = took === null ? '' : ` after ${renderDuration(took)}`;
  return `${renderTime(attempt.startedAt)}, ${end}${after}`;
}

/** The earlier attempts, each in a row, and how many there may be. */
export function attemptRows(view: JobView): DetailRow[] {
  if (view.kind !== 'live' && view.kind !== 'ended') return [];
  const { spec, state, status } = view;
  const restarts = state?.there?.restarts ?? 0;
  const there: DetailRow[] = restarts > 0 ? [['restarts', restartsText(restarts)]] : [];
  if (spec.retry === 0) return there;
  const number = state?.attempt ?? 1;
  const next = status.phase === 'queued' && status.notBefore !== null ? status.notBefore : null;
  const wait = next === null ? '' : `, in ${renderDuration(next - systemClock.now())}`;
  return [
    ...(state?.attempts ?? []).map((one, n): DetailRow => [`attempt ${n + 1}`, attemptText(spec, one)]),
    ['attempt', `${number} of ${spec.retry + 1}${number > 1 ? wait : ''}`],
    ['retry on', spec.retryOn && `exit ${codesText(spec.retryOn)}`],
    ['no retry', notRetriedOf(view)],
    ...there,
  ];
}
