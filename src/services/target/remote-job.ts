/**
 * One job on a target, as its owner here sees it: event → lifecycle → publication, as a supervisor does it for a
 * local job. `starting` is durable before the job is sent: from then on it may run there, and only a record of
 * the far side tells how it ends.
 */
import { closeSync } from 'node:fs';
import { systemClock } from '../../base/clock.ts';
import { removeQuietly } from '../../base/fs/atomic-write.ts';
import { closing, openLog } from '../../base/fs/open-file.ts';
import { attemptQuietly, ignoreSystemError } from '../../base/result.ts';
import { startHook } from '../../engine/hooks/exit-hook.ts';
import type { QueuedSpec } from '../../engine/launch/stored-environment.ts';
import type { FarEnd } from '../../engine/targets/engine.ts';
import { uidOf } from '../../engine/targets/engine-of.ts';
import { EXIT } from '../../job/failure.ts';
import type { AnchoredHome } from '../../job/home/anchored-home.ts';
import type { JobPaths } from '../../job/home/paths.ts';
import { type Owner, readState, readStops } from '../../job/home/records.ts';
import { type Event, nextStatus, retryAt } from '../../job/lifecycle.ts';
import { readAttemptStart } from '../../job/log/attempt-start.ts';
import type { Spec } from '../../job/spec.ts';
import type { Attempt, Status, Stop, Unseen } from '../../job/state.ts';
import type { Target } from '../../job/target.ts';
import { isPlain, markTargetDone } from '../../job/targets/target-records.ts';
import { Publication } from '../../supervisor/publication.ts';
import { dequeue, putBack, writeHeading } from '../../supervisor/requeue.ts';
import { headingBytes, LogCopy } from './log-copy.ts';
import { limitText } from './reasons.ts';

/** The monotonic clock begins anew at each start of this machine, and the job goes on. */
function inThisBoot(status: Status): Status {
  if (!('startedMonotonicMs' in status)) return status;
  const { startedAt, startedMonotonicMs } = status;
  const now = systemClock.monotonic();
  return startedMonotonicMs <= now &&
    Math.abs(systemClock.now() - startedAt - (now - startedMonotonicMs)) < JUMP_MS
    ? status
    : { ...status, startedMonotonicMs: Math.max(0, now - Math.max(0, systemClock.now() - startedAt)) };
}

export type TargetSpec = QueuedSpec & { target: Target };

export const isOnTarget = (spec: Spec, key: string): spec is TargetSpec =>
  spec.target?.key === key && spec.placement !== null;

/** By more than this the two clocks differ only after a restart of this machine, milliseconds. */
const JUMP_MS = 60_000;

export class RemoteJob {
  readonly job: JobPaths;
  attempt = 1;
  status: Status = { phase: 'starting' };
  /** Whether a submit was tried, by this service or perhaps by one before: then the job may run there. */
  mayRunThere: boolean;
  /** What the far side was asked to do for the stop, so that it is asked once. */
  asked: { signal: string; graceMs: number } | undefined;
  log: LogCopy;
  private attempts: Attempt[] = [];
  private stopped = 0;
  private readonly publication: Publication;
  isOver = false;
  /** Output could not be written here. It comes again, and its end after it. */
  isBehind = false;
  private unseen: Unseen | null = null;
  /** Its end is on disk. */
  isSettled = false;

  /** Of a job whose FIFO this process has locked, and whose owner it is. */
  constructor(
    private readonly home: AnchoredHome,
    readonly spec: TargetSpec,
    owner: Owner,
    private readonly aliveFd: number,
    isAdopted: boolean,
  ) {
    this.job = home.anchor(spec.id);
    this.publication = new Publication(home, spec, owner, true);
    this.mayRunThere = isAdopted;
    const before = readState(this.job);
    if (before.kind === 'read') {
      ({ attempt: this.attempt, attempts: this.attempts, stopped: this.stopped } = before.value);
      if (isAdopted) this.status = inThisBoot(before.value.status);
    }
    this.publish();
    // a service that was killed may not have come to this
    dequeue({ home, spec, job: this.job, attempt: this.attempt, last: this.attempts.at(-1) });
    if (this.attempt > 1 && !(isAdopted && this.hasHeading())) this.writeHeading();
    this.log = new LogCopy(this.job, spec, { attempt: this.attempt, status: this.status });
  }

  /** Whether it ends if the target is not reached: it was never sent. */
  get failsAtOnce(): boolean {
    const { status, mayRunThere, attempt, spec } = this;
    return status.phase === 'starting' && !mayRunThere && attempt === 1 && isPlain(spec);
  }

  get uid(): string {
    return uidOf(this.home, this.spec.id, this.attempt);
  }

  /** A service that was killed may have written it. */
  private hasHeading(): boolean {
    const { job, attempt, status } = this;
    return headingBytes(job, readAttemptStart(job, { attempt, status }, 'log')) > 0;
  }

  private writeHeading(): void {
    const { home, spec, job, attempt } = this;
    attemptQuietly(() =>
      closing(openLog(job.log), (log) =>
        writeHeading({ home, spec, job, attempt, last: this.attempts.at(-1) }, log),
      ),
    );
  }

  private dispatch(event: Event): void {
    const before = this.status;
    this.status = nextStatus(before, event);
    if (this.status === before) return;
    if (this.status.phase === 'ended') this.finish();
    else this.publish();
  }

  private publish(): void {
    const { status, attempt, attempts, stopped, unseen } = this;
    this.publication.publish({
      ...{ status, attempt, attempts, stopped, forced: 0, left: [] },
      ...(unseen && { unseen }),
    });
  }

  /** It runs there, since so long. */
  started(ranMs: number): void {
    const [at, monotonicMs] = [systemClock.now() - ranMs, systemClock.monotonic() - ranMs];
    this.dispatch({ type: 'started', at: Math.round(at), monotonicMs: Math.max(0, monotonicMs) });
  }

  /** It never started there, and will not. */
  failed(why: string): void {
    this.dispatch({ type: 'start-failed', at: systemClock.now(), why, code: EXIT.bgjob });
  }

  /** A job that may run there is stopped there first. */
  readRequests(): void {
    for (const stop of readStops(this.job))
      if (!this.isOver && !(this.status.phase === 'starting' && this.mayRunThere))
        this.dispatch({ type: 'stop-requested', stop });
  }

  /** What is to be sent for the stop; undefined: nothing, or it was sent. */
  get wanted(): Stop | undefined {
    const { status, asked } = this;
    if (status.phase !== 'stopping' || status.ended) return undefined;
    const { stop } = status;
    return asked !== undefined && asked.graceMs <= stop.graceMs ? undefined : stop;
  }

  signalled(count: number, unseen: Unseen | null): void {
    if (count <= this.stopped && !unseen) return;
    this.stopped = Math.max(count, this.stopped);
    this.unseen = unseen ?? this.unseen;
    this.publish();
  }

  /** The record of the far side. All output is here. */
  ended(end: FarEnd): void {
    if (this.isOver) return;
    const { spec } = this;
    const now = systemClock.now();
    let status = this.status;
    // the stop came too late: the job had ended by itself
    if (status.phase === 'stopping' && !end.afterStop && end.limit === null)
      status = { ...status, phase: 'running', holding: null };
    const begin = 'startedAt' in status && status.startedAt !== null ? status.startedAt : now - end.tookMs;
    const at = Math.min(now, begin + end.tookMs);
    const events: Event[] = [{ type: 'started', at: begin, monotonicMs: 0 }];
    if (end.limit !== null) {
      const by = limitText(spec, end.limit);
      const stop = { by, cause: end.limit, signal: 'SIGTERM', graceMs: spec.graceMs, at };
      events.push({ type: 'limit-reached', stop });
    }
    const signals = this.asked ? [this.asked.signal, 'SIGKILL'] : ['SIGTERM', 'SIGKILL'];
    events.push(...signals.map((signal): Event => ({ type: 'signalled', signal })));
    events.push({ type: 'main-ended', at, code: end.status, tookMs: end.tookMs }, { type: 'swept', at });
    this.status = events.reduce(nextStatus, status);
    this.finish();
  }

  /** No record will come. */
  lost(why: string): void {
    if (this.isOver) return;
    const at = systemClock.now();
    const events: Event[] = [
      { type: 'started', at, monotonicMs: 0 },
      { type: 'main-ended', at, code: null, known: false },
      { type: 'swept', at },
    ];
    const ended = events.reduce(nextStatus, this.status);
    if (ended.phase === 'ended') this.status = { ...ended, outcome: { kind: 'lost', why } };
    this.finish();
  }

  private finish(): void {
    if (this.isOver) return;
    this.isOver = true;
    const isBack = this.requeue();
    this.publish();
    // until then the record there is the only one of its end
    if (this.publication.isDone) this.settle(isBack);
    else void this.publication.untilWritten().then(() => this.settle(isBack));
  }

  private settle(isBack: boolean): void {
    this.isSettled = true;
    const { spec, home } = this;
    if (!isBack) {
      startHook(home, spec);
      if (!spec.keepEnv && spec.onExit === null) removeQuietly(this.job.env);
      markTargetDone(home, spec.target.key, spec.id, this.attempt);
    }
    // waiting processes wake up now
    closeSync(this.aliveFd);
    home.release(spec.id, this.job);
  }

  /** Puts a failed job back if it has a retry left. */
  private requeue(): boolean {
    const { status, spec, home } = this;
    if (status.phase !== 'ended') return false;
    const notBefore = retryAt(spec, this.attempt, status);
    if (notBefore === undefined || !home.hasJob(this.job)) return false;
    try {
      putBack(home, spec, notBefore, true);
    } catch (thrown) {
      ignoreSystemError(thrown);
      return false;
    }
    const { startedAt, endedAt, endKnown, tookMs, outcome } = status;
    this.attempts = [...this.attempts, { startedAt, endedAt, endKnown, tookMs, outcome }];
    this.attempt++;
    this.status = nextStatus(status, { type: 'retried', notBefore });
    return true;
  }
}
