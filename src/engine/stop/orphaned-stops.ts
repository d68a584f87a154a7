/**
 * The jobs of each `kill` of many that was killed. One of their owners takes its place: hundreds of owners that
 * each look at all processes several times would take minutes. Loaded only then.
 */
import { sleep } from '../../base/clock.ts';
import { ignoreSystemError } from '../../base/result.ts';
import type { Home } from '../../job/home/home.ts';
import { listLive } from '../../job/home/job-index.ts';
import { foundValue, readOwner, readStops, readSwept } from '../../job/home/records.ts';
import type { JobId } from '../../job/spec.ts';
import type { Stop } from '../../job/state.ts';
import type { LiveView } from '../../job/view.ts';
import { observe } from '../observe/observe.ts';
import { isAlive, isAtWork } from '../os/process-identity.ts';
import { areHelpersAlive } from './stop-processes.ts';
import { nudge, sweepAndTell } from './stop-request.ts';

/** How often jobs are looked for that have got an owner, or lost their `kill`, meanwhile, milliseconds. */
const POLL_MS = 1000;

/** Stops the jobs whose `kill` is gone and has not stopped them. Their owners record the ends. */
export async function takeOverStops(home: Home): Promise<void> {
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
      const stop = begun.has(id) ? undefined : orphanedStop(home, id);
      const view = stop && observe(home, id);
      if (view?.kind === 'live') void begin(view, stop!);
    }
    await sleep(POLL_MS);
  } while (running > 0);
}

/**
 * The request whose `kill` is gone and has not met it. This process must see all that the owner sees: a job whose
 * owner was killed gets an adopter, and is looked at again.
 */
function orphanedStop(home: Home, id: JobId): Stop | undefined {
  const job = home.job(id);
  const stop = readStops(job).find(({ sweeper }) => sweeper && !isAtWork(sweeper));
  const owner = stop && foundValue(readOwner(job))?.identity;
  const isWhole = owner !== undefined && isAlive(owner) === 'alive' && areHelpersAlive(job);
  return isWhole && !readSwept(job) ? stop : undefined;
}
