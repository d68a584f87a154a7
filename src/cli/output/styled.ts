/** Styled lines (base/text/sgr.ts) on a screen: tabs, marks of a search, and a window that moves sideways. */
import { sliceStyled, unstyled } from '../../base/text/sgr.ts';
import { cut, offsetAt, widthOf } from './columns.ts';

/** A part of the text that is marked, from one character to another. Styles count nothing. */
export interface Mark {
  from: number;
  to: number;
  /** It is the current match of the search. */
  isCurrent: boolean;
}

const RESET = '\x1b[0m';
/** Visible without colours, and on light and dark. A mark in inverse text is underlined. */
const markStyle = (isCurrent: boolean, isInverse: boolean): string =>
  `\x1b[${isCurrent ? '1;' : ''}${isInverse ? 4 : 7}m`;
/** The flags of a style come first, in order. */
const INVERSE = /^\x1b\[(?:[1-6];)*7[;m]/;
const TAB = 8;

/** Replaces tabs by spaces up to the next tab stop. */
export function expandTabs(line: string): string {
  if (!line.includes('\t')) return line;
  let [expanded, column] = ['', 0];
  for (const [piece] of line.matchAll(/\x1b\[[\d;]*m|\t|[^\x1b\t]+/g)) {
    const text = piece === '\t' ? ' '.repeat(TAB - (column % TAB)) : piece;
    expanded += text;
    column += widthOf(text);
  }
  return expanded;
}

/** The line from character `from` to `to`, with its marks. The marks are in order and do not overlap. */
export function sliceMarked(line: string, from: number, to: number, marks: Mark[]): string {
  let [shown, at] = ['', from];
  for (const mark of marks) {
    const [start, end] = [Math.max(from, mark.from), Math.min(to, mark.to)];
    if (start >= end) continue;
    const inside = sliceStyled(line, start, end);
    const style = markStyle(mark.isCurrent, INVERSE.test(inside));
    shown += sliceStyled(line, at, start) + style + unstyled(inside) + RESET;
    at = end;
  }
  return shown + sliceStyled(line, at, to);
}

/** Which characters of a text are in a window of `columns` from column `left` on; `isCut`: more follow. */
export function partSideways(
  text: string,
  left: number,
  columns: number,
): { from: number; to: number; isCut: boolean } {
  const from = offsetAt(text, left);
  const rest = text.slice(from);
  if (widthOf(rest) <= columns) return { from, to: text.length, isCut: false };
  return { from, to: from + cut(rest, columns).length - 1, isCut: true };
}
