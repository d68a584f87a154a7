/** What the jobs that ended left running, and the ports that a job's processes listen on. */
import type { Home } from '../../job/home/home.ts';
import { parseId } from '../../job/home/ids.ts';
import { type Found, type Owner, readOwner } from '../../job/home/records.ts';
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
import { isOpaque, readCommandLine, readEnvironment, readTable } from '../os/process-table.ts';
import { helperProcesses, readShim } from '../shim/shim-record.ts';
import { type AsSeen, findProcesses, markedJob, sinceTicksOf, type Trail } from './process-tree.ts';

/** What is recorded of a job's processes, for findProcesses. */
export function trailOf(home: Home, view: JobView): Trail {
  const job = home.job(view.id);
  const owner: Found<Owner> = readOwner(job);
  const identity = owner.kind === 'read' ? owner.value.identity : undefined;
  const record = readShim(job, identity);
  const { main, leader } = record;
  const spared = [...(identity ? [identity] : []), ...helperProcesses(record)];
  const left = 'state' in view && view.state ? view.state.left : [];
  const sinceTicks = sinceTicksOf(home, view.id);
  return { home, id: view.id, main, leader, spared, owner: identity, sinceTicks, left, watched: false };
}

/** The living processes of a job, whatever its state. */
export const processesOf = (home: Home, view: JobView, asSeen?: AsSeen): Promise<ProcessStat[]> =>
  findProcesses(trailOf(home, view), asSeen);

/** The processes that carry a marker of this home, by job: one look at the process table serves a whole list. */
export async function markedProcesses(home: Home): Promise<Map<JobId, number[]>> {
  const marked = new Map<JobId, number[]>();
  for (const { pid } of await readTable()) {
    const id = markedJob(home, readEnvironment(pid));
    if (id !== undefined) marked.set(id, [...(marked.get(id) ?? []), pid]);
  }
  return marked;
}

/** A process that may be a job's: nothing shows it, and nothing shows the contrary. */
export interface Hidden {
  pid: number;
  /** Its command line, as it was typed. */
  command: string;
}

/** Who gets the orphans of a live job besides pid 1: whoever got its supervisor when the launcher ended. */
export function orphanageOf(home: Home, id: JobId): number | undefined {
  const owner = readOwner(home.job(id));
  const stat = owner.kind === 'read' ? readStat(owner.value.identity.pid) : undefined;
  return owner.kind === 'read' && matchesIdentity(stat, owner.value.identity) ? stat!.ppid : undefined;
}

/**
 * Processes that may be of a job and cannot be looked into (ssh-agent and gpg-agent make themselves undumpable): of our user, without
 * a parent of ours, and started while the job ran. They are named, never signalled. `orphanage`: see orphanageOf.
 */
export async function hiddenOf(
  home: Home,
  view: EndedView | LiveView,
  orphanage: number | undefined,
): Promise<Hidden[]> {
  const sinceTicks = sinceTicksOf(home, view.id);
  if (sinceTicks === 0) return [];
  const untilTicks = view.kind === 'ended' ? ticksAt(view.status.endedAt) : Number.POSITIVE_INFINITY;
  const table = await readTable();
  return table.flatMap(({ pid, ppid, startTicks }) => {
    const isOrphan = ppid <= 1 || ppid === orphanage;
    if (!isOrphan || startTicks < sinceTicks || startTicks > untilTicks || !isOpaque(pid)) return [];
    return { pid, command: readCommandLine(pid).join(' ').trim() };
  });
}

/** How many processes an ended job left, by their marker or by what its owner saw at the end. */
export function leftoversOf(
  home: Home,
  { id, state, status }: EndedView,
  marked: Map<JobId, number[]>,
): number {
  const pids = marked.get(id) ?? [];
  const ours = pids.length > 0 ? helperProcesses(readShim(home.job(id))).map(({ pid }) => pid) : [];
  const loose = pids.filter((pid) => !ours.includes(pid));
  const seen = state?.left.filter((one) => isAlive(one) === 'alive') ?? [];
  // without markers nothing else tells of one whose supervisor and shim were killed
  const { main } = HAS_PROC || status.outcome.kind !== 'lost' ? {} : readShim(home.job(id));
  return Math.max(loose.length, seen.length, main && isAlive(main) === 'alive' ? 1 : 0);
}

/**
 * Whether some process may belong to a job that ended: one look at all processes serves thousands of jobs. It errs on the side
 * of yes; whoever gets a no has no process that carries its marker, has a file of it open, or is led by its main process.
 * `sinceTicks`: nothing older than that can be of the jobs that are asked about.
 */
export async function suspectJobs(
  home: Home,
  sinceTicks = 0,
): Promise<(view: Pick<EndedView, 'id'>) => boolean> {
  const ids = new Set<JobId | undefined>();
  const leaders = new Set<number | undefined>();
  for (const { pid, session, group, startTicks } of await readTable()) {
    if (startTicks < sinceTicks) continue;
    ids.add(markedJob(home, readEnvironment(pid)));
    for (const leader of [pid, session, group]) leaders.add(leader);
    // the home may have another path there: a number is enough for a suspicion
    for (const [, path] of openFiles(pid)) ids.add(parseId(/\/jobs\/(\d+)\//.exec(path)?.[1] ?? ''));
  }
  return ({ id }) => {
    if (ids.has(id)) return true;
    const { main, leader } = readShim(home.job(id));
    return leaders.has(main?.pid) || (leader !== undefined && leaders.has(leader.pid));
  };
}
