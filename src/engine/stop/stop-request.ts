/**
 * Stops a job from outside. The owner does it: a request is written and the owner is nudged. If the killer
 * gets no answer it kills the processes itself, and never writes the state. Only processes that the kernel
 * proves to be the job's are signalled.
 */
import { callAfter, sleep, systemClock } from '../../base/clock.ts';
import { removeQuietly } from '../../base/fs/atomic-write.ts';
import { attemptQuietly, ignoreSystemError } from '../../base/result.ts';
import type { Home } from '../../job/home/home.ts';
import type { JobPaths } from '../../job/home/paths.ts';
import {
  claimFirstSignal,
  claimLeftSignal,
  foundValue,
  type LeftClaim,
  readFirstSignal,
  readOwner,
  readState,
  readStops,
  recordSwept,
  requestStop,
  SWEEPERS,
} from '../../job/home/records.ts';
import { hasHook, type JobId } from '../../job/spec.ts';
import type { FirstSignal, Stop, Unseen } from '../../job/state.ts';
import { type EndedView, type JobView, type LiveView, pauseOf } from '../../job/view.ts';
import { closeInherited } from '../launch/spawn-supervisor.ts';
import { wasQueued } from '../launch/stored-environment.ts';
import { callerJob } from '../observe/caller-jobs.ts';
import { processRecordsOf } from '../observe/leftovers.ts';
import { observe } from '../observe/observe.ts';
import { joinPass } from '../observe/process-pass.ts';
import { findProcesses, isUnproven, type ProcessRecords, sinceTicksOf } from '../observe/process-tree.ts';
import {
  filesAt,
  HAS_PROC,
  hasOpen,
  identify,
  isAlive,
  isAtWork,
  isLocked,
  isStopped,
  type ProcessStat,
  pidHere,
  readStat,
} from '../os/process-identity.ts';
import { supervisedJob } from '../os/process-table.ts';
import { dismiss } from '../queue/queued-job.ts';
import { readShim } from '../shim/shim-record.ts';
import { waitEnded } from '../wait/job-end.ts';
import { continueHelpers, stopProcesses } from './stop-processes.ts';

/** How long the owner has beyond the grace before the killer acts itself, milliseconds. */
const ANSWER_MS = 2000;
/** How long a dead owner may have no successor before the killer takes its place, milliseconds. */
const ADOPTER_MS = 300;
/** How long an owner that came during the stop may take to publish the end, milliseconds. */
const LATE_OWNER_MS = 10_000;
/** How long an owner may take to publish the end of a job that this process stopped, milliseconds. */
const SWEPT_MS = 60_000;
/** How often the owner of a job that is being stopped is read, milliseconds. */
const OWNER_POLL_MS = 50;

/**
 * Nudges the owner to read the request. It signals only an owner that has published a state (before that the
 * signal would kill it), and only if the kernel shows that the process has the job's FIFO open: the record
 * alone may name any process. The state is read after the request was written: an owner that publishes later
 * reads the request then. `wakes`: also continues a stopped owner.
 */
export function nudge(job: JobPaths, id: JobId, wakes = false): void {
  const owner = foundValue(readOwner(job));
  const state = foundValue(readState(job));
  if (!owner || state?.generation !== owner.generation) return;
  const pid = pidHere(owner.identity);
  if (pid === undefined) return;
  const isOurs = HAS_PROC ? hasOpen(pid, filesAt([job.alive])) : supervisedJob(pid) === id;
  if (!isOurs) return;
  attemptQuietly(() => {
    process.kill(pid, 'SIGTERM');
    // only if need be: SIGCONT interrupts each of its seven threads
    const stat = wakes && HAS_PROC ? readStat(pid) : undefined;
    if (wakes && (!stat || isStopped(stat))) process.kill(pid, 'SIGCONT');
  });
}

/** Whether the job has a living owner, as far as it can be seen from here. */
function isOwned(job: JobPaths): boolean {
  const owner = foundValue(readOwner(job));
  return !owner || isAlive(owner.identity) !== 'dead';
}

/**
 * Returns a function that polls the owner. It returns true once the job had no owner for so long that no
 * process can be about to start one; the default is for its watcher.
 */
export function watchOwner(job: JobPaths, limitMs = ADOPTER_MS): () => boolean {
  let since: number | undefined;
  return () => {
    const now = systemClock.monotonic();
    since = isOwned(job) ? undefined : (since ?? now);
    return since !== undefined && now - since >= limitMs;
  };
}

async function waitUnowned(job: JobPaths, abort: AbortSignal, limitMs?: number): Promise<void> {
  for (const isUnowned = watchOwner(job, limitMs); !abort.aborted && !isUnowned(); )
    await sleep(OWNER_POLL_MS, abort);
}

/** An owner that lives on after that, milliseconds, has recorded what a job of its queue left. */
const RECORDED_MS = 3000;

/**
 * The view of a job that has ended, when its owner has recorded what the job left running. The owner does so
 * after the end is published, and where nothing else shows whose a process is, only this record does.
 */
export async function untilLeftRecorded(home: Home, view: EndedView): Promise<EndedView> {
  const job = home.job(view.id);
  const owner = foundValue(readOwner(job))?.identity;
  const begun = systemClock.monotonic();
  const isQueued = view.spec.placement !== null;
  const isRecording = (): boolean =>
    owner !== undefined &&
    isAlive(owner) === 'alive' &&
    systemClock.monotonic() - begun < (isQueued ? RECORDED_MS : LATE_OWNER_MS) &&
    (!isQueued || systemClock.now() - view.status.endedAt < RECORDED_MS);
  // it may be stopped
  if (isRecording()) nudge(job, view.id, true);
  for (;;) {
    const isDone = !isRecording();
    const now = observe(home, view.id);
    if (now?.kind !== 'ended') return view;
    if (isDone || now.state?.left.length) return now;
    await sleep(OWNER_POLL_MS);
  }
}

export interface Killed {
  /** The job afterwards; undefined if it was removed meanwhile. */
  view: JobView | undefined;
  stopped: number;
  /** How many of them did not end within the grace. */
  forced: number;
  /** Of a job on a target. */
  unseen?: Unseen | null;
  alive: number[];
  /** Processes recorded as the job's and alive, but not proved to be: not signalled. */
  unproven: number[];
}

/**
 * Writes the request and nudges the owner. `earlier`: there was such a request. `failed`: the disk is full, and
 * the job must be stopped anyway.
 */
export function askOwner(job: JobPaths, id: JobId, stop: Stop): 'new' | 'earlier' | 'failed' {
  let asked: ReturnType<typeof requestStop>;
  try {
    asked = requestStop(job, stop.signal === 'SIGKILL' ? 'kill' : 'term', stop);
  } catch (thrown) {
    ignoreSystemError(thrown);
    return 'failed';
  }
  // also a stopped owner: it would stop its job too late
  nudge(job, id, true);
  return asked === 'new' ? 'new' : 'earlier';
}

/**
 * The owner stops the job, or the killer if there is none or it does not answer. Processes that the owner leaves
 * are killed.
 */
async function sweepAfterOwner(home: Home, view: LiveView, stop: Stop): Promise<Killed> {
  const job = home.job(view.id);
  // not AbortSignal.timeout: it takes 32 bits, and a grace may be longer
  const deadline = new AbortController();
  let disarm = (): void => {};
  const arm = (wasDue: boolean): void => {
    disarm = callAfter(stop.graceMs + ANSWER_MS, () => {
      const isDue = isSweeperDue(job);
      if (!isDue && !wasDue) return deadline.abort();
      // the owner has not seen yet that its sweeper ended
      if (!isDue) nudge(job, view.id);
      arm(isDue);
    });
  };
  arm(isSweeperDue(job));
  const ended = waitEnded(home, view.id, deadline.signal);
  const first = await Promise.race([ended, waitUnowned(job, deadline.signal).then(() => 'unowned' as const)]);
  const isUnowned = first === 'unowned' && !deadline.signal.aborted;
  deadline.abort();
  disarm();
  const after = isUnowned ? undefined : await ended;
  const isUnanswered = isUnowned || after?.kind === 'live';
  // an owner that does not answer may have sent no signal yet, and then the job has not had its grace
  const swept = await sweepLeft(home, after ?? view, isUnanswered ? stop : NOW);
  // an owner that comes late, or is slow, publishes the end. Where none can come the job has ended for readers
  if (isUnanswered) await waitEnded(home, view.id, AbortSignal.timeout(LATE_OWNER_MS));
  return swept;
}

/** Whether another call that stops many jobs has not come to this one yet: its job has had no signal. */
function isSweeperDue(job: JobPaths): boolean {
  const attempt = foundValue(readState(job))?.attempt ?? 1;
  if (readFirstSignal(job, attempt)) return false;
  return readStops(job).some(({ sweeper, graceMs }) => sweeper && graceMs > 0 && isAtWork(sweeper));
}

const NOW = { signal: 'SIGKILL', graceMs: 0 };

/**
 * Whether this process sees all that the owner of a job sees, so that it can stop the processes itself. Only a
 * job in its plainest state: any other is stopped by its owner.
 */
export function canSweep(home: Home, view: JobView): boolean {
  if (view.kind !== 'live' || view.status.phase !== 'running' || pauseOf(view.status) !== null) return false;
  // the job of this call ends last: its end may be that of this process
  if (view.spec.pty !== null || !HAS_PROC || callerJob(home, process.env) === view.id) return false;
  const { main, shim, watcher } = readShim(home.job(view.id));
  const owner = foundValue(readOwner(home.job(view.id)));
  if (!owner?.knows.includes(SWEEPERS)) return false;
  return [main, shim, watcher, owner.identity].every((one) => one !== undefined && isAlive(one) === 'alive');
}

/** Whether this process, without the marker of a job, is found with the processes of this one. */
function isAmong(found: ProcessStat[]): boolean {
  const { ppid, group, session } = readStat(process.pid)!;
  return found.some(({ pid }) => pid === ppid || pid === group || pid === session);
}

/** Stops the processes of a job, and tells its owner when none is left. */
export async function sweepAndTell(home: Home, view: LiveView, stop: Stop): Promise<Killed> {
  const job = home.job(view.id);
  // the main process lived when the request was written
  const swept = await sweepLeft(home, view, stop, true);
  if (swept.alive.length > 0) return swept;
  recordSwept(job, { stopped: swept.stopped, forced: swept.forced });
  nudge(job, view.id, true);
  return swept;
}

/**
 * Stops the processes of a job in place of its owner, which records the end: for one of many jobs. Each pass
 * over the process table then serves all of them, where each owner would make passes of its own.
 */
async function sweepForOwner(home: Home, view: LiveView, stop: Stop): Promise<Killed> {
  const job = home.job(view.id);
  const swept = await sweepAndTell(home, view, stop);
  // an owner without this answer goes on as soon as this process has ended
  if (swept.alive.length > 0) return swept;
  const over = new AbortController();
  const disarm = callAfter(SWEPT_MS, () => over.abort());
  await Promise.race([waitEnded(home, view.id, over.signal), waitUnowned(job, over.signal, LATE_OWNER_MS)]);
  disarm();
  over.abort();
  return swept;
}

/**
 * Cancels a job that waits; undefined if it does not wait, is being started, or ended meanwhile. No request
 * is written before: the next owner either ends the job or starts it, and an owner that starts it gets a
 * request then. A waiting job has no processes to look for.
 */
export function cancel(home: Home, { id, spec, status }: LiveView, stop: Stop): Killed | undefined {
  if (status.phase !== 'queued' || !wasQueued(spec)) return undefined;
  // the hook process outlives this one
  if (hasHook(spec)) closeInherited();
  if (!dismiss(home, spec, { type: 'stop-requested', stop })) return undefined;
  return { view: observe(home, id), stopped: 0, forced: 0, alive: [], unproven: [] };
}

/**
 * Stops a live job; returns when that is verified, or cannot be. `before`: its processes. `isOneOfMany`: this
 * process stops them itself if it can.
 */
export async function killLive(
  home: Home,
  view: LiveView,
  stop: Stop,
  before: ProcessStat[],
  isOneOfMany: boolean,
): Promise<Killed> {
  const job = home.job(view.id);
  const current = isOneOfMany ? observe(home, view.id) : undefined;
  const sweeps = current !== undefined && canSweep(home, current) && !isAmong(before);
  const asked = askOwner(job, view.id, sweeps ? { ...stop, sweeper: identify(process.pid)! } : stop);
  const swept =
    asked === 'failed'
      ? await sweepLeft(home, view, stop)
      : await (sweeps && asked === 'new' ? sweepForOwner : sweepAfterOwner)(home, view, stop);
  // the owner was not asked, but sees the end and publishes it
  if (asked === 'failed') await waitEnded(home, view.id, AbortSignal.timeout(ANSWER_MS));
  const now = observe(home, view.id);
  const state = now && 'state' in now ? now.state : undefined;
  // shim and watcher may not have been on record when the processes were read first
  const own = new Set(processRecordsOf(home, view).spared.map(({ pid }) => pid));
  const seen = before.filter(({ pid }) => !own.has(pid)).length;
  const stopped = Math.max(seen, state?.stopped ?? 0, swept.stopped);
  return { ...swept, view: now, stopped, forced: Math.max(state?.forced ?? 0, swept.forced) };
}

/** Stops the processes that are left of a job, and verifies that. `watched`: see ProcessRecords. */
export async function sweepLeft(
  home: Home,
  view: JobView,
  asked: { signal: string; graceMs: number },
  watched = false,
): Promise<Killed> {
  const job = home.job(view.id);
  continueHelpers(job);
  const sinceTicks = sinceTicksOf(home, view.id);
  const readRecords = (): ProcessRecords => ({ ...processRecordsOf(home, view, sinceTicks), watched });
  let records = readRecords();
  // the records of a plain job that runs do not change while its owner lives: ten scans of 500 jobs would
  // read them again and again
  const currentRecords = (): ProcessRecords => {
    const { owner } = records;
    if (!watched || !owner || isAlive(owner) !== 'alive') records = readRecords();
    return records;
  };
  let left: LeftClaim = {};
  const claimFirst = (first: Omit<FirstSignal, 'v'>): FirstSignal | undefined => {
    // if the records of a job cannot be read, its FIFO tells whether it runs
    const isLive = view.kind === 'live' || (view.kind === 'unreadable' && isLocked(job.alive));
    // a retried job may be at its next one by now
    const { attempt = 1 } = foundValue(readState(job)) ?? {};
    if (isLive) return claimFirstSignal(job, attempt, first);
    left = claimLeftSignal(job, first);
    return left.earlier;
  };
  const { known, forced, survivors } = await stopProcesses({
    claimFirst,
    // a request for SIGKILL that comes while a job without owner is stopped ends its grace
    request: () =>
      view.kind === 'live' && readStops(job).some(({ graceMs }) => graceMs === 0) ? NOW : asked,
    find: (onFound) => findProcesses(currentRecords(), onFound),
    isEndKnown: () => true,
    beforeSignal: () => {},
    afterScan: () => {},
  });
  if (left.path !== undefined) removeQuietly(left.path);
  const { main, left: recordedLeft } = processRecordsOf(home, view, sinceTicks);
  const pass = await joinPass();
  const recorded = main ? [main, ...recordedLeft] : recordedLeft;
  const unproven = recorded.filter((one) => isUnproven(one, survivors, pass)).map(({ pid }) => pid);
  return {
    view,
    stopped: known.size,
    forced: forced.size,
    alive: survivors.map(({ pid }) => pid),
    unproven: [...new Set(unproven)],
  };
}
