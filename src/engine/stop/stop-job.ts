/**
 * Stops a job, and the processes that it left, with a verified report: either no process is left, or the
 * failure names those that are.
 */
import { systemClock } from '../../base/clock.ts';
import { errnoOf } from '../../base/result.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import type { Stop, Unseen } from '../../job/state.ts';
import type { Target } from '../../job/target.ts';
import type { EndedView, JobView, LiveView, UnreadableView } from '../../job/view.ts';
import { findHidden, type HiddenProcess, orphanParentOf, processesOf } from '../observe/leftovers.ts';
import { isProcForeign } from '../os/call-sandbox.ts';
import { type Listening, listeningOf } from '../os/sockets.ts';
import { stopLeftThere, stopRemote } from './stop-remote.ts';
import { askOwner, cancel, type Killed, killLive, sweepLeft, untilLeftRecorded } from './stop-request.ts';

export interface Stopped {
  before: LiveView | EndedView;
  /** The job now; its view from before if it was removed meanwhile. */
  after: JobView;
  processes: number;
  /** How many of them did not end within the grace, and were killed with SIGKILL. */
  forced: number;
  /** What a stop on a target could not see there. */
  unseen: Unseen | null;
  /** Processes that may be the job's and were not stopped, because nothing proves it. */
  hidden: HiddenProcess[];
  listened: Listening[];
  tookMs: number;
}

/**
 * Stops a live job, or the leftovers of an ended one; returns when that is verified, else fails. `isOneOfMany`:
 * the caller stops many jobs at once.
 */
export async function stopJob(
  home: Home,
  seen: LiveView | EndedView,
  stop: Stop,
  isOneOfMany = false,
): Promise<Result<Stopped>> {
  const { id } = seen;
  const begun = systemClock.monotonic();
  const isLeft = seen.kind === 'ended' && seen.spec.target === null;
  const before = isLeft ? await untilLeftRecorded(home, seen) : seen;
  const orphanParent = orphanParentOf(home, id);
  let listened: Listening[] = [];
  let killed: Killed;
  try {
    const cancelled = before.kind === 'live' ? cancel(home, before, stop) : undefined;
    const { target } = before.spec;
    if (!cancelled && !target && isProcForeign()) return fail({ code: 'proc-foreign' });
    const found = cancelled || target ? [] : await processesOf(home, before);
    listened = listeningOf(found.map(({ pid }) => pid));
    if (cancelled) killed = cancelled;
    else if (target) {
      const stopped = await (before.kind === 'live'
        ? stopRemote(home, before, target, stop)
        : stopLeft(home, before, target, stop));
      if (!stopped.ok) return stopped;
      killed = stopped.value;
    } else if (before.kind !== 'live') killed = await sweepLeft(home, before, stop);
    else killed = await killLive(home, before, stop, found, isOneOfMany);
  } catch (thrown) {
    return fail({ code: 'io', doing: 'stop job', path: String(id), errno: errnoOf(thrown) });
  }
  const failure = leftOver(id, killed);
  if (failure) return failure;
  const { unseen = null } = killed;
  if (unseen?.why === 'permission')
    return fail({ code: 'not-stopped-there', id, target: before.spec.target!, count: unseen.count });
  const after = killed.view ?? before;
  if (after.kind === 'live' && killed.stopped === 0)
    return fail({ code: 'not-verified', id, pids: [], why: 'no-answer' });
  const tookMs = systemClock.monotonic() - begun;
  const isElsewhere = before.spec.target !== null;
  const hidden =
    isElsewhere || (after.kind === 'ended' && after.status.startedAt === null)
      ? []
      : await findHidden(home, before, orphanParent);
  return ok({
    before,
    after,
    processes: killed.stopped,
    forced: killed.forced,
    unseen,
    hidden,
    listened,
    tookMs,
  });
}

/** A job that never ran there has left nothing. */
async function stopLeft(home: Home, view: EndedView, target: Target, stop: Stop): Promise<Result<Killed>> {
  if (view.status.startedAt !== null || (view.state?.attempt ?? 1) > 1)
    return stopLeftThere(home, view, target, stop);
  return ok({ view, stopped: 0, forced: 0, alive: [], unproven: [] });
}

function leftOver(id: number, { alive, unproven }: Killed): Result<never> | undefined {
  if (alive.length > 0) return fail({ code: 'not-verified', id, pids: alive, why: 'alive' });
  return unproven.length > 0
    ? fail({ code: 'not-verified', id, pids: unproven, why: 'unproven' })
    : undefined;
}

/** Stops the processes of a job whose records cannot be read, and returns how many these were. */
export async function stopUnreadable(
  home: Home,
  view: UnreadableView,
  stop: Stop,
): Promise<Result<Pick<Killed, 'stopped' | 'forced'>>> {
  if (isProcForeign()) return fail({ code: 'proc-foreign' });
  const { id, why } = view;
  try {
    // no request is written for a job that does not run, or is of another home
    const before = await processesOf(home, view);
    if (before.length === 0) return fail({ code: 'unreadable', id, why });
    // the owner reads it at the end of the main process, and starts no other attempt
    askOwner(home.job(id), id, stop);
    const killed = await sweepLeft(home, view, stop);
    const failure = leftOver(id, killed);
    if (failure) return failure;
    // the owner may have stopped them first
    return ok({ ...killed, stopped: Math.max(before.length, killed.stopped) });
  } catch (thrown) {
    return fail({ code: 'io', doing: 'stop job', path: String(id), errno: errnoOf(thrown) });
  }
}
