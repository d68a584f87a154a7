/** The names of several jobs before their lines: padded, and on a terminal each in a colour of its own. */
import { safe } from '../../base/text/sanitize.ts';
import type { Stream } from '../../job/log/log.ts';
import type { JobId } from '../../job/spec.ts';
import type { JobView } from '../../job/view.ts';
import { cut, pad, widthOf } from '../output/columns.ts';
import type { Output } from '../output/output.ts';

/**
 * Of the 256 colours, those with a contrast of 3 and more to black and to white; without the red of failures.
 */
const INKS = [31, 133, 136, 64, 166, 62, 30, 168, 28, 103];
const MOST_COLUMNS = 24;
/** Behind the name, before a line of stderr. */
const ERR = ' err';

export class JobNames {
  private readonly labels = new Map<JobId, { text: string; ink: number }>();
  private width = 0;
  constructor(private readonly output: Output) {}

  add(view: JobView): void {
    const { id } = view;
    const texts = [...this.labels.values()].map(({ text }) => text);
    const name = 'spec' in view && view.spec.name !== null ? safe(view.spec.name) : String(id);
    const short = cut(name, MOST_COLUMNS);
    const text = texts.includes(short) ? `${cut(name, MOST_COLUMNS - 8)} ${id}` : short;
    this.labels.set(id, { text, ink: this.inkOf(name) });
    const split = 'spec' in view && view.spec.split ? ERR.length : 0;
    this.width = Math.max(this.width, widthOf(text) + split);
  }

  /** The colour that the name has in each call, as long as no other job has it. */
  private inkOf(name: string): number {
    let hash = 0;
    for (const character of name) hash = (hash * 31 + character.codePointAt(0)!) % 65_521;
    const used = [...this.labels.values()].map(({ ink }) => ink);
    const inks = INKS.map((_, n) => INKS[(hash + n) % INKS.length]!);
    const times = (ink: number) => used.filter((one) => one === ink).length;
    return inks.reduce((best, ink) => (times(ink) < times(best) ? ink : best));
  }

  /** `web   | `, for a line on stdout or stderr. */
  before(id: JobId, stream: Stream, to: 1 | 2 = 1): string {
    const { text, ink } = this.labels.get(id)!;
    const head = `${pad(stream === 'err' ? text + ERR : text, this.width)} |`;
    return this.output.hasColor(to) ? `\x1b[38;5;${ink}m${head}\x1b[39m ` : `${head} `;
  }
}
