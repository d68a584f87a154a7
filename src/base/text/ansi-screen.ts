/**
 * A small screen: applies what a program sends to move the cursor and to erase, so that progress is seen in its last
 * state. Its rows grow downwards without end and never scroll away. It never holds more characters than it was given:
 * a distance that a sequence names is a wish, and makes no more room than the characters that were spent on it.
 */

/** What turns the direction of writing or separates lines without being a line end. */
const UNSEEN = '\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069';
/**
 * CSI (its parameters, its final byte); OSC, DCS, SOS, PM and APC up to their end or the line's; other escapes (their final
 * byte); every control that stands alone. In one pass: what is left cannot join to a new sequence. No part can match
 * what another begins with, so the time is linear, whatever the text.
 */
const STEERING = `(?:\\x1b\\[|\\x9b)([0-?]*)[ -/]*([@-~])|(?:\\x1b[\\]PX^_]|[\\x90\\x98\\x9d-\\x9f])[^\\x07\\n\\x1b\\x9c]*(?:\\x07|\\x1b\\\\|\\x9c)?|\\x1b[ -/]*([0-~])|[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f${UNSEEN}]`;
const EVERY = new RegExp(STEERING, 'g');
/** Whatever moves the cursor back, or changes what was written. */
const REWRITES = /[\r\b]|(?:\x1b\[|\x9b)[0-9;]*(?:[@CDEFGPX`ajsu]|[12]K)|\x1b[78E]/;
const MOVES_BETWEEN_ROWS = /(?:\x1b\[|\x9b)[0-9;]*[ABEFHJfd]|\x1b[78DEMc]/;

/** Parts of a row are moved only as far as any terminal is wide: a long row full of such requests would take minutes. */
const WIDEST = 512;

/** Whether lines must be seen together: something in them moves the cursor to another row. */
export const isTall = (text: string): boolean => MOVES_BETWEEN_ROWS.test(text);
/** Whether a line shows something else than its characters in their order. */
export const isRewritten = (line: string): boolean => REWRITES.test(line);
/** The text without sequences and controls; tabs and line ends stay. */
export const stripSteering = (text: string): string => text.replace(EVERY, '');

/** The rows that a terminal shows after `text`. Not `tall`: one row, and what moves to another one is left out. */
export function screenRows(text: string, tall: boolean): string[] {
  const screen = new Screen(tall);
  const pattern = new RegExp(tall ? `${STEERING}|\\n` : STEERING, 'g');
  let at = 0;
  for (let found = pattern.exec(text); found; found = pattern.exec(text)) {
    if (found.index > at) screen.print(text.slice(at, found.index));
    at = pattern.lastIndex;
    screen.spend(at - found.index);
    if (found[2] !== undefined) screen.sequence(found[2], found[1]!);
    else if (found[3] !== undefined) screen.escape(found[3]);
    else screen.control(found[0]);
  }
  screen.print(text.slice(at));
  return screen.lines();
}

class Screen {
  /** Rows that hold nothing are not made. */
  private readonly rows: (string[] | undefined)[] = [undefined];
  private row = 0;
  private column = 0;
  private saved = { row: 0, column: 0 };
  /** Characters that were given and take no place in a row: room that may be made. */
  private spare = 0;
  private readonly tall: boolean;
  constructor(tall: boolean) {
    this.tall = tall;
  }

  /** Notes that characters were given which are not printed. */
  spend(length: number): void {
    this.spare += length;
  }

  print(text: string): void {
    if (text === '') return;
    const cells = this.rows[this.row] ?? [];
    this.rows[this.row] = cells;
    for (; cells.length < this.column && this.spare > 0; this.spare--) cells.push(' ');
    this.column = Math.min(this.column, cells.length);
    for (const character of text) {
      this.spare += cells[this.column]?.length ?? 0;
      cells[this.column++] = character;
    }
  }

  control(character: string): void {
    if (character === '\r') this.column = 0;
    else if (character === '\b') this.column = Math.max(0, this.column - 1);
    else if (character === '\n') this.newLine();
  }

  /** An escape without parameters, by its final byte. */
  escape(final: string): void {
    if (final === '7') this.saved = { row: this.row, column: this.column };
    else if (final === '8') ({ row: this.row, column: this.column } = this.saved);
    else if (final === 'M') this.toRow(this.row - 1);
    else if (final === 'D') this.toRow(this.row + 1);
    else if (final === 'E' && this.tall) this.newLine();
    else if (final === 'E') this.column = 0;
    else if (final === 'c') this.below();
  }

  sequence(final: string, parameters: string): void {
    // private: modes of the terminal, not its cursor
    if (/^[<=>?]/.test(parameters)) return;
    const number = Number.parseInt(parameters, 10);
    // the kind of erasing may be 0, a distance is at least 1
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

  /** What is below the cursor and empty was erased, or never written. */
  lines(): string[] {
    let end = this.rows.length;
    while (end > this.row && !this.rows[end - 1]?.length) end--;
    return this.rows.slice(0, end).map((cells) => cells?.join('') ?? '');
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

  /** Where an absolute position would be is not known here: go on below everything. */
  private below(): void {
    if (!this.tall) return;
    this.row = this.rows.length - 1;
    this.column = 0;
    if (this.rows[this.row]?.length && this.spare > 0) this.newLine();
  }

  private truncate(row: number, length: number): void {
    const cells = this.rows[row];
    if (!cells) return;
    for (let n = length; n < cells.length; n++) this.spare += cells[n]!.length;
    if (cells.length > length) cells.length = length;
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
      // a cleared screen hides what was said; a log does not
    } else if (part > 1) this.below();
  }

  private blank(from: number, to: number): void {
    const cells = this.rows[this.row] ?? [];
    const end = Math.min(to, cells.length, from + WIDEST);
    for (let n = from; n < end; n++) {
      this.spare += cells[n]!.length - 1;
      cells[n] = ' ';
    }
  }

  /** Deletes cells at the cursor, or makes room for some. */
  private shift(insert: boolean, amount: number): void {
    const cells = this.rows[this.row] ?? [];
    if (this.column >= cells.length || cells.length > WIDEST) return;
    if (insert) {
      const room = Math.min(amount, this.spare, WIDEST - cells.length);
      if (room < 1) return;
      cells.splice(this.column, 0, ...new Array<string>(room).fill(' '));
      this.spare -= room;
    } else {
      for (const gone of cells.splice(this.column, amount)) this.spare += gone.length;
    }
  }
}
