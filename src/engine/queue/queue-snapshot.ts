/**
 * A queue as one process knows it. The list of those that wait is read again only if some were added or moved: with 10,000 of them
 * that takes longer than to start one.
 */
import { existsSync } from 'node:fs';
import type { Home } from '../../job/home/home.ts';
import type { QueuePaths } from '../../job/home/paths.ts';
import { readExit, readOwner, readSpec, readState } from '../../job/home/records.ts';
import { KNOWN_NEEDS, missingOf } from '../../job/needs.ts';
import { type Admission, forgetAdmissions, listAdmissions } from '../../job/queue/admissions.ts';
import { type EntryFile, listEntries, readStamp } from '../../job/queue/queue-files.ts';
import { NO_QUEUE, type QueueEntry } from '../../job/queue/queue-order.ts';
import type { JobId } from '../../job/spec.ts';
import { isLocked } from '../os/process-identity.ts';
import { mayRunHere, thisSandboxKey } from './confinement.ts';
import { isTaken } from './queued-job.ts';

/** A job whose supervisor is of an older bgjob; `knows`: what that one knows of what a job may need. */
export interface OlderJob {
  id: JobId;
  knows: string[];
}

/** The supervisor of a job, if it knows less than this program; undefined: it knows as much, or there is none yet. */
export function olderOwner(home: Home, id: JobId): OlderJob | undefined {
  const owner = readOwner(home.job(id));
  if (owner.kind !== 'read' || missingOf(KNOWN_NEEDS, owner.value.knows).length === 0) return undefined;
  return { id, knows: owner.value.knows };
}

/** Those that could not start a job, and go on without it. */
export const unableFor = (needs: string[], older: OlderJob[]): JobId[] =>
  older.filter(({ knows }) => missingOf(needs, knows).length > 0).map(({ id }) => id);

export class QueueSnapshot {
  readonly home: Home;
  readonly name: string;
  readonly queue: QueuePaths;
  /** Jobs of this process that it holds until it has moved the queue on. */
  readonly own = new Set<JobId>();
  private files: EntryFile[] = [];
  private readonly starts = new Map<number, Admission>();
  private stamp: string | undefined;
  private readonly foreign = new Map<string, boolean>();

  constructor(home: Home, name: string) {
    this.home = home;
    this.name = name;
    this.queue = home.queue(name);
  }

  /** The entries, first the one whose turn is next; some may be gone by now. */
  read(): EntryFile[] {
    const stamp = readStamp(this.queue);
    if (this.stamp !== stamp || this.files.length === 0) {
      // the stamp first: what is added meanwhile changes it again
      this.stamp = stamp;
      this.files = listEntries(this.queue);
    }
    return this.files;
  }

  /** Reads all of it again. */
  forget(): void {
    this.stamp = undefined;
  }

  drop(file: EntryFile): void {
    const at = this.files.indexOf(file);
    if (at >= 0) this.files.splice(at, 1);
  }

  /** Whether a job of that sandbox may run in ours; all of one sandbox are alike. */
  isOurs({ sandbox, id }: QueueEntry): boolean {
    if (sandbox === thisSandboxKey()) return true;
    let ours = this.foreign.get(sandbox);
    if (ours === undefined) {
      const spec = readSpec(this.home.job(id), id);
      ours = spec.kind === 'read' && mayRunHere(spec.value);
      this.foreign.set(sandbox, ours);
    }
    return ours;
  }

  /** The jobs of others that are held, by their starts with a number below `limit`. */
  held(limit = Number.POSITIVE_INFINITY): Set<JobId> {
    const ids = new Set<JobId>();
    const dead: Admission[] = [];
    const starts = listAdmissions(this.queue, this.starts);
    for (const start of starts) {
      const { id, number } = start;
      if (this.own.has(id)) continue;
      if (id === 0 || !isLocked(this.home.job(id).alive)) dead.push(start);
      else if (number < limit) ids.add(id);
    }
    forgetAdmissions(this.queue, dead, starts.at(-1)?.number ?? 0);
    return ids;
  }

  /**
   * The jobs that take a slot. One that ended is held on until its supervisor has moved the queue on: for others its slot is not
   * free before. `handedOn`: who asks does just that.
   */
  occupied(
    slots: number,
    handedOn: boolean,
    { limit, except = 0 }: { limit?: number; except?: JobId } = {},
  ): Set<JobId> {
    const ids = this.held(limit);
    ids.delete(except);
    // only if it seems to be all of them their records are read
    if (!handedOn || ids.size < slots) return ids;
    return new Set([...ids].filter((id) => !this.isOver(id)));
  }

  /**
   * Of jobs that are held, those whose supervisors are of an older bgjob: each takes the next job of its queue that it can read. Where
   * there are no slots no supervisor takes a job from another.
   */
  older(held: Iterable<JobId>): OlderJob[] {
    if (this.name === NO_QUEUE) return [];
    const found = [...held].flatMap((id) => olderOwner(this.home, id) ?? []);
    return found.filter(({ id }) => !this.isOver(id)).sort((a, b) => a.id - b.id);
  }

  /** Whether a job that is still held has ended, or was put back into the queue. */
  isOver(id: JobId): boolean {
    const job = this.home.job(id);
    const state = readState(job);
    if (state.kind !== 'read') return false;
    const { status, attempt } = state.value;
    if (status.phase === 'running') return readExit(job, attempt) !== undefined;
    // put back, and not admitted again since: that makes the file for the next status
    const isBack = status.phase === 'queued' && !isTaken(job) && !existsSync(job.exit(attempt));
    return status.phase === 'ended' || isBack;
  }
}
