/** Texts in columns: their width on a terminal, cut and padded; and which columns of a table fit. */
import { sliceStyled, unstyled } from '../../base/text/sgr.ts';

/**
 * Each of these characters takes one column: Latin, Greek and Cyrillic letters without marks, punctuation,
 * arrows, box lines. For others widths.ts is loaded, which costs as much as half a start of bgjob.
 */
const PLAIN = new RegExp(
  `^[${[
    ...[
      '\\x20-\\x7e',
      '\\xa1-\\xac',
      '\\xae-\\u02ff',
      '\\u0370-\\u0482',
      '\\u048a-\\u0523',
      '\\u2010-\\u2027',
    ],
    ...[
      '\\u2030-\\u205e',
      '\\u2190-\\u21ff',
      '\\u2500-\\u259f',
      '\\u25b8\\u25e6\\u2713\\u2714\\u2717\\u2718',
    ],
  ].join('')}]*$`,
);
const wide = () => require('./widths.ts') as typeof import('./widths.ts');

/** The columns that a text takes; it has no tabs. Styles (sgr.ts) have no width. */
export function widthOf(text: string): number {
  const bare = unstyled(text);
  return PLAIN.test(bare) ? bare.length : wide().measure(bare);
}

/** At most `columns` wide; a text that was cut ends with `…`. */
export function cut(text: string, columns: number): string {
  if (columns < 1) return '';
  if (widthOf(text) <= columns) return text;
  if (columns === 1) return '…';
  const bare = unstyled(text);
  const shown = PLAIN.test(bare) ? columns - 1 : cutWide(bare, columns - 1).length;
  return `${sliceStyled(text, 0, shown)}…`;
}

/** A wide character that does not fit is left out. */
function cutWide(text: string, columns: number): string {
  const [first] = wide().split(text, columns, 1);
  return widthOf(first!) <= columns ? first! : '';
}

/** How many characters of a text lie wholly within its first `columns`. */
export function offsetAt(text: string, columns: number): number {
  if (columns <= 0) return 0;
  return PLAIN.test(text) ? Math.min(columns, text.length) : cutWide(text, columns).length;
}

/** Filled up with spaces to the width of the column. */
export const pad = (text: string, columns: number): string =>
  text + ' '.repeat(Math.max(0, columns - widthOf(text)));

/** Wraps a text into lines of at most `columns`; each has the styles of its part. */
export function wrap(text: string, columns: number): string[] {
  if (widthOf(text) <= columns) return [text];
  const bare = unstyled(text);
  const parts = PLAIN.test(bare) ? everyColumns(bare, columns) : wide().split(bare, columns);
  if (bare === text) return parts;
  let at = 0;
  return parts.map((part) => {
    at += part.length;
    return sliceStyled(text, at - part.length, at);
  });
}

function everyColumns(text: string, columns: number): string[] {
  const parts = [];
  for (let at = 0; at < text.length; at += columns) parts.push(text.slice(at, at + columns));
  return parts;
}

/** Between two columns. */
export const GAP = '  ';
/** The last column is useful from this width on. Where it gets less, the others are cut to 24. */
const LEAST_LAST = 16;
const MOST_OTHER = 24;
const LEAST_CELL = 8;

export interface Fit {
  /** The numbers of the columns that are shown. */
  shown: number[];
  /** The widths of these. */
  widths: number[];
}

/**
 * The columns that fit into `width`; the last one gets the rest. Where the rest is small, long cells are cut
 * first, then the columns named in `spare` are left out, in that order. Those of `without` are never shown.
 */
export function fitColumns(
  heads: string[],
  rows: string[][],
  width: number,
  spare: string[] = [],
  without: string[] = [],
): Fit {
  const last = heads.length - 1;
  const natural = heads.map((head, n) =>
    n === last ? 0 : rows.reduce((most, cells) => Math.max(most, widthOf(cells[n]!)), head.length),
  );
  let shown = heads.map((_, n) => n).filter((n) => !without.includes(heads[n]!));
  const room = (widths: number[]) => width - shown.slice(0, -1).reduce((sum, n) => sum + widths[n]! + 2, 0);
  let widths = natural;
  if (spare.length > 0 && room(widths) < LEAST_LAST)
    widths = natural.map((one, n) => Math.min(one, Math.max(heads[n]!.length, MOST_OTHER)));
  for (const head of spare) {
    if (room(widths) >= LEAST_LAST) break;
    shown = shown.filter((n) => heads[n] !== head);
  }
  // still too narrow: the widest becomes narrower
  while (spare.length > 0 && room(widths) < LEAST_LAST / 2) {
    const widest = shown.slice(0, -1).reduce((most, n) => (widths[n]! > widths[most]! ? n : most));
    if (widths[widest]! <= LEAST_CELL) break;
    widths = widths.map((one, n) => (n === widest ? one - 1 : one));
  }
  const rest = Math.max(LEAST_CELL, room(widths));
  return { shown, widths: shown.map((n) => (n === last ? rest : widths[n]!)) };
}

/** The table as plain lines; nothing is cut. */
export function plainTable(heads: string[], rows: string[][]): string[] {
  const all = [heads, ...rows];
  const widths = heads.map((_, n) => all.reduce((most, cells) => Math.max(most, widthOf(cells[n]!)), 0));
  return all.map((cells) =>
    cells
      .map((cell, n) => pad(cell, widths[n]!))
      .join(GAP)
      .trimEnd(),
  );
}
