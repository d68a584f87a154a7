/** The size of a log and its growth rate, by which its limit is enforced. */
import type { Stream } from '../../job/home/paths.ts';

export const LIVELY_MS = 25;
const QUIET_MS = 250;
/** A hundred idle jobs that are looked at four times a second cost a tenth of a core. */
const SILENT_MS = 1000;
const SILENCE_SHARE = 64;

/**
 * How long a log is not looked at, at most; `silentMs`: for how long it has not grown, 0 if it did just now.
 * `isSwept`: one process stops many jobs, and their owners leave the CPU to it.
 */
export const longestDelayMs = (silentMs: number, isSwept: boolean): number =>
  silentMs === 0
    ? LIVELY_MS
    : Math.min(Math.max(silentMs / SILENCE_SHARE, isSwept ? SILENT_MS : QUIET_MS), SILENT_MS);

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
