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
import type { FarEnd, FarState, Verdict } from '../../engine/targets/engine.ts';
import { uidOf } from '../../engine/targets/engine-of.ts';
import { EXIT } from '../../job/failure.ts';
import type { AnchoredHome } from '../../job/home/anchored-home.ts';
import type { JobPaths } from '../../job/home/paths.ts';
import { type Owner, readState, readStops } from '../../job/home/records.ts';
import { type Event, nextStatus, retryAt } from '../../job/lifecycle.ts';
import { readAttemptStart } from '../../job/log/attempt-start.ts';
import type { Spec } from '../../job/spec.ts';
import {
  type Attempt,
  NOTHING_THERE,
  type Status,
  type Stop,
  type There,
  type Unseen,
  type Usage,
} from '../../job/state.ts';
import type { Target } from '../../job/target.ts';
import { isPlain, markTargetDone } from '../../job/targets/target-records.ts';
import { Publication } from '../../supervisor/publication.ts';
import { dequeue, noteNoRetry, putBack, writeHeading } from '../../supervisor/requeue.ts';
import { lostStatus, statusAfter } from './far-outcome.ts';
import { headingBytes, LogCopy } from './log-copy.ts';

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

const ignoreCancel = (verdict: Verdict | null) => (verdict?.word === 'cancelled' ? null : verdict);

/** Slurm has not looked at it yet. */
const NO_REASON = 'None';

/** What is left of it for the next attempt. */
const thereOfNext = (there: There | null): There | null =>
  there && { ...NOTHING_THERE, earlier: there.earlier + there.restarts };

export class RemoteJob {
  readonly job: JobPaths;
  attempt = 1;
  status: Status = { phase: 'starting' };
  /** Whether a submit was tried, by this service or perhaps by one before: then the job may run there. */
  mayRunThere: boolean;
  /** What the far side was asked to do for the stop, so that it is asked once. */
  asked: { signal: string; graceMs: number } | undefined;
  log: LogCopy;
  /** See Owner. */
  readonly slot: number | null;
  private attempts: Attempt[] = [];
  private stopped = 0;
  private readonly publication: Publication;
  isOver = false;
  /** Output could not be written here. It comes again, and its end after it. */
  isBehind = false;
  private unseen: Unseen | null = null;
  private usage: Usage | null = null;
  /** Of an engine with a queue of its own. */
  private there: There | null = null;
  /** A stop of a job that waits in the queue of the engine. */
  private stopBefore: Stop | undefined;
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
    this.slot = owner.slot;
    this.publication = new Publication(home, spec, owner, true);
    this.mayRunThere = isAdopted;
    const before = readState(this.job);
    if (before.kind === 'read') {
      ({ attempt: this.attempt, attempts: this.attempts, stopped: this.stopped } = before.value);
      this.there = before.value.there ?? null;
      if (!isAdopted) this.there = thereOfNext(this.there);
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

  private publish(isHint = false): void {
    const { status, attempt, attempts, stopped, unseen, there, usage } = this;
    const facts = {
      ...{ status, attempt, attempts, stopped, forced: 0, left: [] },
      ...(unseen && { unseen }),
      ...(there && { there }),
      ...(usage && { usage }),
    };
    this.publication.publish(facts, isHint);
  }

  /** Whether the queue of an engine there has it: then it is not sent again. */
  get isTaken(): boolean {
    return this.there?.nativeId != null;
  }

  /** As the engine calls it; one without a queue calls it by its uid. */
  get nativeId(): string {
    return this.there?.nativeId ?? this.uid;
  }

  /** Publishes what the engine there says, if that is new. A reader may miss it: nothing is decided by it. */
  private note(told: Partial<There>): void {
    const before = this.there ?? NOTHING_THERE;
    const now = { ...before, ...told };
    if (JSON.stringify(now) === JSON.stringify(before)) return;
    this.there = now;
    this.publish(true);
  }

  /** The engine has it, and calls it so. Why it waits, or that it runs, the next look says. */
  taken(nativeId: string): void {
    this.note({ nativeId, waits: this.there?.waits ?? '' });
  }

  /** The engine does not know it: it is sent again. */
  untaken(): void {
    if (this.isTaken) this.note({ nativeId: null, waits: null });
  }

  /** It waits in the queue of the engine, perhaps once more. */
  queuedThere({ reason, restarts }: Extract<FarState, { kind: 'queued' }>): void {
    this.status = nextStatus(this.status, { type: 'requeued-there' });
    this.note({ waits: reason === NO_REASON ? '' : reason, restarts });
  }

  /** Its shim is about to start it. */
  claimedThere(): void {
    if (this.isTaken) this.note({ waits: null });
  }

  /** It runs there. */
  runningThere({ host, restarts, ranMs }: Extract<FarState, { kind: 'running' }>): void {
    if (this.spec.target.slurm) {
      const before = this.there ?? NOTHING_THERE;
      this.there = { ...before, waits: null, node: host, restarts };
      if (restarts > before.restarts) this.status = nextStatus(this.status, { type: 'requeued-there' });
    }
    if (this.status.phase === 'starting') this.started(ranMs);
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
    for (const stop of readStops(this.job)) {
      if (this.isOver) return;
      if (this.status.phase === 'starting' && this.mayRunThere) this.stopBefore = stop;
      else this.dispatch({ type: 'stop-requested', stop });
    }
  }

  /** What is to be sent for the stop; undefined: nothing, or it was sent. */
  get wanted(): Stop | undefined {
    const { status, asked } = this;
    const isStopping = status.phase === 'stopping' && !status.ended;
    const stop = isStopping
      ? status.stop
      : this.isTaken && status.phase === 'starting'
        ? this.stopBefore
        : undefined;
    return stop === undefined || (asked !== undefined && asked.graceMs <= stop.graceMs) ? undefined : stop;
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
    const { verdict, restarts } = end;
    // Slurm says of what bgjob cancelled the same as of what another person did
    const told = this.stopBefore || this.asked ? ignoreCancel(verdict) : verdict;
    if (told || this.there)
      this.there = { ...(this.there ?? NOTHING_THERE), waits: null, restarts, verdict: told };
    const { spec, status, stopBefore, asked } = this;
    this.status = statusAfter(end, {
      spec,
      status,
      stopBefore,
      asked: asked?.signal,
      now: systemClock.now(),
    });
    // as of a local job: nothing is known of one that is lost, or did not start
    const ended = this.status.phase === 'ended' && this.status;
    if (ended && ended.outcome.kind !== 'lost' && ended.startedAt !== null) this.usage = end.usage;
    this.finish();
  }

  /** No record will come. */
  lost(why: string): void {
    if (this.isOver) return;
    this.status = lostStatus(this.status, why, systemClock.now());
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
    // a person decided that it ends
    if (this.there?.verdict?.word === 'cancelled') return false;
    const notBefore = retryAt(spec, this.attempt, status);
    noteNoRetry(this.job, spec, this.attempt, status);
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
    this.usage = null;
    this.there = thereOfNext(this.there);
    this.status = nextStatus(status, { type: 'retried', notBefore });
    return true;
  }
}
