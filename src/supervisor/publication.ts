/**
 * The state of a job on disk, written by its owner alone, and at the end its marker. A full disk is no reason to die: it is written
 * when there is room again.
 */
import * as fs from 'node:fs';
import { errnoOf } from '../base/result.ts';
import { isSame } from '../engine/os/process-identity.ts';
import type { Home } from '../job/home/home.ts';
import { markEnded } from '../job/home/job-index.ts';
import type { JobPaths } from '../job/home/paths.ts';
import { claimOwner, type Owner, readOwnerOf, writeEndAside, writeState } from '../job/home/records.ts';
import { readLogSize } from '../job/log/log.ts';
import type { Spec } from '../job/spec.ts';
import type { State, Status } from '../job/state.ts';

const RETRY_MS = 1000;

/** What changes in a state. */
export type Facts = Pick<State, 'status' | 'attempt' | 'attempts' | 'stopped' | 'forced' | 'left'>;

export class Publication {
  private readonly home: Home;
  private readonly spec: Spec;
  private readonly owner: Owner;
  private readonly job: JobPaths;
  /** False for an owner that found no room for its claim. */
  private isClaimed: boolean;
  private timer: NodeJS.Timeout | undefined;
  private facts: Facts | undefined;

  constructor(home: Home, spec: Spec, owner: Owner, isClaimed: boolean) {
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
      if (!this.mayPublish()) return;
      writeState(this.job, this.stateOf(facts), isDurable);
      this.mark(status);
    } catch (thrown) {
      errnoOf(thrown);
      // what goes back into its queue is the next owner's
      if (status.phase !== 'queued') this.publishLater();
    }
  }

  /** The same for an end, without waiting for the disk in this thread: another job may need it. */
  async publishAside(facts: Facts): Promise<void> {
    this.facts = facts;
    try {
      if (!this.mayPublish()) return;
      await writeEndAside(this.job, this.stateOf(facts));
      this.mark(facts.status);
    } catch (thrown) {
      errnoOf(thrown);
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
      errnoOf(thrown);
      this.publishLater();
      return true;
    }
  }

  /** Whether the launcher wrote the claim for us. */
  private isWritten(): boolean {
    const owner = readOwnerOf(this.job, this.owner.generation);
    return owner.kind === 'read' && isSame(owner.value.identity, this.owner.identity);
  }

  private publishLater(): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      if (this.facts && fs.existsSync(this.job.spec)) this.publish(this.facts);
    }, RETRY_MS);
  }
}
