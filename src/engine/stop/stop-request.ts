/**
 * Stopping a job from outside. It is the owner's work: a request is written and the owner nudged. A killer that gets no
 * answer sweeps by itself, and never writes state. Nothing is signalled that the kernel does not show to be the job's.
 */
import { after, type Clock, systemClock } from '../../base/clock.ts';
import { removeQuietly } from '../../base/fs/atomic-write.ts';
import { ignoreSystemError } from '../../base/result.ts';
import type { Home } from '../../job/home/home.ts';
import type { JobPaths } from '../../job/home/paths.ts';
import {
  claimFirstSignal,
  claimLeftSignal,
  type LeftClaim,
  readOwner,
  readState,
  readStops,
  requestStop,
} from '../../job/home/records.ts';
import type { JobId } from '../../job/spec.ts';
import { hasHook } from '../../job/spec.ts';
import type { FirstSignal, Stop } from '../../job/state.ts';
import type { JobView, LiveView, UnreadableView } from '../../job/view.ts';
import { closeInherited } from '../launch/spawn-supervisor.ts';
import { wasQueued } from '../launch/stored-environment.ts';
import { processesOf, trailOf } from '../observe/leftovers.ts';
import { observe } from '../observe/observe.ts';
import { isUnproven } from '../observe/process-tree.ts';
import { filesAt, HAS_PROC, hasOpen, isAlive, isLocked, pidHere } from '../os/process-identity.ts';
import { readTable, supervisedJob } from '../os/process-table.ts';
import { dismiss } from '../queue/queued-job.ts';
import { sleep, waitEnded } from '../wait/job-end.ts';
import { continueOurs, stopProcesses } from './stop-processes.ts';

/** How long the owner has, beyond the grace, before the killer acts itself, milliseconds. */
const ANSWER_MS = 2000;
/** How long a dead owner may be without a successor before the killer takes its place, milliseconds. */
const ADOPTER_MS = 300;
/** How long an owner that came while the job was stopped may take to tell its end, milliseconds. */
const LATE_OWNER_MS = 10_000;
/** Between two looks at who owns a job that is being stopped, milliseconds. */
const OWNER_POLL_MS = 50;

/**
 * Nudges the owner to read the request: only one that has published (before, the signal would kill it), and only if the
 * kernel shows that the process holds the job's FIFO: the record alone may name anybody. The state is read after the
 * request was written: an owner that publishes later reads the request then, one that published before is nudged. `wakes`: also
 * one that somebody stopped.
 */
export function nudge(job: JobPaths, id: JobId, wakes = false): void {
  const owner = readOwner(job);
  const state = readState(job);
  if (owner.kind !== 'read' || state.kind !== 'read') return;
  if (state.value.generation !== owner.value.generation) return;
  const pid = pidHere(owner.value.identity);
  if (pid === undefined) return;
  const isOurs = HAS_PROC ? hasOpen(pid, filesAt([job.alive]), true) : supervisedJob(pid) === id;
  if (!isOurs) return;
  try {
    process.kill(pid, 'SIGTERM');
    if (wakes) process.kill(pid, 'SIGCONT');
  } catch (thrown) {
    ignoreSystemError(thrown);
  }
}

/** Whether somebody owns the job, as far as it can be seen from here. */
function isOwned(job: JobPaths): boolean {
  const owner = readOwner(job);
  return owner.kind !== 'read' || isAlive(owner.value.identity) !== 'dead';
}

/** Returns the call that looks, and says whether the job has had no owner for so long that its watcher cannot be about to start one. */
export function watchOwner(job: JobPaths): () => boolean {
  let since: number | undefined;
  return () => {
    const now = systemClock.monotonic();
    since = isOwned(job) ? undefined : (since ?? now);
    return since !== undefined && now - since >= ADOPTER_MS;
  };
}

/** Resolves when nobody owns the job, or when `abort` fires. */
async function waitUnowned(job: JobPaths, abort: AbortSignal): Promise<void> {
  for (const isUnowned = watchOwner(job); !abort.aborted && !isUnowned(); ) await sleep(OWNER_POLL_MS, abort);
}

export interface Killed {
  /** The job after all; undefined if it was removed meanwhile. */
  view: JobView | undefined;
  /** How many processes were stopped. */
  stopped: number;
  /** How many of them did not end within the grace. */
  forced: number;
  /** What is still alive. */
  alive: number[];
  /** Recorded as the job's and alive, but nothing shows that it is: not signalled. */
  unproven: number[];
}

/**
 * Stops what is shown to be of a job whose records cannot be read. The request is left for its owner, which reads it at the end of the
 * main process, and starts no other attempt.
 */
export function killUnreadable(home: Home, view: UnreadableView, stop: Stop): Promise<Killed> {
  askOwner(home.job(view.id), view.id, stop);
  return sweepLeft(home, view, systemClock, stop);
}

/** Leaves the request and nudges the owner; false if it cannot be written: a full disk is no reason to let a job run. */
function askOwner(job: JobPaths, id: JobId, stop: Stop): boolean {
  try {
    requestStop(job, stop.signal === 'SIGKILL' ? 'kill' : 'term', stop);
  } catch (thrown) {
    ignoreSystemError(thrown);
    return false;
  }
  // one that somebody stopped would stop its job too late
  nudge(job, id, true);
  return true;
}

/** The owner stops the job. If there is none the killer does it; what the owner leaves, or all of it if there is no answer, is killed. */
async function sweepAfterOwner(home: Home, view: LiveView, stop: Stop): Promise<Killed> {
  const job = home.job(view.id);
  // not AbortSignal.timeout: it takes 32 bits, and a grace may be longer
  const patience = new AbortController();
  const disarm = after(stop.graceMs + ANSWER_MS, () => patience.abort());
  const ended = waitEnded(home, view.id, patience.signal);
  const first = await Promise.race([ended, waitUnowned(job, patience.signal).then(() => 'unowned' as const)]);
  const isUnowned = first === 'unowned' && !patience.signal.aborted;
  patience.abort();
  disarm();
  if (!isUnowned) return sweepLeft(home, (await ended) ?? view, systemClock, NOW);
  const swept = await sweepLeft(home, view, systemClock, stop);
  // an owner that came late tells how it ended
  if (isOwned(job)) await waitEnded(home, view.id, AbortSignal.timeout(LATE_OWNER_MS));
  return swept;
}

const NOW = { signal: 'SIGKILL', graceMs: 0 };

/** The killer stops the job; the owner sees the end all the same, and tells it. */
async function sweepUnasked(home: Home, view: LiveView, stop: Stop): Promise<Killed> {
  const swept = await sweepLeft(home, view, systemClock, stop);
  await waitEnded(home, view.id, AbortSignal.timeout(ANSWER_MS));
  return swept;
}

/**
 * Cancels a job that waits; undefined if it does not, is being started, or ended meanwhile. No request is left before: whoever is
 * the next owner ends it or starts it, and of one that starts it is asked then. And it has no processes to look for.
 */
export function cancel(home: Home, { id, spec, status }: LiveView, stop: Stop): Killed | undefined {
  if (status.phase !== 'queued' || !wasQueued(spec)) return undefined;
  // what runs at its end outlives us
  if (hasHook(spec)) closeInherited();
  if (!dismiss(home, spec, { type: 'stop-requested', stop })) return undefined;
  return { view: observe(home, id), stopped: 0, forced: 0, alive: [], unproven: [] };
}

/** Stops a live job and returns when that is verified, or when it cannot be. */
export async function killLive(home: Home, view: LiveView, stop: Stop): Promise<Killed> {
  const job = home.job(view.id);
  const before = await processesOf(home, view);
  const asked = askOwner(job, view.id, stop);
  const swept = asked ? await sweepAfterOwner(home, view, stop) : await sweepUnasked(home, view, stop);
  const now = observe(home, view.id);
  const state = now && 'state' in now ? now.state : undefined;
  // shim and watcher may not have written themselves down when we looked first
  const own = new Set(trailOf(home, view).spared.map(({ pid }) => pid));
  const seen = before.filter(({ pid }) => !own.has(pid)).length;
  const stopped = Math.max(seen, state?.stopped ?? 0, swept.stopped);
  return { ...swept, view: now, stopped, forced: Math.max(state?.forced ?? 0, swept.forced) };
}

/** Stops what is left of a job, and verifies it. */
export async function sweepLeft(
  home: Home,
  view: JobView,
  clock: Clock,
  asked: { signal: string; graceMs: number },
): Promise<Killed> {
  const job = home.job(view.id);
  continueOurs(job);
  let left: LeftClaim = {};
  const claimFirst = (first: Omit<FirstSignal, 'v'>): FirstSignal | undefined => {
    // of a job that cannot be read the FIFO tells whether it runs
    const isLive = view.kind === 'live' || (view.kind === 'unreadable' && isLocked(job.alive));
    const attempt = ('state' in view && view.state?.attempt) || 1;
    if (isLive) return claimFirstSignal(job, attempt, first);
    left = claimLeftSignal(job, first);
    return left.earlier;
  };
  const { known, forced, survivors } = await stopProcesses(
    {
      claimFirst,
      // a request for KILL that comes while we stop a job without owner ends its grace
      request: () =>
        view.kind === 'live' && readStops(job).some(({ graceMs }) => graceMs === 0) ? NOW : asked,
      find: (onFound) => processesOf(home, view, onFound),
      isEndKnown: () => true,
      beforeSignal: () => {},
      afterScan: () => {},
    },
    clock,
  );
  if (left.path !== undefined) removeQuietly(left.path);
  const { main, left: recordedLeft } = trailOf(home, view);
  const table = await readTable();
  const recorded = main ? [main, ...recordedLeft] : recordedLeft;
  const unproven = recorded.filter((one) => isUnproven(one, survivors, table)).map(({ pid }) => pid);
  return {
    view,
    stopped: known.size,
    forced: forced.size,
    alive: survivors.map(({ pid }) => pid),
    unproven: [...new Set(unproven)],
  };
}
