/**
 * Makes FIFOs: `alive` of a job, and others. Node has no system call for it, and starting mkfifo costs a
 * tenth of a Node start. So one call of mkfifo makes some spares, which lie in the cache. A process takes one
 * by rename, so each spare goes to one job.
 */
import { once } from 'node:events';
import { constants, linkSync, openSync, renameSync } from 'node:fs';
import { dirname } from 'node:path';
import { removeQuietly } from '../../base/fs/atomic-write.ts';
import { namesIn } from '../../base/fs/read-record.ts';
import { attemptQuietly, errnoOf } from '../../base/result.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import type { JobPaths } from '../../job/home/paths.ts';
import type { JobId } from '../../job/spec.ts';
import { isFifo } from '../os/process-identity.ts';
import { findTool, refusedTool } from '../os/programs.ts';

const SPARES = 31;
const SPARE = 'fifo.';

/** The spares that this process found, as far as it has not used them. */
let spares: string[] = [];

/** Takes a spare; false if there is none. If another process takes the same one first, it tries the next. */
function takeSpare(home: Home, path: string): boolean {
  // the folder is read again only when the list is used up
  if (spares.length === 0) spares = namesIn(home.cache).filter((name) => name.startsWith(SPARE));
  while (spares.length > 0) {
    // two supervisors of one queue have the same list: from its end they would meet at each spare
    const [name] = spares.splice(Math.floor(Math.random() * spares.length), 1);
    const [spare, mine] = [`${home.cache}/${name}`, `${home.cache}/taken.${process.pid}.${name}`];
    attemptQuietly(() => isFifo(spare) && renameSync(spare, mine));
    // another process was faster
    if (!isFifo(mine)) continue;
    // linked, not renamed: it must not replace a FIFO that another process has just put there
    attemptQuietly(() => linkSync(mine, path));
    removeQuietly(mine);
    if (isFifo(path)) return true;
  }
  return false;
}

/** Makes the FIFO of a job, if it has none. It runs while the caller writes the records. */
export const makeFifo = (home: Home, id: JobId): Promise<Result<void>> =>
  makeFifoAt(home, home.job(id).alive);

/** Locks a job as long as the descriptor is open. Throws system errors. */
export const lockAlive = ({ alive }: JobPaths): number =>
  // for reading, too: else it would block
  openSync(alive, constants.O_RDWR | constants.O_NOFOLLOW);

export async function makeFifoAt(home: Home, path: string): Promise<Result<void>> {
  if (isFifo(path) || takeSpare(home, path)) return ok(undefined);
  const mkfifo = findTool('mkfifo');
  if (!mkfifo) return fail({ code: 'tool-missing', tool: 'mkfifo', refused: refusedTool('mkfifo') });
  const unique = `${process.pid}.${process.hrtime.bigint()}`;
  const more = Array.from({ length: SPARES }, (_, n) => `${home.cache}/${SPARE}${unique}.${n}`);
  // loaded only here: most commands start nothing, and it is a tenth of a Node start
  const { spawn, spawnSync } = require('node:child_process') as typeof import('node:child_process');
  const child = spawn(mkfifo, ['-m', '600', path, ...more], { stdio: 'ignore', env: {} });
  try {
    await once(child, 'exit');
  } catch (thrown) {
    return fail({ code: 'io', doing: 'start mkfifo for', path, errno: errnoOf(thrown) });
  }
  if (isFifo(path)) return ok(undefined);
  // a second try, for the reason of the failure
  const again = spawnSync(mkfifo, ['-m', '600', path], { encoding: 'utf8', env: { LC_ALL: 'C' } });
  if (again.status === 0) return ok(undefined);
  if (again.stderr.includes('No space')) return fail({ code: 'io', doing: 'make', path, errno: 'ENOSPC' });
  return fail({ code: 'home-refused', home: dirname(path), trouble: 'no-fifos' });
}
