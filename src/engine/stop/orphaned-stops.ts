/**
 * The jobs of a `kill` of many that was killed. One of their owners takes its place: hundreds of owners that
 * each look at all processes several times would take minutes. Loaded only then.
 */
import { sleep } from '../../base/clock.ts';
import { ignoreSystemError } from '../../base/result.ts';
import type { Home } from '../../job/home/home.ts';
import { listLive } from '../../job/home/job-index.ts';
import { foundValue, readOwner, readStops, readSwept } from '../../job/home/records.ts';
import type { Identity } from '../../job/identity.ts';
import type { JobId } from '../../job/spec.ts';
import type { Stop } from '../../job/state.ts';
import type { LiveView } from '../../job/view.ts';
import { observe } from '../observe/observe.ts';
import { isAlive, isSame } from '../os/process-identity.ts';
import { readShim } from '../shim/shim-record.ts';
import { nudge, sweepAndTell } from './stop-request.ts';

/** How often jobs are looked for that have got an owner meanwhile, milliseconds. */
const POLL_MS = 500;

/** Stops the jobs that `dead` was asked to stop and has not stopped. Their owners record the ends. */
export async function takeOverStops(home: Home, dead: Identity): Promise<void> {
  const begun = new Set<JobId>();
  let running = 0;
  const begin = async (view: LiveView, stop: Stop): Promise<void> => {
    begun.add(view.id);
    running++;
    // the call may have been killed before it told the owner of the request
    nudge(home.job(view.id), view.id, true);
    await sweepAndTell(home, view, stop).catch(ignoreSystemError);
    running--;
  };
  do {
    for (const id of listLive(home)) {
      const stop = begun.has(id) ? undefined : stopOf(home, id, dead);
      const view = stop && observe(home, id);
      if (view?.kind === 'live' && isWhole(home, id)) void begin(view, stop!);
    }
    await sleep(POLL_MS);
  } while (running > 0);
}

/** The request of `dead` that it has not met. */
function stopOf(home: Home, id: JobId, dead: Identity): Stop | undefined {
  const job = home.job(id);
  return readSwept(job) ? undefined : readStops(job).find(({ sweeper }) => sweeper && isSame(sweeper, dead));
}

/**
 * Whether this process sees all that the owner sees, as the call has checked. The main process may be gone by
 * now. A job whose owner was killed gets an adopter, and is looked at again.
 */
function isWhole(home: Home, id: JobId): boolean {
  const { shim, watcher } = readShim(home.job(id));
  const owner = foundValue(readOwner(home.job(id)))?.identity;
  return [shim, watcher, owner].every((one) => one && isAlive(one) === 'alive');
}
