/**
 * Notices that a log grew. A quiet log is watched: the reader sleeps in the kernel and wakes with the first
 * byte. A busy log is polled in growing steps: a watch would wake the reader at each write of the job.
 * fs.watch (128 for each user) only makes it faster: a slow poll goes on behind it, and replaces it where
 * there is none.
 */

import { watch as watchFile } from 'node:fs';
import { sleep } from '../../base/clock.ts';
import { attemptQuietly } from '../../base/result.ts';

/** The polls while there is output, milliseconds: soon at first. */
const BUSY_MS = [5, 10, 20, 40, 60, 80, 100];
/** While output does not stop, polls get later by this factor, up to the limit of the reader. */
const STREAM_FACTOR = 1.2;
/** How many polls without output make a log quiet. */
const QUIET_POLLS = 2;
/** The poll of a log with a working watch, and of a log without one, milliseconds. */
const WATCHED_MS = 1000;
const UNWATCHED_MS = 100;

export class LogWatcher {
  private streak = 0;
  private quiet = 0;
  private readonly path: string;
  private readonly slowestMs: number;
  /** `slowestMs`: how late a reader may be while output does not stop: 50 must not use a whole core. */
  constructor(path: string, slowestMs: number) {
    this.path = path;
    this.slowestMs = slowestMs;
  }

  /** Sleeps until the next poll. `grew`: the last one found output; `hasMore`: there is more by now. */
  async wait(grew: boolean, hasMore: () => boolean, abort: AbortSignal): Promise<void> {
    this.quiet = grew ? 0 : this.quiet + 1;
    this.streak = grew ? this.streak + 1 : Math.min(this.streak, 1);
    if (this.quiet <= QUIET_POLLS) await sleep(this.busyMs(), abort);
    else await this.watch(hasMore, abort);
  }

  private busyMs(): number {
    const last = BUSY_MS.length - 1;
    if (this.streak <= last) return BUSY_MS[this.streak]!;
    return Math.min(this.slowestMs, BUSY_MS[last]! * STREAM_FACTOR ** (this.streak - last));
  }

  private async watch(hasMore: () => boolean, abort: AbortSignal): Promise<void> {
    const woken = new AbortController();
    const end = () => woken.abort();
    const watcher = attemptQuietly(() => watchFile(this.path, end).on('error', end));
    // watched first: output since the last poll caused no event
    if (!abort.aborted && !hasMore()) await sleep(watcher ? WATCHED_MS : UNWATCHED_MS, abort, woken.signal);
    watcher?.close();
  }
}
