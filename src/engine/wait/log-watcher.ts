/**
 * Noticing that a log grew. A quiet log is watched: the waiter sleeps in the kernel and wakes with the first byte. A busy one is
 * looked at in growing steps instead: a watch would wake the waiter at every write of the job. fs.watch is an
 * accelerator, never the truth (there are 128 for each user): behind it, and in its place, there is a slow look.
 */
import { type FSWatcher, watch as watchFile } from 'node:fs';
import { ignoreSystemError } from '../../base/result.ts';
import { sleep } from './job-end.ts';

/** From look to look while there is output, milliseconds: soon at first. */
const BUSY_MS = [5, 10, 20, 40, 60, 80, 100];
/** At a stream that does not end, each look is this much later than the one before it, up to what the reader asked for. */
const STREAM_FACTOR = 1.2;
/** So many looks without output make a log quiet. */
const QUIET_LOOKS = 2;
/** Between two looks at a log that is watched, and at one that cannot be. */
const WATCHED_MS = 1000;
const UNWATCHED_MS = 100;

export class LogWatcher {
  private streak = 0;
  private quiet = 0;
  private readonly path: string;
  private readonly slowestMs: number;
  /** `slowestMs`: how late a reader may be at a stream that does not end; fifty of them must not cost a core. */
  constructor(path: string, slowestMs: number) {
    this.path = path;
    this.slowestMs = slowestMs;
  }

  /** Sleeps until another look is worth it; `grew`: whether the last one found something; `hasMore`: whether there is more by now. */
  async wait(grew: boolean, hasMore: () => boolean, abort: AbortSignal): Promise<void> {
    this.quiet = grew ? 0 : this.quiet + 1;
    this.streak = grew ? this.streak + 1 : Math.min(this.streak, 1);
    if (this.quiet <= QUIET_LOOKS) await sleep(this.busyMs(), abort);
    else await this.watch(hasMore, abort);
  }

  private busyMs(): number {
    const last = BUSY_MS.length - 1;
    if (this.streak <= last) return BUSY_MS[this.streak]!;
    return Math.min(this.slowestMs, BUSY_MS[last]! * STREAM_FACTOR ** (this.streak - last));
  }

  private async watch(hasMore: () => boolean, abort: AbortSignal): Promise<void> {
    const mine = new AbortController();
    const end = () => mine.abort();
    abort.addEventListener('abort', end, { once: true });
    let watcher: FSWatcher | undefined;
    try {
      watcher = watchFile(this.path, end);
      watcher.on('error', end);
    } catch (thrown) {
      ignoreSystemError(thrown);
    }
    // subscribed first: what was written since the last look made no event for us
    if (!abort.aborted && !hasMore()) await sleep(watcher ? WATCHED_MS : UNWATCHED_MS, mine.signal);
    watcher?.close();
    abort.removeEventListener('abort', end);
  }
}
