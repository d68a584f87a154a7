/**
 * An ANSI screen: applies the sequences that move the cursor and erase, so that a progress display is shown
 * in its last state. Rows grow downwards without limit and never scroll away. The screen never holds more
 * characters than it was given: a large distance in a sequence allocates no more cells than the characters
 * that were spent on it.
 */

import { afterSgr, joinRuns, NEUTRAL, type Pen, type Run } from './sgr.ts';

/** Characters that change the direction of writing, and line separators that are no line end. */
const UNSEEN = '\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069';
/**
 * One pattern for all escape sequences and controls: CSI (its parameters, its final byte); OSC, DCS, SOS, PM
 * and APC up to their end or the end of the line; other escapes (their final byte); single controls. They are
 * removed in one pass, so that the rest cannot join to a new sequence. No alternative can match the beginning
 * of another, so the time is linear. A CSI that the end of the text or another escape cuts off has no final
 * byte.
 */
const STEERING = [
  '(?:\\x1b\\[|\\x9b)([0-?]*)[ -/]*([@-~]|(?=\\x1b)|$)',
  '(?:\\x1b[\\]PX^_]|[\\x90\\x98\\x9d-\\x9f])[^\\x07\\n\\x1b\\x9c]*(?:\\x07|\\x1b\\\\|\\x9c)?',
  '\\x1b[ -/]*([0-~])',
  `[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f${UNSEEN}]`,
].join('|');
const EVERY = new RegExp(STEERING, 'g');
/** Sequences that move the cursor back, or change what was written. */
const REWRITES = /[\r\b]|(?:\x1b\[|\x9b)[0-9;]*(?:[@CDEFGPX`ajsu]|[12]K)|\x1b[78E]/;
const MOVES_BETWEEN_ROWS = /(?:\x1b\[|\x9b)[0-9;]*[ABEFHJfd]|\x1b[78DEMc]/;

/** Cells are moved within this width only: moving those of a long row again and again would take minutes. */
const WIDEST = 512;

/** Whether a text moves the cursor to another row, so that its lines cannot be read one by one. */
export const movesBetweenRows = (text: string): boolean => MOVES_BETWEEN_ROWS.test(text);
/** Whether a line shows something else than its characters in their order. */
export const isRewritten = (line: string): boolean => REWRITES.test(line);
/** The text without escape sequences and controls. Tabs and line ends stay. */
export const stripEscapes = (text: string): string => text.replace(EVERY, '');

/** The same, with the styles. `pen`: how the text before it left the terminal, and how this one leaves it. */
export function styledLine(text: string, pen: Pen): { line: string; pen: Pen } {
  const runs: Run[] = [];
  let at = 0;
  for (const found of text.matchAll(EVERY)) {
    runs.push({ text: text.slice(at, found.index), style: pen.style });
    at = found.index + found[0].length;
    if (found[2] === 'm' && isPlainSgr(found[0])) pen = afterSgr(pen, found[1]!);
    else if (found[3] === 'c') pen = NEUTRAL;
  }
  runs.push({ text: text.slice(at), style: pen.style });
  return { line: joinRuns(runs), pen };
}
/** With another byte before the `m` it is no SGR. */
const isPlainSgr = (sequence: string): boolean => !/[ -/]m$/.test(sequence);

/**
 * The rows that a terminal shows after `text`; without `multiRow` one row, and moves to others are ignored.
 */
export const screenRows = (text: string, multiRow: boolean): string[] =>
  screenAfter(text, multiRow, NEUTRAL).lines();

/** The same, with the styles, and the pen after it. */
export function styledRows(text: string, multiRow: boolean, pen: Pen): { lines: string[]; pen: Pen } {
  const screen = screenAfter(text, multiRow, pen);
  return { lines: screen.styledLines(), pen: screen.pen };
}

function screenAfter(text: string, multiRow: boolean, pen: Pen): Screen {
  const screen = new Screen(multiRow, pen);
  const pattern = new RegExp(multiRow ? `${STEERING}|\\n` : STEERING, 'g');
  let at = 0;
  for (let found = pattern.exec(text); found; found = pattern.exec(text)) {
    if (found.index > at) screen.print(text.slice(at, found.index));
    at = pattern.lastIndex;
    screen.spend(at - found.index);
    if (found[2] === 'm') {
      if (isPlainSgr(found[0])) screen.pen = afterSgr(screen.pen, found[1]!);
    } else if (found[2] !== undefined) screen.sequence(found[2], found[1]!);
    else if (found[3] !== undefined) screen.escape(found[3]);
    else screen.control(found[0]);
  }
  screen.print(text.slice(at));
  return screen;
}

/** The cells of a row: a character, and the style in which it was written. */
interface Row {
  cells: string[];
  styles: string[];
}

class Screen {
  /** Empty rows are not allocated. */
  private readonly rows: (Row | undefined)[] = [undefined];
  private row = 0;
  private column = 0;
  private saved: { row: number; column: number; pen: Pen };
  /** How many cells may still be allocated: characters of the input that occupy no cell. */
  private spare = 0;
  constructor(
    private readonly multiRow: boolean,
    public pen: Pen,
  ) {
    this.saved = { row: 0, column: 0, pen };
  }

  spend(length: number): void {
    this.spare += length;
  }

  print(text: string): void {
    if (text === '') return;
    const row = this.rows[this.row] ?? { cells: [], styles: [] };
    this.rows[this.row] = row;
    const { cells, styles } = row;
    for (; cells.length < this.column && this.spare > 0; this.spare--) {
      cells.push(' ');
      styles.push('');
    }
    this.column = Math.min(this.column, cells.length);
    for (const character of text) {
      this.spare += cells[this.column]?.length ?? 0;
      styles[this.column] = this.pen.style;
      cells[this.column++] = character;
    }
  }

  control(character: string): void {
    if (character === '\r') this.column = 0;
    else if (character === '\b') this.column = Math.max(0, this.column - 1);
    else if (character === '\n') this.newLine();
  }

  escape(final: string): void {
    if (final === '7') this.saved = { row: this.row, column: this.column, pen: this.pen };
    else if (final === '8') ({ row: this.row, column: this.column, pen: this.pen } = this.saved);
    else if (final === 'M') this.toRow(this.row - 1);
    else if (final === 'D') this.toRow(this.row + 1);
    else if (final === 'E' && this.multiRow) this.newLine();
    else if (final === 'E') this.column = 0;
    else if (final === 'c') {
      this.pen = NEUTRAL;
      this.below();
    }
  }

  sequence(final: string, parameters: string): void {
    // private modes concern the terminal, not its cursor
    if (/^[<=>?]/.test(parameters)) return;
    const number = Number.parseInt(parameters, 10);
    // the kind of erasing may be 0; a distance is at least 1
    const n = Math.max(1, number || 0);
    if (final === 'K') this.eraseInRow(number || 0);
    else if (final === 'G' || final === '`') this.column = n - 1;
    else if (final === 'C' || final === 'a') this.column += n;
    else if (final === 'D' || final === 'j') this.column = Math.max(0, this.column - n);
    else if (final === 'A') this.toRow(this.row - n);
    else if (final === 'B') this.toRow(this.row + n);
    else if (final === 'E' || final === 'F') {
      this.toRow(final === 'E' ? this.row + n : this.row - n);
      this.column = 0;
    } else if (final === 'J') this.eraseScreen(number || 0);
    else if (final === 'H' || final === 'f' || final === 'd') this.below();
    else if (final === 'X') this.blank(this.column, this.column + n);
    else if (final === 'P' || final === '@') this.shift(final === '@', n);
    else if (final === 's') this.escape('7');
    else if (final === 'u') this.escape('8');
  }

  /** The rows. Empty rows below the cursor were erased or never written, and are left out. */
  lines(): string[] {
    return this.written().map((row) => row?.cells.join('') ?? '');
  }

  /** The same, with the styles. */
  styledLines(): string[] {
    return this.written().map((row) =>
      row ? joinRuns(row.cells.map((text, n) => ({ text, style: row.styles[n]! }))) : '',
    );
  }

  private written(): (Row | undefined)[] {
    let end = this.rows.length;
    while (end > this.row && !this.rows[end - 1]?.cells.length) end--;
    return this.rows.slice(0, end);
  }

  private newLine(): void {
    this.column = 0;
    this.row++;
    if (this.row < this.rows.length) return;
    this.rows.push(undefined);
    this.spare--;
  }

  private toRow(row: number): void {
    this.row = Math.max(0, Math.min(this.rows.length - 1, row));
  }

  /** An absolute position is not known here, so writing goes on below all rows. */
  private below(): void {
    if (!this.multiRow) return;
    this.row = this.rows.length - 1;
    this.column = 0;
    if (this.rows[this.row]?.cells.length && this.spare > 0) this.newLine();
  }

  private truncate(row: number, length: number): void {
    const written = this.rows[row];
    if (!written) return;
    const { cells, styles } = written;
    for (let n = length; n < cells.length; n++) this.spare += cells[n]!.length;
    if (cells.length > length) cells.length = styles.length = length;
  }

  private eraseInRow(part: number): void {
    if (part === 0) this.truncate(this.row, this.column);
    else if (part === 1) this.blank(0, this.column + 1);
    else if (part === 2) this.truncate(this.row, 0);
  }

  private eraseScreen(part: number): void {
    if (part === 0) {
      this.truncate(this.row, this.column);
      while (this.rows.length > this.row + 1) {
        this.truncate(this.rows.length - 1, 0);
        this.rows.pop();
        this.spare++;
      }
      // clearing the screen hides earlier output on a terminal; it must not in a log
    } else if (part > 1) this.below();
  }

  private blank(from: number, to: number): void {
    const { cells, styles } = this.rows[this.row] ?? { cells: [], styles: [] };
    const end = Math.min(to, cells.length, from + WIDEST);
    for (let n = from; n < end; n++) {
      this.spare += cells[n]!.length - 1;
      cells[n] = ' ';
      styles[n] = '';
    }
  }

  private shift(insert: boolean, amount: number): void {
    const { cells, styles } = this.rows[this.row] ?? { cells: [], styles: [] };
    if (this.column >= cells.length || cells.length > WIDEST) return;
    if (insert) {
      const room = Math.min(amount, this.spare, WIDEST - cells.length);
      if (room < 1) return;
      cells.splice(this.column, 0, ...new Array<string>(room).fill(' '));
      styles.splice(this.column, 0, ...new Array<string>(room).fill(''));
      this.spare -= room;
    } else {
      for (const removed of cells.splice(this.column, amount)) this.spare += removed.length;
      styles.splice(this.column, amount);
    }
  }
}
