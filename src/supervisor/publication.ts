/**
 * The state of a job on disk, written by its owner alone, and at the end its marker. A full disk is no reason to die, nor is a home
 * that was moved or locked: it is written when there is room again, or when the home is back. It is written only into the
 * directory in which the job began, or into a copy of it in which this process is on record as the owner.
 */
import { systemClock } from '../base/clock.ts';
import { ignoreSystemError } from '../base/result.ts';
import { isSame } from '../engine/os/process-identity.ts';
import type { AnchoredHome } from '../job/home/anchored-home.ts';
import { markEnded } from '../job/home/job-index.ts';
import type { JobPaths } from '../job/home/paths.ts';
import {
  claimOwner,
  highestGeneration,
  type Owner,
  readOwnerOf,
  writeEndAsync,
  writeState,
} from '../job/home/records.ts';
import { readLogSize } from '../job/log/log.ts';
import type { Spec } from '../job/spec.ts';
import type { State, Status } from '../job/state.ts';

const RETRY_MS = 1000;

/** What changes in a state. */
export type Facts = Pick<State, 'status' | 'attempt' | 'attempts' | 'stopped' | 'forced' | 'left'>;

export class Publication {
  private readonly home: AnchoredHome;
  private readonly spec: Spec;
  private readonly owner: Owner;
  private readonly job: JobPaths;
  /** False for an owner that found no room for its claim. */
  private isClaimed: boolean;
  private timer: NodeJS.Timeout | undefined;
  private facts: Facts | undefined;

  constructor(home: AnchoredHome, spec: Spec, owner: Owner, isClaimed: boolean) {
    this.home = home;
    this.spec = spec;
    this.owner = owner;
    this.isClaimed = isClaimed;
    this.job = home.job(spec.id);
  }

  /**
   * That a queued job runs need not be durable: nobody is told, and after a power cut it waits again. (A plain one would be called
   * lost without its record, and an end is told.)
   */
  publish(facts: Facts): void {
    this.facts = facts;
    const { status } = facts;
    const isDurable = this.spec.placement === null || status.phase !== 'running';
    try {
      this.findCopy();
      if (!this.mayPublish()) return;
      writeState(this.job, this.stateOf(facts), isDurable);
      this.mark(status);
    } catch (thrown) {
      ignoreSystemError(thrown);
      // what goes back into its queue is the next owner's
      if (status.phase !== 'queued') this.publishLater();
    }
  }

  /** The same for an end, without waiting for the disk in this thread: another job may need it. */
  async publishAsync(facts: Facts): Promise<void> {
    this.facts = facts;
    try {
      this.findCopy();
      if (!this.mayPublish()) return;
      await writeEndAsync(this.job, this.stateOf(facts));
      this.mark(facts.status);
    } catch (thrown) {
      ignoreSystemError(thrown);
      this.publish(facts);
    }
  }

  private stateOf(facts: Facts): State {
    const ended = facts.status.phase === 'ended';
    const logBytes = ended ? (readLogSize(this.job) ?? null) : null;
    return { v: 1, generation: this.owner.generation, ...facts, logBytes, spec: ended ? this.spec : null };
  }

  private mark(status: Status): void {
    if (status.phase === 'ended') markEnded(this.home, this.spec.id, status.endedAt, this.spec.project);
  }

  /** Whether nobody else is the owner. Who found no room for its claim publishes all the same, and tries again. */
  private mayPublish(): boolean {
    try {
      this.isClaimed ||= claimOwner(this.job, this.owner) || this.isWritten();
      return this.isClaimed;
    } catch (thrown) {
      ignoreSystemError(thrown);
      this.publishLater();
      return true;
    }
  }

  /** The home was removed, and put back from a copy. */
  private findCopy(): void {
    const { home, job, spec } = this;
    if (!home.hasJob(job))
      home.reopen(
        spec.id,
        (copy) => highestGeneration(copy) === this.owner.generation && this.isWritten(copy),
      );
  }

  /** Whether the launcher wrote the claim for us. */
  private isWritten(job = this.job): boolean {
    const owner = readOwnerOf(job, this.owner.generation);
    return owner.kind === 'read' && isSame(owner.value.identity, this.owner.identity);
  }

  private publishLater(): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      if (this.facts && !this.home.isRemoved(this.job)) this.publish(this.facts);
    }, RETRY_MS);
  }

  /** Resolves when nothing is left to be written, or it never can be. */
  async untilWritten(): Promise<void> {
    while (this.timer) await systemClock.sleep(RETRY_MS);
  }
}
