/**
 * Stopping a job from outside. It is the owner's work: a request is written and the owner nudged. A killer that gets no
 * answer sweeps by itself, and never writes state. Nothing is signalled that the kernel does not show to be the job's.
 */
import { after, type Clock, systemClock } from '../../base/clock.ts';
import { errnoOf } from '../../base/result.ts';
import type { Home } from '../../job/home/home.ts';
import type { JobPaths } from '../../job/home/paths.ts';
import { readOwner, readState, requestStop } from '../../job/home/records.ts';
import type { JobId } from '../../job/spec.ts';
import { hasHook } from '../../job/spec.ts';
import type { Stop } from '../../job/state.ts';
import type { JobView, LiveView } from '../../job/view.ts';
import { closeInherited } from '../launch/spawn-supervisor.ts';
import { wasQueued } from '../launch/stored-environment.ts';
import { processesOf, trailOf } from '../observe/leftovers.ts';
import { observe } from '../observe/observe.ts';
import { type AtSight, isUnproven, signalAll, sweep } from '../observe/process-tree.ts';
import { HAS_PROC, hasOpen, type ProcessStat, pidHere } from '../os/process-identity.ts';
import { readTable, supervisedJob } from '../os/process-table.ts';
import { dismiss } from '../queue/queued-job.ts';
import { waitEnded } from '../wait/job-end.ts';

/** How long the owner has, beyond the grace, before the killer acts itself, milliseconds. */
const ANSWER_MS = 2000;

/**
 * Nudges the owner to read the request: only one that has published (before, the signal would kill it), and only if the
 * kernel shows that the process holds the job's FIFO: the record alone may name anybody. The state is read after the
 * request was written: an owner that publishes later reads the request then, one that published before is nudged.
 */
export function nudge(job: JobPaths, id: JobId): void {
  const owner = readOwner(job);
  const state = readState(job);
  if (owner.kind !== 'read' || state.kind !== 'read') return;
  if (state.value.generation !== owner.value.generation) return;
  const pid = pidHere(owner.value.identity);
  if (pid === undefined) return;
  const isOurs = HAS_PROC ? hasOpen(pid, job.alive, true) : supervisedJob(pid) === id;
  if (!isOurs) return;
  try {
    process.kill(pid, 'SIGTERM');
  } catch (thrown) {
    errnoOf(thrown);
  }
}

export interface Killed {
  /** The job after all; undefined if it was removed meanwhile. */
  view: JobView | undefined;
  /** How many processes were stopped. */
  stopped: number;
  /** What is still alive. */
  alive: number[];
  /** Recorded as the job's and alive, but nothing shows that it is: not signalled. */
  unproven: number[];
}

/** Leaves the request and nudges the owner; false if it cannot be written: a full disk is no reason to let a job run. */
function askOwner(job: JobPaths, id: JobId, stop: Stop): boolean {
  try {
    requestStop(job, stop.signal === 'SIGKILL' ? 'kill' : 'term', stop);
  } catch (thrown) {
    errnoOf(thrown);
    return false;
  }
  nudge(job, id);
  return true;
}

/** The owner stops the job; what is left then, or all of it if there is no answer, the killer sweeps. */
async function sweepAfterOwner(home: Home, view: LiveView, stop: Stop): Promise<Killed> {
  // not AbortSignal.timeout: it takes 32 bits, and a grace may be longer
  const patience = new AbortController();
  const disarm = after(stop.graceMs + ANSWER_MS, () => patience.abort());
  const ended = await waitEnded(home, view.id, patience.signal);
  disarm();
  return sweepLeft(home, ended ?? view, systemClock, { signal: 'SIGKILL', graceMs: 0 });
}

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
  return { view: observe(home, id), stopped: 0, alive: [], unproven: [] };
}

/** Stops a live job and returns when that is verified, or when it cannot be. */
export async function killLive(home: Home, view: LiveView, stop: Stop): Promise<Killed> {
  const before = await processesOf(home, view);
  const asked = askOwner(home.job(view.id), view.id, stop);
  const swept = asked ? await sweepAfterOwner(home, view, stop) : await sweepUnasked(home, view, stop);
  const now = observe(home, view.id);
  const stoppedByOwner = now && 'state' in now ? (now.state?.stopped ?? 0) : 0;
  // shim and watcher may not have written themselves down when we looked first
  const own = new Set(trailOf(home, view).spared.map(({ pid }) => pid));
  const seen = before.filter(({ pid }) => !own.has(pid)).length;
  return { ...swept, view: now, stopped: Math.max(seen, stoppedByOwner, swept.stopped) };
}

/** Stops what is left of a job, and verifies it. */
export async function sweepLeft(
  home: Home,
  view: JobView,
  clock: Clock,
  { signal, graceMs }: { signal: string; graceMs: number },
): Promise<Killed> {
  const known = new Set<number>();
  const find = async (atSight: AtSight): Promise<ProcessStat[]> => {
    const found = await processesOf(home, view, (stat) => {
      known.add(stat.pid);
      atSight(stat);
    });
    for (const { pid } of found) known.add(pid);
    return found;
  };
  const deadline = clock.monotonic() + graceMs;
  const signalled = new Set<number>();
  const ask = (stat: ProcessStat): void => {
    if (!signalled.has(stat.pid)) signalAll([stat], signal as NodeJS.Signals);
    signalled.add(stat.pid);
  };
  while (clock.monotonic() < deadline) {
    const found = await find(ask);
    if (found.length === 0) break;
    for (const stat of found) ask(stat);
    await clock.sleep(20);
  }
  const survivors = await sweep(clock, find);
  const { main, left } = trailOf(home, view);
  const table = await readTable();
  const recorded = main ? [main, ...left] : left;
  const unproven = recorded.filter((one) => isUnproven(one, survivors, table)).map(({ pid }) => pid);
  return {
    view,
    stopped: known.size,
    alive: survivors.map(({ pid }) => pid),
    unproven: [...new Set(unproven)],
  };
}
