/**
 * The queues as a reader sees them: which jobs wait, in which order, and for what. The names of the entries
 * are read once per command; a record only for a job that is shown.
 */
import { systemClock } from '../../base/clock.ts';
import type { Home } from '../../job/home/home.ts';
import { foundValue, readState } from '../../job/home/records.ts';
import { unknownNeeds } from '../../job/needs.ts';
import { listAdmissions } from '../../job/queue/admissions.ts';
import { isPaused, listQueues, readSlots } from '../../job/queue/queue-files.ts';
import {
  type Fate,
  idOfEntry,
  judgeReadiness,
  NO_QUEUE,
  parseQueueEntry,
  projectOfEntry,
  type Readiness,
} from '../../job/queue/queue-order.ts';
import { listedEntries } from '../../job/queue/waiting-list.ts';
import type { JobId } from '../../job/spec.ts';
import type { Target } from '../../job/target.ts';
import type { FarContact, JobView, LiveView } from '../../job/view.ts';
import { admittedIn } from '../observe/unended.ts';
import { type OlderJob, QueueSnapshot, unableSupervisors } from './queue-snapshot.ts';
import { hasQueueWaiter } from './queue-waiter.ts';
import { readFates } from './queued-job.ts';

/** Why a job waits that is not started yet; cli/messages/queue.ts has the words. */
export type WaitReason =
  | { kind: 'skip'; why: string }
  | { kind: 'paused'; queue: string }
  | { kind: 'after'; ids: JobId[] }
  | { kind: 'time'; at: number; isRetry: boolean }
  | { kind: 'newer-bgjob'; needs: string[] }
  /** Supervisors of an older bgjob run these jobs, and may not know the needs. */
  | { kind: 'older-bgjob'; ids: JobId[]; needs: string[] }
  /** Its queue has room; the service of its target starts it. */
  | { kind: 'target'; target: Target; far: FarContact | undefined }
  | { kind: 'other-sandbox' | 'slot' };

/** `position`: from 1 on; null if the job is in no queue, or its entry has just been removed. */
export type Waiting = WaitReason & { position: number | null };

/** How many waiting jobs are few enough to read a record of each. */
const FEW = 64;
/** Where the id stands in the name of an entry. */
const ID_AT = 7;
const ID_END = 22;
const idText = (id: JobId): string => String(id).padStart(15, '0');

/** Whether an entry is of one of these projects. Most entries have sandbox and project of the one before. */
function ofProjects(keys: ReadonlySet<string>): (name: string) => boolean {
  let [end, isWanted] = ['', false];
  return (name) => {
    if (end === '' || name.length !== ID_END + end.length || !name.endsWith(end)) {
      end = name.slice(ID_END);
      isWanted = keys.has(projectOfEntry(name));
    }
    return isWanted;
  };
}

export class QueueStatus {
  readonly name: string;
  readonly isPaused: boolean;
  readonly slots: number;
  private readonly snapshot: QueueSnapshot;
  private admittedIds: Set<JobId> | undefined;
  private older: OlderJob[] | undefined;
  private runningIds: Set<JobId> | undefined;
  private names: string[] | undefined;
  private positions: Map<JobId, number> | undefined;
  private asked = 0;

  constructor(home: Home, name: string) {
    this.name = name;
    this.snapshot = new QueueSnapshot(home, name);
    this.isPaused = isPaused(this.snapshot.queue);
    this.slots = readSlots(this.snapshot.queue);
  }

  /** The jobs that run, or are about to. */
  get running(): ReadonlySet<JobId> {
    this.runningIds ??= new Set([...this.admitted].filter((id) => !this.snapshot.isOver(id)));
    return this.runningIds;
  }

  /** The same with ended jobs that have their slot until the queue has moved on. Read first: unended.ts. */
  get admitted(): ReadonlySet<JobId> {
    this.admittedIds ??= admittedIn(this.snapshot.home, this.snapshot.queue);
    return this.admittedIds;
  }

  /** The entry names of the waiting jobs, in order. There may be 10,000: no object is made for each. */
  private get entries(): string[] {
    if (this.names) return this.names;
    // read first: a job that is started meanwhile still has its entry
    const { running } = this;
    const { home, queue } = this.snapshot;
    this.names = listedEntries(home, queue, running);
    return this.names;
  }

  private indexOf(id: JobId): number {
    const text = idText(id);
    return this.entries.findIndex((name) => name.startsWith(text, ID_AT));
  }

  get count(): number {
    return this.entries.length;
  }

  /** How many jobs wait. A job that failed to start or was cancelled ends before its entry is removed. */
  get waiting(): number {
    const admitted = new Set(listAdmissions(this.snapshot.queue).map(({ id }) => id));
    const ids = this.entries.map(idOfEntry);
    // of thousands only those that some process tried to start
    const mayHaveEnded = ids.length <= FEW ? ids : ids.filter((id) => admitted.has(id));
    return ids.length - mayHaveEnded.filter((id) => this.hasEnded(id)).length;
  }

  private hasEnded(id: JobId): boolean {
    return foundValue(readState(this.snapshot.home.job(id)))?.status.phase === 'ended';
  }

  get first(): JobId[] {
    return this.entries.slice(0, FEW).map(idOfEntry);
  }

  /** The first `most` waiting jobs of projects with these keys (null: of all), in order, and their count. */
  waitingOf(keys: ReadonlySet<string> | null, most: number): { ids: JobId[]; count: number } {
    const names = keys ? this.entries.filter(ofProjects(keys)) : this.entries;
    return { ids: names.slice(0, most).map(idOfEntry), count: names.length };
  }

  positionOf(id: JobId): number | null {
    if (this.name === NO_QUEUE) return null;
    // the first ones, which are shown, are found at once
    if (!this.positions && this.asked++ < FEW) return this.indexOf(id) + 1 || null;
    this.positions ??= new Map(this.entries.map((name, n) => [idOfEntry(name), n + 1]));
    return this.positions.get(id) ?? null;
  }

  /** Why a job with `needs` is not started: this bgjob never can, or cannot yet; undefined if it may be. */
  whyNotStarted({ spec }: LiveView): WaitReason | undefined {
    if (spec.needs.length === 0) return undefined;
    const unknown = unknownNeeds(spec);
    if (unknown.length > 0) return { kind: 'newer-bgjob', needs: unknown };
    this.older ??= this.snapshot.older(this.running);
    const ids = unableSupervisors(spec.needs, this.older);
    return ids.length > 0 ? { kind: 'older-bgjob', ids, needs: spec.needs } : undefined;
  }

  /** Whether a job may only be started in another sandbox, where no process is left to start it. */
  isStranded(id: JobId): boolean {
    const entry = parseQueueEntry(this.entries[this.indexOf(id)] ?? '');
    if (!entry || this.snapshot.isOurs(entry)) return false;
    const { queue } = this.snapshot;
    if (hasQueueWaiter(queue, entry.sandbox)) return false;
    return !listAdmissions(queue).some(
      (admission) => admission.sandbox === entry.sandbox && this.running.has(admission.id),
    );
  }
}

export class QueueOverview {
  private readonly home: Home;
  private readonly statuses = new Map<string, QueueStatus>();
  private readonly fate: (id: JobId) => Fate;

  constructor(home: Home) {
    this.home = home;
    this.fate = readFates(home);
  }

  queue(name: string): QueueStatus {
    const known = this.statuses.get(name) ?? new QueueStatus(this.home, name);
    this.statuses.set(name, known);
    return known;
  }

  /** All queues in order; the one for jobs without a queue comes first. */
  get queues(): QueueStatus[] {
    return listQueues(this.home)
      .sort()
      .map((name) => this.queue(name));
  }

  waitingOf(view: JobView): Waiting | undefined {
    if (view.kind !== 'live' || view.status.phase !== 'queued' || view.spec.placement === null)
      return undefined;
    const queue = this.queue(view.spec.placement.queue);
    const position = queue.positionOf(view.id);
    return { position, ...this.reasonOf(view, queue) };
  }

  private reasonOf(view: LiveView, queue: QueueStatus): WaitReason {
    const readiness = this.readinessOf(view);
    if (readiness.kind === 'skip') return readiness;
    if (queue.isPaused) return { kind: 'paused', queue: queue.name };
    if (readiness.kind === 'after') return readiness;
    if (readiness.kind === 'time') return { ...readiness, isRetry: (view.state?.attempts ?? []).length > 0 };
    const unable = queue.whyNotStarted(view);
    if (unable) return unable;
    const { target } = view.spec;
    if (target && queue.running.size < queue.slots) return { kind: 'target', target, far: view.far };
    const isStranded = queue.running.size < queue.slots && queue.isStranded(view.id);
    return { kind: isStranded ? 'other-sandbox' : 'slot' };
  }

  /** Whether a waiting job may start, as far as time and other jobs decide. */
  readinessOf({ spec, status }: LiveView): Readiness {
    const notBefore = status.phase === 'queued' ? status.notBefore : null;
    return judgeReadiness(notBefore, spec.placement?.after ?? [], systemClock.now(), this.fate);
  }
}

export const waitingOf = (home: Home, view: JobView): Waiting | undefined =>
  new QueueOverview(home).waitingOf(view);
