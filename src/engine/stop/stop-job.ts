/**
 * Stops a job, and the processes that it left, with a verified report: either no process is left, or the
 * failure names those that are.
 */
import { systemClock } from '../../base/clock.ts';
import { errnoOf } from '../../base/result.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import type { Stop } from '../../job/state.ts';
import type { EndedView, JobView, LiveView, UnreadableView } from '../../job/view.ts';
import { findHidden, type HiddenProcess, orphanParentOf, processesOf } from '../observe/leftovers.ts';
import { isProcForeign } from '../os/call-sandbox.ts';
import { type Listening, listeningOf } from '../os/sockets.ts';
import { stopRemote } from './stop-remote.ts';
import { askOwner, cancel, type Killed, killLive, sweepLeft } from './stop-request.ts';

export interface Stopped {
  before: LiveView | EndedView;
  /** The job now; its view from before if it was removed meanwhile. */
  after: JobView;
  processes: number;
  /** How many of them did not end within the grace, and were killed with SIGKILL. */
  forced: number;
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
  before: LiveView | EndedView,
  stop: Stop,
  isOneOfMany = false,
): Promise<Result<Stopped>> {
  const { id } = before;
  const begun = systemClock.monotonic();
  const orphanParent = orphanParentOf(home, id);
  let listened: Listening[] = [];
  let killed: Killed;
  try {
    const cancelled = before.kind === 'live' ? cancel(home, before, stop) : undefined;
    const { target } = before.spec;
    if (!cancelled && !target && isProcForeign()) return fail({ code: 'proc-foreign' });
    const found = cancelled ? [] : await processesOf(home, before);
    listened = listeningOf(found.map(({ pid }) => pid));
    if (cancelled) killed = cancelled;
    else if (before.kind !== 'live') killed = await sweepLeft(home, before, stop);
    else if (!target) killed = await killLive(home, before, stop, found, isOneOfMany);
    else {
      const stopped = await stopRemote(home, before, target, stop);
      if (!stopped.ok) return stopped;
      killed = stopped.value;
    }
  } catch (thrown) {
    return fail({ code: 'io', doing: 'stop job', path: String(id), errno: errnoOf(thrown) });
  }
  const failure = leftOver(id, killed);
  if (failure) return failure;
  const after = killed.view ?? before;
  if (after.kind === 'live' && killed.stopped === 0)
    return fail({ code: 'not-verified', id, pids: [], why: 'no-answer' });
  const tookMs = systemClock.monotonic() - begun;
  const isElsewhere = before.spec.target !== null;
  const hidden =
    isElsewhere || (after.kind === 'ended' && after.status.startedAt === null)
      ? []
      : await findHidden(home, before, orphanParent);
  return ok({ before, after, processes: killed.stopped, forced: killed.forced, hidden, listened, tookMs });
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
