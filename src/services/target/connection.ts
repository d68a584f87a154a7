/**
 * The connection of a service to its target. While the target does not answer, it tries again: at once after a
 * wake-up, else later and later. Readers find since when it has not answered.
 */
import { callAfter, systemClock } from '../../base/clock.ts';
import { type Engine, type FollowEvents, type Following, TargetError } from '../../engine/targets/engine.ts';
import type { Home } from '../../job/home/home.ts';
import { readAgent, readSilence, writeSilence } from '../../job/targets/target-records.ts';
import { logLine } from '../service-log.ts';

const FIRST_MS = 1000;
const LONGEST_MS = 60_000;
/** A question to the engine there costs no login. */
const LONGEST_HELD_MS = 10_000;

export class Connection {
  following: Following | undefined;
  /** Of the last try that failed. */
  error: TargetError | undefined;
  private opening: Promise<boolean> | undefined;
  private pauseMs = FIRST_MS;
  private cancelRetry = (): void => {};
  private heardAt = systemClock.now();
  private dueAt = Number.NEGATIVE_INFINITY;
  /** Whether the machine answers, and the engine there does not: nothing is submitted. */
  isHeld = false;

  constructor(
    private readonly home: Home,
    private readonly key: string,
    private readonly engine: Engine,
    private readonly events: Omit<FollowEvents, 'heartbeat' | 'lost'>,
    /** Called when it is there, when it is lost, and when another try is due. */
    private readonly onChange: () => void,
  ) {}

  /** Whether it is time for another try. */
  get isDue(): boolean {
    return systemClock.monotonic() >= this.dueAt;
  }

  /** The next try is due now. */
  hurry(): void {
    this.dueAt = Number.NEGATIVE_INFINITY;
  }

  /** False if the target is not reached; then `error` says why. Of several calls at once one connects. */
  open(): Promise<boolean> {
    if (this.following) return Promise.resolve(true);
    this.opening ??= this.connect().finally(() => {
      this.opening = undefined;
    });
    return this.opening;
  }

  private async connect(): Promise<boolean> {
    this.cancelRetry();
    // the agent of the user's newest login
    for (const entry of readAgent(this.home, this.key)) {
      const equals = entry.indexOf('=');
      process.env[entry.slice(0, equals)] = entry.slice(equals + 1);
    }
    try {
      await this.engine.connect();
      this.following = await this.engine.follow({
        ...this.events,
        heartbeat: () => {
          this.heardAt = systemClock.now();
        },
        lost: (error) => this.lost(error),
      });
      this.heardAt = systemClock.now();
      this.clear();
      return true;
    } catch (thrown) {
      this.fail(thrown);
      return false;
    }
  }

  /** The connection broke, or a call on it failed. */
  lost(thrown: unknown): void {
    this.following?.close();
    this.following = undefined;
    this.pauseMs = FIRST_MS;
    this.fail(thrown);
    this.onChange();
  }

  /** The engine there does not answer. The connection stays: the output of jobs comes through it. */
  hold(error: TargetError): void {
    if (!this.isHeld) this.heardAt = systemClock.now();
    this.isHeld = true;
    this.pauseMs = Math.min(this.pauseMs, LONGEST_HELD_MS);
    this.fail(error);
  }

  /** The engine there answers. */
  answered(): void {
    if (!this.isHeld) return;
    this.cancelRetry();
    this.clear();
    this.onChange();
  }

  private clear(): void {
    this.isHeld = false;
    this.pauseMs = FIRST_MS;
    this.dueAt = Number.NEGATIVE_INFINITY;
    this.error = undefined;
    if (readSilence(this.home, this.key)) logLine('it answers again');
    writeSilence(this.home, this.key, null);
  }

  private fail(thrown: unknown): void {
    if (!(thrown instanceof TargetError)) throw thrown;
    this.error = thrown;
    const before = readSilence(this.home, this.key);
    const why = `${thrown.trouble}${thrown.said === '' ? '' : `: ${thrown.said}`}`;
    if (before?.why !== why) logLine(`does not answer: ${why}`);
    writeSilence(this.home, this.key, { since: before?.since ?? this.heardAt, why });
    this.cancelRetry();
    this.dueAt = systemClock.monotonic() + this.pauseMs;
    this.cancelRetry = callAfter(this.pauseMs, this.onChange);
    this.pauseMs = Math.min(LONGEST_MS, this.pauseMs * 2);
  }

  close(): void {
    this.cancelRetry();
    this.following?.close();
    this.following = undefined;
    this.engine.close();
  }
}
