/** Time limits of a job: --timeout and --idle-timeout. Reaching one begins a stop. */
import { statSync } from 'node:fs';
import { callAfter, renderDuration, systemClock } from '../../base/clock.ts';
import { attemptQuietly } from '../../base/result.ts';
import type { Spec } from '../../job/spec.ts';
import type { StatusOf, Stop } from '../../job/state.ts';

/**
 * Starts the time limits, `quietMs` after the last output. Returns a function that ends them and returns how
 * long there has been no output.
 */
export function armLimits(
  { timeoutMs, idleTimeoutMs, graceMs }: Spec,
  logs: string[],
  { startedMonotonicMs, holding }: StatusOf<'running'>,
  quietMs: number,
  onReached: (stop: Stop) => void,
): () => number {
  const reach = (cause: Stop['cause'], limitMs: number) =>
    onReached({
      by: `--${cause} ${renderDuration(limitMs)}`,
      cause,
      signal: 'SIGTERM',
      graceMs,
      at: systemClock.now(),
    });
  let disarmTimeout = (): void => {};
  let disarmIdle = (): number => 0;
  if (timeoutMs !== null) {
    // counted from the start, on the monotonic clock: a replacement supervisor must not restart the timeout
    const spent = systemClock.monotonic() - startedMonotonicMs - (holding?.pausedMs ?? 0);
    disarmTimeout = callAfter(timeoutMs - spent, () => reach('timeout', timeoutMs));
  }
  if (idleTimeoutMs !== null)
    disarmIdle = watchIdle(logs, idleTimeoutMs, quietMs, () => reach('idle-timeout', idleTimeoutMs));
  return () => {
    disarmTimeout();
    return disarmIdle();
  };
}

/** Calls `act` when no log changed its size (mtime depends on the wall clock); `quietMs` have passed. */
function watchIdle(logs: string[], limitMs: number, quietMs: number, act: () => void): () => number {
  const intervalMs = Math.min(Math.max(limitMs / 20, 20), 5000);
  const sizes = () => logs.map((log) => attemptQuietly(() => statSync(log).size) ?? 0).join(' ');
  let size = sizes();
  let lastGrowth = systemClock.monotonic() - quietMs;
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
  return () => {
    clearInterval(timer);
    return sizes() === size ? systemClock.monotonic() - lastGrowth : 0;
  };
}
