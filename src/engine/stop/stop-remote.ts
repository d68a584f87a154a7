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
import type { EndedView, LiveView } from '../../job/view.ts';
import { attendTarget } from '../launch/target-service.ts';
import { observe } from '../observe/observe.ts';
import type { Engine } from '../targets/engine.ts';
import { waitEnded } from '../wait/job-end.ts';
import type { Killed } from './stop-request.ts';

/** How long the service and the target may take beyond the grace, milliseconds: a login may be needed first. */
const ANSWER_MS = 30_000;
const POLL_MS = 100;
/** How long processes may take to be gone after KILL, milliseconds. */
const KILLED_MS = 5000;

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
  const { stopped = 0, forced = 0, unseen = null } = state ?? {};
  return ok({ view, stopped, forced, unseen, alive: [], unproven: [] });
}

/** Which attempts are asked for what they left; each needs a look at all processes there. */
const MOST_ATTEMPTS = 20;

/** How many processes are left when none is, or the time is up. */
async function remaining(engine: Engine, uid: string, limitMs: number): Promise<number> {
  for (const deadline = systemClock.monotonic() + limitMs; ; await sleep(POLL_MS)) {
    const { signalled } = await engine.stop(uid, '0', 0);
    if (signalled === 0 || systemClock.monotonic() >= deadline) return signalled;
  }
}

/** Stops the processes that an ended job left there, by a connection of this call. */
export async function stopLeftThere(
  home: Home,
  view: EndedView,
  target: Target,
  { signal, graceMs }: Stop,
): Promise<Result<Killed>> {
  const { askTarget, uidOf } = await import('../targets/engine-of.ts');
  const last = view.state?.attempt ?? 1;
  const killed: Killed = { view, stopped: 0, forced: 0, unseen: null, alive: [], unproven: [] };
  return askTarget(home, target, async (engine) => {
    for (let attempt = last; attempt > 0 && attempt > last - MOST_ATTEMPTS; attempt--) {
      const uid = uidOf(home, view.id, attempt);
      const { signalled, unseen } = await engine.stop(uid, signal.slice(3), graceMs);
      killed.stopped += signalled;
      killed.unseen = unseen ?? killed.unseen ?? null;
      // the records that hold a grace there may be removed by now
      let left = signalled === 0 ? 0 : await remaining(engine, uid, graceMs);
      if (left > 0) {
        killed.forced += (await engine.stop(uid, 'KILL', 0)).signalled;
        left = await remaining(engine, uid, KILLED_MS);
      }
      if (left > 0) return fail({ code: 'left-there', id: view.id, target, count: left });
    }
    return ok(killed);
  });
}

/** A timer takes 32 bits, and a grace may be longer. */
const timeLimit = ({ graceMs }: Stop): number => Math.min(2 ** 31 - 1, graceMs + ANSWER_MS);
