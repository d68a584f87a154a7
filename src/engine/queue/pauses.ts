/**
 * The pauses behind which jobs wait: of a job itself, of its queue, of all jobs that hold the slots of its queue, or one of these of a
 * job for which it waits. Nothing goes on there until somebody resumes it.
 */
import type { Home } from '../../job/home/home.ts';
import { NO_QUEUE } from '../../job/queue/queue-order.ts';
import type { JobId } from '../../job/spec.ts';
import { pauseOf } from '../../job/view.ts';
import { observe } from '../observe/observe.ts';
import { QueueOverview, type QueueStatus } from './queue-status.ts';

export interface Pause {
  /** The job that was asked about. */
  of: JobId;
  /** The job for which that one waits, through others perhaps, and whose pause it is; null: it is its own. */
  via: JobId | null;
  what:
    | { kind: 'job'; id: JobId }
    | { kind: 'queue'; queue: string }
    | { kind: 'slots'; queue: string; ids: JobId[] };
}

/** So many jobs are looked at one by one, those included for which they wait; of more only the queues. */
const MOST_LOOKED = 100;

/** Each pause once, with the first job that waits behind it. */
export function findPauses(home: Home, ids: readonly JobId[]): Pause[] {
  const overview = new QueueOverview(home);
  const found = new Map<string, Pause>();
  const add = (of: JobId, id: JobId, what: Pause['what']): void => {
    const key = what.kind === 'job' ? `job ${what.id}` : what.queue;
    if (!found.has(key)) found.set(key, { of, via: id === of ? null : id, what });
  };
  const addQueue = (of: JobId, id: JobId, sight: QueueStatus): void => {
    const { name: queue } = sight;
    if (sight.isPaused) add(of, id, { kind: 'queue', queue });
    const holders = queue === NO_QUEUE ? [] : pausedHolders(home, sight);
    if (holders.length > 0) add(of, id, { kind: 'slots', queue, ids: holders });
  };
  const rest = ids.slice(0, MOST_LOOKED).map((id) => ({ of: id, id }));
  const looked = new Set<JobId>();
  for (let next = rest.shift(); next && looked.size < MOST_LOOKED; next = rest.shift()) {
    const { of, id } = next;
    if (looked.has(id)) continue;
    looked.add(id);
    const view = observe(home, id);
    if (view?.kind !== 'live') continue;
    if (pauseOf(view.status)) add(of, id, { kind: 'job', id });
    if (view.status.phase !== 'queued' || view.spec.placement === null) continue;
    const readiness = overview.readinessOf(view);
    // it will not be started, and that is its end
    if (readiness.kind === 'skip') continue;
    addQueue(of, id, overview.queue(view.spec.placement.queue));
    if (readiness.kind === 'after') rest.push(...readiness.ids.map((one) => ({ of, id: one })));
  }
  if (ids.length > MOST_LOOKED) {
    const wanted = new Set(ids);
    for (const sight of overview.queues) {
      const first = sight.waitingOf(null, Number.POSITIVE_INFINITY).ids.find((id) => wanted.has(id));
      if (first !== undefined) addQueue(first, first, sight);
    }
  }
  return [...found.values()];
}

/** The jobs that hold all slots of a queue, if all of them are paused. */
function pausedHolders(home: Home, { running, slots }: QueueStatus): JobId[] {
  if (running.size < slots) return [];
  const ids = [...running];
  const isPaused = (id: JobId): boolean => {
    const view = observe(home, id);
    return view?.kind === 'live' && pauseOf(view.status) !== null;
  };
  return ids.every(isPaused) ? ids : [];
}
