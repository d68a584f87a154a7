/**
 * Enforces the limit of a log. It polls the size, often while the log grows and rarely while it is quiet, and
 * removes the bytes between head and newest part. The record is written before the bytes go: a reader reads
 * the record after each read, and the next owner repeats a cut that its predecessor may not have made. One
 * cut runs at a time, and no poll waits for the disk.
 *
 * Each poll, also without a limit, notices whether the log was emptied: then it begins anew at the offset
 * that it had reached, and earlier cuts are void. Nothing is cut without a check of the file directly before.
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
import { LIVELY_MS, LogGrowth, longestDelayMs } from './growth-rate.ts';
import { LogFile, openLogOfShim } from './log-file.ts';
import { punch } from './punch-hole.ts';
import { finishRotation, rotateLog } from './rotate.ts';

const HEAD_BYTES = 16 * 2 ** 20;
/** Holes are made of whole blocks. */
const BLOCK_BYTES = 4096;
const RECORDS_BYTES = 4 * BLOCK_BYTES;
const LEAST_MS = 2;
/** Bytes per millisecond, more than any job writes: how soon a quiet log may reach its limit. */
const FASTEST = 2 ** 20;
/** setTimeout takes no infinite delay: a log without a limit. */
const LONGEST_MS = 10_000;
const RETRY_MS = 250;
const LAST_TRIES = 20;

const aligned = (bytes: number): number => bytes - (bytes % BLOCK_BYTES);

/** The hole of a record as offsets in the file. */
const holeOf = (trimming: Trimming | null): { from: number; to: number } | undefined =>
  trimming && !trimming.keep && trimming.to > trimming.from
    ? { from: trimming.from - trimming.floor, to: trimming.to - trimming.floor }
    : undefined;

export class Trim {
  private readonly job: JobPaths;
  private readonly logs: LogGrowth[];
  private readonly times: TimeIndex;
  private readonly headBytes: number;
  private readonly room: number;
  private trimmed: Trimmed;
  private readonly files: Record<Stream, LogFile>;
  private readonly punched = { log: 0, err: 0 };
  /** The last hole as offsets in the file, until a poll finds the file unchanged after it. */
  private readonly lastHole: Record<Stream, { from: number; to: number } | undefined> = {
    log: undefined,
    err: undefined,
  };
  private canPunch: boolean;
  private cutting: Promise<unknown> | undefined;
  private cutMs = 20;
  private retryMs = 0;
  private quiet = 0;
  /** When it grew last. */
  private grewMs = systemClock.monotonic();
  private timer: NodeJS.Timeout | undefined;
  private isOn = false;
  /** The job is stopped as one of many. */
  isSwept = false;

  /** `onReached` gets the stop that `--on-max-log kill` begins. */
  constructor(
    private readonly home: Home,
    private readonly spec: Spec,
    private readonly onReached: (stop: Stop) => void,
  ) {
    const limit = spec.maxLogBytes ?? Number.POSITIVE_INFINITY;
    this.job = home.job(spec.id);
    this.logs = (spec.split ? (['log', 'err'] as const) : (['log'] as const)).map((s) => new LogGrowth(s));
    this.times = new TimeIndex(this.job);
    this.headBytes = aligned(Math.min(HEAD_BYTES, limit / 4));
    this.room = limit - this.headBytes - RECORDS_BYTES;
    this.trimmed = readTrimmed(this.job);
    // otherwise an earlier owner found that the file system has no holes
    this.canPunch = !this.trimmed.log?.keep && !this.trimmed.err?.keep;
    const fileOf = (stream: Stream): LogFile => {
      const { mark = null, moved = false } = this.trimmed[stream] ?? {};
      return new LogFile(this.job[stream], mark, moved, () => openLogOfShim(this.job, stream));
    };
    this.files = { log: fileOf('log'), err: fileOf('err') };
    for (const log of this.logs) this.resume(log);
  }

  private resume(log: LogGrowth): void {
    const { stream } = log;
    const trimming = this.trimmed[stream];
    const lastSize = stream === 'log' ? readLastSize(this.job) : 0;
    log.size = Math.max(trimming?.base ?? 0, lastSize);
    // an older version recorded no position, so the file may be another one: the cut is not repeated
    if (trimming?.mark === null) this.punched[stream] = trimming.to;
  }

  /** Polls at the end of the job: an emptying is recorded before the end is published. */
  readEnd(): void {
    if (!this.isOn) return;
    this.measure(false);
    if (this.cutting) return;
    // queued jobs end in quick succession, and their leftovers are looked for a second later. Until then only
    // a log that may reach its limit is polled
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.poll(), this.soonestMs());
  }

  /** How soon a log can reach its limit, milliseconds. */
  private soonestMs(): number {
    const left = Math.min(...this.logs.map((log) => this.trigger(log) - this.newest(log)));
    return Math.min(Math.max(left / FASTEST, LEAST_MS), LONGEST_MS);
  }

  close(): void {
    for (const file of Object.values(this.files)) file.close();
  }

  start(): void {
    if (this.isOn) return;
    this.isOn = true;
    this.poll();
  }

  stop(): void {
    this.isOn = false;
    clearTimeout(this.timer);
  }

  /** A failed cut is tried a few times. */
  async finish(): Promise<void> {
    this.stop();
    await this.cutting;
    for (let tries = 1; tries <= LAST_TRIES; tries++) {
      this.measure(true);
      const due = this.logs.filter((one) => this.isUnfinished(one) || this.onDisk(one) > this.room);
      let isDone = true;
      for (const log of due) isDone = (await this.cut(log, this.room - BLOCK_BYTES)) && isDone;
      if (isDone || !existsSync(this.job.spec)) return;
      await systemClock.sleep(RETRY_MS);
    }
  }

  private poll(): void {
    if (!this.isOn) return;
    clearTimeout(this.timer);
    const grew = this.measure(false);
    this.quiet = grew ? 0 : this.quiet + 1;
    if (grew) this.grewMs = systemClock.monotonic();
    this.checkKill();
    const due = this.logs.find((log) => this.isDue(log));
    if (due && !this.cutting && systemClock.monotonic() >= this.retryMs) this.begin(due);
    // the end of a running cut polls again
    this.timer = setTimeout(() => this.poll(), this.cutting ? LIVELY_MS : this.delayMs());
  }

  private begin(log: LogGrowth): void {
    const trigger = this.trigger(log);
    // the next cut comes after as many bytes again; of a fast writer less is kept
    const keep = trigger < this.room * 0.9 ? trigger / 2 : this.room * 0.75;
    this.cutting = this.cut(log, keep).finally(() => {
      this.cutting = undefined;
      this.poll();
    });
  }

  private measure(last: boolean): boolean {
    const now = systemClock.monotonic();
    const grew = this.logs.map((log) => log.update(this.sizeOf(log), now)).some(Boolean);
    this.times.note(this.logs[0]!.size, now, last);
    return grew;
  }

  private sizeOf(log: LogGrowth): number {
    const { stream, size } = log;
    const { base = 0, turning = false } = this.trimmed[stream] ?? {};
    if (turning) return base;
    const found = this.files[stream].read();
    if (!found) return size;
    const { bytes, isEmptied } = found;
    if (!isEmptied && base + bytes >= size) {
      if (!this.cutting) {
        this.lastHole[stream] = undefined;
        this.recordMove(stream);
      }
      return base + bytes;
    }
    // during a cut its record is being written: the next poll finds the same
    if (this.cutting || !this.recordEmptied(log)) return size;
    return size + (this.files[stream].read()?.bytes ?? 0);
  }

  /** Readers know the log only by its path. */
  private recordMove(stream: Stream): void {
    const before = this.trimmed[stream] ?? emptiedAt(0);
    try {
      const moved = this.files[stream].isMoved;
      if (moved === before.moved) return;
      const trimming = { ...before, moved };
      writeTrimmedNow(this.job, { ...this.trimmed, [stream]: trimming });
      this.trimmed[stream] = trimming;
    } catch (thrown) {
      // its folder was moved too
      ignoreSystemError(thrown);
    }
  }

  /** The log begins anew at this offset. False if it cannot be recorded now. */
  private recordEmptied({ stream, size: floor }: LogGrowth): boolean {
    const before = this.trimmed[stream];
    let trimming = { ...emptiedAt(floor), moved: before?.moved ?? false };
    // it was emptied while a hole was punched: the hole may be in newer bytes
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
    file.reset();
    if (before?.keep) for (const keep of [0, before.keep]) removeQuietly(this.job.sideFile(stream, keep));
    return true;
  }

  private onDisk({ stream, size }: LogGrowth): number {
    const { floor = 0, from = 0, to = 0 } = this.trimmed[stream] ?? {};
    return to > from ? size - to : Math.max(0, size - floor - this.headBytes);
  }

  /** The bytes that may be cut. With side files, only the newest. */
  private newest(log: LogGrowth): number {
    const trimming = this.trimmed[log.stream];
    return trimming?.keep ? log.size - trimming.base : this.onDisk(log);
  }

  /** The more bytes come during a cut, the fewer new bytes cause one. */
  private trigger({ rate, stream }: LogGrowth): number {
    // a copy needs disk space besides the log, and besides the previous copy
    const parts = this.canPunch ? 1 : this.trimmed[stream]?.keep ? 1 / 3 : 2 / 3;
    return Math.max(this.room * parts - rate * (this.cutMs + LEAST_MS), (this.room * parts) / 4);
  }

  /** Whether a previous owner may have died between its record and its cut. */
  private isUnfinished({ stream }: LogGrowth): boolean {
    const trimming = this.trimmed[stream];
    if (trimming === null || trimming.keep) return trimming?.turning === true;
    return trimming.to > trimming.from && this.punched[stream] < trimming.to;
  }

  private isDue(log: LogGrowth): boolean {
    return this.isUnfinished(log) || this.newest(log) > this.trigger(log);
  }

  private delayMs(): number {
    const delays = this.logs.map((log) => {
      const left = this.trigger(log) - this.newest(log);
      // the rate is not known at first
      if (this.quiet === 0) return left / (log.rate || FASTEST) / 2;
      return Math.min(LIVELY_MS * 2 ** Math.min(this.quiet, 10), Math.max(left / FASTEST, LIVELY_MS));
    });
    const silentMs = this.quiet === 0 ? 0 : systemClock.monotonic() - this.grewMs;
    return Math.min(Math.max(Math.min(...delays), LEAST_MS), longestDelayMs(silentMs, this.isSwept));
  }

  private checkKill(): void {
    const { maxLogBytes, onMaxLog, graceMs } = this.spec;
    if (maxLogBytes === null || onMaxLog !== 'kill') return;
    const isFull = ({ stream, size }: LogGrowth): boolean =>
      size - (this.trimmed[stream]?.floor ?? 0) >= maxLogBytes;
    if (!this.logs.some(isFull)) return;
    const by = `--max-log ${renderExactSize(maxLogBytes)}`;
    this.onReached({ by, cause: 'max-log', signal: 'SIGTERM', graceMs, at: systemClock.now() });
  }

  /** If it fails, a later poll tries again. */
  private async cut(log: LogGrowth, keep: number): Promise<boolean> {
    const begun = systemClock.monotonic();
    let isDone = false;
    try {
      isDone = this.canPunch ? await this.cutHole(log, keep) : await this.cutByRotating(log.stream);
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
      const trimming = { ...emptiedAt(floor), from, to, moved, mark: file.positionRecord };
      await writeTrimmed(this.job, { ...this.trimmed, [stream]: trimming });
      this.trimmed[stream] = trimming;
    }
    // the log was emptied meanwhile: there is nothing to cut, and the next poll records it
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
      // this emptying is ours
      file.reset();
    };
    if (before?.turning) finishRotation(this.job, stream, file, before, publish);
    else {
      const bytes = { headBytes: this.headBytes, keepBytes: aligned(this.room / 3) };
      return rotateLog(this.job, stream, file, before, bytes, publish);
    }
    return true;
  }
}
