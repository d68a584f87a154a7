/**
 * Removes ended jobs and repairs the index. The directory of a job is renamed away first: that is atomic, and
 * a second process finds nothing. It never removes a live job, a job with leftovers, a job on which another
 * depends, a job that cannot be judged, or the highest id. Which others go is decided in
 * job/home/retention.ts.
 */
import { existsSync, lstatSync } from 'node:fs';
import { uptime } from 'node:os';
import { dirname } from 'node:path';
import { systemClock } from '../../base/clock.ts';
import { removeQuietly, writeHint } from '../../base/fs/atomic-write.ts';
import { namesIn } from '../../base/fs/read-record.ts';
import { attemptQuietly, ignoreSystemError } from '../../base/result.ts';
import { lastStarted } from '../../job/automation/template-records.ts';
import type { Home } from '../../job/home/home.ts';
import { listIds, raiseFloor } from '../../job/home/ids.ts';
import { listEnded, listLive, markEnded, unmarkEnded, unmarkLive } from '../../job/home/job-index.ts';
import { forgetNames, type JobName, jobNameOf } from '../../job/home/name-claims.ts';
import { INDEX_NAME } from '../../job/home/name-index.ts';
import type { JobPaths } from '../../job/home/paths.ts';
import { isSeen } from '../../job/home/records.ts';
import { chooseRemovals, type RetentionCandidate, type RetentionRules } from '../../job/home/retention.ts';
import { pruneSessions } from '../../job/home/session-index.ts';
import { discard, emptyTrash } from '../../job/home/trash.ts';
import { pruneAnsweredRounds } from '../../job/rounds/answered.ts';
import type { JobId } from '../../job/spec.ts';
import { exitCodeOf } from '../../job/state.ts';
import {
  listTargetDone,
  listTargetKeys,
  markTargetJob,
  readTarget,
  removeTarget,
  TARGET_LOCK,
} from '../../job/targets/target-records.ts';
import type { EndedView, LiveView } from '../../job/view.ts';
import { isHookDue } from '../hooks/exit-hook.ts';
import { isTargetHere, thisTargetAdded } from '../launch/confinement.ts';
import { forgetEnvironment } from '../launch/stored-environment.ts';
import { attendTarget } from '../launch/target-service.ts';
import { countLeftovers, markedProcesses, processesOf, suspectJobs } from '../observe/leftovers.ts';
import { observe } from '../observe/observe.ts';
import { isLocked, thisHost } from '../os/process-identity.ts';
import { claimInstance } from '../os/process-lock.ts';
import { awaitedJobs, repairQueues } from '../queue/repair-queues.ts';
import { recordRemoved } from './note-removed.ts';

/** A directory without a spec is a launch in progress for this long, milliseconds; later it is abandoned. */
const HALF_MADE_MS = 60_000;
const AUTO_MS = 3_600_000;
/** The folder of a session is removed when nothing has changed in it for so long. */
const SESSION_MS = 7 * 86_400_000;

interface Collected {
  removed: JobId[];
  freedBytes: number;
  live: number;
  kept: number;
}

/** Of the log, the copy of its input, and the payload of its delivery. */
function diskBytes(job: JobPaths): number {
  const logs = namesIn(dirname(job.log)).map((name) => `${dirname(job.log)}/${name}`);
  const paths = [...logs, job.input, job.payload];
  const sizes = paths.map((path) => {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    // jobs that were restarted share the file of their input
    return stat ? Math.ceil((stat.blocks * 512) / stat.nlink) : 0;
  });
  return sizes.reduce((sum, bytes) => sum + bytes, 0);
}

/**
 * How long ago a job ended, milliseconds. The wall clock counts only as far as the monotonic clock allows it.
 * With a wall clock that is a year ahead no job of this boot is old, and no job of an earlier boot is younger
 * than this boot.
 */
function endedAgoMs({ spec, status }: EndedView): number {
  const byWall = systemClock.now() - status.endedAt;
  const { bootId, machine } = thisHost();
  if (spec.machine !== machine) return Math.max(0, byWall);
  // including the time in which the machine slept
  const upMs = uptime() * 1000;
  if (spec.bootId !== bootId) return Math.max(byWall, upMs);
  const mostMs = Math.max(0, upMs - spec.createdMonotonicMs);
  return byWall >= 0 && byWall <= mostMs ? byWall : mostMs;
}

/** Jobs on which others depend, and those that hold the last result of a schedule or trigger. */
const neededJobs = (home: Home): Set<JobId> => new Set([...awaitedJobs(home), ...lastStarted(home)]);

async function candidatesOf(home: Home, views: EndedView[]): Promise<RetentionCandidate[]> {
  const marked = await markedProcesses(home);
  const awaited = neededJobs(home);
  return views.map((view) => ({
    id: view.id,
    endedAt: systemClock.now() - endedAgoMs(view),
    sizeBytes: diskBytes(home.job(view.id)),
    unseenFailure: exitCodeOf(view.status.outcome) !== 0 && !isSeen(home.job(view.id)),
    leftovers: countLeftovers(home, view, marked) > 0 || isHookDue(home, view, endedAgoMs(view)),
    awaited: awaited.has(view.id),
  }));
}

/** Renames the job away and deletes it; false if another process did, or the job is alive. */
async function remove(home: Home, view: EndedView, mayRun: (view: EndedView) => boolean): Promise<boolean> {
  // checked again, and thoroughly: it is the last moment
  if (observe(home, view.id)?.kind !== 'ended' || isHookDue(home, view, endedAgoMs(view))) return false;
  if (mayRun(view) && (await processesOf(home, view)).length > 0) return false;
  return putInTrash(home, view.id);
}

function putInTrash(home: Home, id: JobId): boolean {
  if (!discard(home, home.job(id).dir, String(id))) return false;
  unmarkLive(home, id);
  emptyTrash(home);
  return true;
}

/** A directory that a killed launcher left: without a spec, not locked, and old enough. */
function isHalfMade(home: Home, id: JobId): boolean {
  const job = home.job(id);
  const stat = lstatSync(job.dir, { throwIfNoEntry: false });
  return (
    stat?.isDirectory() === true && systemClock.now() - stat.mtimeMs > HALF_MADE_MS && !isLocked(job.alive)
  );
}

/** Removes an environment that a killed owner left: it may hold secrets. */
function forgetLeftEnvironment(home: Home, view: EndedView): void {
  const job = home.job(view.id);
  if (!existsSync(job.env) || isHookDue(home, view, endedAgoMs(view)) || isLocked(job.alive)) return;
  forgetEnvironment(home, view.spec);
}

/** Makes the index match the jobs: after a power cut, a killed owner or a lost job it may not. */
function repairIndex(home: Home, ended: EndedView[], gone: Set<JobId>): void {
  const indexed = listEnded(home);
  const ids = new Set(indexed.map(({ id }) => id));
  const live = new Set(listLive(home));
  for (const { id, spec, status } of ended)
    if (!gone.has(id) && (live.has(id) || !ids.has(id)))
      // fails if something else has that name: then the job is not in the index
      attemptQuietly(() => markEnded(home, spec, status.endedAt));
  for (const one of indexed) if (gone.has(one.id) || !existsSync(home.job(one.id).dir)) unmarkEnded(one);
}

/** A power cut may have taken the marker by which the service of a target finds its job. */
function markAgain(home: Home, { id, spec: { target } }: LiveView): void {
  if (target && !existsSync(`${home.target(target.key).live}/${id}`))
    attemptQuietly(() => markTargetJob(home, target, id, thisTargetAdded));
}

/**
 * Has the files removed that a target still has of ended jobs: it did not answer when they were to be removed.
 * Removes the folder of a target of which this home has no job any more.
 */
async function cleanTargets(home: Home, isUsed: (key: string) => boolean): Promise<void> {
  if (!existsSync(home.targets)) return;
  for (const key of listTargetKeys(home)) {
    const record = readTarget(home, key);
    if (listTargetDone(home, key).length > 0) await attendTarget(home, key);
    // services of other namespaces cannot be seen from here
    else if (record && isTargetHere(record.added) && !isUsed(key)) forgetTarget(home, key);
  }
}

/** While its service runs the folder stays. One that starts meanwhile finds no folder, and ends. */
function forgetTarget(home: Home, key: string): void {
  attemptQuietly(() => {
    const claim = claimInstance(home.target(key).dir, TARGET_LOCK);
    if (claim === undefined) return;
    if (removeTarget(home, key)) emptyTrash(home);
    else removeQuietly(claim);
  });
}

/**
 * Removes the indexes of names, which the next list makes anew; and compiled code, which versions before 0.9
 * stored in the home. No later version runs it.
 */
function emptyCache(home: Home): void {
  for (const name of namesIn(home.cache))
    if (/^code\.[a-z]+\./.test(name) || INDEX_NAME.test(name)) removeQuietly(`${home.cache}/${name}`);
}

/** Removes the jobs that the rules allow; `dryRun` only lists them. Throws system errors. */
export async function collect(home: Home, rules: RetentionRules, dryRun: boolean): Promise<Collected> {
  const ids = listIds(home).sort((a, b) => a - b);
  const highest = ids.at(-1);
  const ended: EndedView[] = [];
  const titles = new Map<JobId, JobName>();
  const queued = new Set<JobId>();
  const targets = new Map<JobId, string>();
  let live = 0;
  for (const id of ids) {
    const view = observe(home, id);
    const target = view && 'spec' in view ? view.spec.target : null;
    if (target) targets.set(id, target.key);
    const title = view && 'spec' in view ? jobNameOf(view.spec) : undefined;
    if (title) titles.set(id, title);
    if (view?.kind === 'live' && view.status.phase === 'queued') queued.add(id);
    if (view?.kind === 'ended') ended.push(view);
    else if (view?.kind === 'live') live++;
    if (view?.kind === 'live' && !dryRun) markAgain(home, view);
    else if (!view && !dryRun && id !== highest && isHalfMade(home, id)) putInTrash(home, id);
  }
  const candidates = await candidatesOf(home, ended);
  const chosen = new Set(chooseRemovals(candidates, rules, systemClock.now()).filter((id) => id !== highest));
  const removed = new Set<JobId>();
  // read again: a job that depends on one of these may have just been queued
  const awaited = neededJobs(home);
  for (const id of chosen) if (awaited.has(id)) chosen.delete(id);
  // before any removal: ids up to this one are never given again
  if (!dryRun && chosen.size > 0) raiseFloor(home, Math.max(...chosen));
  const leaving = ended.filter(({ id }) => chosen.has(id));
  if (!dryRun) recordRemoved(home, leaving);
  // one pass over all processes: one pass for each of thousands of jobs would take minutes
  const mayRun = await suspectJobs(home);
  for (const view of leaving) if (dryRun || (await remove(home, view, mayRun))) removed.add(view.id);
  if (!dryRun) {
    repairIndex(home, ended, removed);
    for (const view of ended) if (!removed.has(view.id)) forgetLeftEnvironment(home, view);
    repairQueues(home, (id) => queued.has(id));
    emptyCache(home);
    pruneSessions(home, systemClock.now() - SESSION_MS, (id) => !existsSync(home.job(id).dir));
    for (const id of removed) titles.delete(id);
    forgetNames(home, [...titles.values()]);
    pruneAnsweredRounds(home, ids.find((id) => !removed.has(id)) ?? 0);
    for (const id of removed) targets.delete(id);
    const used = new Set(targets.values());
    await cleanTargets(home, (key) => used.has(key));
  }
  const freed = candidates.filter(({ id }) => removed.has(id));
  const freedBytes = freed.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  return { removed: [...removed], freedBytes, live, kept: ended.length - removed.size };
}

/** Whether the automatic gc is due; true once an hour, for one caller. */
export function isCollectionDue(home: Home): boolean {
  const stamp = `${home.cache}/gc`;
  try {
    const stat = lstatSync(stamp, { throwIfNoEntry: false });
    if (stat && Math.abs(systemClock.now() - stat.mtimeMs) < AUTO_MS) return false;
    writeHint(stamp, '');
    // the first job of a new home makes the stamp; there is nothing to collect yet
    return stat !== undefined;
  } catch (thrown) {
    ignoreSystemError(thrown);
    // a stamp that is no file would stop gc for ever
    removeQuietly(stamp);
    return false;
  }
}
