/**
 * Noticing that something changed in a home: a sleep in the kernel, on the folders of markers and the directories of live jobs.
 * fs.watch is an accelerator, never the truth (one instance of the user's 128 serves all folders): behind it there is a look
 * every second. No folder is watched that a job writes its output to.
 */
import { existsSync, type FSWatcher, watch } from 'node:fs';
import { systemClock } from '../../base/clock.ts';
import { ignoreSystemError } from '../../base/result.ts';
import type { Home } from '../../job/home/home.ts';
import { foldersOf, listQueues } from '../../job/queue/queue-files.ts';
import type { JobId } from '../../job/spec.ts';
import { sleep } from './job-end.ts';

/** So many directories of jobs are watched; the others are looked at. */
const MOST_JOBS = 1000;
/** A change seldom comes alone: others are waited for, milliseconds. */
const SETTLE_MS = 15;
/** Looking takes this part of the time at most. */
const SHARE = 8;

export class HomeWatcher {
  private readonly home: Home;
  private readonly watchers = new Map<string, FSWatcher>();
  private isMoved = false;
  private wake: (() => void) | undefined;
  private wokenAt = 0;
  constructor(home: Home) {
    this.home = home;
  }

  /** Watches these live jobs, and the folders that are there by now. To be called before each look: what comes after it wakes. */
  attend(live: JobId[]): void {
    const { home } = this;
    const folders = existsSync(home.queues)
      ? listQueues(home).flatMap((name) => foldersOf(home.queue(name)))
      : [];
    const wanted = new Set([
      home.live,
      home.ended,
      home.queues,
      ...folders,
      ...live.slice(0, MOST_JOBS).map((id) => home.job(id).dir),
    ]);
    for (const path of this.watchers.keys()) if (!wanted.has(path)) this.drop(path);
    for (const path of wanted) if (!this.watchers.has(path)) this.watch(path);
    this.wokenAt = systemClock.monotonic();
    this.isMoved = false;
  }

  /** Resolves when something may have changed, after `mostMs`, or with `abort`; true if something moved. */
  async wait(mostMs: number, abort: AbortSignal): Promise<boolean> {
    // who looks for long, looks seldom
    const begun = systemClock.monotonic();
    const restMs = Math.max(SETTLE_MS, (begun - this.wokenAt) * SHARE);
    const mine = new AbortController();
    const end = () => mine.abort();
    this.wake = end;
    abort.addEventListener('abort', end, { once: true });
    if (!this.isMoved && !abort.aborted) await sleep(mostMs, mine.signal);
    abort.removeEventListener('abort', end);
    this.wake = undefined;
    const slept = systemClock.monotonic() - begun;
    if (this.isMoved && !abort.aborted) await sleep(Math.max(SETTLE_MS, restMs - slept), abort);
    return this.isMoved;
  }

  close(): void {
    for (const path of [...this.watchers.keys()]) this.drop(path);
  }

  private watch(path: string): void {
    try {
      const watcher = watch(path, () => {
        this.isMoved = true;
        this.wake?.();
      });
      watcher.on('error', () => this.drop(path));
      this.watchers.set(path, watcher);
    } catch (thrown) {
      // it is not there, or the user has no watch left
      ignoreSystemError(thrown);
    }
  }

  private drop(path: string): void {
    this.watchers.get(path)?.close();
    this.watchers.delete(path);
  }
}
