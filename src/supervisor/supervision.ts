/**
 * The owner's side of a job: event → lifecycle → publish → effects. The only writer of `state.json`. What is different
 * between a supervisor and an adopter (how they learn of the end, whom they tell of it) is in start.ts and adopt.ts.
 *
 * State first, then the event: whoever is woken by the FIFO finds the end written down.
 */
import { closeSync } from 'node:fs';
import { lengthOf, systemClock } from '../base/clock.ts';
import { removeQuietly } from '../base/fs/atomic-write.ts';
import { ignoreSystemError } from '../base/result.ts';
import { wasQueued } from '../engine/launch/stored-environment.ts';
import type { OnFound } from '../engine/observe/process-tree.ts';
import { isAlive, isStopped, type ProcessStat, readStat } from '../engine/os/process-identity.ts';
import { removeFromQueue } from '../engine/queue/queued-job.ts';
import { helperProcesses } from '../engine/shim/shim-record.ts';
import { continueHelpers } from '../engine/stop/stop-processes.ts';
import type { AnchoredHome } from '../job/home/anchored-home.ts';
import type { JobPaths } from '../job/home/paths.ts';
import { type Owner, readExit, readState, readStops } from '../job/home/records.ts';
import type { Identity } from '../job/identity.ts';
import { type Event, nextStatus } from '../job/lifecycle.ts';
import type { Spec } from '../job/spec.ts';
import type { Attempt, State, Status, StatusOf } from '../job/state.ts';
import { Trim } from './log-limit/trim.ts';
import { findOwn, hasScribe, isDraining, recordOf } from './own-processes.ts';
import { Publication } from './publication.ts';
import { putBack, retryAt } from './requeue.ts';
import { Holding } from './stop/pause.ts';
import { stopTree } from './stop/stop-tree.ts';

/** `alive`, as every supervisor gets it. */
export const ALIVE_FD = 4;

/** Between two looks at the main process of a job whose shim was stopped, milliseconds. */
const STOPPED_SHIM_POLL_MS = 1000;

export type StartJob = (supervision: Supervision) => void;

export class Supervision {
  /** Those of this process that have not ended. */
  static readonly all = new Set<Supervision>();
  readonly home: AnchoredHome;
  readonly spec: Spec;
  readonly owner: Owner;
  readonly job: JobPaths;
  readonly aliveFd: number;
  /** How this process starts a job: the next of the queue, too. */
  readonly start: StartJob;
  /** An adopter takes no other job. */
  mayTake = true;
  attempt = 1;
  status: Status = { phase: 'starting' };
  /** How many processes a stop has found in all. */
  stopped = 0;
  /** How many of these needed KILL. */
  forced = 0;
  /** The shim, if it is our child: its pid cannot be another's while we have not seen it end. */
  shimPid: number | undefined;
  /** The watcher, if it started us: a shim that was killed early has not written it down. */
  watcherPid: number | undefined;
  /** Our hold on `stdin.end`, if the job's stdin is held. */
  stdinFd: number | undefined;
  /** The shim was our child, and we have seen it end. */
  shimEnded = false;
  /** Whether this process saw the job alive: then it also sees when the job ends. An adopter may find it dead. */
  hasSeenAlive = true;
  /** What the shim said on the socket: all there is if somebody removed the job's directory. */
  told: { code: number; at: number } | undefined;
  /** Starts what may start now that the job is over. */
  moveOn: () => Promise<void> = async () => {};
  /** Called once, after the end is published and `alive` is closed. */
  onEnded: () => void = () => {};
  /** It was put back into its queue: the next owner publishes. */
  isRequeued = false;
  private isWatchingShim = false;
  private attempts: Attempt[] = [];
  /** What the main process left behind. */
  left: Identity[] = [];
  private readonly publication: Publication;
  private readonly holding = new Holding(this);
  readonly trim: Trim;

  constructor(
    home: AnchoredHome,
    spec: Spec,
    owner: Owner,
    { isClaimed, aliveFd, start }: { isClaimed: boolean; aliveFd: number; start: StartJob },
  ) {
    this.home = home;
    this.spec = spec;
    this.owner = owner;
    this.aliveFd = aliveFd;
    this.start = start;
    this.job = home.anchor(spec.id);
    this.publication = new Publication(home, spec, owner, isClaimed);
    const before = readState(this.job);
    if (before.kind === 'read') ({ attempt: this.attempt, attempts: this.attempts } = before.value);
    Supervision.all.add(this);
    this.trim = new Trim(home, spec, (stop) => this.dispatch({ type: 'limit-reached', stop }));
  }

  dispatch(event: Event): void {
    const before = this.status;
    this.status = nextStatus(before, event);
    if (this.status === before) return;
    if (this.status.phase === 'ended') {
      this.holding.disarm();
      this.trim.readEnd();
      this.requeue(this.status);
      this.finish();
      return;
    }
    this.publish();
    if (before.phase !== this.status.phase || this.status.phase === 'running') this.enter(this.status);
  }

  private enter(status: Status): void {
    if (status.phase === 'running')
      this.holding.enter(status, (stop) => this.dispatch({ type: 'limit-reached', stop }));
    this.trim.start();
    if (status.phase === 'stopping') void stopTree(this);
  }

  /** Goes on from a state that another owner left. */
  resume(status: Status, { stopped, forced }: Pick<State, 'stopped' | 'forced'>): void {
    this.status = status;
    this.stopped = stopped;
    this.forced = forced;
    // ended: it died between the end and saying so to everybody
    if (status.phase === 'ended') {
      this.finish();
    } else {
      this.publish();
      this.enter(status);
    }
  }

  /** Reads what `kill`, `pause` and `resume` left: after every nudge, before the start, after the first publication, and at the end. */
  readRequests(notAfter = Number.POSITIVE_INFINITY): void {
    // the same request, read again, changes nothing
    for (const stop of readStops(this.job))
      if (stop.at <= notAfter) this.dispatch({ type: 'stop-requested', stop });
    if (notAfter === Number.POSITIVE_INFINITY) this.holding.readRequest();
  }

  /** Looks whether the main process ended: `exit.N` says so, or shim and main process are both dead without a word. */
  checkMain(): void {
    if (this.isOver || this.reportExit()) return;
    // the shim can write all the same: it is read when the home is back
    if (this.isHomeAway) return;
    const { main } = recordOf(this);
    const isMainDead = main !== undefined && isAlive(main) === 'dead';
    // the shim may have been stopped, and would write nothing
    if (isMainDead) continueHelpers(this.job, this.owner.identity);
    if (hasScribe(this) || (main && !isMainDead)) {
      this.hasSeenAlive = true;
      return;
    }
    // read again: it may have written its last line between the two looks
    if (this.reportExit()) return;
    if (main) this.reportUnrecordedEnd(this.killedCode);
    else void this.checkUnrecorded();
  }

  /** The shim was killed just before the main process wrote itself down; if that is about to, we shall look again. */
  private async checkUnrecorded(): Promise<void> {
    // our own shim that ended without a record of itself had not come to start the job: what lives is its watcher
    const isUnstarted = this.shimEnded && !recordOf(this).shim;
    const found = isUnstarted ? [] : await this.processes();
    if (found.length > 0 || recordOf(this).main) {
      this.hasSeenAlive = true;
      return;
    }
    this.reportUnrecordedEnd(null);
  }

  /** Nobody wrote the end down: it is of now, if this process saw the job alive before. */
  private reportUnrecordedEnd(code: number | null): void {
    this.reportEnd(systemClock.now(), code, this.hasSeenAlive);
  }

  private reportExit(): boolean {
    const exit = readExit(this.job, this.attempt) ?? (this.spec.pty === null ? this.told : undefined);
    if (exit && !isDraining(this, exit.at)) this.reportEnd(exit.at, exit.code);
    return exit !== undefined;
  }

  /** What the shim said of a terminal whose leader was killed, with the job, before it wrote the status (`kill -9 0`). */
  private get killedCode(): number | null {
    return this.told !== undefined && this.told.code > 128 ? this.told.code : null;
  }

  private reportEnd(at: number, code: number | null, known = true): void {
    // asked for before the end, though no nudge came through: an owner that was stopped hears of both at once
    this.readRequests(at);
    this.dispatch({ type: 'main-ended', at, code, known, tookMs: this.tookMs(at) });
  }

  /** How long it ran until `at`, where the clock was set meanwhile; null: its two times tell it. */
  private tookMs(at: number): number | null {
    const { status } = this;
    if (!('startedMonotonicMs' in status)) return null;
    const sinceMs = systemClock.monotonic() - status.startedMonotonicMs;
    const agoMs = systemClock.now() - at;
    const wallMs = at - status.startedAt;
    // an end before the start, or in the future: the clock was set since
    const took = lengthOf(wallMs, agoMs > 0 && agoMs < sinceMs ? sinceMs - agoMs : sinceMs);
    return took === Math.max(0, wallMs) ? null : Math.round(took);
  }

  /** The job's processes. */
  processes = (onFound?: OnFound): Promise<ProcessStat[]> => findOwn(this, onFound);

  /** Whether nothing is left to supervise: it ended, or waits in its queue again. */
  get isOver(): boolean {
    return this.status.phase === 'ended' || this.isRequeued;
  }

  /** The attempt before this one. */
  get last(): Attempt | undefined {
    return this.attempts.at(-1);
  }

  /** Somebody stopped our shim (SIGSTOP): it would not tell the end of the job, so we look ourselves until it goes on. */
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

  /** Whether the job's directory is not where it was, and not removed either. */
  get isHomeAway(): boolean {
    return !this.home.hasJob(this.job) && !this.home.isRemoved(this.job);
  }

  isOurs(pid: number): boolean {
    return helperProcesses(recordOf(this)).some((one) => one.pid === pid);
  }

  publish(): void {
    const { status, attempt, attempts, stopped, forced, left } = this;
    this.publication.publish({ status, attempt, attempts, stopped, forced, left });
  }

  private finish(): void {
    if (this.spec.placement !== null && this.status.phase === 'ended') {
      void this.finishAsync();
      return;
    }
    this.publish();
    // whoever waits is woken now; where the state could not be written, exit.N says the same
    this.letGo();
  }

  /** The end of a queued job: the next one is started before it is told. */
  private async finishAsync(): Promise<void> {
    await this.moveOn();
    const { status, attempt, attempts, stopped, forced, left } = this;
    await this.publication.publishAsync({ status, attempt, attempts, stopped, forced, left });
    // it never started, so it still stands in the line
    const isWaiting = wasQueued(this.spec) && status.phase === 'ended' && status.startedAt === null;
    if (isWaiting && this.home.hasJob(this.job)) removeFromQueue(this.home, this.spec);
    // whoever runs --on-exit removes it then
    if (!this.spec.keepEnv && this.spec.onExit === null) removeQuietly(this.job.env);
    this.letGo();
  }

  /** The job waits in its queue again: it is the next owner's. */
  handBack(): void {
    this.isRequeued = true;
    this.letGo();
  }

  private letGo(): void {
    Supervision.all.delete(this);
    closeSync(this.aliveFd);
    if (this.stdinFd !== undefined) closeSync(this.stdinFd);
    this.stdinFd = undefined;
    this.onEnded();
  }

  /** What failed and is to be run again goes back into its queue; if there is no room for that, this was its end. */
  private requeue(ended: StatusOf<'ended'>): void {
    const notBefore = retryAt(this.spec, this.attempt, ended);
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
    this.isRequeued = true;
    this.status = nextStatus(ended, { type: 'retried', notBefore });
  }

  /** When everything is written, the job's directory is nothing to this process any more. */
  async release(): Promise<void> {
    await this.publication.untilWritten();
    this.home.release(this.spec.id, this.job);
  }

  /** Ends the supervision without an end of the job: it has no records any more. */
  abandon(): void {
    this.holding.disarm();
    this.trim.stop();
    this.trim.close();
    this.letGo();
  }
}
