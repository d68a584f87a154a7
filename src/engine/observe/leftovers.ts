/** Processes that jobs left running after their end, and processes that may be hidden from us. */
import type { Home } from '../../job/home/home.ts';
import { parseId } from '../../job/home/ids.ts';
import { foundValue, readOwner } from '../../job/home/records.ts';
import type { JobId } from '../../job/spec.ts';
import type { EndedView, JobView, LiveView } from '../../job/view.ts';
import {
  HAS_PROC,
  isAlive,
  matchesIdentity,
  openFiles,
  type ProcessStat,
  readStat,
  ticksAt,
} from '../os/process-identity.ts';
import { readCommandLine, readEnvironment, readTable } from '../os/process-table.ts';
import { helperProcesses, readShim } from '../shim/shim-record.ts';
import { joinPass } from './process-pass.ts';
import { findProcesses, markedJob, type OnFound, type ProcessRecords, sinceTicksOf } from './process-tree.ts';

/** `sinceTicks`: sinceTicksOf, where it was read before: it does not change. */
export function processRecordsOf(
  home: Home,
  view: JobView,
  sinceTicks = sinceTicksOf(home, view.id),
): ProcessRecords {
  const { id } = view;
  const owner = foundValue(readOwner(home.job(id)))?.identity;
  const record = readShim(home.job(id), owner);
  const { main, leader } = record;
  const spared = [...(owner ? [owner] : []), ...helperProcesses(record)];
  const left = ('state' in view && view.state?.left) || [];
  return { home, id, main, leader, spared, owner, sinceTicks, left, watched: false };
}

/** Of a job on a target none is here. */
export const processesOf = (home: Home, view: JobView, onFound?: OnFound): Promise<ProcessStat[]> =>
  'spec' in view && view.spec.target !== null
    ? Promise.resolve([])
    : findProcesses(processRecordsOf(home, view), onFound);

/** The processes that carry a marker of this home, by job, from one pass over the process table. */
export async function markedProcesses(home: Home): Promise<Map<JobId, number[]>> {
  const marked = new Map<JobId, number[]>();
  for (const { pid } of await readTable()) {
    const id = markedJob(home, readEnvironment(pid));
    if (id !== undefined) marked.set(id, [...(marked.get(id) ?? []), pid]);
  }
  return marked;
}

/** A process that may belong to a job: nothing proves it, and nothing disproves it. */
export interface HiddenProcess {
  pid: number;
  command: string;
}

/** The process besides pid 1 that adopts orphans of a live job: it adopted the job's supervisor. */
export function orphanParentOf(home: Home, id: JobId): number | undefined {
  const owner = foundValue(readOwner(home.job(id)))?.identity;
  const stat = owner && readStat(owner.pid);
  return owner && matchesIdentity(stat, owner) ? stat!.ppid : undefined;
}

/**
 * Processes of our user that may belong to a job and cannot be inspected (ssh-agent and gpg-agent make
 * themselves undumpable): without a parent of ours, and started while the job ran. They are reported, never
 * signalled. `orphanParent`: see orphanParentOf.
 */
export async function findHidden(
  home: Home,
  view: EndedView | LiveView,
  orphanParent: number | undefined,
): Promise<HiddenProcess[]> {
  const sinceTicks = sinceTicksOf(home, view.id);
  if (sinceTicks === 0) return [];
  const untilTicks = view.kind === 'ended' ? ticksAt(view.status.endedAt) : Number.POSITIVE_INFINITY;
  const pass = await joinPass();
  return [...pass.values()].flatMap((seen) => {
    const { pid, ppid, startTicks } = seen.stat;
    const isOrphan = ppid <= 1 || ppid === orphanParent;
    if (!isOrphan || startTicks < sinceTicks || startTicks > untilTicks || !seen.isOpaque) return [];
    return { pid, command: readCommandLine(pid).join(' ').trim() };
  });
}

/** How many processes an ended job left, by their marker or by the record that its owner made at the end. */
export function countLeftovers(
  home: Home,
  { id, state, status }: EndedView,
  marked: Map<JobId, number[]>,
): number {
  const pids = marked.get(id) ?? [];
  const ours = pids.length > 0 ? helperProcesses(readShim(home.job(id))).map(({ pid }) => pid) : [];
  const loose = pids.filter((pid) => !ours.includes(pid));
  const seen = state?.left.filter((one) => isAlive(one) === 'alive') ?? [];
  // without /proc there are no markers: the main process is all that is known of a lost job
  const { main } = HAS_PROC || status.outcome.kind !== 'lost' ? {} : readShim(home.job(id));
  return Math.max(loose.length, seen.length, main && isAlive(main) === 'alive' ? 1 : 0);
}

/**
 * Whether a process may belong to a job that ended. One pass over all processes serves thousands of jobs. It
 * may say yes wrongly. If it says no, no process carries the marker of the job, has a file of it open, or is
 * led by its main process. Processes older than `sinceTicks` are skipped: the caller asks about younger jobs
 * only.
 */
export async function suspectJobs(
  home: Home,
  sinceTicks = 0,
): Promise<(view: Pick<EndedView, 'id'>) => boolean> {
  const ids = new Set<JobId | undefined>();
  const leaders = new Set<number | undefined>();
  for (const { pid, session, group, startTicks } of await readTable()) {
    // an owner still has the log of an ended job open: each job would be suspect
    if (startTicks < sinceTicks || pid === process.pid) continue;
    ids.add(markedJob(home, readEnvironment(pid)));
    for (const leader of [pid, session, group]) leaders.add(leader);
    // the process may see the home under another path: the number is enough for a suspicion. Only processes
    // of ours have `alive` open: a watcher that was killed a moment ago would cause a search for its job
    for (const [, path] of openFiles(pid))
      ids.add(parseId(/\/jobs\/(\d+)\/(?!alive$)/.exec(path)?.[1] ?? ''));
  }
  return ({ id }) => {
    if (ids.has(id)) return true;
    const { main, leader } = readShim(home.job(id));
    return leaders.has(main?.pid) || (leader !== undefined && leaders.has(leader.pid));
  };
}
