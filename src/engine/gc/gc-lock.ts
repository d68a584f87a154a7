/**
 * Keeps neighbours polite: two cleanings at once would only do the same work twice. No promise rests on it: taking over a
 * stale lock is not atomic in proper-lockfile, so whoever does not get it in time goes on all the same.
 */
import { accessSync, constants } from 'node:fs';
import { systemClock } from '../../base/clock.ts';
import { ignoreSystemError } from '../../base/result.ts';
import type { Home } from '../../job/home/home.ts';

function isWritable(directory: string): boolean {
  try {
    accessSync(directory, constants.W_OK);
    return true;
  } catch (thrown) {
    ignoreSystemError(thrown);
    return false;
  }
}

/** Between two tries, milliseconds: at random, so that those who wait do not keep step. */
const pauseMs = (): number => 20 + Math.random() * 40;
const MOST_TRIES = 100;

/** Runs `act` while holding the lock, or without it after about four seconds; at once where no lock can be made. */
export async function politely<T>(home: Home, act: () => Promise<T>): Promise<T> {
  if (!isWritable(home.cache)) return act();
  // loading it installs 18 signal handlers, hence only here, and never in a supervisor
  const { default: lockfile } = await import('proper-lockfile');
  let release: (() => Promise<void>) | undefined;
  for (let tries = 0; tries < MOST_TRIES && !release; tries++) {
    try {
      release = await lockfile.lock(home.cache, {
        lockfilePath: `${home.cache}/gc.lock`,
        realpath: false,
        stale: 15_000,
        // its default throws in a timer
        onCompromised: () => {},
      });
    } catch (thrown) {
      // its own retries would try again on a full disk, too
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
