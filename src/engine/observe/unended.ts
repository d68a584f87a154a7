/**
 * Lists the jobs that have not ended, from the index alone. A job moves from an entry in its queue to an
 * admission, and on to a file in `live`; only a retry moves back, and its admission lasts until then. So a
 * job that moves meanwhile is seen in at least one. A caller that also reads ended jobs does so afterwards.
 */
import type { Home } from '../../job/home/home.ts';
import { listLive } from '../../job/home/job-index.ts';
import type { QueuePaths } from '../../job/home/paths.ts';
import { listAdmissions } from '../../job/queue/admissions.ts';
import { listQueues } from '../../job/queue/queue-files.ts';
import { queuedIds } from '../../job/queue/waiting-list.ts';
import type { JobId } from '../../job/spec.ts';
import { isLocked } from '../os/process-identity.ts';

/** The ids, unordered; some may have ended by now. `isWanted` selects waiting jobs by their project's key. */
export function listUnended(home: Home, isWanted?: (key: string) => boolean): JobId[] {
  // in this order
  const admitted = listQueues(home).flatMap((name) => [...admittedIn(home, home.queue(name))]);
  return [...new Set([...admitted, ...queuedIds(home, isWanted), ...listLive(home)])];
}

/** The jobs that hold a slot of a queue, or are about to. */
export function admittedIn(home: Home, queue: QueuePaths): Set<JobId> {
  const ids = listAdmissions(queue).map(({ id }) => id);
  return new Set(ids.filter((id) => id > 0 && isLocked(home.job(id).alive)));
}
