/** What the jobs that ended left running, and the ports that a job's processes listen on. */
import type { Home } from '../job/home.ts';
import type { EndedView, JobId, JobView } from '../job/job.ts';
import { type Found, type Owner, readOwner } from '../job/store.ts';
import { isAlive, type ProcessStat } from './identity.ts';
import { readShim } from './shim.ts';
import { readEnvironment, readTable } from './table.ts';
import { type AtSight, findProcesses, markedJob, sinceTicksOf, type Trail } from './tree.ts';

/** What is recorded of a job's processes, for findProcesses. */
export function trailOf(home: Home, view: JobView): Trail {
  const job = home.job(view.id);
  const owner: Found<Owner> = readOwner(job);
  const identity = owner.kind === 'read' ? owner.value.identity : undefined;
  const { shim, watcher, main } = readShim(job, identity);
  const spared = [identity, shim, watcher].filter((one) => one !== undefined);
  const left = 'state' in view && view.state ? view.state.left : [];
  const sinceTicks = sinceTicksOf(home, view.id);
  return { home, id: view.id, main, spared, sinceTicks, left, watched: false };
}

/** The living processes of a job, whatever its state. */
export const processesOf = (home: Home, view: JobView, atSight?: AtSight): Promise<ProcessStat[]> =>
  findProcesses(trailOf(home, view), atSight);

/** How many marked processes each of these ended jobs has left, in one look at the process table. */
export async function countLeftovers(home: Home, ended: EndedView[]): Promise<Map<JobId, number>> {
  const counts = new Map(ended.map(({ id }) => [id, 0]));
  if (ended.length === 0) return counts;
  const table = await readTable();
  const spared = new Map<JobId, Set<number>>();
  for (const { pid } of table) {
    const id = markedJob(home, readEnvironment(pid));
    const before = id === undefined ? undefined : counts.get(id);
    if (id === undefined || before === undefined) continue;
    const { shim, watcher } = spared.has(id) ? {} : readShim(home.job(id));
    if (!spared.has(id)) spared.set(id, new Set([shim?.pid ?? 0, watcher?.pid ?? 0]));
    if (!spared.get(id)!.has(pid)) counts.set(id, before + 1);
  }
  for (const { id, state } of ended) {
    const seen = state?.left.filter((one) => isAlive(one) === 'alive').length ?? 0;
    counts.set(id, Math.max(counts.get(id)!, seen));
  }
  return counts;
}
