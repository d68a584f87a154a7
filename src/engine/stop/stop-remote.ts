/**
 * Stops a job on a target: the request is written, and its service sends it. No process here is signalled. A
 * target that does not answer gets the request when it answers again.
 */
import { sleep, systemClock } from '../../base/clock.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { requestStop } from '../../job/home/records.ts';
import type { Stop } from '../../job/state.ts';
import type { Target } from '../../job/target.ts';
import type { LiveView } from '../../job/view.ts';
import { attendTarget } from '../launch/target-service.ts';
import { observe } from '../observe/observe.ts';
import { waitEnded } from '../wait/job-end.ts';
import type { Killed } from './stop-request.ts';

/** How long the service and the target may take beyond the grace, milliseconds: a login may be needed first. */
const ANSWER_MS = 30_000;
const POLL_MS = 100;

/** Resolves when the target does not answer. */
async function untilSilent(home: Home, id: number, abort: AbortSignal): Promise<LiveView | undefined> {
  while (!abort.aborted) {
    const view = observe(home, id);
    if (view?.kind !== 'live') return undefined;
    if (view.far?.isServed && view.far.silence) return view;
    await sleep(POLL_MS, abort);
  }
  return undefined;
}

/** Returns when the job has ended, or cannot be stopped now. Throws system errors if it cannot ask. */
export async function stopRemote(
  home: Home,
  { id }: LiveView,
  { name, key }: Target,
  stop: Stop,
): Promise<Result<Killed>> {
  requestStop(home.job(id), stop.signal === 'SIGKILL' ? 'kill' : 'term', stop);
  await attendTarget(home, key);
  const over = new AbortController();
  const ended = waitEnded(home, id, AbortSignal.any([over.signal, AbortSignal.timeout(timeLimit(stop))]));
  const silent = await Promise.race([ended.then(() => undefined), untilSilent(home, id, over.signal)]);
  over.abort();
  const view = await ended;
  if (view?.kind === 'live' && silent?.far?.silence) {
    const { since, why } = silent.far.silence;
    return fail({ code: 'target-silent', id, target: name, silentMs: systemClock.now() - since, why });
  }
  const state = view && 'state' in view ? view.state : null;
  const [stopped, forced] = [state?.stopped ?? 0, state?.forced ?? 0];
  return ok({
    view,
    stopped: Math.max(stopped, view?.kind === 'ended' ? 1 : 0),
    forced,
    alive: [],
    unproven: [],
  });
}

/** A timer takes 32 bits, and a grace may be longer. */
const timeLimit = ({ graceMs }: Stop): number => Math.min(2 ** 31 - 1, graceMs + ANSWER_MS);
