/**
 * The service of a target: one process here for all jobs there. It admits those that wait, sends them, copies
 * their output, stops them on request, and records their ends. Killed at any instant it loses nothing: a job that
 * was sent has a durable state, the far side refuses a second start, and the next service goes on where the
 * records say. It ends when no job of its target waits or runs.
 */
import { setMaxListeners } from 'node:events';
import { closeSync, existsSync } from 'node:fs';
import { systemClock } from '../../base/clock.ts';
import { removeQuietly } from '../../base/fs/atomic-write.ts';
import { describeThrown, errnoOf, ignoreSystemError } from '../../base/result.ts';
import { lockAlive } from '../../engine/launch/alive-fifo.ts';
import { targetServiceOf } from '../../engine/launch/target-service.ts';
import { isProgramReplaced, missingPart } from '../../engine/os/own-program.ts';
import { identify } from '../../engine/os/process-identity.ts';
import { type Admitted, attendQueue } from '../../engine/queue/admission.ts';
import {
  type Engine,
  type FarEnd,
  type FarJob,
  type FarStream,
  TargetError,
} from '../../engine/targets/engine.ts';
import { engineOf } from '../../engine/targets/engine-of.ts';
import { EXIT } from '../../job/failure.ts';
import { AnchoredHome } from '../../job/home/anchored-home.ts';
import type { Home } from '../../job/home/home.ts';
import { claimOwner, foundValue, highestGeneration, isCopied, readState } from '../../job/home/records.ts';
import { unknownNeeds } from '../../job/needs.ts';
import { NO_QUEUE } from '../../job/queue/queue-order.ts';
import type { JobId } from '../../job/spec.ts';
import type { Target } from '../../job/target.ts';
import {
  listTargetDone,
  listTargetJobs,
  readTarget,
  TARGET_LOCK,
  writeSilence,
} from '../../job/targets/target-records.ts';
import { isWanted, RESTART, startSuccessor, WakeFifo, waitForClaim } from '../service.ts';
import { logLine } from '../service-log.ts';
import { Connection } from './connection.ts';
import { farJobOf } from './far-job.ts';
import { cannotRead, lostThere, notReached, notStarted } from './reasons.ts';
import { isOnTarget, RemoteJob } from './remote-job.ts';
import { removeDone } from './remove-done.ts';
import { WaitingJobs } from './waiting-jobs.ts';

/** How long a connection stays open for the next job, milliseconds: a login takes ten times as long as a job. */
const LINGER_MS = 30_000;
/** How often the far side is asked for jobs whose shim may be gone, milliseconds. */
const LOOK_MS = 30_000;
/** The first look for jobs of an engine with a queue of its own; each next one comes after twice the time. */
const FIRST_LOOK_MS = 200;
const LAST_LOOK_MS = 60_000;
/** The same while the engine there does not answer. */
const HELD_LOOK_MS = 10_000;
/** How long the shim there may take to start a job, milliseconds. */
const STARTING_MS = 200;
/** A copy that could not be written is tried again after this time, milliseconds. */
const WRITE_AGAIN_MS = 2000;

class TargetService {
  private readonly jobs = new Map<JobId, RemoteJob>();
  /** The same jobs by what the far side calls them. */
  private readonly byUid = new Map<string, RemoteJob>();
  private readonly waiting: WaitingJobs;
  private readonly engine: Engine;
  private readonly connection: Connection;
  private readonly fifo: WakeFifo;
  private readonly sending = new Map<JobId, Promise<void>>();
  private readonly stopping = new Map<JobId, Promise<void>>();
  /** When the next look is due, and how long after it the one behind it. */
  private lookAt = Number.NEGATIVE_INFINITY;
  private lookMs = LOOK_MS;
  private isLooking = false;
  private isAsking = false;
  private idleSince = systemClock.monotonic();
  private hasCleaned = false;
  private isWoken = false;

  constructor(
    private readonly home: AnchoredHome,
    private readonly key: string,
    private readonly target: Target,
  ) {
    this.engine = engineOf(home, target);
    this.fifo = new WakeFifo(home, targetServiceOf(home, target).fifo, () => {
      // perhaps by gc
      this.hasCleaned = false;
      // a user may have mended the way there
      this.connection.hurry();
      this.wake();
    });
    this.waiting = new WaitingJobs(
      ...([home, key, target, this.jobs] as const),
      () => this.wake(),
      () => this.connection.following !== undefined && !this.connection.isHeld,
    );
    this.connection = new Connection(
      home,
      key,
      this.engine,
      {
        bytes: (uid, stream, offset, bytes) => this.copy(uid, stream, offset, bytes),
        gap: () => {},
        ended: (uid, end) => {
          // of a stopped job it comes when nothing of it is left
          const job = this.byUid.get(uid);
          if (!job || job.isBehind) return;
          const stopping = this.stopping.get(job.spec.id);
          // the answer to the stop says how many processes got the signal
          if (stopping) void stopping.then(() => this.end(job, end));
          else this.end(job, end);
        },
      },
      () => this.wake(),
    );
  }

  private wake(): void {
    this.isWoken = true;
    this.fifo.wake();
  }

  /** Returns whether the program was replaced: then its new version goes on from the records. */
  async run(): Promise<boolean> {
    await this.fifo.open();
    this.adoptAll();
    let isReplaced = false;
    while (isWanted(this.home)) {
      isReplaced = isProgramReplaced() && missingPart() === undefined;
      if (isReplaced) break;
      this.isWoken = false;
      const next = await this.step();
      if (next === null) {
        // a process that adds a job from now on starts another service; what came before is read once more
        this.fifo.close();
        if ((await this.step()) === null) break;
        await this.fifo.open();
        continue;
      }
      if (!this.isWoken) await this.fifo.wait(next);
    }
    this.waiting.close();
    this.fifo.close();
    this.connection.close();
    return isReplaced;
  }

  /** Everything that can be done now. Returns after how long to try again; null: nothing is left to do. */
  private async step(): Promise<number | null> {
    let next = await this.waiting.admit((admitted) => this.take(admitted));
    for (const id of this.waiting.strays) this.adopt(id);
    this.waiting.strays.clear();
    for (const job of [...this.jobs.values()]) {
      job.readRequests();
      if (job.isSettled) await this.forget(job);
    }
    if (this.connection.following) this.exchange();
    else if (this.jobs.size > 0 || this.waiting.isHeld) this.reach();
    for (const job of [...this.jobs.values()]) if (job.isSettled) await this.forget(job);
    if (this.jobs.size > 0 || this.waiting.count > 0) {
      this.idleSince = systemClock.monotonic();
      const looks = this.connection.following !== undefined && !this.isLooking;
      const ms = looks ? this.lookAt - systemClock.monotonic() : LOOK_MS;
      return Math.max(0, Math.min(next, LOOK_MS, ms));
    }
    await this.clean();
    next = LINGER_MS - (systemClock.monotonic() - this.idleSince);
    // without a connection there is nothing to keep
    return next > 0 && this.connection.following ? next : null;
  }

  // ---- jobs that wait --------------------------------------------------------------------------------------

  /** Goes on with the jobs of a service that ended before them. */
  private adoptAll(): void {
    for (const id of listTargetJobs(this.home, this.key)) this.adopt(id);
  }

  private adopt(id: JobId): void {
    const spec = this.waiting.specOf(id);
    const job = this.home.job(id);
    const state = spec && foundValue(readState(job));
    if (!spec || !state || isCopied(job) || ['queued', 'ended'].includes(state.status.phase)) return;
    try {
      const aliveFd = lockAlive(job);
      const owner = { generation: highestGeneration(job) + 1, identity: identify(process.pid)! };
      if (!claimOwner(job, owner)) {
        closeSync(aliveFd);
        return;
      }
      const adopted = new RemoteJob(this.home, spec, owner, aliveFd, true);
      this.add(adopted);
      this.watch([adopted]);
    } catch (thrown) {
      logLine(`job ${id}: ${errnoOf(thrown)}`);
    }
  }

  private add(job: RemoteJob): void {
    this.jobs.set(job.spec.id, job);
    this.byUid.set(job.uid, job);
  }

  /** Becomes the owner of an admitted job, whose FIFO this process has open. */
  private take({ spec, aliveFd, generation }: Admitted): boolean {
    const job = this.home.job(spec.id);
    const owner = { generation, identity: identify(process.pid)! };
    if (!isOnTarget(spec, this.key) || unknownNeeds(spec).length > 0 || !claimOwner(job, owner)) {
      closeSync(aliveFd);
      return false;
    }
    this.add(new RemoteJob(this.home, spec, owner, aliveFd, false));
    return true;
  }

  // ---- jobs there ------------------------------------------------------------------------------------------

  /** Connects if a job is to be sent, or another try is due. A request is read meanwhile. */
  private reach(): void {
    const isUnsent = [...this.jobs.values()].some((job) => job.failsAtOnce);
    if (!isUnsent && !this.connection.isDue) return;
    void this.connection.open().then((isThere) => {
      if (!isThere) this.failUnsent();
      this.wake();
    });
  }

  /** The target is not reached: a job that was just started fails, any other stays as it is. */
  private failUnsent(): void {
    const { error } = this.connection;
    if (error)
      for (const job of this.jobs.values()) if (job.failsAtOnce) job.failed(notReached(this.target, error));
  }

  /** Sends what is to be sent. None of it waits for another. */
  private exchange(): void {
    const { following } = this.connection;
    if (this.watchedBy !== following) {
      this.watchedBy = following;
      this.lookNow();
      this.watch([...this.jobs.values()].filter(({ mayRunThere }) => mayRunThere));
    }
    this.sendAll();
    if (!this.connection.isHeld)
      for (const job of this.jobs.values())
        if (job.wanted) this.once(this.stopping, [job], () => this.stop(job));
    if (systemClock.monotonic() >= this.lookAt && !this.isLooking) {
      void this.lookAndWait();
      void this.clean();
    }
  }

  /** After an act of ours, or where something is known to have changed. */
  private lookNow(): void {
    this.lookMs = this.target.slurm ? FIRST_LOOK_MS : LOOK_MS;
    this.lookAt = Number.NEGATIVE_INFINITY;
  }

  /** The first of the looks that follow a submit. */
  private lookSoon(): void {
    this.lookMs = FIRST_LOOK_MS;
    this.lookAt = Math.min(this.lookAt, systemClock.monotonic() + FIRST_LOOK_MS);
  }

  private async lookAndWait(): Promise<void> {
    this.isLooking = true;
    // an act during the look makes another one due
    this.lookAt = Number.POSITIVE_INFINITY;
    await this.guard(() => this.look());
    this.isLooking = false;
    const last = this.connection.isHeld ? HELD_LOOK_MS : LAST_LOOK_MS;
    this.lookMs = Math.min(last, this.lookMs);
    this.lookAt = Math.min(this.lookAt, systemClock.monotonic() + this.lookMs);
    if (this.target.slurm) this.lookMs *= 2;
    this.wake();
  }

  /** Sends the jobs that are to be sent. Those of equal limits go together: Slurm gets an array of them. */
  private sendAll(): void {
    const unsent = [...this.jobs.values()].filter(
      (job) => job.status.phase === 'starting' && !job.isTaken && !this.sending.has(job.spec.id),
    );
    if (this.connection.isHeld) {
      const isStopping = [...this.jobs.values()].some((job) => job.wanted);
      if (unsent.length > 0 || this.waiting.isHeld || isStopping) void this.askAgain();
      return;
    }
    const groups = new Map<string, RemoteJob[]>();
    for (const job of unsent) {
      const { id, timeoutMs, graceMs, maxLogBytes, split } = job.spec;
      const key = this.target.slurm ? JSON.stringify([timeoutMs, graceMs, maxLogBytes, split]) : String(id);
      groups.set(key, [...(groups.get(key) ?? []), job]);
    }
    for (const jobs of groups.values()) this.once(this.sending, jobs, () => this.send(jobs));
  }

  /** Whether the engine there answers again: at once for a job that was just started, else later and later. */
  private async askAgain(): Promise<void> {
    const isUrgent = [...this.jobs.values()].some((job) => job.failsAtOnce);
    if (this.isAsking || !(isUrgent || this.connection.isDue)) return;
    this.isAsking = true;
    const { error } = this.connection;
    await this.guard(async () => {
      const facts = await this.engine.slurmFacts();
      if (facts?.answers !== false) this.connection.answered();
      else if (error) this.connection.hold(error);
    });
    if (this.connection.isHeld) this.failUnsent();
    this.isAsking = false;
    this.wake();
  }

  private watchedBy: unknown;

  private watch(jobs: RemoteJob[]): void {
    if (jobs.length > 0)
      this.connection.following?.watch(jobs.map(({ uid, log }) => ({ uid, ...log.missing })));
  }

  private once(running: Map<JobId, Promise<void>>, jobs: RemoteJob[], act: () => Promise<void>): void {
    const ids = jobs.map(({ spec }) => spec.id).filter((id) => !running.has(id));
    if (ids.length < jobs.length) return;
    const over = this.guard(act).finally(() => {
      for (const id of ids) running.delete(id);
      this.wake();
    });
    for (const id of ids) running.set(id, over);
  }

  private end(job: RemoteJob, end: FarEnd): void {
    job.ended(end);
    this.wake();
  }

  /** A target that does not answer changes no state. */
  private async guard(act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (thrown) {
      if (!(thrown instanceof TargetError)) throw thrown;
      // the log stream goes on
      if (thrown.trouble === 'slurm-down') this.connection.hold(thrown);
      else this.connection.lost(thrown);
    }
  }

  private async send(jobs: RemoteJob[]): Promise<void> {
    const ready: { job: RemoteJob; far: FarJob; wasThere: boolean }[] = [];
    for (const job of jobs) {
      try {
        ready.push({ job, far: farJobOf(this.home, job.spec, job.attempt), wasThere: job.mayRunThere });
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
    if (this.target.slurm) this.lookSoon();
    else if (isKnown) this.lookNow();
    this.watch(ready.filter(({ job }) => job.mayRunThere && !job.isOver).map(({ job }) => job));
    for (const { job } of ready) job.readRequests();
    if (this.connection.isHeld) this.failUnsent();
    if (error) throw error;
  }

  private async stop(job: RemoteJob): Promise<void> {
    const stop = job.wanted;
    if (!stop) return;
    const { signal, graceMs, at } = stop;
    // of a grace that was shortened only the rest is left: the first signal was sent before
    const restMs = job.asked ? Math.max(0, graceMs - Math.max(0, systemClock.now() - at)) : graceMs;
    const { signalled, unseen } = await this.engine.stop(job.uid, signal.slice(3), restMs);
    job.asked = { signal, graceMs };
    job.signalled(signalled, unseen);
    if (this.target.slurm) this.lookNow();
  }

  /** One call for all: which of them run there, or never will. Ends come with their output. */
  private async look(): Promise<void> {
    const jobs = [...this.jobs.values()].filter(({ mayRunThere }) => mayRunThere);
    if (jobs.length === 0) return;
    const states = await this.engine.look(jobs.map(({ uid, nativeId }) => ({ uid, nativeId })));
    const silent = [...states.values()].find((one) => one.kind === 'unknown' && one.why === 'engine-silent');
    if (silent?.kind === 'unknown')
      this.connection.hold(new TargetError('unreachable', 'slurm-down', silent.said));
    else this.connection.answered();
    for (const job of jobs) {
      const state = states.get(job.uid);
      if (job.isOver || !state) continue;
      if (state.kind === 'running') job.runningThere(state);
      else if (state.kind === 'queued') job.queuedThere(state);
      else if (state.kind === 'claimed') job.claimedThere();
      else if (state.kind === 'lost') job.lost(lostThere(this.target, state.why));
      // the next exchange sends it again
      else if (state.kind === 'absent' && job.status.phase === 'starting') job.untaken();
      else if (state.kind === 'absent') job.lost(lostThere(this.target, 'absent'));
      job.readRequests();
    }
    this.wake();
  }

  private copy(uid: string, stream: FarStream, offset: number, bytes: Buffer): void {
    const job = this.byUid.get(uid);
    if (!job || job.isOver || job.isBehind) return;
    // it has begun to run
    if (job.isTaken && job.status.phase === 'starting') this.lookSoon();
    try {
      job.log.write(stream, offset, bytes);
    } catch (thrown) {
      ignoreSystemError(thrown);
      // a full disk, mostly: its end comes after its output, which comes again
      this.connection.following?.drop([uid]);
      job.isBehind = true;
      setTimeout(() => {
        job.isBehind = false;
        if (!job.isOver) this.watch([job]);
      }, WRITE_AGAIN_MS);
    }
  }

  // ---- jobs that ended -------------------------------------------------------------------------------------

  private async forget(job: RemoteJob): Promise<void> {
    const { id, placement } = job.spec;
    if (this.jobs.get(id) !== job) return;
    this.jobs.delete(id);
    this.waiting.forget(id);
    for (const [uid, one] of this.byUid)
      if (one === job) {
        this.byUid.delete(uid);
        this.connection.following?.drop([uid]);
      }
    this.hasCleaned = false;
    // local jobs of the queue may have waited for its slot
    if (placement.queue !== NO_QUEUE) await attendQueue(this.home, placement.queue);
  }

  /** Removes what ended jobs have left there. What cannot be removed now is tried by the next service. */
  private async clean(): Promise<void> {
    if (this.hasCleaned) return;
    this.hasCleaned = true;
    if (listTargetDone(this.home, this.key).length === 0) return;
    await this.guard(async () => {
      if (await this.connection.open()) await removeDone(this.home, this.key, this.engine);
    });
  }
}

/** Until no job of the target waits or runs. Returns the exit code. */
export async function serveTarget(opened: Home, key: string): Promise<number> {
  const record = readTarget(opened, key);
  // gc has removed the folder: no job needs the service
  if (!record) return existsSync(opened.target(key).dir) ? EXIT.bgjob : EXIT.ok;
  process.title = 'bgjob[target]';
  // one listener per awaited job
  setMaxListeners(0);
  const home = new AnchoredHome(opened);
  const claim = await waitForClaim(home, home.target(key).dir, TARGET_LOCK);
  if (claim === undefined) return EXIT.ok;
  logLine(`serves ${record.target.name}`);
  try {
    // a process that added a job while the last service ended may have found it still running
    do if (await new TargetService(home, key, record.target).run()) return RESTART;
    while (isWanted(home) && listTargetJobs(home, key).length > 0);
  } catch (thrown) {
    logLine(`unexpected error: ${describeThrown(thrown)}`);
    throw thrown;
  } finally {
    writeSilence(home, key, null);
    removeQuietly(claim);
  }
  await startSuccessor(home, targetServiceOf(home, record.target));
  return EXIT.ok;
}
