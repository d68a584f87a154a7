/** A search in the lines of an open log: all matches, and which of them is the current one. Pure. */
import { unstyled } from '../../base/text/sgr.ts';
import { searchText } from '../messages/lists.ts';
import type { Mark } from '../output/styled.ts';
import type { LogEnding } from './log-tail.ts';

export interface Match {
  line: number;
  from: number;
  to: number;
}

/** Literal; capitals count only if there is one in the term. */
const patternOf = (term: string): RegExp =>
  new RegExp(term.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'), /\p{Lu}/u.test(term) ? 'gu' : 'giu');

export class LogSearch {
  readonly term: string;
  private readonly pattern: RegExp;
  /** The current match by the offset of its line: lines before it may go. */
  private current: { start: number; from: number } | null = null;
  private wrapped: 'start' | 'end' | null = null;
  private lines: string[] | undefined;
  private matches: Match[] = [];

  constructor(term: string) {
    this.term = term;
    this.pattern = patternOf(term);
  }

  /** No match is the current one any more: another log is shown. */
  reset(): void {
    this.current = null;
  }

  /**
   * Makes the next match the current one, or the one before; returns it. Without a current one it begins at
   * `from`.
   */
  find(ending: LogEnding, by: 1 | -1, from: { line: number; from: number }): Match | undefined {
    const matches = this.matchesIn(ending);
    if (matches.length === 0) return undefined;
    const at = this.indexIn(ending);
    const first = matches.findIndex(
      ({ line, to }) => line > from.line || (line === from.line && to > from.from),
    );
    const next = first < 0 ? matches.length : first;
    const index = at >= 0 ? at + by : by > 0 ? next : next - 1;
    this.wrapped = index >= matches.length ? 'start' : index < 0 ? 'end' : null;
    const match = matches[(index + matches.length) % matches.length]!;
    this.current = { start: ending.starts[match.line]!, from: match.from };
    return match;
  }

  /** The marks in the lines from `first` to `last`. */
  marksIn(ending: LogEnding, first: number, last: number): Map<number, Mark[]> {
    const marks = new Map<number, Mark[]>();
    const matches = this.matchesIn(ending);
    const current = matches[this.indexIn(ending)];
    for (const match of matches) {
      if (match.line < first || match.line > last) continue;
      const others = marks.get(match.line);
      const mark = { from: match.from, to: match.to, isCurrent: match === current };
      if (others) others.push(mark);
      else marks.set(match.line, [mark]);
    }
    return marks;
  }

  /** The line below the log that says what was found. */
  noteOf(ending: LogEnding, id: number): string {
    const count = this.matchesIn(ending).length;
    return count === 0
      ? searchText.none(this.term, id, ending.isWhole)
      : searchText.found(this.term, this.indexIn(ending) + 1, count, this.wrapped);
  }

  private matchesIn({ lines }: LogEnding): Match[] {
    if (this.lines === lines) return this.matches;
    this.lines = lines;
    this.matches = lines.flatMap((text, line) =>
      [...unstyled(text).matchAll(this.pattern)].map((found) => ({
        ...{ line, from: found.index, to: found.index + found[0].length },
      })),
    );
    return this.matches;
  }

  /** -1: none is the current one. */
  private indexIn(ending: LogEnding): number {
    const { current } = this;
    if (!current) return -1;
    return this.matchesIn(ending).findIndex(
      ({ line, from }) => ending.starts[line] === current.start && from === current.from,
    );
  }
}
