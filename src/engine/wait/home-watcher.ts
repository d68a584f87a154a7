/**
 * Notices changes in a home: it sleeps in the kernel on the index folders and the directories of live jobs.
 * fs.watch only makes it faster, and may miss changes: callers poll every second besides. One watch instance
 * serves all folders, of 128 that a user has. Folders into which a job writes output are not watched.
 */
import { existsSync, type FSWatcher, watch } from 'node:fs';
import { type Clock, systemClock } from '../../base/clock.ts';
import { attemptQuietly } from '../../base/result.ts';
import type { Home } from '../../job/home/home.ts';
import { foldersOf, listQueues } from '../../job/queue/queue-files.ts';
import type { JobId } from '../../job/spec.ts';

const MAX_JOBS = 1000;
/** A change is rarely the only one: the wait for more, milliseconds. */
const SETTLE_MS = 15;
/** A caller that reads for a time waits at least this many times as long. */
const SHARE = 8;

export class HomeWatcher {
  private readonly home: Home;
  private readonly watchers = new Map<string, FSWatcher>();
  private hasChanged = false;
  private wake: (() => void) | undefined;
  /** When the caller began to read, and until when `wait` does not return for a change after that. */
  private readAt = 0;
  private restUntil: number | undefined;
  private readonly clock: Clock;
  constructor(home: Home, clock = systemClock) {
    this.home = home;
    this.clock = clock;
  }

  /** Watches these live jobs and the existing folders. Called before each read: later changes wake. */
  watchJobs(live: JobId[]): void {
    const { home } = this;
    const folders = existsSync(home.queues)
      ? listQueues(home).flatMap((name) => foldersOf(home.queue(name)))
      : [];
    const wanted = new Set([
      home.live,
      home.ended,
      home.queues,
      ...folders,
      ...live.slice(0, MAX_JOBS).map((id) => home.job(id).dir),
    ]);
    for (const path of this.watchers.keys()) if (!wanted.has(path)) this.drop(path);
    for (const path of wanted) if (!this.watchers.has(path)) this.watch(path);
    [this.readAt, this.restUntil] = [this.clock.monotonic(), undefined];
    this.hasChanged = false;
  }

  /** Resolves when there may be a change, after `mostMs`, or with `abort`; true if there was a change. */
  async wait(mostMs: number, abort: AbortSignal): Promise<boolean> {
    const { clock } = this;
    const begun = clock.monotonic();
    // a caller that reads for long reads seldom; one that waits again has not read meanwhile
    this.restUntil ??= begun + (begun - this.readAt) * SHARE;
    const woken = new AbortController();
    this.wake = () => woken.abort();
    if (!this.hasChanged && !abort.aborted) await clock.sleep(mostMs, abort, woken.signal);
    this.wake = undefined;
    if (this.hasChanged && !abort.aborted)
      await clock.sleep(Math.max(SETTLE_MS, this.restUntil - clock.monotonic()), abort);
    return this.hasChanged;
  }

  close(): void {
    for (const path of [...this.watchers.keys()]) this.drop(path);
  }

  private watch(path: string): void {
    const onChange = () => {
      this.hasChanged = true;
      this.wake?.();
    };
    // undefined: the folder does not exist, or the user has no watch left
    const watcher = attemptQuietly(() => watch(path, onChange).on('error', () => this.drop(path)));
    if (watcher) this.watchers.set(path, watcher);
  }

  private drop(path: string): void {
    this.watchers.get(path)?.close();
    this.watchers.delete(path);
  }
}
