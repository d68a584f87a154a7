/**
 * The order of a queue, and whether a job may start. Pure. The name of an entry has everything that is asked
 * about a waiting job, and sorted names are the order in which jobs start, so that no record of a job is read
 * before it is its turn.
 *
 *     RANK.ID.SANDBOX.PROJECT[.tTIME][.aDEPENDENCIES]
 */
import { projectKey } from '../home/job-index.ts';
import type { Dependency, JobId, Placement } from '../spec.ts';

/** The queue of jobs that wait for a time or for other jobs, and are in no queue. */
export const NO_QUEUE = '-';

export const MOST_PRIORITY = 99_999;
/** The rank of priority 0. Below the ranks of all priorities is room for jobs moved to the front. */
const MIDDLE_RANK = 500_000;
const FRONT_RANK = MIDDLE_RANK - MOST_PRIORITY - 1;

/** A longer list is read from the spec. */
const MOST_DEPENDENCY_TEXT = 120;

export interface QueueEntry {
  name: string;
  rank: number;
  id: JobId;
  sandbox: string;
  project: string;
  notBefore: number | null;
  /** `spec`: the list is too long for a name. */
  after: Dependency[] | 'spec';
}

export const rankOf = (priority: number): number => MIDDLE_RANK - priority;
/** Above the ranks of all priorities: for jobs that were moved to the end. */
const BACK_RANK = MIDDLE_RANK + MOST_PRIORITY + 1;
const LAST_RANK = 999_999;

export const rankBefore = (ranks: number[], count = 1): number =>
  Math.max(0, ranks.reduce((least, rank) => Math.min(least, rank), FRONT_RANK) - count);
export const rankBehind = (ranks: number[]): number =>
  Math.min(LAST_RANK, ranks.reduce((most, rank) => Math.max(most, rank), BACK_RANK) + 1);

export const priorityOf = (rank: number): number | 'first' | 'last' =>
  rank <= FRONT_RANK ? 'first' : rank >= BACK_RANK ? 'last' : MIDDLE_RANK - rank;

/** A key for sandbox and control group. Processes with equal keys may run each other's jobs. */
export const sandboxKey = ({ sandbox, cgroup }: Pick<Placement, 'sandbox' | 'cgroup'>): string =>
  projectKey(`${sandbox}\n${cgroup}`);

const digits = (value: number, width: number): string => String(value).padStart(width, '0');

function dependencyText(after: Dependency[]): string {
  if (after.length === 0) return '';
  const text = after.map(({ id, any }) => `${any ? 'e' : 's'}${id}`).join('');
  return text.length > MOST_DEPENDENCY_TEXT ? '.a' : `.a${text}`;
}

export function entryName(
  id: JobId,
  project: string,
  placement: Placement,
  { rank = rankOf(placement.priority), notBefore = placement.notBefore } = {},
): string {
  const time = notBefore === null ? '' : `.t${Math.ceil(notBefore)}`;
  const start = `${digits(rank, 6)}.${digits(id, 15)}.${sandboxKey(placement)}.${projectKey(project)}`;
  return `${start}${time}${dependencyText(placement.after)}`;
}

const ENTRY = /^(\d{6})\.(\d{15})\.([0-9a-z]+)\.([0-9a-z]+)(?:\.t(\d{1,16}))?(?:\.a((?:[es]\d{1,15})*))?$/;

export function parseQueueEntry(name: string): QueueEntry | undefined {
  const match = ENTRY.exec(name);
  if (!match) return undefined;
  const [, rank, id, sandbox, project, time, list] = match;
  return {
    name,
    rank: Number(rank),
    id: Number(id),
    sandbox: sandbox!,
    project: project!,
    notBefore: time === undefined ? null : Number(time),
    after: list === '' ? 'spec' : parseDependencies(list ?? ''),
  };
}

const parseDependencies = (list: string): Dependency[] =>
  [...list.matchAll(/([es])(\d+)/g)].map(([, kind, id]) => ({ id: Number(id), any: kind === 'e' }));

/** The id in a name; 0 if it is not the name of an entry. */
export const idOfEntry = (name: string): JobId =>
  /^\d{6}\.\d{15}\./.test(name) ? Number(name.slice(7, 22)) : 0;

export const rankOfEntry = (name: string): number => Number(name.slice(0, 6));
export function projectOfEntry(name: string): string {
  const from = name.indexOf('.', 23) + 1;
  const to = name.indexOf('.', from);
  return name.slice(from, to < 0 ? name.length : to);
}

/** What became of a job that another waits for; `how`: its outcome as text. */
export type Fate =
  | { kind: 'waits' }
  | { kind: 'succeeded' }
  | { kind: 'failed'; how: string }
  /** The outcome is lost, so that jobs that wait for the end only are skipped as well. */
  | { kind: 'unknown'; how: string };

export type Readiness =
  | { kind: 'ready' }
  | { kind: 'skip'; why: string }
  | { kind: 'time'; at: number }
  | { kind: 'after'; ids: JobId[] };

export function judgeReadiness(
  notBefore: number | null,
  after: Dependency[],
  now: number,
  fateOf: (id: JobId) => Fate,
): Readiness {
  const open: JobId[] = [];
  for (const { id, any } of after) {
    const fate = fateOf(id);
    if (fate.kind === 'waits') open.push(id);
    else if (fate.kind === 'unknown' || (fate.kind === 'failed' && !any))
      return { kind: 'skip', why: `job ${id} ${fate.how}` };
  }
  if (open.length > 0) return { kind: 'after', ids: open };
  return notBefore !== null && notBefore > now ? { kind: 'time', at: notBefore } : { kind: 'ready' };
}
