/**
 * The jobs of a target that wait, as its service sees them. The service is the queue waiter of each queue in which
 * one of them waits: it has the FIFO open by which other processes wake it, as long as the target has a free slot.
 */
import { existsSync } from 'node:fs';
import { systemClock } from '../../base/clock.ts';
import { startHook } from '../../engine/hooks/exit-hook.ts';
import { targetRunner } from '../../engine/launch/confinement.ts';
import { observe } from '../../engine/observe/observe.ts';
import { type Admitted, advance, moverFor } from '../../engine/queue/admission.ts';
import { QueueSnapshot } from '../../engine/queue/queue-snapshot.ts';
import { waitEnded } from '../../engine/wait/job-end.ts';
import type { AnchoredHome } from '../../job/home/anchored-home.ts';
import { readConfig } from '../../job/home/config.ts';
import { foundValue, isCopied, readSpec, readState } from '../../job/home/records.ts';
import type { JobId, Spec } from '../../job/spec.ts';
import type { Target } from '../../job/target.ts';
import {
  isPlain,
  listTargetJobs,
  markTargetDone,
  unmarkTargetJob,
} from '../../job/targets/target-records.ts';
import { WakeFifo } from '../service.ts';
import { isOnTarget, type TargetSpec } from './remote-job.ts';

/** A process that cancels a job removes its marker; one that was killed does not, milliseconds. */
const READ_AGAIN_MS = 30_000;

export class WaitingJobs {
  /** By their queues. */
  private readonly fifos = new Map<string, WakeFifo>();
  /** Jobs that were started, and that no service has. */
  readonly strays = new Set<JobId>();
  /** Whether the turn of some has come, and the target is not reached. */
  isHeld = false;
  private readonly seenAt = new Map<JobId, number>();
  private readonly specs = new Map<JobId, TargetSpec>();
  private readonly runner: ReturnType<typeof targetRunner>;

  constructor(
    private readonly home: AnchoredHome,
    private readonly key: string,
    private readonly target: Target,
    /** Those that have a slot. */
    private readonly jobs: ReadonlyMap<JobId, unknown>,
    private readonly wake: () => void,
    private readonly isReached: () => boolean,
  ) {
    this.runner = targetRunner(target, (id) => this.isReached() || this.failsAtOnce(id));
  }

  /** The others wait until their target is reached. */
  private failsAtOnce(id: JobId): boolean {
    const spec = this.specOf(id);
    if (!spec || !isPlain(spec)) return false;
    return spec.retry === 0 || (foundValue(readState(this.home.job(id)))?.attempt ?? 1) === 1;
  }

  /** How many queues have some. */
  get count(): number {
    return this.fifos.size;
  }

  forget(id: JobId): void {
    this.specs.delete(id);
    this.seenAt.delete(id);
  }

  close(): void {
    for (const fifo of this.fifos.values()) fifo.close();
  }

  specOf(id: JobId): TargetSpec | undefined {
    const known = this.specs.get(id);
    if (known) return known;
    const spec = foundValue(readSpec(this.home.job(id), id));
    if (!spec || !isOnTarget(spec, this.key)) return undefined;
    this.specs.set(id, spec);
    return spec;
  }

  /** Whether it was seen to wait lately: of thousands not each is read at each step. */
  private isKnown(id: JobId): boolean {
    return systemClock.monotonic() - (this.seenAt.get(id) ?? Number.NEGATIVE_INFINITY) < READ_AGAIN_MS;
  }

  /** The jobs that wait, by their queues. Markers of jobs that ended otherwise are removed. */
  private waitingQueues(): Set<string> {
    const queues = new Set<string>();
    for (const id of listTargetJobs(this.home, this.key)) {
      if (this.jobs.has(id)) continue;
      const spec = this.specOf(id);
      if (spec && this.isKnown(id)) {
        queues.add(spec.placement.queue);
        continue;
      }
      // its service works in the home of which this one is a copy
      const isForeign = isCopied(this.home.job(id));
      const view = spec && !isForeign ? observe(this.home, id) : undefined;
      if (isForeign) unmarkTargetJob(this.home, this.key, id);
      else if (view?.kind === 'ended') this.settle(view.spec, view.state?.attempt ?? 1);
      else if (spec && view?.kind === 'live' && view.state && view.status.phase !== 'queued')
        this.strays.add(id);
      else if (spec && view) {
        queues.add(spec.placement.queue);
        this.seenAt.set(id, systemClock.monotonic());
      } else if (!existsSync(this.home.job(id).dir)) unmarkTargetJob(this.home, this.key, id);
    }
    return queues;
  }

  /** A job that ended without this service: cancelled, or by one that was killed before its last steps. */
  private settle(spec: Spec, attempt: number): void {
    startHook(this.home, spec);
    markTargetDone(this.home, this.key, spec.id, attempt);
    this.forget(spec.id);
  }

  private freeSlots(): number {
    const config = readConfig(this.home.path);
    const named = config.ok ? config.value.targets.get(this.target.name) : undefined;
    const slots = named ? named.slots : this.target.slots;
    return slots === null ? Number.POSITIVE_INFINITY : Math.max(0, slots - this.jobs.size);
  }

  async admit(take: (admitted: Admitted) => boolean): Promise<number> {
    const queues = this.waitingQueues();
    for (const [name, fifo] of this.fifos)
      if (!queues.has(name)) {
        fifo.close();
        this.fifos.delete(name);
      }
    let next = Number.POSITIVE_INFINITY;
    this.isHeld = false;
    for (const name of queues) {
      let fifo = this.fifos.get(name);
      if (!fifo) {
        fifo = new WakeFifo(this.home, this.home.queue(name).queueWaiter(this.runner.key), this.wake);
        this.fifos.set(name, fifo);
      }
      const most = this.freeSlots();
      // without a waiter other processes do not keep a slot free for jobs that cannot start
      if (most === 0 || !this.isReached()) fifo.close();
      else await fifo.open();
      if (most === 0) continue;
      const snapshot = new QueueSnapshot(this.home, name, this.runner);
      const start = (admitted: Admitted) => Promise.resolve(take(admitted));
      const rest = await advance(snapshot, moverFor(this.home, { start, most, waitsForOthers: false }));
      if (rest.at !== null) next = Math.min(next, Math.max(0, rest.at - systemClock.now()));
      this.isHeld ||= rest.unready;
      this.awaitAll(rest.after);
    }
    return next;
  }

  private readonly awaited = new Set<JobId>();

  /** Wakes up when one of these ends. */
  private awaitAll(ids: JobId[]): void {
    for (const id of ids) {
      if (this.awaited.has(id)) continue;
      this.awaited.add(id);
      void waitEnded(this.home, id, new AbortController().signal).then(() => {
        this.awaited.delete(id);
        this.wake();
      });
    }
  }
}
