/**
 * A queue as one process knows it. The list of those that wait is read again only if some were added or moved: with 10,000 of them
 * that takes longer than to start one.
 */
import type { Home } from '../job/home.ts';
import type { JobId } from '../job/job.ts';
import type { QueuePaths } from '../job/paths.ts';
import type { Mark } from '../job/queue.ts';
import { forgetStarts, listMarks, listStarts, type Place, readStamp, type Start } from '../job/queues.ts';
import { readSpec } from '../job/store.ts';
import { isHeld } from './identity.ts';
import { mayRunHere, thisSandboxKey } from './sandbox.ts';

export class Line {
  readonly home: Home;
  readonly name: string;
  readonly queue: QueuePaths;
  /** Jobs that this process knows to be over although it still holds their FIFO. */
  readonly over = new Set<JobId>();
  private places: Place[] = [];
  private stamp: string | undefined;
  private readonly foreign = new Map<string, boolean>();

  constructor(home: Home, name: string) {
    this.home = home;
    this.name = name;
    this.queue = home.queue(name);
  }

  /** The markers, first the one whose turn is next; some may be gone by now. */
  read(): Place[] {
    const stamp = readStamp(this.queue);
    if (this.stamp !== stamp || this.places.length === 0) {
      // the stamp first: what is added meanwhile changes it again
      this.stamp = stamp;
      this.places = listMarks(this.queue);
    }
    return this.places;
  }

  drop(place: Place): void {
    const at = this.places.indexOf(place);
    if (at >= 0) this.places.splice(at, 1);
  }

  /** Whether a job of that sandbox may run in ours; all of one sandbox are alike. */
  isOurs({ sandbox, id }: Mark): boolean {
    if (sandbox === thisSandboxKey()) return true;
    let ours = this.foreign.get(sandbox);
    if (ours === undefined) {
      const spec = readSpec(this.home.job(id), id);
      ours = spec.kind === 'read' && mayRunHere(spec.value);
      this.foreign.set(sandbox, ours);
    }
    return ours;
  }

  /** The jobs that hold a slot, by their starts with a number below `limit`. */
  held(limit = Number.POSITIVE_INFINITY): Set<JobId> {
    const ids = new Set<JobId>();
    const dead: Start[] = [];
    const starts = listStarts(this.queue);
    for (const start of starts) {
      const { id, number } = start;
      if (id === 0 || this.over.has(id) || !isHeld(this.home.job(id).alive)) dead.push(start);
      else if (number < limit) ids.add(id);
    }
    forgetStarts(this.queue, dead, starts.at(-1)?.number ?? 0);
    return ids;
  }
}
