/**
 * The ends of which a session is to be told, for `ls --unseen`, `hook` and `watch --ends`:
 *
 * - ends of its own jobs, in any project, of which it was not told;
 * - ends of jobs without a session in this project, of which no call was told;
 * - ends of other sessions in this project, of which no call was told for an hour: that session may be over.
 *
 * A call without a session is told of the last two kinds. An end is marked when the reader has the answer. A
 * crash before that leads to a second telling, and none loses an end. The marks change no verdict.
 */
import { sleepSync, systemClock } from '../../base/clock.ts';
import { removeQuietly } from '../../base/fs/atomic-write.ts';
import { attemptQuietly } from '../../base/result.ts';
import type { Home } from '../../job/home/home.ts';
import {
  endedNames,
  idOfName,
  listLive,
  newestNames,
  projectKey,
  projectOfName,
  timeOfName,
} from '../../job/home/job-index.ts';
import { isSeen, isTold, markSeen, markTold } from '../../job/home/records.ts';
import {
  dropSessionEnd,
  listForeignEnds,
  listSessionEnds,
  makeSessionFolder,
} from '../../job/home/session-index.ts';
import { isSameSession, type Session } from '../../job/session.ts';
import type { JobId } from '../../job/spec.ts';
import type { EndedView, JobView } from '../../job/view.ts';
import { claimInstance } from '../os/process-lock.ts';
import { observe } from './observe.ts';

/** A call tells an end of another session if no call has told it for so long. */
const FOREIGN_MS = 3_600_000;

/** The session that reads the ends, null: none; and "this project", null: all projects. */
export interface EndReader {
  session: Session | null;
  projects: string[] | null;
}

export interface UnseenPlan extends EndReader {
  most: number;
  /** Chooses among the ends; null: all. */
  isWanted: ((view: JobView) => boolean) | null;
}

export interface UnseenEnd {
  view: EndedView;
  /** The job is of another session than the caller. */
  isForeign: boolean;
}

export interface UnseenEnds {
  /** The latest first. */
  ends: UnseenEnd[];
  /** So many more, which were not told. */
  more: number;
  /** There are ends of other sessions that are not an hour old. */
  hasLater: boolean;
}

/** The end, if it is to be told now; null: it is not. */
export function unseenEnd(home: Home, { session, projects }: EndReader, view: JobView): UnseenEnd | null {
  if (view.kind !== 'ended') return null;
  const [job, of] = [home.job(view.id), view.spec.session];
  if (isSameSession(of, session)) return isTold(job) ? null : { view, isForeign: false };
  if (isSeen(job) || (projects && !projects.includes(view.spec.project))) return null;
  const isForeign = of !== null;
  return isForeign && !isOld(view.status.endedAt) ? null : { view, isForeign };
}

/** Also an end in the future: the clock was wrong then. */
const isOld = (endedAt: number): boolean => Math.abs(systemClock.now() - endedAt) >= FOREIGN_MS;

/** Quick with 10,000 ended jobs: only the records of jobs that are shown are read; the others are counted. */
export function findUnseen(home: Home, plan: UnseenPlan): UnseenEnds {
  const { session, projects, most, isWanted } = plan;
  const found: UnseenEnds = { ends: [], more: 0, hasLater: false };
  const visited = new Set<JobId>();
  const visit = (id: JobId): void => {
    // its marker may move from the live to the ended meanwhile
    if (visited.has(id)) return;
    visited.add(id);
    const view = observe(home, id);
    const end = view && unseenEnd(home, plan, view);
    if (!end || (isWanted && !isWanted(end.view))) return;
    if (found.ends.length < most) found.ends.push(end);
    else found.more++;
  };
  // lost jobs: no process was left to mark them as ended
  for (const id of listLive(home)) visit(id);
  const own = new Set(session ? listSessionEnds(home, session) : []);
  const keys = projects && new Set(projects.map(projectKey));
  const names = endedNames(home).filter((name) => {
    const id = idOfName(name)!;
    return own.has(id) || ((!keys || keys.has(projectOfName(name))) && !isSeen(home.job(id)));
  });
  // of 10,000 jobs of a session that ended just now none is read for another session
  const foreign = names.length > 0 ? listForeignEnds(home, session) : new Set<JobId>();
  for (const name of newestNames(names, names.length, 0)) {
    const id = idOfName(name)!;
    const isLater = foreign.has(id) && !own.has(id) && !isOld(timeOfName(name));
    own.delete(id);
    if (isLater) found.hasLater = true;
    if (isLater || visited.has(id)) continue;
    if (found.ends.length < most || isWanted) visit(id);
    else found.more++;
  }
  // power cuts and gc leave markers
  for (const id of own) visit(id);
  return found;
}

/** Records that a call has told an end to this session; null: to a caller without one. */
export function recordTold(home: Home, view: JobView, session: Session | null): void {
  markSeen(home.job(view.id));
  if (!session || !('spec' in view) || !isSameSession(view.spec.session, session)) return;
  markTold(home.job(view.id));
  dropSessionEnd(home, session, view.id);
}

export interface UnseenClaim extends UnseenEnds {
  /** Call it when stdout was written whole and closed. Without it the next call tells the ends again. */
  told(): void;
}

const POLL_MS = 10;
/** So long a call waits for another: its reader may be a pager that a person leaves open. */
export const TELLING_MS = 5000;

/**
 * Finds the ends, and makes other calls of the session wait until they are told, at most `waitMs`: two
 * hooks of one event run at once. A call that died makes no other wait.
 */
export function claimUnseen(home: Home, plan: UnseenPlan, waitMs = TELLING_MS): UnseenClaim {
  const { session } = plan;
  let found = findUnseen(home, plan);
  let lock: string | undefined;
  if (session && found.ends.length > 0) {
    const until = systemClock.monotonic() + waitMs;
    // in a home that cannot be written every call tells: twice is better than never
    attemptQuietly(() => {
      const folder = makeSessionFolder(home, session);
      lock = claimInstance(folder, 'telling');
      while (lock === undefined && systemClock.monotonic() < until) {
        sleepSync(POLL_MS);
        lock = claimInstance(folder, 'telling');
      }
    });
    found = findUnseen(home, plan);
  }
  const told = (): void => {
    for (const { view } of found.ends) recordTold(home, view, session);
    if (lock !== undefined) removeQuietly(lock);
  };
  // the other call told all of them
  if (found.ends.length === 0) told();
  return { ...found, told };
}
