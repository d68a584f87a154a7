/**
 * Keeps neighbours polite: two cleanings at once would only do the same work twice. No promise rests on it: taking over a
 * stale lock is not atomic in proper-lockfile, so whoever does not get it in time goes on all the same.
 */
import * as fs from 'node:fs';
import { errnoOf } from '../base/failure.ts';
import type { Home } from '../job/home.ts';

function isWritable(directory: string): boolean {
  try {
    fs.accessSync(directory, fs.constants.W_OK);
    return true;
  } catch (thrown) {
    errnoOf(thrown);
    return false;
  }
}

/** Runs `act` while holding the lock, or without it after about four seconds. */
export async function politely<T>(home: Home, act: () => Promise<T>): Promise<T> {
  // a lock that cannot be made would be tried a hundred times
  if (!isWritable(home.cache)) return act();
  // loading it installs 18 signal handlers, hence only here, and never in a supervisor
  const { default: lockfile } = await import('proper-lockfile');
  let release: (() => Promise<void>) | undefined;
  try {
    release = await lockfile.lock(home.cache, {
      lockfilePath: `${home.cache}/gc.lock`,
      realpath: false,
      stale: 15_000,
      // its default throws in a timer
      onCompromised: () => {},
      retries: { retries: 100, factor: 1, minTimeout: 20, maxTimeout: 60, randomize: true },
    });
  } catch {
    release = undefined;
  }
  try {
    return await act();
  } finally {
    await release?.().catch(() => {});
  }
}
