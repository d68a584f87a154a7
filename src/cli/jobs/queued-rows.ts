/** Jobs that wait, in a list: which of them are shown, and how many more there are. */
import type { QueueOverview, Waiting } from '../../engine/queue/queue-status.ts';
import { NO_QUEUE } from '../../job/queue/queue-order.ts';
import type { JobId } from '../../job/spec.ts';
import type { JobView } from '../../job/view.ts';
import { queueOf } from '../messages/job-text.ts';
import { moreQueuedText, pausedQueueText } from '../messages/lists.ts';

/** So many of each queue are shown to people in a list of all jobs, and in a list of waiting jobs alone. */
const SHOWN_AMONG_ALL = 10;
const SHOWN_ALONE = 50;

export interface QueuedPlan {
  /** The keys of the projects whose jobs are shown; null: of all. */
  keys: ReadonlySet<string> | null;
  /** Only these queues; none: all. */
  queues: string[];
  /** Of each queue; null: a few. */
  most: number | null;
  /** The list has only jobs that wait. */
  alone: boolean;
  /** A script gets all. */
  whole: boolean;
  /** Only the records of the jobs tell which are chosen: these are counted while they are shown. */
  byRecord: boolean;
}

/** The jobs that wait and are shown; counts the others. */
export class QueuedList {
  /** The jobs of the queues that were chosen, running jobs first. */
  readonly ids: JobId[] = [];
  /** Those that wait among them, in their order. */
  readonly queued: JobId[] = [];
  /** All jobs with a slot. A job that is being started has only its entry so far. */
  readonly admitted: JobId[] = [];
  /** Jobs of other projects that wait. */
  others = 0;
  private readonly overview: QueueOverview;
  private readonly most: number;
  private readonly shown = new Map<string, number>();
  private readonly more = new Map<string, number>();

  constructor(overview: QueueOverview, { keys, queues, most, alone, whole, byRecord }: QueuedPlan) {
    this.overview = overview;
    this.most = whole ? Number.POSITIVE_INFINITY : (most ?? (alone ? SHOWN_ALONE : SHOWN_AMONG_ALL));
    const statuses = queues.length > 0 ? queues.map((name) => overview.queue(name)) : overview.queues;
    for (const status of statuses) {
      this.admitted.push(...status.admitted);
      const near = status.waitingOf(keys, byRecord ? Number.POSITIVE_INFINITY : this.most);
      this.others += status.count - near.count;
      this.queued.push(...near.ids);
      this.ids.push(...status.running, ...near.ids);
      this.more.set(status.name, near.count - near.ids.length);
    }
  }

  /** Whether a job is shown: not if it waits behind more than are shown. */
  isShown(view: JobView): boolean {
    if (view.kind !== 'live' || view.status.phase !== 'queued') return true;
    const queue = view.spec.placement?.queue ?? NO_QUEUE;
    const shown = this.shown.get(queue) ?? 0;
    if (shown >= this.most) this.more.set(queue, (this.more.get(queue) ?? 0) + 1);
    else this.shown.set(queue, shown + 1);
    return shown < this.most;
  }

  /** How many wait and are not shown. */
  get hidden(): number {
    return [...this.more.values()].reduce((sum, count) => sum + count, 0);
  }

  /** The notes below the list. `alone`: the list has only jobs that wait. */
  notes(alone: boolean): string[] {
    return [...this.more].flatMap(([name, count]) => {
      const status = this.overview.queue(name);
      const paused = status.isPaused && (this.shown.get(name) ?? 0) > 0;
      return [
        ...(count > 0 ? [moreQueuedText(name === NO_QUEUE ? null : name, count, status.count, alone)] : []),
        ...(paused ? [pausedQueueText(name)] : []),
      ];
    });
  }
}

/** In this order jobs of one queue start: what may start as soon as there is a slot comes first. */
const START_ORDER: Waiting['kind'][] = ['target', 'slot', 'time', 'after', 'older-bgjob'];

/**
 * Waiting jobs in the order in which they start: queue by queue; in each the next one first. A job that waits
 * for a time or for another job is passed over by those behind it. Jobs of paused queues come last.
 */
export function inStartOrder<View extends JobView>(
  views: View[],
  waitingOf: (view: View) => Waiting | undefined,
): View[] {
  const keys = views.map((view) => {
    const waiting = waitingOf(view);
    const kind = waiting?.kind ?? 'slot';
    const rank = START_ORDER.indexOf(kind);
    return {
      view,
      isPaused: kind === 'paused',
      queue: queueOf(view) ?? '',
      rank: rank < 0 ? START_ORDER.length : rank,
      at: waiting?.kind === 'time' ? waiting.at : 0,
      position: waiting?.position ?? 0,
    };
  });
  keys.sort(
    (a, b) =>
      Number(a.isPaused) - Number(b.isPaused) ||
      (a.queue < b.queue ? -1 : a.queue > b.queue ? 1 : 0) ||
      a.rank - b.rank ||
      a.at - b.at ||
      a.position - b.position ||
      a.view.id - b.view.id,
  );
  return keys.map(({ view }) => view);
}
