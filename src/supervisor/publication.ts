/**
 * Publishes the state of a job, and at its end the marker in the index. Only the owner does. If the disk is
 * full, or the home was moved or locked, the state is written later. It is written only into the directory in
 * which the job began, or into a copy of that directory which names this process as the owner.
 */
import { systemClock } from '../base/clock.ts';
import { ignoreSystemError } from '../base/result.ts';
import { isSame } from '../engine/os/process-identity.ts';
import type { AnchoredHome } from '../job/home/anchored-home.ts';
import { markEnded } from '../job/home/job-index.ts';
import type { JobPaths } from '../job/home/paths.ts';
import {
  claimOwner,
  foundValue,
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

export type Facts = Pick<
  State,
  | 'status'
  | 'attempt'
  | 'attempts'
  | 'stopped'
  | 'forced'
  | 'left'
  | 'unseen'
  | 'there'
  | 'settings'
  | 'usage'
>;

export class Publication {
  private readonly job: JobPaths;
  private timer: NodeJS.Timeout | undefined;
  private facts: Facts | undefined;

  constructor(
    private readonly home: AnchoredHome,
    /** `set` may change it. */
    public spec: Spec,
    private readonly owner: Owner,
    /** False if this owner had no disk space for its claim. */
    private isClaimed: boolean,
  ) {
    this.job = home.job(spec.id);
  }

  /**
   * Writes the state. For a queued job, `running` is not flushed: no user sees it, and after a power
   * cut the job waits again. A job that is not queued would be lost without its record. Of `stopping` the name
   * is not flushed: after a power cut the state before it tells the same. Nor is a hint for readers.
   */
  publish(facts: Facts, isHint = false): void {
    this.facts = facts;
    const { status } = facts;
    const isUnseen = isHint || (this.spec.placement !== null && status.phase === 'running');
    const flush = isUnseen ? 'none' : status.phase === 'stopping' ? 'content' : 'all';
    try {
      this.findCopy();
      if (!this.mayPublish()) return;
      writeState(this.job, this.stateOf(facts), flush);
      this.mark(status);
    } catch (thrown) {
      ignoreSystemError(thrown);
      // a job that goes back into its queue belongs to the next owner
      if (status.phase !== 'queued') this.publishLater();
    }
  }

  /** This thread may have another job. */
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
    const { generation, slot } = this.owner;
    // a job that waits for its next attempt has none
    const ofQueue = slot !== null && facts.status.phase !== 'queued' && { slot };
    return { v: 1, generation, ...facts, ...ofQueue, logBytes, spec: ended ? this.spec : null };
  }

  private mark(status: Status): void {
    if (status.phase === 'ended') markEnded(this.home, this.spec, status.endedAt);
  }

  /** Without disk space for its claim it publishes anyway, and tries again. */
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

  /** If the home was removed and put back from a copy, continues in the copy. */
  private findCopy(): void {
    const { home, job, spec } = this;
    if (!home.hasJob(job))
      home.reopen(
        spec.id,
        (copy) => highestGeneration(copy) === this.owner.generation && this.isWritten(copy),
      );
  }

  private isWritten(job = this.job): boolean {
    const owner = foundValue(readOwnerOf(job, this.owner.generation));
    return owner !== undefined && isSame(owner.identity, this.owner.identity);
  }

  private publishLater(): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      if (this.facts && !this.home.isRemoved(this.job)) this.publish(this.facts);
    }, RETRY_MS);
  }

  get isDone(): boolean {
    return this.timer === undefined;
  }

  /** Resolves when everything is written, or can never be. */
  async untilWritten(): Promise<void> {
    while (this.timer) await systemClock.sleep(RETRY_MS);
  }
}
