/**
 * Makes readable lines of the bytes of a terminal. No escape sequence and no control gets through (C0, DEL,
 * C1, characters that change the direction of writing, line separators), so text from a job or a record
 * cannot control a terminal.
 */
import { renderSize } from '../clock.ts';
import {
  isRewritten,
  movesBetweenRows,
  screenRows,
  stripEscapes,
  styledLine,
  styledRows,
} from './ansi-screen.ts';
import { type BinaryRun, binaryRuns, mayHoldBinary } from './binary.ts';
import { NEUTRAL, type Pen, sliceStyled, unstyled } from './sgr.ts';

const UNSAFE = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;
const EVERY_UNSAFE = new RegExp(UNSAFE, 'g');

/** A line as a terminal finally shows it: `\r`, backspace and erasing are applied, controls removed. */
export function cleanLine(line: string): string {
  if (!UNSAFE.test(line)) return line;
  const text = withoutReturns(line);
  return isRewritten(text) ? (screenRows(text, false)[0] ?? '') : stripEscapes(text);
}

/** A line that ends in \r has a CRLF ending; it is not overwritten. */
function withoutReturns(line: string): string {
  let end = line.length;
  while (line[end - 1] === '\r') end--;
  return line.slice(0, end);
}

/**
 * The same text with its colours and styles (sgr.ts). `pen`: how the lines before it left the terminal, and
 * how this one leaves it.
 */
export function cleanStyled(line: string, pen: Pen): { line: string; pen: Pen } {
  if (pen.style === '' && !UNSAFE.test(line)) return { line, pen };
  const text = withoutReturns(line);
  if (!isRewritten(text)) return styledLine(text, pen);
  const { lines, pen: after } = styledRows(text, false, pen);
  return { line: lines[0] ?? '', pen: after };
}

/** A stored string (a command, a path, a tag) on one line. Controls are shown as `\xNN`. */
export function safe(text: string): string {
  return text
    .replace(/[\t\n]/g, (c) => (c === '\t' ? '\\t' : '\\n'))
    .replace(EVERY_UNSAFE, (c) => {
      const code = c.codePointAt(0)!;
      return code < 256
        ? `\\x${code.toString(16).padStart(2, '0')}`
        : `\\u${code.toString(16).padStart(4, '0')}`;
    });
}

/** JSON text with controls as `\uNNNN`: the same value, safe to print. */
export const safeJson = (json: string): string =>
  json.replace(EVERY_UNSAFE, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** `abc…(+12)`: at most `limit` characters, and the number of missing ones. Styles count nothing. */
export function clip(line: string, limit: number): string {
  if (line.length <= limit) return line;
  const text = unstyled(line);
  if (text.length <= limit) return line;
  // never cut a surrogate pair in two
  const end = /[\ud800-\udbff]/.test(text[limit - 1]!) ? limit - 1 : limit;
  return `${sliceStyled(line, 0, end)}…(+${text.length - end})`;
}

/** At most about `limit` characters, from the beginning and the end: `abc…(+12)…xyz`. */
export function clipMiddle(line: string, limit: number): string {
  if (line.length <= limit) return line;
  let from = line.length - Math.floor(limit / 4);
  if (/[\udc00-\udfff]/.test(line[from]!)) from++;
  return `${clip(line.slice(0, from), limit - (line.length - from))}…${line.slice(from)}`;
}

/** How many of the first bytes continue a character that began earlier (0 to 3). */
export function brokenStart(bytes: Uint8Array): number {
  let n = 0;
  while (n < 3 && n < bytes.length && (bytes[n]! & 0xc0) === 0x80) n++;
  return n;
}

/** How many of the last bytes begin a character that is not complete (0 to 3). */
export function brokenEnd(bytes: Uint8Array): number {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back]!;
    if ((byte & 0xc0) === 0x80) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back ? back : 0;
  }
  return 0;
}

/**
 * Bytes as clean lines. Binary lines become a notice; half a character at either end is dropped. `styled`:
 * the lines keep their colours and styles; one that is not ended goes on in the next line.
 */
export const readableLines = (bytes: Uint8Array, clipAt = 500, styled = false): string[] =>
  readWith(styled ? styledCleaner() : cleanLines, bytes, clipAt);

/** The same for pieces that follow each other: a style goes on in the next piece. */
export function lineReader(styled: boolean): (bytes: Uint8Array) => string[] {
  const clean = styled ? styledCleaner() : cleanLines;
  return (bytes) => readWith(clean, bytes, 500);
}

function readWith(clean: (text: string) => string[], bytes: Uint8Array, clipAt: number): string[] {
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const cut = whole.subarray(brokenStart(bytes), bytes.length - brokenEnd(bytes));
  const text = cut.toString('utf8');
  const lines = mayHoldBinary(text) ? linesAround(binaryRuns(cut), cut, clean) : clean(text);
  return lines.map((line) => clip(line, clipAt));
}

const splitLines = (text: string): string[] => (text.endsWith('\n') ? text.slice(0, -1) : text).split('\n');

function cleanLines(text: string): string[] {
  if (text === '') return [];
  const isClean = !UNSAFE.test(text);
  if (!isClean && movesBetweenRows(text)) return screenRows(text, true);
  const lines = splitLines(text);
  return isClean ? lines : lines.map(cleanLine);
}

/** As `cleanLines`, with styles. */
function styledCleaner(): (text: string) => string[] {
  let pen = NEUTRAL;
  const goOn = <T extends { pen: Pen }>(styled: T): T => {
    pen = styled.pen;
    return styled;
  };
  return (text) => {
    if (text === '') return [];
    if (movesBetweenRows(text)) return goOn(styledRows(text, true, pen)).lines;
    return splitLines(text).map((line) => goOn(cleanStyled(line, pen)).line);
  };
}

function linesAround(runs: BinaryRun[], bytes: Buffer, clean: (text: string) => string[]): string[] {
  const lines: string[] = [];
  let at = 0;
  for (const { from, to } of runs) {
    for (const line of clean(bytes.toString('utf8', at, from))) lines.push(line);
    lines.push(`[binary: ${renderSize(to - from)}]`);
    at = to;
  }
  for (const line of clean(bytes.toString('utf8', at))) lines.push(line);
  return lines;
}

const FOLD_FROM = 3;

/** Replaces lines of equal text that follow each other by one with a count: `the line (×412)`. */
export function foldRepeats(lines: string[]): string[] {
  const folded: string[] = [];
  for (let from = 0, to = 0; from < lines.length; from = to) {
    const line = lines[from]!;
    const text = unstyled(line);
    while (to < lines.length && unstyled(lines[to]!) === text) to++;
    const count = to - from;
    if (count < FOLD_FROM) folded.push(...lines.slice(from, to));
    else folded.push(text.trim() === '' ? `(${count} empty lines)` : `${line} (×${count})`);
  }
  return folded;
}

export function plural(amount: number, one: string, many = `${one}s`): string {
  return `${amount} ${amount === 1 ? one : many}`;
}
