/**
 * Finds the pauses behind which jobs wait: of the job itself, of its queue, of all jobs in the slots of its
 * queue, or one of these for a job on which it depends. Such a job does not go on until it is resumed.
 */
import type { Home } from '../../job/home/home.ts';
import { NO_QUEUE } from '../../job/queue/queue-order.ts';
import type { JobId } from '../../job/spec.ts';
import { pauseOf } from '../../job/view.ts';
import { observe } from '../observe/observe.ts';
import { QueueOverview, type QueueStatus } from './queue-status.ts';

export interface Pause {
  of: JobId;
  /** The job that is paused, or whose queue is, if it is another one for which the job waits. */
  via: JobId | null;
  what:
    | { kind: 'job'; id: JobId }
    | { kind: 'queue'; queue: string }
    | { kind: 'slots'; queue: string; ids: JobId[] };
}

/** How many jobs are observed one by one, with their dependencies. Of more only the queues are checked. */
const MAX_OBSERVED = 100;

/** Each pause once, with the first job that waits behind it. */
export function findPauses(home: Home, ids: readonly JobId[]): Pause[] {
  const overview = new QueueOverview(home);
  const found = new Map<string, Pause>();
  const add = (of: JobId, id: JobId, what: Pause['what']): void => {
    const key = what.kind === 'job' ? `job ${what.id}` : what.queue;
    if (!found.has(key)) found.set(key, { of, via: id === of ? null : id, what });
  };
  const addQueue = (of: JobId, id: JobId, status: QueueStatus): void => {
    const { name: queue } = status;
    if (status.isPaused) add(of, id, { kind: 'queue', queue });
    const ids = queue === NO_QUEUE ? [] : pausedInSlots(home, status);
    if (ids.length > 0) add(of, id, { kind: 'slots', queue, ids });
  };
  const rest = ids.slice(0, MAX_OBSERVED).map((id) => ({ of: id, id }));
  const observed = new Set<JobId>();
  for (let next = rest.shift(); next && observed.size < MAX_OBSERVED; next = rest.shift()) {
    const { of, id } = next;
    if (observed.has(id)) continue;
    observed.add(id);
    const view = observe(home, id);
    if (view?.kind !== 'live') continue;
    if (pauseOf(view.status)) add(of, id, { kind: 'job', id });
    if (view.status.phase !== 'queued' || view.spec.placement === null) continue;
    const readiness = overview.readinessOf(view);
    // it ends without a start
    if (readiness.kind === 'skip') continue;
    addQueue(of, id, overview.queue(view.spec.placement.queue));
    if (readiness.kind === 'after') rest.push(...readiness.ids.map((one) => ({ of, id: one })));
  }
  if (ids.length > MAX_OBSERVED) {
    const wanted = new Set(ids);
    for (const status of overview.queues) {
      const first = status.waitingOf(null, Number.POSITIVE_INFINITY).ids.find((id) => wanted.has(id));
      if (first !== undefined) addQueue(first, first, status);
    }
  }
  return [...found.values()];
}

function pausedInSlots(home: Home, { running, slots }: QueueStatus): JobId[] {
  if (running.size < slots) return [];
  const ids = [...running];
  const isPaused = (id: JobId): boolean => {
    const view = observe(home, id);
    return view?.kind === 'live' && pauseOf(view.status) !== null;
  };
  return ids.every(isPaused) ? ids : [];
}
