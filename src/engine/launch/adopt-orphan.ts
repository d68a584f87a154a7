/**
 * Adopts a running job that has neither supervisor nor watcher. That happens when the supervisor died and the
 * watcher could not start an adopter, because Node or bgjob was gone, or when both were killed. The shim still
 * records the exit status, but no limit of the job is enforced, and no process publishes its end. So every
 * bgjob command starts an adopter from its own program. Of two adopters one becomes the owner.
 */
import { closeSync, constants, openSync } from 'node:fs';
import { systemClock } from '../../base/clock.ts';
import type { Home } from '../../job/home/home.ts';
import { listLive } from '../../job/home/job-index.ts';
import { foundValue, hasCrashed, type Owner, readOwner, readState } from '../../job/home/records.ts';
import type { JobId } from '../../job/spec.ts';
import { missingPart, nodeProgram, SUPERVISOR } from '../os/own-program.ts';
import { isAlive, isDeadState, isLocked, readStats, thisHost } from '../os/process-identity.ts';
import { readShim } from '../shim/shim-record.ts';
import { lockAlive } from './alive-fifo.ts';
import { spawnDetached } from './spawn-supervisor.ts';

export const ORPHAN_MODE = '--adopt-orphan';

/** How long records are read at the end of a command, milliseconds: thousands of jobs may run. */
const READ_MS = 20;

/** Whether the shim of a job with a dead owner lives, and no process will start an adopter. */
function isOrphan(home: Home, id: JobId, { generation, identity }: Omit<Owner, 'slot'>): boolean {
  const job = home.job(id);
  const { shim, watcher } = readShim(job, identity);
  if (!shim || isAlive(shim) !== 'alive') return false;
  if (watcher && isAlive(watcher) !== 'dead') return false;
  const phase = foundValue(readState(job))?.status.phase;
  if (phase === 'queued' || phase === 'ended') return false;
  // the next one would meet the same error
  return isLocked(job.alive) && !hasCrashed(job, generation);
}

/** Starts an adopter if the job needs one; true if it was started. Throws system errors. */
export function adoptOrphan(home: Home, id: JobId): boolean {
  const job = home.job(id);
  const owner = foundValue(readOwner(job));
  if (!owner || isAlive(owner.identity) !== 'dead' || !isOrphan(home, id, owner)) return false;
  if (missingPart() !== undefined) return false;
  // in the place of the socket of the dead supervisor, which an adopter closes
  const nothing = openSync('/dev/null', constants.O_RDONLY);
  const aliveFd = lockAlive(job);
  try {
    const args = [SUPERVISOR, home.path, String(id), ORPHAN_MODE];
    const child = spawnDetached(id, nodeProgram(), args, [nothing, aliveFd]);
    child.on('error', () => {});
    return child.pid !== undefined;
  } finally {
    closeSync(aliveFd);
    closeSync(nothing);
  }
}

/** Starts an adopter for each running job that needs one. Throws system errors. */
export function adoptOrphans(home: Home): void {
  const until = systemClock.monotonic() + READ_MS;
  const here = thisHost();
  const owners: [JobId, Owner][] = [];
  for (const id of listLive(home)) {
    if (systemClock.monotonic() > until) break;
    const owner = foundValue(readOwner(home.job(id)));
    const { bootId, pidNamespace } = owner?.identity ?? {};
    if (owner && bootId === here.bootId && pidNamespace === here.pidNamespace) owners.push([id, owner]);
  }
  // in one call: without /proc each call is a process
  const stats = new Map(
    readStats(owners.map(([, { identity }]) => identity.pid)).map((one) => [one.pid, one]),
  );
  for (const [id, { identity }] of owners) {
    const stat = stats.get(identity.pid);
    const lives = stat && stat.startTicks === identity.startTicks && !isDeadState(stat.state);
    if (!lives) adoptOrphan(home, id);
  }
}
