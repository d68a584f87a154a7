/** How large a log is, and how fast it grows: by that its limit is kept. */
import type { Stream } from '../../job/home/paths.ts';

/** One of the job's logs, as the last look saw it. */
export class LogGrowth {
  readonly stream: Stream;
  /** All that was ever written, bytes. */
  size = 0;
  /** Bytes per millisecond: rises at once, sinks slowly. */
  rate = 0;
  private lookedMs = Number.NaN;
  constructor(stream: Stream) {
    this.stream = stream;
  }
  /** Takes a look; whether it grew. */
  see(size: number, nowMs: number): boolean {
    const grown = Math.max(0, size - this.size);
    const elapsed = nowMs - this.lookedMs;
    if (elapsed > 0) this.rate = Math.max(grown / elapsed, this.rate * 0.7);
    [this.size, this.lookedMs] = [size, nowMs];
    return grown > 0;
  }
}
