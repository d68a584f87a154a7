/**
 * The queues as a reader sees them: who waits, in which order, and for what. What the names of the entries say is read once per
 * command; a record only of a job that is shown.
 */
import { renderDuration, systemClock } from '../../base/clock.ts';
import type { Home } from '../../job/home/home.ts';
import { readState } from '../../job/home/records.ts';
import { needText, unknownNeeds } from '../../job/needs.ts';
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
import { entryNames } from '../../job/queue/waiting-list.ts';
import type { JobId } from '../../job/spec.ts';
import type { JobView, LiveView } from '../../job/view.ts';
import { isLocked } from '../os/process-identity.ts';
import { type OlderJob, QueueSnapshot, unableFor } from './queue-snapshot.ts';
import { hasQueueWaiter } from './queue-waiter.ts';
import { fateOf } from './queued-job.ts';

/** So many ids are named of those that a job waits for. */
const MOST_NAMED = 5;
const DAY_MS = 86_400_000;

/** For what a job waits that is not started yet. */
export interface Waiting {
  /** Its place in line, from 1 on; null if it is in no queue, or its entry is gone just now. */
  place: number | null;
  /** `#3 in line`, `waits for job 41`. */
  text: string;
  /** The same in a table: `#3`, `after 41`. */
  brief: string;
}

/** So often a place is looked up in the line itself. */
const FEW = 64;
/** An id as it stands in the name of an entry. */
const idText = (id: JobId): string => String(id).padStart(15, '0');

/** One queue at one moment. */
export class QueueStatus {
  readonly name: string;
  readonly isPaused: boolean;
  readonly slots: number;
  private readonly line: QueueSnapshot;
  private held: Set<JobId> | undefined;
  private older: OlderJob[] | undefined;
  private started: Set<JobId> | undefined;
  private names: string[] | undefined;
  private places: Map<JobId, number> | undefined;
  private looks = 0;

  constructor(home: Home, name: string) {
    this.name = name;
    this.line = new QueueSnapshot(home, name);
    this.isPaused = isPaused(this.line.queue);
    this.slots = readSlots(this.line.queue);
  }

  /** The jobs that run, or are about to. */
  get running(): ReadonlySet<JobId> {
    this.started ??= new Set([...this.admitted].filter((id) => !this.line.isOver(id)));
    return this.started;
  }

  /** The same, and those that are over and hold their slot until the queue has moved on. Asked before who waits: see unended.ts. */
  get admitted(): ReadonlySet<JobId> {
    const { home, queue } = this.line;
    const ids = () => listAdmissions(queue).map(({ id }) => id);
    this.held ??= new Set(ids().filter((id) => id > 0 && isLocked(home.job(id).alive)));
    return this.held;
  }

  /** The names of the entries of those that wait, in their order. There may be 10,000: nothing is made of each. */
  private get entries(): string[] {
    if (this.names) return this.names;
    // first: what is started meanwhile is still among these
    const { running } = this;
    let names = entryNames(this.line.queue);
    for (const id of running) {
      // its entry goes when it runs: nearly always it is gone
      const text = idText(id);
      if (names.some((name) => name.startsWith(text, 7)))
        names = names.filter((name) => !name.startsWith(text, 7));
    }
    this.names = names;
    return names;
  }

  /** How many have an entry and do not run. */
  get count(): number {
    return this.entries.length;
  }

  /** How many wait: what failed to start, or was cancelled, has ended before its entry goes. */
  get waiting(): number {
    const admitted = new Set(listAdmissions(this.line.queue).map(({ id }) => id));
    const ids = this.entries.map(idOfEntry);
    // of thousands only those that somebody has tried to start
    const mayHaveEnded = ids.length <= FEW ? ids : ids.filter((id) => admitted.has(id));
    return ids.length - mayHaveEnded.filter((id) => this.hasEnded(id)).length;
  }

  private hasEnded(id: JobId): boolean {
    const state = readState(this.line.home.job(id));
    return state.kind === 'read' && state.value.status.phase === 'ended';
  }

  /** The first few of those that wait. */
  get first(): JobId[] {
    return this.entries.slice(0, FEW).map(idOfEntry);
  }

  /**
   * The first `most` of those that wait and belong to a project with one of these keys (null: to any), in their order, and how
   * many of them there are in all.
   */
  waitingOf(keys: ReadonlySet<string> | null, most: number): { ids: JobId[]; count: number } {
    const first: string[] = [];
    let count = 0;
    // nearly all have the same sandbox and project, and nothing behind that: the same end
    let [end, isNear] = ['', false];
    for (const name of this.entries) {
      if (keys !== null && (end === '' || !name.endsWith(end) || name.length !== end.length + 22)) {
        end = name.slice(22);
        isNear = keys.has(projectOfEntry(name));
      }
      if (keys !== null && !isNear) continue;
      if (count++ < most) first.push(name);
    }
    return { ids: first.map(idOfEntry), count };
  }

  placeOf(id: JobId): number | null {
    if (this.name === NO_QUEUE) return null;
    // the first few are found sooner than a table of all is made
    if (++this.looks <= FEW) {
      const place = this.entries.findIndex((name) => name.startsWith(idText(id), 7)) + 1;
      return place > 0 ? place : null;
    }
    this.places ??= new Map(this.entries.map((name, n) => [idOfEntry(name), n + 1]));
    return this.places.get(id) ?? null;
  }

  /** Why a job with `needs` is not started: by this bgjob never, or not yet; undefined: it may be. */
  whyNotStarted({ spec }: LiveView): Omit<Waiting, 'place'> | undefined {
    if (spec.needs.length === 0) return undefined;
    const unknown = unknownNeeds(spec);
    if (unknown.length > 0)
      return {
        text: `waits for a newer bgjob: this one does not know ${needText(unknown)}`,
        brief: 'newer bgjob',
      };
    this.older ??= this.line.older(this.running);
    const unable = unableFor(spec.needs, this.older);
    if (unable.length === 0) return undefined;
    const { text, brief } = afterWords(unable);
    const whose = unable.length === 1 ? 'its supervisor is' : 'their supervisors are';
    return { text: `${text}: ${whose} of an older bgjob, which may not know ${needText(spec.needs)}`, brief };
  }

  /** Whether a job may only be started in a sandbox that is not ours, and nobody is there to do so. */
  isStranded(id: JobId): boolean {
    const entry = parseQueueEntry(this.entries.find((name) => name.startsWith(idText(id), 7)) ?? '');
    if (!entry || this.line.isOurs(entry)) return false;
    const { queue } = this.line;
    if (hasQueueWaiter(queue, entry.sandbox)) return false;
    return !listAdmissions(queue).some(
      (start) => start.sandbox === entry.sandbox && this.running.has(start.id),
    );
  }
}

/** All queues, each looked at when it is asked for. */
export class QueueOverview {
  private readonly home: Home;
  private readonly sights = new Map<string, QueueStatus>();
  private readonly fates = new Map<JobId, Fate>();

  constructor(home: Home) {
    this.home = home;
  }

  queue(name: string): QueueStatus {
    const known = this.sights.get(name) ?? new QueueStatus(this.home, name);
    this.sights.set(name, known);
    return known;
  }

  /** All queues; the one of jobs without a queue is the first, if there is one. */
  get queues(): QueueStatus[] {
    return listQueues(this.home)
      .sort()
      .map((name) => this.queue(name));
  }

  /** For what a job waits; undefined if it does not. */
  waitingOf(view: JobView): Waiting | undefined {
    if (view.kind !== 'live' || view.status.phase !== 'queued' || view.spec.placement === null)
      return undefined;
    const sight = this.queue(view.spec.placement.queue);
    const place = sight.placeOf(view.id);
    return { place, ...this.wordsFor(view, sight, place) };
  }

  private wordsFor(view: LiveView, sight: QueueStatus, place: number | null): Omit<Waiting, 'place'> {
    const readiness = this.readinessOf(view);
    if (readiness.kind === 'skip') return { text: `about to be skipped: ${readiness.why}`, brief: 'skipped' };
    if (sight.isPaused) return { text: `the queue ${sight.name} is paused`, brief: 'paused' };
    if (readiness.kind === 'after') return afterWords(readiness.ids);
    if (readiness.kind === 'time') return timeWords(readiness.at, (view.state?.attempts ?? []).length > 0);
    const unable = sight.whyNotStarted(view);
    if (unable) return unable;
    if (sight.running.size < sight.slots && sight.isStranded(view.id))
      return {
        text: 'waits for a bgjob command in the sandbox where it was queued',
        brief: 'other sandbox',
      };
    return place === null
      ? { text: 'about to start', brief: '' }
      : { text: `#${place} in line`, brief: `#${place}` };
  }

  /** Whether a job that waits may start, as far as time and other jobs go. */
  readinessOf({ spec, status }: LiveView): Readiness {
    const notBefore = status.phase === 'queued' ? status.notBefore : null;
    return judgeReadiness(notBefore, spec.placement?.after ?? [], systemClock.now(), (id) => {
      const known = this.fates.get(id) ?? fateOf(this.home, id);
      this.fates.set(id, known);
      return known;
    });
  }
}

function afterWords(ids: JobId[]): Omit<Waiting, 'place'> {
  const named = ids.slice(0, MOST_NAMED).join(', ');
  const more = ids.length > MOST_NAMED ? ` and ${ids.length - MOST_NAMED} more` : '';
  return {
    text: `waits for ${ids.length === 1 ? 'job' : 'jobs'} ${named}${more}`,
    brief: `after ${ids[0]}${ids.length > 1 ? `,+${ids.length - 1}` : ''}`,
  };
}

function timeWords(at: number, isRetry: boolean): Omit<Waiting, 'place'> {
  const inMs = at - systemClock.now();
  const local = new Date(at);
  const day = [local.getFullYear(), local.getMonth() + 1, local.getDate()]
    .map((part) => String(part).padStart(2, '0'))
    .join('-');
  const clock = local.toTimeString().slice(0, 8);
  const time = inMs > DAY_MS ? `${day} ${clock}` : clock;
  const text = `${time} (${renderDuration(inMs)})`;
  return {
    text: isRetry ? `waits for its next attempt, at ${text}` : `waits until ${text}`,
    brief: `until ${time}`,
  };
}

/** For what one job waits; undefined if it does not. */
export const waitingOf = (home: Home, view: JobView): Waiting | undefined =>
  new QueueOverview(home).waitingOf(view);
