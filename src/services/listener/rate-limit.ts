/** A rate limit: so many at once, and then one now and then. */
import { systemClock } from '../../base/clock.ts';

export interface Rate {
  atOnce: number;
  /** After that one in so many milliseconds. */
  everyMs: number;
}

export class RateLimiter {
  private readonly rate: Rate;
  private left: number;
  private since = systemClock.monotonic();
  constructor(rate: Rate) {
    this.rate = rate;
    this.left = rate.atOnce;
  }

  /** Takes one; 0 if there was one, else in how many seconds there will be. */
  take(now = systemClock.monotonic()): number {
    const { atOnce, everyMs } = this.rate;
    this.left = Math.min(atOnce, this.left + Math.max(0, now - this.since) / everyMs);
    this.since = now;
    if (this.left < 1) return Math.max(1, Math.ceil(((1 - this.left) * everyMs) / 1000));
    this.left--;
    return 0;
  }
}
