/**
 * When a line of a log was written, as well as the record shows (`out/times`, time-index.ts): it was there at
 * a sample, and was not whole at the one before. The owner looks at a log at least once a second and records
 * that at most once a second, so a time is at most about two seconds late (`EXACT_MS`). Where more is not
 * known, the time is approximate: the line was written by then. Bytes after the last sample were written by
 * the last change of the file.
 */
import { fstatSync, statSync } from 'node:fs';
import { closing, openToRead } from '../../base/fs/open-file.ts';
import { namesIn, readAt } from '../../base/fs/read-record.ts';
import { attemptQuietly } from '../../base/result.ts';
import type { JobPaths, Stream } from '../home/paths.ts';
import { isThinned, SAMPLE_BYTES } from './time-index.ts';

export interface LineTime {
  at: number;
  approximate: boolean;
}

/** How late a time may be that is not approximate, milliseconds. */
const EXACT_MS = 2000;

interface Sample {
  at: number;
  size: number;
}

export class LineTimes {
  private samples: Sample[] = [];
  private readBytes = 0;
  /** When processes took over the job: before that no process may have looked at its log. */
  private takeovers: number[] = [];

  /**
   * `bornAt`: before the first output. `isLate`: of a job on a target bytes are recorded when they arrive.
   */
  constructor(
    private readonly job: JobPaths,
    private readonly stream: Stream,
    private readonly bornAt: number,
    private readonly isLate: boolean,
  ) {
    this.refresh();
  }

  /** Whether any time was recorded: not of stderr, and not by early versions. */
  get isRecorded(): boolean {
    return this.samples.length > 0;
  }

  /** Reads what was recorded since. */
  refresh(): void {
    // the times of the log of stderr are not recorded
    if (this.stream === 'err') return;
    const fd = openToRead(this.job.times);
    if (fd === undefined) return;
    const bytes = attemptQuietly(() => closing(fd, (open) => this.readNew(open)));
    for (let at = 0; bytes && at < bytes.length; at += SAMPLE_BYTES) {
      const sample = { at: bytes.readDoubleLE(at), size: bytes.readDoubleLE(at + 8) };
      // a log never shrinks: bgjob did not write this
      if (!(sample.at > 0) || !(sample.size >= (this.samples.at(-1)?.size ?? 0))) break;
      this.samples.push(sample);
    }
    if (!bytes || bytes.length === 0) return;
    this.takeovers = namesIn(this.job.dir)
      .filter((name) => /^owner\.(?!1$)\d+$/.test(name))
      .flatMap((name) => attemptQuietly(() => statSync(`${this.job.dir}/${name}`).mtimeMs) ?? []);
  }

  private readNew(fd: number): Buffer {
    const { size } = fstatSync(fd);
    // it was made shorter: every second sample was removed
    if (size < this.readBytes) [this.samples, this.readBytes] = [[], 0];
    const bytes = Buffer.alloc(size - this.readBytes);
    const got = readAt(fd, bytes, this.readBytes);
    // a full disk may have cut off the last sample
    const whole = got - (got % SAMPLE_BYTES);
    this.readBytes += whole;
    return bytes.subarray(0, whole);
  }

  /**
   * When the line that ends at byte `to` was written; null: that is not known. `size`: how long the log was
   * when the line was read. `seenAt`: the line was not there before, and was seen then.
   */
  of(to: number, size: number, seenAt?: number): LineTime | null {
    const seen = seenAt === undefined ? null : { at: seenAt, approximate: this.isLate };
    const recorded = this.recorded(to, size);
    if (!seen || !recorded) return recorded ?? seen;
    // a reader that was stopped sees a line late
    return recorded.at < seen.at - EXACT_MS ? recorded : seen;
  }

  private recorded(to: number, size: number): LineTime | null {
    const { samples } = this;
    let [low, high] = [0, samples.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (samples[middle]!.size < to) low = middle + 1;
      else high = middle;
    }
    const before = samples[low - 1]?.at ?? this.bornAt;
    const sample = samples[low];
    if (sample) {
      const isClose = sample.at - before <= EXACT_MS;
      const isTakenOver = this.takeovers.some((at) => at > before && at <= sample.at);
      const isRough = !isClose && (isTakenOver || isThinned(this.readBytes));
      return { at: sample.at, approximate: this.isLate || isRough };
    }
    const at = attemptQuietly(() => statSync(this.job[this.stream]).mtimeMs);
    if (at === undefined) return null;
    const isLast = to >= size;
    if (isLast || at - before <= EXACT_MS) return { at, approximate: this.isLate };
    return this.isRecorded ? { at, approximate: true } : null;
  }
}
