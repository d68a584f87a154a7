/**
 * A lock that saves work: two cleanings at once would do the same twice. Correctness does not depend on it.
 * Taking over a stale lock is not atomic in proper-lockfile, so a process that does not get the lock in time
 * goes on without it.
 */
import { accessSync, constants } from 'node:fs';
import { systemClock } from '../../base/clock.ts';
import { attemptQuietly } from '../../base/result.ts';
import type { Home } from '../../job/home/home.ts';

/** The wait between two tries, milliseconds; random, so that waiting processes do not retry in lockstep. */
const pauseMs = (): number => 20 + Math.random() * 40;
const MAX_TRIES = 100;

/** Runs `act` with the lock, or without it after about four seconds; at once where no lock can be made. */
export async function withGcLock<T>(home: Home, act: () => Promise<T>): Promise<T> {
  const isWritable = attemptQuietly(() => accessSync(home.cache, constants.W_OK) === undefined);
  if (!isWritable) return act();
  // loading it installs 18 signal handlers: so only here, and never in a supervisor
  const { default: lockfile } = await import('proper-lockfile');
  let release: (() => Promise<void>) | undefined;
  for (let tries = 0; tries < MAX_TRIES && !release; tries++) {
    try {
      release = await lockfile.lock(home.cache, {
        lockfilePath: `${home.cache}/gc.lock`,
        realpath: false,
        stale: 15_000,
        // the default handler throws in a timer
        onCompromised: () => {},
      });
    } catch (thrown) {
      // the retries of the package would go on after a full disk, too
      if ((thrown as NodeJS.ErrnoException).code !== 'ELOCKED') break;
      await systemClock.sleep(pauseMs());
    }
  }
  try {
    return await act();
  } finally {
    await release?.().catch(() => {});
  }
}
