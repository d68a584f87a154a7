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
import { type Engine, type FarEnd, type FarStream, TargetError } from '../../engine/targets/engine.ts';
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
import { PollTimes } from './poll-times.ts';
import { lostThere } from './reasons.ts';
import { isOnTarget, RemoteJob } from './remote-job.ts';
import { removeDone } from './remove-done.ts';
import { Sending } from './sending.ts';
import { WaitingJobs } from './waiting-jobs.ts';

/** How long a connection stays open for the next job, milliseconds: a login takes ten times as long as a job. */
const LINGER_MS = 30_000;
/** A step at least so often, milliseconds. */
const STEP_MS = 30_000;
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
  private readonly looks: PollTimes;
  private readonly sending: Sending;
  private readonly stopping = new Map<JobId, Promise<void>>();
  private idleSince = systemClock.monotonic();
  private hasCleaned = false;
  private isWoken = false;

  constructor(
    private readonly home: AnchoredHome,
    private readonly key: string,
    private readonly target: Target,
  ) {
    this.engine = engineOf(home, target);
    this.looks = new PollTimes(target.slurm !== undefined);
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
    this.sending = new Sending(
      ...([home, target, this.engine, this.connection, this.looks, this.jobs] as const),
      {
        guard: (act) => this.guard(act),
        watch: (jobs) => this.watch(jobs),
        wake: () => this.wake(),
      },
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
      const lookMs = this.connection.following ? this.looks.untilNext : STEP_MS;
      return Math.max(0, Math.min(next, STEP_MS, lookMs));
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
      const generation = highestGeneration(job) + 1;
      const owner = { generation, identity: identify(process.pid)!, slot: state.slot ?? null };
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
  private take({ spec, aliveFd, generation, slot }: Admitted): boolean {
    const job = this.home.job(spec.id);
    const owner = { generation, identity: identify(process.pid)!, slot };
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
      if (!isThere) this.sending.failUnsent();
      this.wake();
    });
  }

  /** Sends what is to be sent. None of it waits for another. */
  private exchange(): void {
    const { following } = this.connection;
    if (this.watchedBy !== following) {
      this.watchedBy = following;
      this.looks.now();
      this.watch([...this.jobs.values()].filter(({ mayRunThere }) => mayRunThere));
    }
    const isStopping = [...this.jobs.values()].some((job) => job.wanted);
    this.sending.sendAll(this.waiting.isHeld || isStopping);
    if (!this.connection.isHeld)
      for (const job of this.jobs.values())
        if (job.wanted && !this.stopping.has(job.spec.id)) this.stopping.set(job.spec.id, this.stop(job));
    if (this.looks.untilNext <= 0) {
      void this.looks
        .look(
          () => this.guard(() => this.look()),
          () => this.connection.isHeld,
        )
        .then(() => this.wake());
      void this.clean();
    }
  }

  private watchedBy: unknown;

  private watch(jobs: RemoteJob[]): void {
    if (jobs.length > 0)
      this.connection.following?.watch(jobs.map(({ uid, log }) => ({ uid, ...log.missing })));
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

  private async stop(job: RemoteJob): Promise<void> {
    await this.guard(async () => {
      const stop = job.wanted;
      if (!stop) return;
      const { signal, graceMs, at } = stop;
      // of a grace that was shortened only the rest is left: the first signal was sent before
      const restMs = job.asked ? Math.max(0, graceMs - Math.max(0, systemClock.now() - at)) : graceMs;
      const { signalled, unseen } = await this.engine.stop(job.uid, signal.slice(3), restMs);
      job.asked = { signal, graceMs };
      job.signalled(signalled, unseen);
      if (this.target.slurm) this.looks.now();
    });
    this.stopping.delete(job.spec.id);
    this.wake();
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
    if (job.isTaken && job.status.phase === 'starting') this.looks.soon();
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
    // it may wait again, or another one for its slot: this step has looked for such jobs before
    this.isWoken = true;
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
