/** A rate limiter (token bucket): a burst, then one event per interval. */
import { systemClock } from '../../base/clock.ts';

export interface Rate {
  atOnce: number;
  /** The interval after the burst, milliseconds. */
  everyMs: number;
}

export class RateLimiter {
  private left: number;
  private since = systemClock.monotonic();
  constructor(private readonly rate: Rate) {
    this.left = rate.atOnce;
  }

  /** Takes one token. Returns 0, or the seconds until there is one. */
  take(now = systemClock.monotonic()): number {
    const { atOnce, everyMs } = this.rate;
    this.left = Math.min(atOnce, this.left + Math.max(0, now - this.since) / everyMs);
    this.since = now;
    if (this.left < 1) return Math.max(1, Math.ceil(((1 - this.left) * everyMs) / 1000));
    this.left--;
    return 0;
  }
}
