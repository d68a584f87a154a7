/** What is refused, counted: a line each minute at most, however many come. */
import { systemClock } from '../../base/clock.ts';
import { plural } from '../../base/text/sanitize.ts';
import { tell } from '../service-log.ts';

/** Between two lines, milliseconds. */
const LINE_MS = 60_000;
/** So many addresses are named. */
const MOST_NAMED = 3;

const WORDS: Record<number, string> = {
  0: 'cut off, for others',
  400: 'not understood',
  401: 'with no valid secret',
  403: 'from a browser',
  405: 'no POST',
  408: 'too slow',
  413: 'too large',
  421: 'for another host',
  429: 'too many',
  500: 'a bug',
  503: 'not served',
};

export class Refusals {
  private counts = new Map<number, number>();
  private from = new Set<string>();
  private toldAt = Number.NEGATIVE_INFINITY;

  count(status: number, from: string): void {
    if (status === 202 || status === 409) return;
    this.counts.set(status, (this.counts.get(status) ?? 0) + 1);
    if (this.from.size <= MOST_NAMED) this.from.add(from);
    this.tell();
  }

  /** Tells what was counted, if it is time. */
  tell(now = systemClock.monotonic()): void {
    if (this.counts.size === 0 || now - this.toldAt < LINE_MS) return;
    const counts = [...this.counts].map(([status, count]) => `${count} ${WORDS[status] ?? status}`);
    const all = [...this.counts.values()].reduce((sum, count) => sum + count, 0);
    const named = [...this.from].slice(0, MOST_NAMED).join(', ');
    const others = this.from.size > MOST_NAMED ? ' and others' : '';
    tell(`refused ${plural(all, 'request')} of ${named}${others}: ${counts.join(', ')}`);
    this.counts = new Map();
    this.from = new Set();
    this.toldAt = now;
  }
}
