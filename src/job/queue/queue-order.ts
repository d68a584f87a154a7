/**
 * Pure: who may start now? A job that waits has an entry, whose name says all that is asked of it while it waits, and sorts into the
 * order in which jobs are started: no record of it is read before its turn.
 *
 *     RANK.ID.SANDBOX.PROJECT[.tTIME][.aDEPENDENCIES]
 */
import { projectKey } from '../home/job-index.ts';
import type { Dependency, JobId, Placement } from '../spec.ts';

/** The queue of jobs that wait for a time or for others, and are in no queue. */
export const NO_QUEUE = '-';

export const MOST_PRIORITY = 99_999;
/** The rank of priority 0; below the ranks of all priorities is room for what was moved to the front. */
const MIDDLE_RANK = 500_000;
const FRONT_RANK = MIDDLE_RANK - MOST_PRIORITY - 1;

/** How much of a name the list of dependencies may take; a longer one is looked up in the spec. */
const MOST_DEPENDENCY_TEXT = 120;

/** What the name of an entry says. */
export interface QueueEntry {
  name: string;
  rank: number;
  id: JobId;
  sandbox: string;
  project: string;
  /** Milliseconds since 1970. */
  notBefore: number | null;
  /** `spec`: too many for a name. */
  after: Dependency[] | 'spec';
}

export const rankOf = (priority: number): number => MIDDLE_RANK - priority;
/** Above the ranks of all priorities: for what was moved to the end. */
const BACK_RANK = MIDDLE_RANK + MOST_PRIORITY + 1;
const LAST_RANK = 999_999;

/** The first of `count` ranks, one for each, before all of `ranks`. */
export const rankBefore = (ranks: number[], count = 1): number =>
  Math.max(0, ranks.reduce((least, rank) => Math.min(least, rank), FRONT_RANK) - count);
/** A rank behind all of `ranks`. */
export const rankBehind = (ranks: number[]): number =>
  Math.min(LAST_RANK, ranks.reduce((most, rank) => Math.max(most, rank), BACK_RANK) + 1);

/** What a rank says to people: a priority, or that the job was moved. */
export const priorityOf = (rank: number): number | 'first' | 'last' =>
  rank <= FRONT_RANK ? 'first' : rank >= BACK_RANK ? 'last' : MIDDLE_RANK - rank;

/** One text for a sandbox and its control group: what is equal may run in the other's place. */
export const sandboxKey = ({ sandbox, cgroup }: Pick<Placement, 'sandbox' | 'cgroup'>): string =>
  projectKey(`${sandbox}\n${cgroup}`);

const digits = (value: number, width: number): string => String(value).padStart(width, '0');

function dependencyText(after: Dependency[]): string {
  if (after.length === 0) return '';
  const text = after.map(({ id, any }) => `${any ? 'e' : 's'}${id}`).join('');
  return text.length > MOST_DEPENDENCY_TEXT ? '.a' : `.a${text}`;
}

/** The name of the entry of a job; `rank` and `notBefore` where they are not those of its spec any more. */
export function entryName(
  id: JobId,
  project: string,
  placement: Placement,
  { rank = rankOf(placement.priority), notBefore = placement.notBefore } = {},
): string {
  const time = notBefore === null ? '' : `.t${Math.ceil(notBefore)}`;
  const place = `${digits(rank, 6)}.${digits(id, 15)}.${sandboxKey(placement)}.${projectKey(project)}`;
  return `${place}${time}${dependencyText(placement.after)}`;
}

const ENTRY = /^(\d{6})\.(\d{15})\.([0-9a-z]+)\.([0-9a-z]+)(?:\.t(\d{1,16}))?(?:\.a((?:[es]\d{1,15})*))?$/;

/** What a name says; undefined if it is not one of ours. */
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

/** The id in the name of an entry; 0 if it is none. */
export const idOfEntry = (name: string): JobId =>
  /^\d{6}\.\d{15}\./.test(name) ? Number(name.slice(7, 22)) : 0;

export const rankOfEntry = (name: string): number => Number(name.slice(0, 6));
/** The key of the project in such a name. */
export function projectOfEntry(name: string): string {
  const from = name.indexOf('.', 23) + 1;
  const to = name.indexOf('.', from);
  return name.slice(from, to < 0 ? name.length : to);
}

/** What became of a job that another waits for: it is not over, it succeeded, or in words how it ended. */
export type Fate =
  | { kind: 'waits' }
  | { kind: 'succeeded' }
  | { kind: 'failed'; how: string }
  /** Nobody will ever know: also those are skipped who wait only for its end. */
  | { kind: 'unknown'; how: string };

export type Readiness =
  | { kind: 'ready' }
  | { kind: 'skip'; why: string }
  /** It waits for a time, milliseconds since 1970. */
  | { kind: 'time'; at: number }
  | { kind: 'after'; ids: JobId[] };

/** Whether a job may start, as far as it depends on nothing but time and other jobs. */
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
