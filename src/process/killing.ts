/**
 * Stopping a job from outside. It is the owner's work: a request is written and the owner nudged. A killer that gets no
 * answer sweeps by itself, and never writes state. Nothing is signalled that the kernel does not show to be the job's.
 */
import { type Clock, systemClock } from '../base/clock.ts';
import { errnoOf } from '../base/failure.ts';
import type { Home, JobPaths } from '../job/home.ts';
import type { JobView, LiveView, Stop } from '../job/job.ts';
import { readOwner, readState, requestStop } from '../job/store.ts';
import { waitEnded } from './conditions.ts';
import { hasOpen, isAlive, type ProcessStat } from './identity.ts';
import { processesOf, trailOf } from './leftovers.ts';
import { observe } from './observe.ts';
import { readTable } from './table.ts';
import { isUnproven, signalAll, sweep } from './tree.ts';

/** How long the owner has, beyond the grace, before the killer acts itself, milliseconds. */
const ANSWER_MS = 2000;

/**
 * Nudges the owner to read the request: only one that has published (before, the signal would kill it), and only if the
 * kernel shows that the process holds the job's FIFO: the record alone may name anybody.
 *
 * The state is read here, after the request is on the disk: an owner that has not published yet will look for requests when
 * it has. By a view from before the request, an owner that published in between would get no nudge, and never look again.
 */
function nudge(job: JobPaths): void {
  const owner = readOwner(job);
  const state = readState(job);
  if (owner.kind !== 'read' || state.kind !== 'read') return;
  if (state.value.generation !== owner.value.generation) return;
  const { pid } = owner.value.identity;
  if (isAlive(owner.value.identity) !== 'alive' || !hasOpen(pid, job.alive, true)) return;
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
  /** Recorded as the job's main process and alive, but nothing shows that it is: not signalled. */
  unproven: number[];
}

/** Stops a live job and returns when that is verified, or when it cannot be. */
export async function killLive(home: Home, view: LiveView, stop: Stop): Promise<Killed> {
  const before = await processesOf(home, view);
  const job = home.job(view.id);
  requestStop(job, stop.signal === 'SIGKILL' ? 'kill' : 'term', stop);
  nudge(job);
  const abort = AbortSignal.timeout(stop.graceMs + ANSWER_MS);
  const ended = await waitEnded(home, view.id, abort);
  const swept = await sweepLeft(home, ended ?? view, systemClock, { signal: 'SIGKILL', graceMs: 0 });
  const after = observe(home, view.id);
  const stoppedByOwner = after && 'state' in after ? (after.state?.stopped ?? 0) : 0;
  return { ...swept, view: after, stopped: Math.max(before.length, stoppedByOwner, swept.stopped) };
}

/** Stops what is left of a job, and verifies it. */
export async function sweepLeft(
  home: Home,
  view: JobView,
  clock: Clock,
  { signal, graceMs }: { signal: string; graceMs: number },
): Promise<Killed> {
  const known = new Set<number>();
  const find = async (): Promise<ProcessStat[]> => {
    const found = await processesOf(home, view);
    for (const { pid } of found) known.add(pid);
    return found;
  };
  const deadline = clock.monotonic() + graceMs;
  const signalled = new Set<number>();
  for (let found = await find(); found.length > 0 && clock.monotonic() < deadline; found = await find()) {
    const fresh = found.filter(({ pid }) => !signalled.has(pid));
    signalAll(fresh, signal as NodeJS.Signals);
    for (const { pid } of fresh) signalled.add(pid);
    await clock.sleep(20);
  }
  const survivors = await sweep(clock, find);
  const { main } = trailOf(home, view);
  const unproven = isUnproven(main, survivors, await readTable()) && main ? [main.pid] : [];
  return { view, stopped: known.size, alive: survivors.map(({ pid }) => pid), unproven };
}
