/**
 * The limit of a log: looks at its size, often while it grows and seldom while it is quiet, and takes out what lies between
 * the head and the newest part. Record first, then the bytes: a reader asks the record after each read, and a successor
 * does again what its predecessor may not have done. One cut at a time; no look waits for the disk.
 *
 * Every look, with a limit or without, also sees whether the log was emptied: then the log begins anew at the offset that it had
 * reached, and what was trimmed is void. Nothing is cut without a look at the file right before.
 */
import { existsSync } from 'node:fs';
import { renderExactSize, systemClock } from '../../base/clock.ts';
import { removeQuietly } from '../../base/fs/atomic-write.ts';
import { ignoreSystemError } from '../../base/result.ts';
import type { Home } from '../../job/home/home.ts';
import type { JobPaths, Stream } from '../../job/home/paths.ts';
import { readLastSize, TimeIndex } from '../../job/log/time-index.ts';
import {
  emptiedAt,
  readTrimmed,
  type Trimmed,
  type Trimming,
  writeTrimmed,
  writeTrimmedNow,
} from '../../job/log/trim-record.ts';
import type { Spec } from '../../job/spec.ts';
import type { Stop } from '../../job/state.ts';
import { LogGrowth } from './growth-rate.ts';
import { LogFile, openLogOfShim } from './log-file.ts';
import { punch } from './punch-hole.ts';
import { finishRotation, turn } from './rotate.ts';

const HEAD_BYTES = 16 * 2 ** 20;
/** Holes are made of whole blocks. */
const BLOCK_BYTES = 4096;
/** What the record, the time index and the list of extents take beside a log. */
const RECORDS_BYTES = 4 * BLOCK_BYTES;
/** Between two looks, milliseconds. */
const LEAST_MS = 2;
const LIVELY_MS = 25;
const QUIET_MS = 250;
/** More than any job writes, bytes per millisecond: so far a quiet log is from its limit. */
const FASTEST = 2 ** 20;
/** After a cut that failed, milliseconds. */
const RETRY_MS = 250;
/** So often the last one is tried. */
const LAST_TRIES = 20;

const aligned = (bytes: number): number => bytes - (bytes % BLOCK_BYTES);

/** The hole of a record, as offsets in the file. */
const holeOf = (trimming: Trimming | null): { from: number; to: number } | undefined =>
  trimming && !trimming.keep && trimming.to > trimming.from
    ? { from: trimming.from - trimming.floor, to: trimming.to - trimming.floor }
    : undefined;

export class Trim {
  private readonly home: Home;
  private readonly job: JobPaths;
  private readonly spec: Spec;
  private readonly onReached: (stop: Stop) => void;
  private readonly growths: LogGrowth[];
  private readonly times: TimeIndex;
  private readonly headBytes: number;
  /** How much may be on the disk beside the head. */
  private readonly room: number;
  private trimmed: Trimmed;
  private readonly files: Record<Stream, LogFile>;
  /** Up to where the holes are made. */
  private readonly punched = { log: 0, err: 0 };
  /** The last hole, as offsets in the file, until the file was seen to be the same after it. */
  private readonly lastHole: Record<Stream, { from: number; to: number } | undefined> = {
    log: undefined,
    err: undefined,
  };
  private canPunch: boolean;
  private cutting: Promise<unknown> | undefined;
  /** How long a cut takes, milliseconds. */
  private cutMs = 20;
  private retryMs = 0;
  private quiet = 0;
  private timer: NodeJS.Timeout | undefined;
  private isOn = false;

  /** `onReached` gets the stop that `--on-max-log kill` begins. */
  constructor(home: Home, spec: Spec, onReached: (stop: Stop) => void) {
    const limit = spec.maxLogBytes ?? Number.POSITIVE_INFINITY;
    this.home = home;
    this.job = home.job(spec.id);
    this.spec = spec;
    this.onReached = onReached;
    this.growths = (spec.split ? (['log', 'err'] as const) : (['log'] as const)).map((s) => new LogGrowth(s));
    this.times = new TimeIndex(this.job);
    this.headBytes = aligned(Math.min(HEAD_BYTES, limit / 4));
    this.room = limit - this.headBytes - RECORDS_BYTES;
    this.trimmed = readTrimmed(this.job);
    // no hole could be punched here before
    this.canPunch = !this.trimmed.log?.keep && !this.trimmed.err?.keep;
    const fileOf = (stream: Stream): LogFile =>
      new LogFile(this.job[stream], this.trimmed[stream]?.mark ?? null, {
        isLost: this.trimmed[stream]?.moved === true,
        openOfShim: () => openLogOfShim(this.job, stream),
      });
    this.files = { log: fileOf('log'), err: fileOf('err') };
    for (const growth of this.growths) this.resume(growth);
  }

  /** What an owner before us knew of a log: so large it was, and there may be a cut to be made again. */
  private resume(growth: LogGrowth): void {
    const { stream } = growth;
    const trimming = this.trimmed[stream];
    const seen = stream === 'log' ? readLastSize(this.job) : 0;
    growth.size = Math.max(trimming?.base ?? 0, seen);
    // an older version noted nothing by which it could be told whether the file is the same: its cut is not made again
    if (trimming?.mark === null) this.punched[stream] = trimming.to;
  }

  /** Looks once more, at the end of the job: that it emptied its log is recorded before its end is told. */
  readEnd(): void {
    if (this.isOn) this.measure(false);
  }

  close(): void {
    for (const file of Object.values(this.files)) file.close();
  }

  /** Begins to look, and to do again what a predecessor recorded. */
  start(): void {
    if (this.isOn) return;
    this.isOn = true;
    this.look();
  }

  /** Looks no more. */
  stop(): void {
    this.isOn = false;
    clearTimeout(this.timer);
  }

  /** Looks no more, and cuts for the last time what is above the limit; a cut that fails is tried a few times. */
  async finish(): Promise<void> {
    this.stop();
    await this.cutting;
    for (let tries = 1; tries <= LAST_TRIES; tries++) {
      this.measure(true);
      const due = this.growths.filter((one) => this.isUnfinished(one) || this.onDisk(one) > this.room);
      let isDone = true;
      for (const growth of due) isDone = (await this.cut(growth, this.room - BLOCK_BYTES)) && isDone;
      if (isDone || !existsSync(this.job.spec)) return;
      await systemClock.sleep(RETRY_MS);
    }
  }

  private look(): void {
    if (!this.isOn) return;
    clearTimeout(this.timer);
    const grew = this.measure(false);
    this.quiet = grew ? 0 : this.quiet + 1;
    this.checkKill();
    const due = this.growths.find((growth) => this.isDue(growth));
    if (due && !this.cutting && systemClock.monotonic() >= this.retryMs) this.begin(due);
    // while a cut is under way, its end is the next look that matters
    this.timer = setTimeout(() => this.look(), this.cutting ? LIVELY_MS : this.pauseMs());
  }

  private begin(growth: LogGrowth): void {
    const trigger = this.trigger(growth);
    // so much again has to come before the next cut; a fast writer leaves less behind
    const keep = trigger < this.room * 0.9 ? trigger / 2 : this.room * 0.75;
    this.cutting = this.cut(growth, keep).finally(() => {
      this.cutting = undefined;
      this.look();
    });
  }

  private measure(last: boolean): boolean {
    const now = systemClock.monotonic();
    const grew = this.growths.map((growth) => growth.see(this.sizeOf(growth), now)).some(Boolean);
    this.times.note(this.growths[0]!.size, now, last);
    return grew;
  }

  private sizeOf(growth: LogGrowth): number {
    const { stream, size } = growth;
    const { base = 0, turning = false } = this.trimmed[stream] ?? {};
    if (turning) return base;
    const seen = this.files[stream].look();
    if (!seen) return size;
    const { bytes, isEmptied } = seen;
    if (!isEmptied && base + bytes >= size) {
      if (!this.cutting) {
        this.lastHole[stream] = undefined;
        this.recordPlace(stream);
      }
      return base + bytes;
    }
    // while something is cut, its record is being written: the next look sees the same
    if (this.cutting || !this.recordEmptied(growth)) return size;
    return size + (this.files[stream].look()?.bytes ?? 0);
  }

  /** Somebody moved the log away, or back: readers are told, who know it by its name alone. */
  private recordPlace(stream: Stream): void {
    const before = this.trimmed[stream] ?? emptiedAt(0);
    try {
      const moved = this.files[stream].isMoved;
      if (moved === before.moved) return;
      const trimming = { ...before, moved };
      writeTrimmedNow(this.job, { ...this.trimmed, [stream]: trimming });
      this.trimmed[stream] = trimming;
    } catch (thrown) {
      // the folder went with it
      ignoreSystemError(thrown);
    }
  }

  /** The log was emptied: it begins anew at the offset that it had reached. False if that cannot be recorded yet. */
  private recordEmptied({ stream, size: floor }: LogGrowth): boolean {
    const before = this.trimmed[stream];
    let trimming = { ...emptiedAt(floor), moved: before?.moved ?? false };
    // it was emptied while a hole was made: the hole may be in what was written since
    const hole = this.lastHole[stream] ?? holeOf(before);
    const file = this.files[stream];
    try {
      const end = hole ? aligned(file.holeEnd(hole.from, hole.to)) : 0;
      if (hole && end > hole.from) trimming = { ...trimming, from: floor + hole.from, to: floor + end };
      writeTrimmedNow(this.job, { ...this.trimmed, [stream]: trimming });
    } catch (thrown) {
      ignoreSystemError(thrown);
      return false;
    }
    this.trimmed[stream] = trimming;
    this.punched[stream] = trimming.to;
    this.lastHole[stream] = undefined;
    file.forget();
    if (before?.keep) for (const keep of [0, before.keep]) removeQuietly(this.job.side(stream, keep));
    return true;
  }

  /** What is on the disk beside the head. */
  private onDisk({ stream, size }: LogGrowth): number {
    const { floor = 0, from = 0, to = 0 } = this.trimmed[stream] ?? {};
    return to > from ? size - to : Math.max(0, size - floor - this.headBytes);
  }

  /** What may be cut: where the past is in a side file, only what came since. */
  private newest(growth: LogGrowth): number {
    const trimming = this.trimmed[growth.stream];
    return trimming?.keep ? growth.size - trimming.base : this.onDisk(growth);
  }

  /** How much of the newest part is enough for a cut: less, the more would come while it is made. */
  private trigger({ rate, stream }: LogGrowth): number {
    // a copy of what is kept has to find room beside it, and beside the copy before
    const parts = this.canPunch ? 1 : this.trimmed[stream]?.keep ? 1 / 3 : 2 / 3;
    return Math.max(this.room * parts - rate * (this.cutMs + LEAST_MS), (this.room * parts) / 4);
  }

  /** Whether a predecessor may have died between its record and its cut. */
  private isUnfinished({ stream }: LogGrowth): boolean {
    const trimming = this.trimmed[stream];
    if (trimming === null || trimming.keep) return trimming?.turning === true;
    return trimming.to > trimming.from && this.punched[stream] < trimming.to;
  }

  private isDue(growth: LogGrowth): boolean {
    return this.isUnfinished(growth) || this.newest(growth) > this.trigger(growth);
  }

  private pauseMs(): number {
    const pauses = this.growths.map((growth) => {
      const left = this.trigger(growth) - this.newest(growth);
      // at first its rate is not known
      if (this.quiet === 0) return left / (growth.rate || FASTEST) / 2;
      return Math.min(LIVELY_MS * 2 ** Math.min(this.quiet, 10), Math.max(left / FASTEST, LIVELY_MS));
    });
    return Math.min(Math.max(Math.min(...pauses), LEAST_MS), this.quiet === 0 ? LIVELY_MS : QUIET_MS);
  }

  private checkKill(): void {
    const { maxLogBytes, onMaxLog, graceMs } = this.spec;
    if (maxLogBytes === null || onMaxLog !== 'kill') return;
    const isFull = ({ stream, size }: LogGrowth): boolean =>
      size - (this.trimmed[stream]?.floor ?? 0) >= maxLogBytes;
    if (!this.growths.some(isFull)) return;
    const by = `--max-log ${renderExactSize(maxLogBytes)}`;
    this.onReached({ by, cause: 'max-log', signal: 'SIGTERM', graceMs, at: systemClock.now() });
  }

  /** One cut; a failure is no reason to die: the next look tries again. */
  private async cut(growth: LogGrowth, keep: number): Promise<boolean> {
    const begun = systemClock.monotonic();
    let isDone = false;
    try {
      isDone = this.canPunch ? await this.cutHole(growth, keep) : await this.cutByRotating(growth.stream);
    } catch (thrown) {
      ignoreSystemError(thrown);
    }
    const now = systemClock.monotonic();
    if (isDone) this.cutMs = Math.max(now - begun, this.cutMs * 0.95);
    else this.retryMs = now + RETRY_MS;
    return isDone;
  }

  private async cutHole({ stream, size }: LogGrowth, keep: number): Promise<boolean> {
    const before = this.trimmed[stream];
    if (before?.keep) {
      this.canPunch = false;
      return this.cutByRotating(stream);
    }
    const file = this.files[stream];
    const floor = before?.floor ?? 0;
    const isFirst = before === null || before.to === before.from;
    const from = isFirst ? floor + this.headBytes : before.from;
    const last = isFirst ? from : before.to;
    const to = Math.max(last, floor + aligned(Math.max(0, size - floor - keep)));
    if (to > last) {
      const moved = before?.moved ?? false;
      const trimming = { ...emptiedAt(floor), from, to, moved, mark: file.marked };
      await writeTrimmed(this.job, { ...this.trimmed, [stream]: trimming });
      this.trimmed[stream] = trimming;
    }
    // emptied since: there is nothing to cut, which the next look records
    if (!file.isSame) return false;
    const hole = { from: Math.max(from, this.punched[stream]) - floor, to: to - floor };
    this.lastHole[stream] = hole;
    const punched = await punch(this.home, () => file.openToCut(), hole.from, hole.to);
    if (punched === 'done') this.punched[stream] = to;
    if (punched !== 'unsupported') return punched === 'done';
    this.canPunch = false;
    return this.cutByRotating(stream);
  }

  private async cutByRotating(stream: Stream): Promise<boolean> {
    const before = this.trimmed[stream];
    const file = this.files[stream];
    const publish = (trimming: Trimming): void => {
      writeTrimmedNow(this.job, { ...this.trimmed, [stream]: trimming });
      this.trimmed[stream] = trimming;
      // ours is no emptying
      file.forget();
    };
    if (before?.turning) finishRotation(this.job, stream, file, before, publish);
    else {
      const bytes = { headBytes: this.headBytes, keepBytes: aligned(this.room / 3) };
      return turn(this.job, stream, file, before, bytes, publish);
    }
    return true;
  }
}
