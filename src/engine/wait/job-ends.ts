/**
 * Waits for the ends of thousands of jobs. Running jobs are waited for on their FIFOs. Jobs in a queue cost
 * only a read of the entry names, and that only if an entry was added or removed. It polls after each end and
 * once a second; polls take a tenth of the time at most.
 */
import { closeSync, constants, openSync, statSync } from 'node:fs';
import { sleep, systemClock } from '../../base/clock.ts';
import { namesIn } from '../../base/fs/read-record.ts';
import { attemptQuietly, ignoreSystemError } from '../../base/result.ts';
import { type Home, openHome } from '../../job/home/home.ts';
import { listLive } from '../../job/home/job-index.ts';
import { foldersOf, listQueues } from '../../job/queue/queue-files.ts';
import { idOfEntry } from '../../job/queue/queue-order.ts';
import type { JobId } from '../../job/spec.ts';
import { isWaiting, type JobView, type LiveView } from '../../job/view.ts';
import { observe } from '../observe/observe.ts';
import { attendFar, attendNow, waitUnlocked } from './job-end.ts';

/** How many FIFOs are open at once, each a descriptor; further running jobs are only polled. */
const MAX_WATCHED = 200;
const POLL_MS = 1000;
/** After an end the queue moves on: the polls that follow, milliseconds. */
const FOLLOW_UPS_MS = [10, 40, 150, 400];
/** How long work in progress may go on when the wait ends, milliseconds. */
const FINISH_MS = 500;
const MIN_POLL_MS = 5;
/** While more than FEW other jobs still wait in queues, no caller waits for one end: many are read in one poll. */
const CALM_MS = 100;
const FEW = 50;
const SHARE = 0.1;
/** A directory that changed this recently may change again without a newer time stamp, milliseconds. */
const TICK_MS = 50;
/** How many waiting jobs are observed in each poll: an entry may outlive its job if the owner was killed. */
const SAMPLE = 10;

interface Ending {
  id: JobId;
  view: JobView | undefined;
}

/** The entries of one folder, and when it changed last. */
interface Folder {
  queue: string;
  changedMs: number;
  readMs: number;
  ids: JobId[];
}

export class JobEnds {
  private readonly home: Home;
  /** Not ended, and in no queue as far as is known: observed in each poll. */
  private readonly active: Set<JobId>;
  private readonly waiting = new Set<JobId>();
  private readonly runningIds = new Set<JobId>();
  private folders = new Map<string, Folder>();
  private queued = new Set<JobId>();
  private notSampled: JobId[] = [];
  private attendance: Promise<void> | undefined;
  private readonly watched = new Set<JobId>();
  /** Ended during the last poll. */
  private readonly fresh = new Set<JobId>();
  /** Jobs on targets whose service is not there: their FIFOs say nothing. */
  private readonly unserved = new Map<JobId, LiveView>();
  private wake: () => void = () => {};
  private isWoken = false;

  constructor(home: Home, ids: Iterable<JobId>) {
    this.home = home;
    this.active = new Set(ids);
  }

  /** Waits for these, too. */
  add(ids: Iterable<JobId>): void {
    for (const id of ids) this.active.add(id);
    this.isWoken = true;
    this.wake();
  }

  /** The running jobs, as of the last poll. */
  get running(): ReadonlySet<JobId> {
    return this.runningIds;
  }
  get left(): JobId[] {
    return [...this.active, ...this.waiting].sort((a, b) => a - b);
  }

  /**
   * Calls `each` with the jobs that ended, in the order of their ends, until all have ended or `abort` fires.
   * The first poll is made in any case.
   */
  async wait(abort: AbortSignal, each: (endings: Ending[]) => Promise<void>): Promise<void> {
    let attendedAt = Number.NEGATIVE_INFINITY;
    for (let followUp = FOLLOW_UPS_MS.length; ; ) {
      const begun = systemClock.monotonic();
      this.isWoken = false;
      const isLast = abort.aborted;
      const endings = this.poll(isLast);
      if (endings.length > 0) {
        followUp = 0;
        await each(endings);
      }
      if (isLast || this.active.size + this.waiting.size === 0) {
        // if this call is about to start a job, it finishes that
        await Promise.race([this.attendance, systemClock.sleep(FINISH_MS)]);
        return;
      }
      if (abort.aborted) continue;
      this.watch(abort);
      const took = systemClock.monotonic() - begun;
      if (this.waiting.size + this.unserved.size > 0 && begun - attendedAt >= POLL_MS) {
        attendedAt = begun;
        this.attend();
      }
      const leastMs = this.waiting.size > FEW ? CALM_MS : MIN_POLL_MS;
      await this.pause(FOLLOW_UPS_MS[followUp++] ?? POLL_MS, Math.max(took / SHARE, leastMs), abort);
    }
  }

  /** Sleeps for `ms` or until a FIFO is closed, but for `leastMs` in any case. */
  private async pause(ms: number, leastMs: number, abort: AbortSignal): Promise<void> {
    const least = Math.min(leastMs, POLL_MS);
    await sleep(least, abort);
    if (this.isWoken || abort.aborted || ms <= least) return;
    const woken = new AbortController();
    this.wake = () => woken.abort();
    await sleep(ms - least, abort, woken.signal);
    this.wake = () => {};
  }

  /** The jobs that ended since the last poll, in the order of their ends. */
  private poll(isLast: boolean): Ending[] {
    if (this.isReplaced()) return this.giveUp();
    const begun = systemClock.now();
    const live = new Set(listLive(this.home));
    const isChanged = this.readEntries();
    const sample = this.sample();
    for (const id of isChanged ? this.waiting : [...live, ...sample])
      if (this.waiting.has(id) && (live.has(id) || sample.has(id) || !this.queued.has(id)))
        this.move(id, this.waiting, this.active);
    const endings: Ending[] = [];
    for (const id of this.active) {
      // in a queue, and not taken: no record is read
      if (this.queued.has(id) && !live.has(id) && !sample.has(id)) {
        this.runningIds.delete(id);
        this.move(id, this.active, this.waiting);
        continue;
      }
      const view = observe(this.home, id);
      if (view?.kind === 'live' && view.far?.isServed === false) this.unserved.set(id, view);
      else this.unserved.delete(id);
      if (view?.kind === 'live') {
        if (isWaiting(view)) this.runningIds.delete(id);
        else this.runningIds.add(id);
        if (view.status.phase === 'queued' && this.queued.has(id)) this.move(id, this.active, this.waiting);
        continue;
      }
      this.runningIds.delete(id);
      // A job that this poll has read before may have ended before this one: the next poll tells. It comes at
      // once, and believes the clock no more.
      const isFresh = view?.kind === 'ended' && view.status.endedAt >= begun && !this.fresh.has(id);
      if (isFresh && !isLast) {
        this.fresh.add(id);
        this.isWoken = true;
        continue;
      }
      this.active.delete(id);
      endings.push({ id, view });
    }
    return endings.sort((a, b) => endedAt(a) - endedAt(b) || a.id - b.id);
  }

  /** Whether another home was made at the path: it may have jobs of the same numbers. */
  private isReplaced(): boolean {
    const now = openHome(this.home.path, false);
    return now.ok && now.value !== undefined && now.value.token !== this.home.token;
  }

  /** Gives up the jobs that are left: how they end cannot be known. */
  private giveUp(): Ending[] {
    const endings = this.left.map((id) => ({ id, view: undefined }));
    for (const ids of [this.active, this.waiting, this.runningIds]) ids.clear();
    return endings;
  }

  private move(id: JobId, from: Set<JobId>, to: Set<JobId>): void {
    from.delete(id);
    to.add(id);
  }

  private sample(): Set<JobId> {
    if (this.notSampled.length === 0) this.notSampled = [...this.waiting].reverse();
    return new Set(this.notSampled.splice(-SAMPLE).filter((id) => this.waiting.has(id)));
  }

  /** Moves on the queues in which they wait, if their processes were killed. */
  private attend(): void {
    const queues = new Set([...this.folders.values()].map(({ queue }) => queue));
    const attendAll = async () => {
      for (const queue of queues) await attendNow(this.home, queue);
      for (const view of this.unserved.values()) await attendFar(this.home, view);
      this.attendance = undefined;
    };
    this.attendance ??= attendAll();
  }

  /** Reads which jobs have an entry in a queue; false if no entry came or went since the last poll. */
  private readEntries(): boolean {
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
    this.queued = new Set([...this.folders.values()].flatMap(({ ids }) => ids));
    return true;
  }

  private watch(abort: AbortSignal): void {
    for (const id of this.runningIds) {
      if (this.watched.size >= MAX_WATCHED) return;
      if (this.watched.has(id) || this.unserved.has(id)) continue;
      if (!hasRoom()) return;
      const unlocked = waitUnlocked(this.home.job(id), abort);
      if (!unlocked) continue;
      this.watched.add(id);
      void unlocked.then(() => {
        this.watched.delete(id);
        this.isWoken = true;
        this.wake();
      });
    }
  }
}

/** Descriptors that stay free for the reads of a poll, under a low `ulimit -n`. */
const SPARE = 8;

function hasRoom(): boolean {
  const spare: number[] = [];
  try {
    while (spare.length < SPARE) spare.push(openSync('/dev/null', constants.O_RDONLY));
    return true;
  } catch (thrown) {
    ignoreSystemError(thrown);
    return false;
  } finally {
    for (const fd of spare) closeSync(fd);
  }
}

const endedAt = ({ view }: Ending): number =>
  view?.kind === 'ended' ? view.status.endedAt : Number.POSITIVE_INFINITY;

/** The entries of a folder: `known` itself, if none was added or removed since. */
function readFolder(queue: string, path: string, known: Folder | undefined): Folder | undefined {
  const readMs = systemClock.now();
  const changedMs = attemptQuietly(() => statSync(path).mtimeMs);
  if (changedMs === undefined) return undefined;
  if (known?.changedMs === changedMs && known.readMs - changedMs > TICK_MS) return known;
  const ids = namesIn(path).flatMap((name) => idOfEntry(name) || []);
  return { queue, changedMs, readMs, ids };
}
