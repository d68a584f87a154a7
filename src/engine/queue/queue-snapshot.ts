/**
 * In-memory snapshot of a queue. The entry list is read again only when its stamp changed: with 10,000
 * entries that takes longer than starting a job.
 */
import { existsSync } from 'node:fs';
import type { Home } from '../../job/home/home.ts';
import type { QueuePaths } from '../../job/home/paths.ts';
import { foundValue, readExit, readOwner, readSpec, readState } from '../../job/home/records.ts';
import { KNOWN_NEEDS, missingOf } from '../../job/needs.ts';
import { type Admission, forgetAdmissions, listAdmissions } from '../../job/queue/admissions.ts';
import { type EntryFile, listEntries, readStamp } from '../../job/queue/queue-files.ts';
import { NO_QUEUE, type QueueEntry } from '../../job/queue/queue-order.ts';
import type { JobId } from '../../job/spec.ts';
import { localRunner, type Runner } from '../launch/confinement.ts';
import { isLocked } from '../os/process-identity.ts';
import { isTaken } from './queued-job.ts';

/** A job whose supervisor is of an older bgjob. `knows`: the needs of jobs that this supervisor knows. */
export interface OlderJob {
  id: JobId;
  knows: string[];
}

/** The supervisor of a job, if it knows fewer needs than this program. */
export function olderOwner(home: Home, id: JobId): OlderJob | undefined {
  const knows = foundValue(readOwner(home.job(id)))?.knows;
  return knows && missingOf(KNOWN_NEEDS, knows).length > 0 ? { id, knows } : undefined;
}

/** The supervisors that could not start a job with these needs, and would pass it over. */
export const unableSupervisors = (needs: string[], older: OlderJob[]): JobId[] =>
  older.filter(({ knows }) => missingOf(needs, knows).length > 0).map(({ id }) => id);

export class QueueSnapshot {
  readonly home: Home;
  readonly name: string;
  readonly queue: QueuePaths;
  /** Jobs of this process, which it keeps locked until it has moved the queue on. */
  readonly own = new Set<JobId>();
  /**
   * An entry of the list was gone. Its job was started, or moved: then it has another name in a fresh list.
   */
  isOutdated = false;
  private files: EntryFile[] = [];
  private readonly admissions = new Map<number, Admission>();
  private stamp: string | undefined;
  /** Locked jobs that have ended: that never changes. */
  private readonly ended = new Set<JobId>();
  private readonly foreign = new Map<string, boolean>();

  constructor(
    home: Home,
    name: string,
    readonly runner: Runner = localRunner(),
  ) {
    this.home = home;
    this.name = name;
    this.queue = home.queue(name);
  }

  /** The entries, the next one first; some may be gone by now. */
  read(): EntryFile[] {
    const stamp = readStamp(this.queue);
    if (this.stamp !== stamp || this.files.length === 0) {
      // the stamp is read first: an entry added meanwhile changes it again
      this.stamp = stamp;
      this.isOutdated = false;
      this.files = listEntries(this.queue);
    }
    return this.files;
  }

  /** Whether the queue was changed since its entries were read. */
  get isChanged(): boolean {
    return this.stamp !== readStamp(this.queue);
  }

  forget(): void {
    this.stamp = undefined;
  }

  drop(file: EntryFile): void {
    const at = this.files.indexOf(file);
    if (at >= 0) this.files.splice(at, 1);
  }

  /** Whether our runner may start a job of that sandbox. All jobs of one sandbox are alike. */
  isOurs({ sandbox, id }: QueueEntry): boolean {
    if (sandbox === this.runner.key) return true;
    let ours = this.foreign.get(sandbox);
    if (ours === undefined) {
      const spec = foundValue(readSpec(this.home.job(id), id));
      ours = spec !== undefined && this.runner.mayRun(spec);
      this.foreign.set(sandbox, ours);
    }
    return ours;
  }

  /** The locked jobs of other processes, by admissions with a number below `limit`. */
  locked(limit = Number.POSITIVE_INFINITY): Set<JobId> {
    const ids = new Set<JobId>();
    const dead: Admission[] = [];
    const admissions = listAdmissions(this.queue, this.admissions);
    for (const admission of admissions) {
      const { id, number } = admission;
      if (this.own.has(id)) continue;
      if (id === 0 || !isLocked(this.home.job(id).alive)) dead.push(admission);
      else if (number < limit) ids.add(id);
    }
    for (const { id } of dead) this.ended.delete(id);
    forgetAdmissions(this.queue, dead, admissions.at(-1)?.number ?? 0);
    return ids;
  }

  /**
   * The jobs that take a slot. An ended job stays locked until its supervisor has moved the queue on: for
   * other processes its slot is not free before. `handsOn`: the caller is that supervisor. `over`: how many
   * ended jobs of others are left out; their supervisors take the next jobs themselves.
   */
  occupied(
    slots: number,
    handsOn: boolean,
    { limit, except = 0 }: { limit?: number; except?: JobId } = {},
  ): { ids: Set<JobId>; over: number } {
    const locked = this.locked(limit);
    locked.delete(except);
    // the records are read only if all slots seem to be taken
    if (!handsOn || locked.size < slots) return { ids: locked, over: 0 };
    const ids = new Set([...locked].filter((id) => !this.isOver(id)));
    return { ids, over: locked.size - ids.size };
  }

  /**
   * The lowest number of a slot that none of these locked jobs has or may get, by the admissions that were
   * listed last; `full` if there is none at the moment. See engine/queue/admission.ts.
   */
  freeSlot(slots: number, ids: ReadonlySet<JobId>): number | null | 'full' {
    if (this.name === NO_QUEUE) return null;
    const admissions = [...this.admissions.values()].filter(({ id, slot }) => slot !== null && ids.has(id));
    const taken = new Set<number | null>();
    for (const { number, id, slot, generation } of admissions) {
      const isOnly = !admissions.some((other) => other.id === id && other.number !== number);
      // of one admission the record of the owner can say nothing else, and need not be read
      const owner = isOnly ? undefined : foundValue(readOwner(this.home.job(id)));
      if (owner) taken.add(owner.slot);
      if (generation > (owner?.generation ?? 0)) taken.add(slot);
    }
    for (let slot = 1; slot <= slots; slot++) if (!taken.has(slot)) return slot;
    return 'full';
  }

  /**
   * Of these locked jobs, those whose supervisors are of an older bgjob: such a supervisor takes the next job
   * of its queue that it can read. In the queue without slots no supervisor takes another job.
   */
  older(locked: Iterable<JobId>): OlderJob[] {
    if (this.name === NO_QUEUE) return [];
    const found = [...locked].flatMap((id) => olderOwner(this.home, id) ?? []);
    return found.filter(({ id }) => !this.isOver(id)).sort((a, b) => a.id - b.id);
  }

  /** Whether a job that is still locked has ended, or was put back into the queue. */
  isOver(id: JobId): boolean {
    if (this.ended.has(id)) return true;
    const job = this.home.job(id);
    const state = foundValue(readState(job));
    if (!state) return false;
    const { status, attempt } = state;
    if (status.phase === 'running') return readExit(job, attempt) !== undefined;
    // put back, and not admitted again since: an admission makes the file for the next exit status
    const isBack = status.phase === 'queued' && !isTaken(job) && !existsSync(job.exit(attempt));
    if (status.phase === 'ended') this.ended.add(id);
    return status.phase === 'ended' || isBack;
  }
}
