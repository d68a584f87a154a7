/** A job and all that it left, stopped with a true report: everything is gone, or the failure says what is not. */
import { systemClock } from '../../base/clock.ts';
import { errnoOf } from '../../base/result.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import type { Stop } from '../../job/state.ts';
import type { EndedView, JobView, LiveView } from '../../job/view.ts';
import { findHidden, type HiddenProcess, orphanParentOf, processesOf } from '../observe/leftovers.ts';
import { isProcForeign } from '../os/call-sandbox.ts';
import { type Listening, listeningOf } from '../os/sockets.ts';
import { cancel, type Killed, killLive, sweepLeft } from './stop-request.ts';

export interface Stopped {
  before: LiveView | EndedView;
  /** The job now; as it was before, if it was removed meanwhile. */
  after: JobView;
  /** How many processes were stopped. */
  processes: number;
  /** How many of them did not end within the grace, and were ended with KILL. */
  forced: number;
  /** What may be the job's, and was not stopped because nothing shows it. */
  hidden: HiddenProcess[];
  /** Where they listened. */
  listened: Listening[];
  tookMs: number;
}

/** Stops a live job, or what an ended one left, and returns when it is verified; fails if it cannot be. */
export async function stopJob(
  home: Home,
  before: LiveView | EndedView,
  stop: Stop,
): Promise<Result<Stopped>> {
  const { id } = before;
  const begun = systemClock.monotonic();
  const orphanage = orphanParentOf(home, id);
  let listened: Listening[] = [];
  let killed: Killed;
  try {
    const cancelled = before.kind === 'live' ? cancel(home, before, stop) : undefined;
    if (!cancelled && isProcForeign()) return fail({ code: 'proc-foreign' });
    if (!cancelled) listened = listeningOf((await processesOf(home, before)).map(({ pid }) => pid));
    killed =
      cancelled ??
      (before.kind === 'live'
        ? await killLive(home, before, stop)
        : await sweepLeft(home, before, systemClock, stop));
  } catch (thrown) {
    return fail({ code: 'io', doing: 'stop job', path: String(id), errno: errnoOf(thrown) });
  }
  if (killed.alive.length > 0) return fail({ code: 'not-verified', id, pids: killed.alive, why: 'alive' });
  if (killed.unproven.length > 0)
    return fail({ code: 'not-verified', id, pids: killed.unproven, why: 'unproven' });
  const after = killed.view ?? before;
  if (after.kind === 'live' && killed.stopped === 0)
    return fail({ code: 'not-verified', id, pids: [], why: 'no-answer' });
  const tookMs = systemClock.monotonic() - begun;
  const hidden =
    after.kind === 'ended' && after.status.startedAt === null
      ? []
      : await findHidden(home, before, orphanage);
  return ok({ before, after, processes: killed.stopped, forced: killed.forced, hidden, listened, tookMs });
}
