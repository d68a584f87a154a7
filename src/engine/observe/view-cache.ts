/**
 * A cache for views that are read again and again. A job is observed anew when its record changed; the others
 * are observed in turn, so that 500 live jobs are no load. An end that no process wrote down is found then.
 */
import { lstatSync } from 'node:fs';
import { systemClock } from '../../base/clock.ts';
import { attemptQuietly } from '../../base/result.ts';
import type { Home } from '../../job/home/home.ts';
import type { JobId } from '../../job/spec.ts';
import type { JobView } from '../../job/view.ts';
import { observe } from './observe.ts';

/** A view is used again for this long, and longer by the second number for each known job, milliseconds. */
const REUSE_MS = 2000;
const REUSE_PER_JOB_MS = 50;
const MAX_RENEWED = 25;

interface Known {
  stamp: string;
  view: JobView;
  at: number;
}

/** Whether the view stays the same until the record changes or the processes are gone. */
const isSettled = (view: JobView): boolean =>
  view.kind === 'ended' || (view.kind === 'live' && view.status.phase === 'running');

export class ViewCache {
  private readonly home: Home;
  private readonly known = new Map<JobId, Known>();
  private renewed = 0;
  constructor(home: Home) {
    this.home = home;
  }

  beginRound(): void {
    this.renewed = 0;
  }

  /** The job as it is now or was a moment ago; undefined if there is no such job. */
  view(id: JobId): JobView | undefined {
    const stamp = this.stampOf(id);
    const known = this.known.get(id);
    const now = systemClock.monotonic();
    const isSame = stamp !== '' && known?.stamp === stamp && isSettled(known.view);
    if (isSame && !this.mustRenew(known, now)) return known.view;
    // the stamp is older than the view: a change between the two is seen next time
    const view = observe(this.home, id);
    if (view) this.known.set(id, { stamp, view, at: now });
    else this.known.delete(id);
    return view;
  }

  private mustRenew({ view, at }: Known, now: number): boolean {
    // an end on record does not change any more
    const isFinal = view.kind === 'ended' && view.status.outcome.kind !== 'lost';
    if (isFinal || now - at < REUSE_MS + REUSE_PER_JOB_MS * this.known.size) return false;
    return this.renewed++ < MAX_RENEWED;
  }

  private stampOf(id: JobId): string {
    const { state } = this.home.job(id);
    const stat = attemptQuietly(() => lstatSync(state, { throwIfNoEntry: false }));
    return stat ? `${stat.ino} ${stat.mtimeMs} ${stat.size}` : '';
  }
}
