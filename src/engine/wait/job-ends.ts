/**
 * Waiting for the ends of thousands of jobs. Those that run are waited for as ever, on their FIFOs; those in a queue cost nothing but
 * a look at the names of the markers, and that only if one came or went. Looks follow ends, and one comes every second; they take a
 * tenth of the time at most.
 */
import { statSync } from 'node:fs';
import { systemClock } from '../../base/clock.ts';
import { namesIn } from '../../base/fs/read-record.ts';
import { ignoreSystemError } from '../../base/result.ts';
import { type Home, openHome } from '../../job/home/home.ts';
import { listLive } from '../../job/home/job-index.ts';
import { foldersOf, listQueues } from '../../job/queue/queue-files.ts';
import { idOfEntry } from '../../job/queue/queue-order.ts';
import type { JobId } from '../../job/spec.ts';
import type { JobView } from '../../job/view.ts';
import { observe } from '../observe/observe.ts';
import { attendNow, letGo, sleep } from './job-end.ts';

/** So many FIFOs are open at once, each a descriptor; what runs beyond is looked at every second. */
const MOST_WATCHED = 200;
/** Between two looks while nothing is heard, milliseconds. */
const POLL_MS = 1000;
/** After an end the queue moves on: looks at what came of it, milliseconds after one another. */
const FOLLOW_UPS_MS = [10, 40, 150, 400];
/** What is under way when the waiting ends gets so long, milliseconds. */
const LEAVE_MS = 500;
/** The least between two looks, milliseconds. */
const PAUSE_MS = 5;
/** Looks take a part of the time that is at most this. */
const SHARE = 0.1;
/** A directory that was changed so recently may be changed again without a newer time, milliseconds. */
const TICK_MS = 50;
/** So many of those that wait are looked at closely in each look: a marker may have outlived its job, whose owner was killed. */
const SAMPLE = 10;

/** A job that ended; undefined: it was removed. */
export interface Ending {
  id: JobId;
  view: JobView | undefined;
}

/** What the markers of one folder said, and when it was last changed. */
interface Folder {
  queue: string;
  changedMs: number;
  readMs: number;
  ids: JobId[];
}

export class Endings {
  private readonly home: Home;
  /** Not ended, and in no queue as far as is known: looked at each time. */
  private readonly active: Set<JobId>;
  /** They have a marker in a queue. */
  private readonly resting = new Set<JobId>();
  private readonly started = new Set<JobId>();
  private folders = new Map<string, Folder>();
  private marked = new Set<JobId>();
  private unsampled: JobId[] = [];
  private attending: Promise<void> | undefined;
  private readonly watched = new Set<JobId>();
  private nudge: () => void = () => {};
  private isNudged = false;

  constructor(home: Home, ids: Iterable<JobId>) {
    this.home = home;
    this.active = new Set(ids);
  }

  /** Those that run, as of the last look. */
  get running(): ReadonlySet<JobId> {
    return this.started;
  }
  /** Those that have not ended, as of the last look. */
  get left(): JobId[] {
    return [...this.active, ...this.resting].sort((a, b) => a - b);
  }

  /**
   * Calls `each` with the jobs that ended, in the order in which they did, until all have or `abort` fires. The first look is taken
   * in any case.
   */
  async wait(abort: AbortSignal, each: (endings: Ending[]) => Promise<void>): Promise<void> {
    let lookedAt = Number.NEGATIVE_INFINITY;
    for (let followUp = FOLLOW_UPS_MS.length; ; ) {
      const begun = systemClock.monotonic();
      this.isNudged = false;
      const endings = this.look();
      if (endings.length > 0) {
        followUp = 0;
        await each(endings);
      }
      if (abort.aborted || this.active.size + this.resting.size === 0) {
        // whoever is about to start a job of others is not stopped on the way
        await Promise.race([this.attending, systemClock.sleep(LEAVE_MS)]);
        return;
      }
      this.watch(abort);
      const took = systemClock.monotonic() - begun;
      if (this.resting.size > 0 && begun - lookedAt >= POLL_MS) {
        lookedAt = begun;
        this.attend();
      }
      await this.rest(FOLLOW_UPS_MS[followUp++] ?? POLL_MS, took / SHARE, abort);
    }
  }

  /** Sleeps for `ms`, or until a FIFO is let go, but in any case for `leastMs`. */
  private async rest(ms: number, leastMs: number, abort: AbortSignal): Promise<void> {
    const least = Math.min(Math.max(leastMs, PAUSE_MS), POLL_MS);
    await sleep(least, abort);
    if (this.isNudged || abort.aborted || ms <= least) return;
    const woken = new AbortController();
    const wake = () => woken.abort();
    this.nudge = wake;
    abort.addEventListener('abort', wake, { once: true });
    await sleep(ms - least, woken.signal);
    abort.removeEventListener('abort', wake);
    this.nudge = () => {};
  }

  /** Those that ended since the last look, in the order in which they did. */
  private look(): Ending[] {
    if (this.isReplaced()) return this.giveUp();
    const live = new Set(listLive(this.home));
    const isChanged = this.readMarks();
    const sample = this.sample();
    for (const id of isChanged ? this.resting : [...live, ...sample])
      if (this.resting.has(id) && (live.has(id) || sample.has(id) || !this.marked.has(id)))
        this.move(id, this.resting, this.active);
    const endings: Ending[] = [];
    for (const id of this.active) {
      // in a queue, and nobody has taken it: no record is read
      if (this.marked.has(id) && !live.has(id) && !sample.has(id)) {
        this.started.delete(id);
        this.move(id, this.active, this.resting);
        continue;
      }
      const view = observe(this.home, id);
      if (view?.kind === 'live') {
        if (view.status.phase === 'queued') this.started.delete(id);
        else this.started.add(id);
        if (view.status.phase === 'queued' && this.marked.has(id)) this.move(id, this.active, this.resting);
        continue;
      }
      this.active.delete(id);
      this.started.delete(id);
      endings.push({ id, view });
    }
    return endings.sort((a, b) => endedAt(a) - endedAt(b) || a.id - b.id);
  }

  /** Whether another home was made at the path: it may have jobs of the same numbers. */
  private isReplaced(): boolean {
    const now = openHome(this.home.path, false);
    return now.ok && now.value !== undefined && now.value.token !== this.home.token;
  }

  /** Nobody can tell how the rest ended. */
  private giveUp(): Ending[] {
    const endings = this.left.map((id) => ({ id, view: undefined }));
    for (const ids of [this.active, this.resting, this.started]) ids.clear();
    return endings;
  }

  private move(id: JobId, from: Set<JobId>, to: Set<JobId>): void {
    from.delete(id);
    to.add(id);
  }

  /** The next few of those that wait. */
  private sample(): Set<JobId> {
    if (this.unsampled.length === 0) this.unsampled = [...this.resting].reverse();
    return new Set(this.unsampled.splice(-SAMPLE).filter((id) => this.resting.has(id)));
  }

  /** Moves the queues on in which they wait: what the death of all processes of a job left undone. */
  private attend(): void {
    const queues = new Set([...this.folders.values()].map(({ queue }) => queue));
    const attendThem = async () => {
      for (const queue of queues) await attendNow(this.home, queue);
      this.attending = undefined;
    };
    this.attending ??= attendThem();
  }

  /** Reads the jobs that have a marker in a queue; false if none came or went since the last look. */
  private readMarks(): boolean {
    const before = this.folders;
    this.folders = new Map();
    let isSame = true;
    for (const queue of listQueues(this.home))
      for (const path of foldersOf(this.home.queue(queue))) {
        const known = before.get(path);
        const folder = readFolder(queue, path, known);
        if (folder) this.folders.set(path, folder);
        isSame &&= folder === known;
      }
    if (isSame && before.size === this.folders.size) return false;
    this.marked = new Set([...this.folders.values()].flatMap(({ ids }) => ids));
    return true;
  }

  /** Waits on the FIFOs of those that run. */
  private watch(abort: AbortSignal): void {
    for (const id of this.started) {
      if (this.watched.size >= MOST_WATCHED) return;
      if (this.watched.has(id)) continue;
      const released = letGo(this.home.job(id), abort);
      if (!released) continue;
      this.watched.add(id);
      void released.then(() => {
        this.watched.delete(id);
        this.isNudged = true;
        this.nudge();
      });
    }
  }
}

const endedAt = ({ view }: Ending): number =>
  view?.kind === 'ended' ? view.status.endedAt : Number.POSITIVE_INFINITY;

/** The markers of a folder: `known` itself, if nothing came or went since. */
function readFolder(queue: string, path: string, known: Folder | undefined): Folder | undefined {
  const readMs = systemClock.now();
  let changedMs: number;
  try {
    changedMs = statSync(path).mtimeMs;
  } catch (thrown) {
    ignoreSystemError(thrown);
    return undefined;
  }
  if (known?.changedMs === changedMs && known.readMs - changedMs > TICK_MS) return known;
  const ids = namesIn(path).flatMap((name) => idOfEntry(name) || []);
  return { queue, changedMs, readMs, ids };
}
