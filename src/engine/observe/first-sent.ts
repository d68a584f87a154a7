/** When the first signal of a stop was sent, beside the end of the attempt. */
import { systemClock } from '../../base/clock.ts';
import type { JobPaths } from '../../job/home/paths.ts';
import { readFirstSignal } from '../../job/home/records.ts';
import type { FirstSent } from '../../job/lifecycle.ts';

/** The time stamp of a file may be so much older than its last byte, milliseconds. */
const STAMP_MS = 10;

/** The first signal of an attempt that ended at `at`. */
export function readFirstSent(job: JobPaths, attempt: number, at: number): FirstSent | undefined {
  const first = readFirstSignal(job, attempt);
  if (!first) return undefined;
  // in this order: a pause between the two only adds to the time since the signal
  const agoMs = systemClock.now() - at - STAMP_MS;
  const sinceMs = systemClock.monotonic() - first.monotonicMs;
  // else the wall clock was changed since, or the end came first
  const isEndLater = agoMs > 0 && agoMs < sinceMs;
  return { graceMs: first.graceMs, beforeEndMs: isEndLater ? sinceMs - agoMs : sinceMs };
}
