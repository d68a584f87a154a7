/** The times of `tail --timestamps`: those of one log, as text before a line and as fields of an object. */
import { renderTime } from '../../base/clock.ts';
import type { Home } from '../../job/home/home.ts';
import { type LineTime, LineTimes } from '../../job/log/line-times.ts';
import type { Stream } from '../../job/log/log.ts';
import type { JobView } from '../../job/view.ts';
import { roughTimesText, unknownTimesText } from '../messages/log.ts';
import type { Output } from '../output/output.ts';

/** A time with its `~`, and a space. */
const COLUMNS = 21;

/** The times of the lines of one log. */
export function lineTimesOf(home: Home, view: JobView, stream: Stream): LineTimes {
  const spec = 'spec' in view ? view.spec : undefined;
  const state = 'state' in view ? view.state : null;
  const startedAt = 'status' in view && 'startedAt' in view.status ? view.status.startedAt : null;
  // an earlier attempt began before this one
  const bornAt = (state?.attempt === 1 ? startedAt : null) ?? spec?.createdAt ?? 0;
  return new LineTimes(home.job(view.id), stream, bornAt, (spec?.target ?? null) !== null);
}

export class Stamps {
  private readonly times: LineTimes;
  private isRough = false;
  private isUnknown = false;
  /** The last second that was rendered: a new formatter for each line would take longer than all the rest. */
  private last = { second: Number.NaN, text: '' };

  constructor(
    private readonly output: Output,
    home: Home,
    private readonly view: JobView,
    private readonly stream: Stream,
  ) {
    this.times = lineTimesOf(home, view, stream);
  }

  refresh(): void {
    this.times.refresh();
  }

  /** What stands before the line that ends at byte `to`; see LineTimes.of. */
  head(to: number, size: number, seenAt?: number): string {
    const time = this.of(to, size, seenAt);
    return `${this.output.paint(1, 'faint', this.textOf(time).padEnd(COLUMNS - 1))} `;
  }

  fields(to: number, size: number, seenAt?: number): { time: string | null; approximate: boolean } {
    const time = this.of(to, size, seenAt);
    return { time: time && new Date(time.at).toISOString(), approximate: time?.approximate ?? false };
  }

  /** Below the lines: what `~` and `-` mean, if one was printed. */
  printNotes(): void {
    if (this.output.json) return;
    if (this.isRough) this.output.note(roughTimesText('spec' in this.view ? this.view.spec.target : null));
    if (this.isUnknown) this.output.note(unknownTimesText(this.stream));
  }

  private of(to: number, size: number, seenAt?: number): LineTime | null {
    const time = this.times.of(to, size, seenAt);
    this.isRough ||= time?.approximate === true;
    this.isUnknown ||= time === null;
    return time;
  }

  private textOf(time: LineTime | null): string {
    if (time === null) return '-';
    const second = Math.floor(time.at / 1000);
    if (second !== this.last.second) this.last = { second, text: renderTime(time.at) };
    return `${time.approximate ? '~' : ''}${this.last.text}`;
  }
}
