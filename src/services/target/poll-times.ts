/**
 * When the jobs of a target are looked at. A machine is asked every half minute: the ends come by themselves. Of
 * Slurm also the reasons and starts are asked, so the first look comes soon after each act, and the next ones
 * after twice the time each.
 */
import { systemClock } from '../../base/clock.ts';

const PLAIN_MS = 30_000;
const FIRST_MS = 200;
const LAST_MS = 60_000;
/** The same while the engine there does not answer. */
const HELD_MS = 10_000;

export class PollTimes {
  private at = Number.NEGATIVE_INFINITY;
  private pauseMs: number;
  private isLooking = false;

  constructor(private readonly isSlurm: boolean) {
    this.pauseMs = isSlurm ? FIRST_MS : PLAIN_MS;
  }

  /** After an act of ours, or where something is known to have changed. */
  now(): void {
    this.pauseMs = this.isSlurm ? FIRST_MS : PLAIN_MS;
    this.at = Number.NEGATIVE_INFINITY;
  }

  /** After a submit. */
  soon(): void {
    this.pauseMs = FIRST_MS;
    this.at = Math.min(this.at, systemClock.monotonic() + FIRST_MS);
  }

  /** Milliseconds; infinite during a look. */
  get untilNext(): number {
    return this.isLooking ? Number.POSITIVE_INFINITY : this.at - systemClock.monotonic();
  }

  /** `isHeld`, after the look: whether the engine there does not answer. */
  async look(act: () => Promise<void>, isHeld: () => boolean): Promise<void> {
    this.isLooking = true;
    // an act during the look makes another one due
    this.at = Number.POSITIVE_INFINITY;
    await act();
    this.isLooking = false;
    this.pauseMs = Math.min(isHeld() ? HELD_MS : LAST_MS, this.pauseMs);
    this.at = Math.min(this.at, systemClock.monotonic() + this.pauseMs);
    if (this.isSlurm) this.pauseMs *= 2;
  }
}
