/**
 * The FIFO `alive`. There is no system call for it in Node, and starting mkfifo costs a tenth of a Node start: so one call
 * makes some more, which lie ready in the cache until somebody takes one by rename (atomic: each goes to one job).
 */
import { linkSync, lstatSync, renameSync } from 'node:fs';
import { dirname } from 'node:path';
import { removeQuietly } from '../../base/fs/atomic-write.ts';
import { namesIn } from '../../base/fs/read-record.ts';
import { errnoOf, ignoreSystemError } from '../../base/result.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import type { JobId } from '../../job/spec.ts';
import { findTool } from '../os/programs.ts';

/** How many are made for later with each that is needed. */
const SPARES = 31;
const SPARE = 'fifo.';

/** Loaded where something is started: most commands do not, and it is a tenth of a Node start. */
const childProcesses = () => require('node:child_process') as typeof import('node:child_process');

/** Those that lay ready when this process looked. */
let lying: string[] = [];

/** Whether one that lay ready was taken; whoever comes second finds it gone and tries the next. */
function takeSpare(home: Home, path: string): boolean {
  // what others took meanwhile is found out; what they made is seen when these are used up
  if (lying.length === 0) lying = namesIn(home.cache).filter((name) => name.startsWith(SPARE));
  for (let name = lying.pop(); name !== undefined; name = lying.pop()) {
    const [spare, mine] = [`${home.cache}/${name}`, `${home.cache}/taken.${process.pid}.${name}`];
    try {
      if (!isFifo(spare)) continue;
      renameSync(spare, mine);
    } catch (thrown) {
      ignoreSystemError(thrown);
      continue;
    }
    try {
      // a link: it takes the place of nothing, not of a FIFO that somebody else has just put there either
      if (isFifo(mine)) linkSync(mine, path);
    } catch (thrown) {
      if (errnoOf(thrown) !== 'EEXIST') continue;
    } finally {
      removeQuietly(mine);
    }
    if (isFifo(path)) return true;
  }
  return false;
}

const isFifo = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false })?.isFIFO() === true;

/** Makes the FIFO of a job, if it has none. Runs beside the caller, who writes the records meanwhile. */
export const makeFifo = (home: Home, id: JobId): Promise<Result<void>> =>
  makeFifoAt(home, home.job(id).alive);

export async function makeFifoAt(home: Home, path: string): Promise<Result<void>> {
  if (isFifo(path) || takeSpare(home, path)) return ok(undefined);
  const mkfifo = findTool('mkfifo');
  if (!mkfifo) return fail({ code: 'io', doing: 'find mkfifo for', path, errno: 'ENOENT' });
  const unique = `${process.pid}.${process.hrtime.bigint()}`;
  const spares = Array.from({ length: SPARES }, (_, n) => `${home.cache}/${SPARE}${unique}.${n}`);
  return new Promise((resolve) => {
    const child = childProcesses().spawn(mkfifo, ['-m', '600', path, ...spares], {
      stdio: 'ignore',
      env: {},
    });
    child.once('error', (error) =>
      resolve(fail({ code: 'io', doing: 'start mkfifo for', path, errno: errnoOf(error) })),
    );
    child.once('exit', () => resolve(isFifo(path) ? ok(undefined) : makeAgain(mkfifo, path)));
  });
}

/** A second try that listens to the reason. */
function makeAgain(mkfifo: string, path: string): Result<void> {
  const again = childProcesses().spawnSync(mkfifo, ['-m', '600', path], {
    encoding: 'utf8',
    env: { LC_ALL: 'C' },
  });
  if (again.status === 0) return ok(undefined);
  if (again.stderr.includes('No space')) return fail({ code: 'io', doing: 'make', path, errno: 'ENOSPC' });
  return fail({ code: 'home-refused', home: dirname(path), trouble: 'no-fifos' });
}
