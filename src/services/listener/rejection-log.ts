/**
 * Counts the requests that started no job: in the record that `trigger ls NAME` shows, and in one line of the
 * log per minute. The record is written before the answer, unless there are many.
 */
import { systemClock } from '../../base/clock.ts';
import { removeQuietly } from '../../base/fs/atomic-write.ts';
import { attemptQuietly } from '../../base/result.ts';
import { clip, plural } from '../../base/text/sanitize.ts';
import {
  type Rejection,
  readRejections,
  withRejection,
  writeRejections,
} from '../../job/automation/rejections.ts';
import { logLine } from '../service-log.ts';
import { RateLimiter } from './rate-limit.ts';
import type { Reply } from './request.ts';

const LINE_MS = 60_000;
const MOST_NAMED = 3;

/** What was asked for; null: the request could not be read. */
type Asked = { name: string; id: string | null } | null;

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
  431: 'with a head that is too large',
  500: 'a bug',
  503: 'not served',
};

/** Of writes of the record: a flood of requests does not keep the disk busy. */
const WRITES = { atOnce: 60, everyMs: 1000 };
const LONGEST_WHY = 300;
const LONGEST_DELIVERY = 200;

export class RejectionLog {
  private counts = new Map<number, number>();
  private from = new Set<string>();
  private writtenAt = Number.NEGATIVE_INFINITY;
  private rejections: Rejection[];
  private readonly writes = new RateLimiter(WRITES);
  private timer: NodeJS.Timeout | undefined;
  constructor(
    private readonly path: string,
    /** Whether a trigger has the name. */
    private readonly isTrigger: (name: string) => boolean,
  ) {
    this.rejections = readRejections(path);
  }

  /** Notes the answer to a request, unless a job was started or the history has it. */
  note(
    { status, why, body, isNoted }: Partial<Reply> & { status: number },
    from: string,
    asked: Asked,
  ): void {
    if (status === 202 || isNoted) return;
    const name = asked !== null && this.isTrigger(asked.name) ? asked.name : null;
    const isUnknown = name === null && status === 401;
    const reason = isUnknown ? undefined : (why ?? body?.error ?? body?.message);
    const text = reason ?? WORDS[status] ?? String(status);
    // the id of a sender that is not genuine is not its own
    const delivery = status === 200 ? (asked?.id ?? null) : null;
    const one = {
      name,
      status,
      why: clip(text, LONGEST_WHY),
      from,
      delivery: delivery && clip(delivery, LONGEST_DELIVERY),
    };
    this.rejections = withRejection(this.rejections, one, systemClock.now());
    this.save();
    if (status !== 200) this.count(status, from);
  }

  /** Forgets those of removed triggers, and all if there is none. */
  forget(names: string[]): void {
    const left = this.rejections.filter(
      ({ name }) => names.length > 0 && (name === null || names.includes(name)),
    );
    if (left.length === this.rejections.length) return;
    this.rejections = left;
    this.save();
  }

  close(): void {
    if (this.timer) {
      clearTimeout(this.timer);
      this.writeRecord();
    }
    this.write(Number.POSITIVE_INFINITY);
  }

  /** At once, or within a second. */
  private save(): void {
    if (this.timer) return;
    if (this.writes.take() === 0) this.writeRecord();
    else this.timer = setTimeout(() => this.writeRecord(), WRITES.everyMs);
  }

  private writeRecord(): void {
    this.timer = undefined;
    if (this.rejections.length === 0) removeQuietly(this.path);
    else attemptQuietly(() => writeRejections(this.path, this.rejections));
  }

  private count(status: number, from: string): void {
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
