/** Those that wait, in a list: which of them are shown, how many more there are, and what is said of that. */
import type { QueueOverview, QueueStatus } from '../../engine/queue/queue-status.ts';
import { NO_QUEUE } from '../../job/queue/queue-order.ts';
import type { JobId } from '../../job/spec.ts';
import type { JobView } from '../../job/view.ts';

/** So many of each queue are shown to people in a list of all jobs, and in one of those that wait. */
const SHOWN_AMONG_ALL = 10;
const SHOWN_ALONE = 50;

export interface QueuedPlan {
  /** The keys of the projects whose jobs are shown; null: of all. */
  keys: ReadonlySet<string> | null;
  /** Only these queues; none: all. */
  queues: string[];
  /** Of each queue; null: a few. */
  most: number | null;
  /** Whether those that wait are what was asked for. */
  alone: boolean;
  /** A script gets all. */
  whole: boolean;
  /** Whether only the records tell which of them are wanted: then these are counted as they are shown. */
  byRecord: boolean;
}

/** The jobs that wait and are to be shown; counts those that are not. */
export class QueuedList {
  /** The jobs of the queues that were asked for, those that run first. */
  readonly ids: JobId[] = [];
  /** Those that wait among them, in their order. */
  readonly queued: JobId[] = [];
  /** All that hold a slot: what is being started has no other mark yet than its entry. */
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
    const sights = queues.length > 0 ? queues.map((name) => overview.queue(name)) : overview.queues;
    for (const sight of sights) {
      this.admitted.push(...sight.admitted);
      const near = sight.waitingOf(keys, byRecord ? Number.POSITIVE_INFINITY : this.most);
      this.others += sight.count - near.count;
      this.queued.push(...near.ids);
      this.ids.push(...sight.running, ...near.ids);
      this.more.set(sight.name, near.count - near.ids.length);
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

  /** What is said below the list: how many more wait, and which queue is paused. `alone`: the list was one of these. */
  notes(alone: boolean): string[] {
    return [...this.more].flatMap(([name, count]) => {
      const sight = this.overview.queue(name);
      const paused = sight.isPaused && (this.shown.get(name) ?? 0) > 0;
      return [
        ...(count > 0 ? [moreText(sight, count, alone)] : []),
        ...(paused ? [`queue ${name} is paused: bgjob queue resume ${name}`] : []),
      ];
    });
  }
}

/** `9,587`. */
export const thousands = (count: number): string => String(count).replace(/\B(?=(\d{3})+$)/g, ',');

function moreText({ name, count: all }: QueueStatus, count: number, alone: boolean): string {
  const where = name === NO_QUEUE ? '' : ` in ${name}`;
  const wait = `${thousands(count)} more ${count === 1 ? 'waits' : 'wait'}${where}`;
  if (alone) return `${wait}: -n ${all}`;
  return `${wait}: bgjob ls ${name === NO_QUEUE ? `--state queued -n ${all}` : `--queue ${name}`}`;
}
