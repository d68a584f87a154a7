/** The job's own limits: total time, and time without output. Reaching one begins a stop. */
import * as fs from 'node:fs';
import { after, renderDuration, systemClock } from '../base/clock.ts';
import { errnoOf } from '../base/failure.ts';
import type { Spec, StatusOf, Stop } from '../job/job.ts';

/** Arms the limits of a running job: `onReached` gets the stop that follows. Returns the call that disarms them. */
export function armLimits(
  { timeoutMs, idleTimeoutMs, graceMs }: Spec,
  logs: string[],
  status: StatusOf<'running'>,
  onReached: (stop: Stop) => void,
): () => void {
  const reach = (cause: Stop['cause'], limitMs: number) =>
    onReached({
      by: `--${cause} ${renderDuration(limitMs)}`,
      cause,
      signal: 'SIGTERM',
      graceMs,
      at: systemClock.now(),
    });
  const disarms: (() => void)[] = [];
  if (timeoutMs !== null) {
    // counted from the start on the monotonic clock: an adopter gives no second helping
    const spent = systemClock.monotonic() - status.startedMonotonicMs;
    disarms.push(after(timeoutMs - spent, () => reach('timeout', timeoutMs)));
  }
  if (idleTimeoutMs !== null)
    disarms.push(watchIdle(logs, idleTimeoutMs, () => reach('idle-timeout', idleTimeoutMs)));
  return () => {
    for (const disarm of disarms) disarm();
  };
}

/** Calls `act` when none of the logs has changed its size for `limitMs`. By size: a change of the clock or of mtime means nothing. */
function watchIdle(logs: string[], limitMs: number, act: () => void): () => void {
  const intervalMs = Math.min(Math.max(limitMs / 20, 20), 5000);
  const sizes = () => logs.map(sizeOf).join(' ');
  let size = sizes();
  let lastGrowth = systemClock.monotonic();
  const timer = setInterval(() => {
    const now = systemClock.monotonic();
    const sizeNow = sizes();
    if (sizeNow !== size) {
      size = sizeNow;
      lastGrowth = now;
    } else if (now - lastGrowth >= limitMs) {
      clearInterval(timer);
      act();
    }
  }, intervalMs);
  return () => clearInterval(timer);
}

function sizeOf(path: string): number {
  try {
    return fs.statSync(path).size;
  } catch (thrown) {
    errnoOf(thrown);
    return 0;
  }
}
