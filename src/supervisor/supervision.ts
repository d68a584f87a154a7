/**
 * The supervision of one job by its owner: event → lifecycle → publication → effects. Only this writes
 * `state.json`. The differences between supervisor and adopter (how they learn of the end, which process they
 * tell) are in start.ts and adopt.ts.
 *
 * The state is published before `alive` is closed: a process that waits for the FIFO then finds the end.
 */
import { closeSync } from 'node:fs';
import { elapsedMs, systemClock } from '../base/clock.ts';
import { removeQuietly } from '../base/fs/atomic-write.ts';
import { ignoreSystemError } from '../base/result.ts';
import { wasQueued } from '../engine/launch/stored-environment.ts';
import { readFirstSent } from '../engine/observe/first-sent.ts';
import type { OnFound } from '../engine/observe/process-tree.ts';
import { isAlive, isStopped, type ProcessStat, readStat } from '../engine/os/process-identity.ts';
import { removeFromQueue } from '../engine/queue/queued-job.ts';
import { helperProcesses } from '../engine/shim/shim-record.ts';
import { continueHelpers } from '../engine/stop/stop-processes.ts';
import { groupName } from '../engine/usage/control-group.ts';
import { UsageMeter } from '../engine/usage/usage-meter.ts';
import type { AnchoredHome } from '../job/home/anchored-home.ts';
import type { JobPaths } from '../job/home/paths.ts';
import { foundValue, type Owner, readExit, readSettings, readState, readStops } from '../job/home/records.ts';
import type { Identity } from '../job/identity.ts';
import { type Event, nextStatus, retryAt, signalsOfOthers } from '../job/lifecycle.ts';
import { withSettings } from '../job/settings.ts';
import type { Spec } from '../job/spec.ts';
import type { Attempt, State, Status, StatusOf, Stop, Usage } from '../job/state.ts';
import { Trim } from './log-limit/trim.ts';
import { findJobProcesses, hasExitRecorder, isDraining, readShimRecord } from './own-processes.ts';
import { type Facts, Publication } from './publication.ts';
import { noteNoRetry, putBack } from './requeue.ts';
import { PauseControl } from './stop/pause.ts';
import { stopTree } from './stop/stop-tree.ts';

/** The descriptor of the FIFO `alive` in every supervisor. */
export const ALIVE_FD = 4;

const STOPPED_SHIM_POLL_MS = 1000;

export type StartJob = (supervision: Supervision) => void;

export class Supervision {
  static readonly all = new Set<Supervision>();
  readonly job: JobPaths;
  readonly aliveFd: number;
  readonly start: StartJob;
  /** False for an adopter, which takes no other job. */
  mayStartNext = true;
  attempt = 1;
  status: Status = { phase: 'starting' };
  stopped = 0;
  forced = 0;
  /** A stop has looked several times in a row, and no process of the job was left. */
  isSwept = false;
  /** The shim, if it is our child that has not ended: its pid cannot be that of another process. */
  shimPid: number | undefined;
  /** The watcher, if it started this process: a shim that was killed early has not recorded it. */
  watcherPid: number | undefined;
  /** Our descriptor of `stdin.end`, which keeps the job's stdin open. */
  stdinFd: number | undefined;
  shimEnded = false;
  /** The shim of a batch has the order to start the job: until it answers, the job may be started or not. */
  isOrdered = false;
  /** Whether this process saw the job alive, and so sees when it ends. An adopter may find it dead. */
  hasSeenAlive = true;
  /** The exit status from the shim's socket: all there is if the job's directory was removed. */
  reportedExit: { code: number; at: number; isCertain: boolean } | undefined;
  startNextJob: (slot: 'unpublished' | 'locked') => Promise<boolean> = async () => false;
  /** Called once, after the end is published and `alive` is closed. */
  onEnded: () => void = () => {};
  /** The job was put back into its queue, and the next owner publishes. */
  isRequeued = false;
  /** The number of the last `set` that was read. */
  private settings = 0;
  private isWatchingShim = false;
  private nudge: () => void = () => {};
  private attempts: Attempt[] = [];
  left: Identity[] = [];
  private usage: Usage | null = null;
  private readonly meter: UsageMeter;
  private readonly publication: Publication;
  private readonly pauses = new PauseControl(this);
  readonly trim: Trim;

  constructor(
    readonly home: AnchoredHome,
    public spec: Spec,
    readonly owner: Owner,
    { isClaimed, aliveFd, start }: { isClaimed: boolean; aliveFd: number; start: StartJob },
  ) {
    this.aliveFd = aliveFd;
    this.start = start;
    this.job = home.anchor(spec.id);
    this.publication = new Publication(home, spec, owner, isClaimed);
    const before = readState(this.job);
    if (before.kind === 'read') {
      ({ attempt: this.attempt, attempts: this.attempts } = before.value);
      this.usage = before.value.usage ?? null;
    }
    Supervision.all.add(this);
    this.meter = new UsageMeter(() => readShimRecord(this).main, {
      bytes: spec.memory,
      groupName: () => groupName(home, spec.id, this.attempt),
      onReached: (stop) => this.reachLimit(stop),
    });
    this.trim = new Trim(home, spec, (stop) => this.reachLimit(stop));
  }

  /** What came at once is published at once. */
  dispatch(...events: Event[]): void {
    const before = this.status;
    this.status = events.reduce(nextStatus, before);
    if (this.status === before) return;
    if (this.status.phase === 'ended') {
      this.pauses.disarm();
      this.trim.readEnd();
      this.readUsage(this.status);
      this.requeue(this.status);
      this.finish();
      return;
    }
    this.publish();
    if (before.phase !== this.status.phase || this.status.phase === 'running') this.enter(this.status);
  }

  private readUsage({ startedAt, outcome }: StatusOf<'ended'>): void {
    this.meter.stop();
    const isKnown = startedAt !== null && outcome.kind !== 'lost';
    this.usage = isKnown
      ? this.meter.readTotal(this.job, this.attempt, 'code' in outcome ? outcome.code : null)
      : null;
  }

  private enter(status: Status): void {
    this.meter.start();
    if (status.phase === 'running') this.pauses.enter(status, (stop) => this.reachLimit(stop));
    this.trim.start();
    if (status.phase !== 'stopping') return;
    this.trim.isSwept = status.stop.sweeper !== undefined;
    // its children that are killed with it have told their CPU time to no process
    this.meter.sample();
    void stopTree(this);
  }

  /**
   * The job may have ended before: when this process was busy or stopped, its timers come before the report of
   * the shim.
   */
  private reachLimit(stop: Stop): void {
    this.checkMain();
    if (!this.isOver && !this.reportExit()) this.dispatch({ type: 'limit-reached', stop });
  }

  resume(status: Status, { stopped, forced }: Pick<State, 'stopped' | 'forced'>): void {
    this.status = status;
    this.stopped = stopped;
    this.forced = forced;
    // it died between the end and its effects
    if (status.phase === 'ended') {
      this.finish();
    } else {
      this.publish();
      this.enter(status);
    }
  }

  /** After each signal, before the start, after the first publication, at the end. */
  readRequests(notAfter = Number.POSITIVE_INFINITY): void {
    // a job that was cancelled now could be started yet: this is called again when the shim has answered
    if (this.isOrdered) return;
    // a request that was read before changes nothing
    for (const stop of readStops(this.job))
      if (stop.at <= notAfter) this.dispatch({ type: 'stop-requested', stop });
    if (notAfter === Number.POSITIVE_INFINITY) {
      this.readSettings();
      this.pauses.readRequest();
    }
    this.nudge();
  }

  /** `set` may have changed the limits. They count from the start, as before. */
  private readSettings(): void {
    const { phase } = this.status;
    const found = foundValue(readSettings(this.job));
    if (!found || found.number <= this.settings || phase === 'stopping' || this.isOver) return;
    this.settings = found.number;
    this.spec = withSettings(this.spec, found.settings);
    this.publication.spec = this.spec;
    if (phase !== 'running') return;
    this.publish();
    this.pauses.rearm();
  }

  /** Resolves when requests are read, or after `ms`. */
  waitNudge(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.nudge = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** By `exit.N`, or because shim and main process are dead without a record. */
  checkMain(): void {
    const isReported = this.status.phase === 'stopping' && this.status.ended !== null;
    if (this.isOver || this.isOrdered || isReported || this.reportExit()) return;
    // the shim can still write, and that is read when the home is back
    if (this.isHomeAway) return;
    const { main } = readShimRecord(this);
    const isMainDead = main !== undefined && isAlive(main) === 'dead';
    // a stopped shim would write nothing
    if (isMainDead) continueHelpers(this.job, this.owner.identity);
    if (hasExitRecorder(this) || (main && !isMainDead)) {
      this.hasSeenAlive = true;
      return;
    }
    // read again: the shim may have written between the two checks
    if (this.reportExit()) return;
    if (main) this.reportUnrecordedEnd(this.killedCode);
    else void this.checkUnrecorded();
  }

  /** For a shim that was killed perhaps before the main process recorded itself. */
  private async checkUnrecorded(): Promise<void> {
    // our shim ended without a record of itself, before it started the job: only its watcher lives
    const isUnstarted = this.shimEnded && !readShimRecord(this).shim;
    const found = isUnstarted ? [] : await this.processes();
    if (found.length > 0 || readShimRecord(this).main) {
      this.hasSeenAlive = true;
      return;
    }
    this.reportUnrecordedEnd(null);
  }

  /** An end without a record: it is of now, if this process saw the job alive. */
  private reportUnrecordedEnd(code: number | null): void {
    this.reportEnd(systemClock.now(), code, this.hasSeenAlive);
  }

  private reportExit(): boolean {
    const exit =
      readExit(this.job, this.attempt) ?? (this.reportedExit?.isCertain ? this.reportedExit : undefined);
    if (exit && !isDraining(this, exit.at)) this.reportEnd(exit.at, exit.code);
    return exit !== undefined;
  }

  /** Of a terminal whose leader was killed with the job before the shim wrote `exit.N` (`kill -9 0`). */
  private get killedCode(): number | null {
    return this.reportedExit !== undefined && this.reportedExit.code > 128 ? this.reportedExit.code : null;
  }

  private reportEnd(at: number, code: number | null, known = true): void {
    // requests from before the end count even if no signal came: an owner that was stopped learns of both at
    // once
    this.readRequests(at);
    const ended: Event = { type: 'main-ended', at, code, known, tookMs: this.tookMs(at) };
    const stop = this.status.phase === 'running' ? this.meter.kernelStop(code) : undefined;
    const byKernel: Event[] = stop
      ? [
          { type: 'limit-reached', stop },
          { type: 'signalled', signal: stop.signal },
        ]
      : [];
    const first = this.status.phase === 'stopping' ? readFirstSent(this.job, this.attempt, at) : undefined;
    this.dispatch(...signalsOfOthers(this.status, first), ...byKernel, ended);
  }

  /** Null: the two times tell the run time, because the wall clock was not changed. */
  private tookMs(at: number): number | null {
    const { status } = this;
    if (!('startedMonotonicMs' in status)) return null;
    const sinceMs = systemClock.monotonic() - status.startedMonotonicMs;
    const agoMs = systemClock.now() - at;
    const wallMs = at - status.startedAt;
    // an end before the start, or in the future: the clock was changed since
    const took = elapsedMs(wallMs, agoMs > 0 && agoMs < sinceMs ? sinceMs - agoMs : sinceMs);
    return took === Math.max(0, wallMs) ? null : Math.round(took);
  }

  processes = (onFound?: OnFound): Promise<ProcessStat[]> => findJobProcesses(this, onFound);

  /** The shim has not recorded the main process. Until then its own children look like processes of the job. */
  get isForking(): boolean {
    return this.shimPid !== undefined && !this.shimEnded && readShimRecord(this).main === undefined;
  }

  /** Also a job that waits in its queue again. */
  get isOver(): boolean {
    return this.status.phase === 'ended' || this.isRequeued;
  }

  get last(): Attempt | undefined {
    return this.attempts.at(-1);
  }

  /** While the shim is stopped (SIGSTOP) it does not report the end, so the main process is polled. */
  watchStoppedShim(): void {
    const stat = this.shimPid === undefined ? undefined : readStat(this.shimPid);
    if (this.isOver || this.isWatchingShim || !stat || !isStopped(stat)) return;
    this.isWatchingShim = true;
    setTimeout(() => {
      this.isWatchingShim = false;
      this.checkMain();
      this.watchStoppedShim();
    }, STOPPED_SHIM_POLL_MS);
  }

  /** Not at its place, and not removed either. */
  get isHomeAway(): boolean {
    return !this.home.hasJob(this.job) && !this.home.isRemoved(this.job);
  }

  isOurs(pid: number): boolean {
    return helperProcesses(readShimRecord(this)).some((one) => one.pid === pid);
  }

  private get facts(): Facts {
    const { status, attempt, attempts, stopped, forced, left, settings, usage } = this;
    const some = { ...(settings > 0 && { settings }), ...(usage && { usage }) };
    return { status, attempt, attempts, stopped, forced, left, ...some };
  }

  publish(): void {
    this.publication.publish(this.facts);
  }

  private finish(): void {
    if (this.spec.placement !== null && this.status.phase === 'ended') {
      void this.finishAsync();
      return;
    }
    this.publish();
    // waiting processes wake up now. If the state could not be written, exit.N has the status
    this.unlock();
  }

  /**
   * The end of a queued job. The next job is started before the end is published, unless it waits for this end.
   */
  private async finishAsync(): Promise<void> {
    const isAwaited = await this.startNextJob('unpublished');
    const { status, spec } = this;
    await this.publication.publishAsync(this.facts);
    if (isAwaited) await this.startNextJob('locked');
    // a job that never started still has its entry
    const isWaiting = wasQueued(spec) && status.phase === 'ended' && status.startedAt === null;
    if (isWaiting && this.home.hasJob(this.job)) removeFromQueue(this.home, spec);
    // otherwise the process that runs --on-exit removes it
    if (!spec.keepEnv && spec.onExit === null) removeQuietly(this.job.env);
    this.unlock();
  }

  endRequeued(): void {
    this.isRequeued = true;
    this.unlock();
  }

  private unlock(): void {
    Supervision.all.delete(this);
    closeSync(this.aliveFd);
    if (this.stdinFd !== undefined) closeSync(this.stdinFd);
    this.stdinFd = undefined;
    this.onEnded();
  }

  /** Puts a failed job back if it has a retry left. Without disk space for that, this was its end. */
  private requeue(ended: StatusOf<'ended'>): void {
    const notBefore = retryAt(this.spec, this.attempt, ended);
    noteNoRetry(this.job, this.spec, this.attempt, ended);
    if (notBefore === undefined || !this.home.hasJob(this.job)) return;
    try {
      putBack(this.home, this.spec, notBefore, ended.startedAt !== null);
    } catch (thrown) {
      ignoreSystemError(thrown);
      return;
    }
    const { startedAt, endedAt, endKnown, tookMs, outcome } = ended;
    this.attempts = [...this.attempts, { startedAt, endedAt, endKnown, tookMs, outcome }];
    this.attempt++;
    this.usage = null;
    this.isRequeued = true;
    this.status = nextStatus(ended, { type: 'retried', notBefore });
  }

  async release(): Promise<void> {
    await this.publication.untilWritten();
    this.home.release(this.spec.id, this.job);
  }

  abandon(): void {
    this.pauses.disarm();
    this.meter.stop();
    this.trim.stop();
    this.trim.close();
    this.unlock();
  }
}
