/** The size of a log and its growth rate, by which its limit is enforced. */
import type { Stream } from '../../job/home/paths.ts';

/** One of the job's logs at the last poll. */
export class LogGrowth {
  size = 0;
  /** Bytes per millisecond. It rises at once and falls slowly. */
  rate = 0;
  private updatedMs = Number.NaN;
  constructor(readonly stream: Stream) {}
  /** Whether the log grew. */
  update(size: number, nowMs: number): boolean {
    const grown = Math.max(0, size - this.size);
    const elapsed = nowMs - this.updatedMs;
    if (elapsed > 0) this.rate = Math.max(grown / elapsed, this.rate * 0.7);
    [this.size, this.updatedMs] = [size, nowMs];
    return grown > 0;
  }
}
