/** Counts rejected requests, and logs one line per minute at most. */
import { systemClock } from '../../base/clock.ts';
import { plural } from '../../base/text/sanitize.ts';
import { logLine } from '../service-log.ts';

const LINE_MS = 60_000;
const MOST_NAMED = 3;

const WORDS: Record<number, string> = {
  0: 'cut off for others',
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

export class RejectionLog {
  private counts = new Map<number, number>();
  private from = new Set<string>();
  private writtenAt = Number.NEGATIVE_INFINITY;

  count(status: number, from: string): void {
    if (status === 202 || status === 409) return;
    this.counts.set(status, (this.counts.get(status) ?? 0) + 1);
    if (this.from.size <= MOST_NAMED) this.from.add(from);
    this.write();
  }

  /** Logs the counts, if the last line is old enough. */
  write(now = systemClock.monotonic()): void {
    if (this.counts.size === 0 || now - this.writtenAt < LINE_MS) return;
    const counts = [...this.counts].map(([status, count]) => `${count} ${WORDS[status] ?? status}`);
    const all = [...this.counts.values()].reduce((sum, count) => sum + count, 0);
    const named = [...this.from].slice(0, MOST_NAMED).join(', ');
    const others = this.from.size > MOST_NAMED ? ' and others' : '';
    logLine(`refused ${plural(all, 'request')} of ${named}${others}: ${counts.join(', ')}`);
    this.counts = new Map();
    this.from = new Set();
    this.writtenAt = now;
  }
}
