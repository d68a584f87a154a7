/**
 * Sends the jobs of a target. Those of equal limits go to Slurm together, which makes an array of them. While the
 * engine there does not answer nothing is sent, and it is asked again: at once for a job that was just started,
 * else later and later.
 */
import { systemClock } from '../../base/clock.ts';
import { errnoOf, ignoreSystemError } from '../../base/result.ts';
import type { Engine, FarJob, TargetError } from '../../engine/targets/engine.ts';
import type { Home } from '../../job/home/home.ts';
import type { JobId } from '../../job/spec.ts';
import type { Target } from '../../job/target.ts';
import type { Connection } from './connection.ts';
import { farJobOf } from './far-job.ts';
import type { PollTimes } from './poll-times.ts';
import { cannotRead, notReached, notStarted } from './reasons.ts';
import type { RemoteJob } from './remote-job.ts';

/** How long the shim there may take to start a job, milliseconds. */
const STARTING_MS = 200;

export class Sending {
  private readonly running = new Set<JobId>();
  private isAsking = false;

  constructor(
    private readonly home: Home,
    private readonly target: Target,
    private readonly engine: Engine,
    private readonly connection: Connection,
    private readonly looks: PollTimes,
    private readonly jobs: ReadonlyMap<JobId, RemoteJob>,
    private readonly service: {
      /** A target that does not answer changes no state. */
      guard(act: () => Promise<void>): Promise<void>;
      watch(jobs: RemoteJob[]): void;
      wake(): void;
    },
  ) {}

  /** `isAwaited`: whether anything else waits for the answer of the engine there. */
  sendAll(isAwaited: boolean): void {
    const unsent = [...this.jobs.values()].filter(
      (job) => job.status.phase === 'starting' && !job.isTaken && !this.running.has(job.spec.id),
    );
    if (this.connection.isHeld) {
      if (unsent.length > 0 || isAwaited) void this.askAgain();
      return;
    }
    const groups = new Map<string, RemoteJob[]>();
    for (const job of unsent) {
      const { id, timeoutMs, graceMs, maxLogBytes, split } = job.spec;
      const key = this.target.slurm ? JSON.stringify([timeoutMs, graceMs, maxLogBytes, split]) : String(id);
      groups.set(key, [...(groups.get(key) ?? []), job]);
    }
    for (const jobs of groups.values()) void this.sendGroup(jobs);
  }

  /** The target is not reached: a job that was just started fails, any other stays as it is. */
  failUnsent(): void {
    const { error } = this.connection;
    if (error)
      for (const job of this.jobs.values()) if (job.failsAtOnce) job.failed(notReached(this.target, error));
  }

  private async sendGroup(jobs: RemoteJob[]): Promise<void> {
    for (const { spec } of jobs) this.running.add(spec.id);
    await this.service.guard(() => this.send(jobs));
    for (const { spec } of jobs) this.running.delete(spec.id);
    this.service.wake();
  }

  private async send(jobs: RemoteJob[]): Promise<void> {
    const ready: { job: RemoteJob; far: FarJob; wasThere: boolean }[] = [];
    for (const job of jobs) {
      try {
        ready.push({
          job,
          far: farJobOf(this.home, job.spec, job.attempt, job.slot),
          wasThere: job.mayRunThere,
        });
        job.mayRunThere = true;
      } catch (thrown) {
        ignoreSystemError(thrown);
        job.failed(cannotRead(errnoOf(thrown)));
      }
    }
    const answers = ready.length > 0 ? await this.engine.submitAll(ready.map(({ far }) => far)) : [];
    let error: TargetError | undefined;
    for (const [n, { job, wasThere }] of ready.entries()) {
      const sent = answers[n]!;
      if (sent.kind === 'maybe') error = sent.error;
      else if (sent.kind === 'refused') job.failed(notStarted(this.target, sent));
      else if (sent.kind === 'unsent') {
        job.mayRunThere = wasThere;
        this.connection.hold(sent.error);
      } else if (this.target.slurm) job.taken(sent.nativeId);
      else if (sent.kind === 'accepted') job.started(0);
    }
    const isKnown = answers.some(({ kind }) => kind === 'known');
    // its shim may be about to start it
    if (isKnown && !this.target.slurm) await systemClock.sleep(STARTING_MS);
    if (this.target.slurm) this.looks.soon();
    else if (isKnown) this.looks.now();
    this.service.watch(ready.filter(({ job }) => job.mayRunThere && !job.isOver).map(({ job }) => job));
    for (const { job } of ready) job.readRequests();
    if (this.connection.isHeld) this.failUnsent();
    if (error) throw error;
  }

  /** Whether the engine there answers again. */
  private async askAgain(): Promise<void> {
    const isUrgent = [...this.jobs.values()].some((job) => job.failsAtOnce);
    if (this.isAsking || !(isUrgent || this.connection.isDue)) return;
    this.isAsking = true;
    const { error } = this.connection;
    await this.service.guard(async () => {
      const facts = await this.engine.slurmFacts();
      if (facts?.answers !== false) this.connection.answered();
      else if (error) this.connection.hold(error);
    });
    if (this.connection.isHeld) this.failUnsent();
    this.isAsking = false;
    this.service.wake();
  }
}
