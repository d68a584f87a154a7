/**
 * The jobs of a `kill` of many that was killed. One of their owners takes its place: hundreds of owners that
 * each look at all processes several times would take minutes. Loaded only then.
 */
import { ignoreSystemError } from '../../base/result.ts';
import type { Home } from '../../job/home/home.ts';
import { listLive } from '../../job/home/job-index.ts';
import { foundValue, readOwner, readStops, readSwept } from '../../job/home/records.ts';
import type { Identity } from '../../job/identity.ts';
import type { JobId } from '../../job/spec.ts';
import { observe } from '../observe/observe.ts';
import { isAlive } from '../os/process-identity.ts';
import { readShim } from '../shim/shim-record.ts';
import { nudge, sweepAndTell } from './stop-request.ts';

/** Stops the jobs that `dead` was asked to stop and has not stopped. Their owners record the ends. */
export async function takeOverStops(home: Home, dead: Identity): Promise<void> {
  await Promise.all(listLive(home).map((id) => takeOver(home, id, dead).catch(ignoreSystemError)));
}

const isSame = (one: Identity, other: Identity): boolean =>
  one.pid === other.pid && one.startTicks === other.startTicks && one.bootId === other.bootId;

async function takeOver(home: Home, id: JobId, dead: Identity): Promise<void> {
  const job = home.job(id);
  const stop = readStops(job).find(({ sweeper }) => sweeper && isSame(sweeper, dead));
  if (!stop || readSwept(job)) return;
  const view = observe(home, id);
  if (view?.kind !== 'live') return;
  const { shim, watcher } = readShim(job);
  const owner = foundValue(readOwner(job))?.identity;
  // as the call has checked: this process must see all that the owner sees. The main process may be gone by now
  if (![shim, watcher, owner].every((one) => one && isAlive(one) === 'alive')) return;
  // the call may have been killed before it told the owner of the request
  nudge(job, id, true);
  await sweepAndTell(home, view, stop);
}
