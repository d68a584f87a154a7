/**
 * Looking at the same jobs again and again: a job is observed anew only when its record changed, and otherwise in turn, so that 500
 * live ones are no load. An end that nobody wrote down (all processes of a job killed at once) is found when it is its turn.
 */
import { lstatSync } from 'node:fs';
import { systemClock } from '../../base/clock.ts';
import { ignoreSystemError } from '../../base/result.ts';
import type { Home } from '../../job/home/home.ts';
import type { JobId } from '../../job/spec.ts';
import type { JobView } from '../../job/view.ts';
import { observe } from './observe.ts';

/** A view is believed for so long, and for so much longer per job that is known, milliseconds. */
const YIELD_MS = 2000;
const REREAD_MS = 50;
/** So many are observed in one round only because it is their turn. */
const MOST_TURNS = 25;

interface Known {
  stamp: string;
  view: JobView;
  at: number;
}

/** Whether it will look the same until its record changes or its processes are gone. */
const isSettled = (view: JobView): boolean =>
  view.kind === 'ended' || (view.kind === 'live' && view.status.phase === 'running');

export class Glances {
  private readonly home: Home;
  private readonly known = new Map<JobId, Known>();
  private turns = 0;
  constructor(home: Home) {
    this.home = home;
  }

  /** A new round of looks begins. */
  begin(): void {
    this.turns = 0;
  }

  /** The job as it is now, or was a moment ago; undefined if there is no such job. */
  view(id: JobId): JobView | undefined {
    const stamp = this.stampOf(id);
    const known = this.known.get(id);
    const now = systemClock.monotonic();
    if (known && stamp !== '' && known.stamp === stamp && isSettled(known.view) && !this.isDue(known, now))
      return known.view;
    // the stamp is older than the view: what changes between the two is seen next time
    const view = observe(this.home, id);
    if (view) this.known.set(id, { stamp, view, at: now });
    else this.known.delete(id);
    return view;
  }

  private isDue({ view, at }: Known, now: number): boolean {
    // an end on record is final
    const isFinal = view.kind === 'ended' && view.status.outcome.kind !== 'lost';
    if (isFinal || now - at < YIELD_MS + REREAD_MS * this.known.size) return false;
    return this.turns++ < MOST_TURNS;
  }

  private stampOf(id: JobId): string {
    try {
      const stat = lstatSync(this.home.job(id).state, { throwIfNoEntry: false });
      return stat ? `${stat.ino} ${stat.mtimeMs} ${stat.size}` : '';
    } catch (thrown) {
      ignoreSystemError(thrown);
      return '';
    }
  }
}
