/**
 * An open log: its last lines, wrapped or cut, and searched. The view follows the log unless it was scrolled
 * back; then it stays at its lines while the log grows.
 */
import { renderSize, renderTime } from '../../base/clock.ts';
import { unstyled } from '../../base/text/sgr.ts';
import type { LineTime, LineTimes } from '../../job/log/line-times.ts';
import { KEY_TEXT, logHeadText, NO_OUTPUT_YET, removedLogText } from '../messages/lists.ts';
import { beginningHint, roughTimesText, unknownTimesText } from '../messages/log.ts';
import { cut, pad, widthOf, wrap } from '../output/columns.ts';
import { partSideways, sliceMarked } from '../output/styled.ts';
import type { Key } from './full-screen.ts';
import { chalkOf, keyLine, logKeys, type Painter, QUESTION_KEYS, SEARCH_KEYS, type Size } from './keys.ts';
import { LogSearch, type Match } from './log-search.ts';
import { LogTail } from './log-tail.ts';
import type { WatchModel, WatchRow } from './model.ts';

/** So much of the log can be scrolled; `tail` shows the rest. */
const MOST = { lines: 5000, bytes: 512 * 1024 };
const MOST_CHARACTERS = 4000;
/** A key moves so many columns sideways. */
const SIDE_STEP = 20;
/** Head, message, keys. */
const AROUND = 3;

/** A row of the window: a line, and which part of it. */
interface Place {
  line: number;
  part: number;
}
interface Part {
  from: number;
  to: number;
  /** More of the line follows, and is not shown. */
  isCut?: boolean;
}

export class Pager {
  readonly id: number;
  private readonly model: WatchModel;
  private readonly tail: LogTail;
  private label: string;
  /** Null: it follows the end. */
  private top: Place | null = null;
  /** It stays where a search went, also at the end of the log. */
  private isPinned = false;
  /** What the window shows now. */
  private shown: Place[] = [];
  private room = 1;
  private columns = 80;
  private isWrapped = true;
  private left = 0;
  /** A text for a search that is being typed. */
  private typed: string | undefined;
  private search: LogSearch | null = null;
  /** The time of each line is shown. */
  private times: LineTimes | null = null;
  /** So wide is a time, with the space behind it; 0: none is shown. */
  private margin = 0;

  constructor(model: WatchModel, row: Pick<WatchRow, 'id' | 'label'>, color: boolean) {
    this.id = row.id;
    this.label = row.label;
    this.model = model;
    const format = { styled: color, clipAt: MOST_CHARACTERS, byLine: false };
    this.tail = new LogTail(model, row.id, MOST, format);
  }

  /** Reads the log again if it changed; returns whether it did. */
  refresh(): boolean {
    const top = this.top && this.tail.ending.starts[this.top.line];
    if (!this.tail.refresh(top ?? null)) return false;
    this.times?.refresh();
    this.measureTimes();
    // lines at the beginning may have gone
    if (this.top) this.top = { ...this.top, line: lineFrom(this.tail.ending.starts, top ?? 0) };
    return true;
  }

  /** `back`: it was the key that leaves the log. `other`: it has no meaning here. */
  press({ name, text }: Key, row: WatchRow | undefined): 'done' | 'back' | 'other' | { message: string } {
    if (this.typed !== undefined) this.type({ name, text });
    else if (name === 'escape' && this.search) this.search = null;
    else if (name === 'q' || name === 'escape' || name === 'h') return 'back';
    else if (name === 'up' || name === 'k') this.scroll(-1);
    else if (name === 'down' || name === 'j') this.scroll(1);
    else if (name === 'pageup' || name === 'b') this.scroll(1 - this.room);
    else if (name === 'pagedown' || name === 'space') this.scroll(this.room - 1);
    else if (name === 'home' || text === 'g') this.moveTo({ line: 0, part: 0 });
    else if (name === 'end' || text === 'G') this.moveTo(null);
    else if (text === '/') this.typed = '';
    else if (text === 'n') this.find(1);
    else if (text === 'N') this.find(-1);
    else if (name === 'w') this.toggleWrap();
    else if (name === 't') this.toggleTimes();
    else if (text === '>' || (name === 'right' && !this.isWrapped)) this.moveSideways(SIDE_STEP);
    else if (text === '<' || (name === 'left' && !this.isWrapped)) this.moveSideways(-SIDE_STEP);
    else if (name === 'left') return 'back';
    else if (name === 'e' && row?.isSplit) this.toggleStream();
    else if (name === 'e' && row) return { message: KEY_TEXT.noStderr(row.label) };
    else return 'other';
    return 'done';
  }

  private type({ name, text }: Key): void {
    const typed = this.typed ?? '';
    if (name === 'return' || name === 'enter') {
      this.typed = undefined;
      // no term: the last one again
      const term = typed === '' ? (this.search?.term ?? '') : typed;
      if (term === '') return;
      if (term !== this.search?.term) this.search = new LogSearch(term);
      this.find(1);
    } else if (name === 'escape') this.typed = undefined;
    else if (name === 'backspace') this.typed = [...typed].slice(0, -1).join('');
    else this.typed = typed + text;
  }

  private toggleWrap(): void {
    this.isWrapped = !this.isWrapped;
    this.left = 0;
    if (this.top) this.top = { ...this.top, part: 0 };
  }

  private toggleTimes(): void {
    this.times = this.times ? null : (this.model.lineTimes(this.id, this.tail.stream) ?? null);
    this.tail.readByLine(this.times !== null);
    this.measureTimes();
  }

  /** Times of today have no date. */
  private measureTimes(): void {
    if (!this.times) {
      this.margin = 0;
      return;
    }
    const oldest = this.timeOf(0);
    const isToday =
      oldest === null || renderTime(oldest.at).slice(0, 10) === renderTime(Date.now()).slice(0, 10);
    // `~` and a space
    this.margin = 2 + (isToday ? 'HH:MM:SS' : 'YYYY-MM-DD HH:MM:SS').length;
  }

  private timeOf(line: number): LineTime | null {
    const { starts, end, bytes } = this.tail.ending;
    // lines of one piece of the log begin at one place
    let next = line + 1;
    while (next < starts.length && starts[next] === starts[line]) next++;
    return this.times?.of(starts[next] ?? end, bytes) ?? null;
  }

  /** What stands before the first part of a line. */
  private timeText(line: number): string {
    const time = this.timeOf(line);
    const text = time ? `${time.approximate ? '~' : ' '}${renderTime(time.at).slice(2 - this.margin)}` : ' -';
    return pad(text, this.margin);
  }

  /** Only where lines are cut. */
  private moveSideways(by: number): void {
    if (!this.isWrapped) this.left = Math.max(0, this.left + by);
  }

  private toggleStream(): void {
    this.tail.choose(this.tail.stream === 'log' ? 'err' : 'log');
    if (this.times) this.times = this.model.lineTimes(this.id, this.tail.stream) ?? null;
    this.moveTo(null);
    this.search?.reset();
  }

  private scroll(by: number): void {
    let place = this.shown[0];
    for (let n = Math.abs(by); n > 0 && place; n--) {
      const next = by < 0 ? this.before(place) : this.after(place);
      if (!next) break;
      place = next;
    }
    if (place) this.moveTo(place);
  }

  private moveTo(top: Place | null): void {
    [this.top, this.isPinned] = [top, false];
  }

  private partsOf(line: number): Part[] {
    const text = unstyled(this.tail.ending.lines[line] ?? '');
    if (!this.isWrapped) return [partSideways(text, this.left, this.columns)];
    let at = 0;
    return wrap(text, this.columns).map((part) => {
      at += part.length;
      return { from: at - part.length, to: at };
    });
  }

  private before({ line, part }: Place): Place | undefined {
    if (part > 0) return { line, part: part - 1 };
    return line > 0 ? { line: line - 1, part: this.partsOf(line - 1).length - 1 } : undefined;
  }
  private after({ line, part }: Place): Place | undefined {
    if (part + 1 < this.partsOf(line).length) return { line, part: part + 1 };
    return line + 1 < this.tail.ending.lines.length ? { line: line + 1, part: 0 } : undefined;
  }

  /** Fills the window, from its top or from the end of the log; at the end it follows. */
  private arrange(): void {
    const { lines } = this.tail.ending;
    const shown: Place[] = [];
    if (this.top) {
      const line = Math.min(this.top.line, lines.length - 1);
      const part = Math.min(this.top.part, this.partsOf(line).length - 1);
      for (let place: Place | undefined = lines.length > 0 ? { line, part } : undefined; place; ) {
        shown.push(place);
        place = this.after(place);
        if (place && shown.length === this.room) {
          this.shown = shown;
          return;
        }
      }
      if (this.isPinned && shown.length > 0) {
        this.shown = shown;
        return;
      }
      this.top = null;
    }
    shown.length = 0;
    const last = lines.length - 1;
    let place: Place | undefined = last < 0 ? undefined : { line: last, part: this.partsOf(last).length - 1 };
    for (; place && shown.length < this.room; place = this.before(place)) shown.unshift(place);
    this.shown = shown;
  }

  /** Goes to the next match, or the one before; the first time from the top of the window on. */
  private find(by: 1 | -1): void {
    const top = this.shown[0] ?? { line: 0, part: 0 };
    const from = this.partsOf(top.line)[top.part]?.from ?? 0;
    const match = this.search?.find(this.tail.ending, by, { line: top.line, from });
    if (match) this.reveal(match);
  }

  /** Moves the window so that a match is in it. */
  private reveal(match: Match): void {
    const text = unstyled(this.tail.ending.lines[match.line]!);
    if (!this.isWrapped) {
      const [start, end] = [widthOf(text.slice(0, match.from)), widthOf(text.slice(0, match.to))];
      if (start < this.left || end >= this.left + this.columns)
        this.left = Math.max(0, start - Math.floor(this.columns / 2));
      if (end < this.columns) this.left = 0;
    }
    const part = this.isWrapped ? this.partsOf(match.line).findIndex(({ to }) => match.from < to) : 0;
    const isShown = this.shown.some((place) => place.line === match.line && place.part === part);
    // it does not run away with the log
    this.isPinned = true;
    if (isShown) this.top = this.shown[0]!;
    else {
      let place: Place = { line: match.line, part: Math.max(0, part) };
      for (let n = Math.floor(this.room / 3); n > 0; n--) place = this.before(place) ?? place;
      this.top = place;
    }
  }

  /** `row`: undefined if the job is gone. */
  render(
    row: WatchRow | undefined,
    message: { text: string; isQuestion: boolean } | null,
    { columns, rows }: Size,
    color: boolean,
  ): string[] {
    const chalk = chalkOf(color);
    this.room = Math.max(1, rows - AROUND);
    this.columns = Math.max(1, columns - this.margin);
    this.label = row?.label ?? this.label;
    this.arrange();
    const { lines, bytes, isWhole } = this.tail.ending;
    const isErr = this.tail.stream === 'err';
    const shown = lines.length === 0 ? ['', cut(`  ${NO_OUTPUT_YET}`, columns)] : this.renderLines(chalk);
    const last = this.shown.at(-1);
    const head = logHeadText({
      job: row ? `${row.label}  ${row.state}` : removedLogText(this.label),
      isSplit: row?.isSplit === true,
      isErr,
      size: renderSize(bytes),
      below: this.top && last ? lines.length - 1 - last.line : null,
      isBehind: this.tail.isBehind,
      isLive: row?.isLive === true,
      column: this.isWrapped ? null : this.left + 1,
    });
    const note = this.noteOf(row, isWhole);
    const keys =
      this.typed !== undefined
        ? SEARCH_KEYS
        : message?.isQuestion
          ? QUESTION_KEYS
          : logKeys(row, { isSearching: this.search !== null, isWrapped: this.isWrapped, isErr });
    const text = this.typed !== undefined && !message?.isQuestion ? `/${this.typed}_` : message?.text;
    return [
      chalk.bold(cut(head, columns)),
      ...shown,
      ...new Array<string>(Math.max(0, this.room - shown.length)).fill(''),
      text === undefined ? chalk.dim(cut(note, columns)) : chalk.bold(cut(text, columns)),
      keyLine(keys, columns, color),
    ];
  }

  /** Below the log: what a search found, where the rest of the log is, or the command. */
  private noteOf(row: WatchRow | undefined, isWhole: boolean): string {
    if (this.search) return this.search.noteOf(this.tail.ending, this.id);
    if (this.times) {
      const shown = this.shown.map(({ line }) => this.timeOf(line));
      if (shown.includes(null)) return unknownTimesText(this.tail.stream);
      if (shown.some((time) => time?.approximate))
        return roughTimesText(row && row.target !== '-' ? row : null);
    }
    const isAtStart = this.shown[0]?.line === 0 && this.shown[0].part === 0;
    return isAtStart && !isWhole ? beginningHint(this.id) : (row?.command ?? '');
  }

  private renderLines({ dim }: Painter): string[] {
    const { ending } = this.tail;
    const marks = this.search?.marksIn(ending, this.shown[0]!.line, this.shown.at(-1)!.line);
    return this.shown.map(({ line, part }) => {
      const { from, to, isCut } = this.partsOf(line)[part]!;
      const margin = this.margin === 0 ? '' : part === 0 ? dim(this.timeText(line)) : ' '.repeat(this.margin);
      return margin + sliceMarked(ending.lines[line]!, from, to, marks?.get(line) ?? []) + (isCut ? '…' : '');
    });
  }
}

/** The first line that begins at this offset or later. */
function lineFrom(starts: number[], offset: number): number {
  const found = starts.findIndex((start) => start >= offset);
  return found < 0 ? Math.max(0, starts.length - 1) : found;
}
