/** Finds the jobs that were added with one in a batch (`run --batch`). */
import type { Home } from '../../job/home/home.ts';
import { givenIds } from '../../job/home/ids.ts';
import { foundValue, readSpec } from '../../job/home/records.ts';
import { type RemovedFailure, readAllRemoved } from '../../job/rounds/removed-jobs.ts';
import type { JobId } from '../../job/spec.ts';
import type { JobView } from '../../job/view.ts';
import { observe } from '../observe/observe.ts';

export interface Batch {
  first: JobId;
  /** The jobs that exist, by id. */
  views: JobView[];
  removed: RemovedFailure[];
}

/** The batch of this job; undefined if it was added alone, or there is no such job. */
export function findBatch(home: Home, id: JobId): Batch | undefined {
  const own = foundValue(readSpec(home.job(id), id));
  const gone = readAllRemoved(home).flatMap(({ failures }) => failures);
  // the batch of a job that gc removed is known if the job failed or was the first
  const known = own ? own.placement?.batch : gone.find((one) => one.id === id)?.batch;
  const first = known ?? (own ? null : id);
  if (first === null) return undefined;
  const isOf = (member: JobId): boolean =>
    foundValue(readSpec(home.job(member), member))?.placement?.batch === first;
  const ids = givenIds(home).filter((member) => member >= first && isOf(member));
  const views = ids.flatMap((member) => observe(home, member) ?? []);
  const there = new Set(ids);
  const removed = gone.filter((one) => one.batch === first && !there.has(one.id)).sort((a, b) => a.id - b.id);
  return views.length + removed.length === 0 ? undefined : { first, views, removed };
}
