/** Colour and tables for people; loads chalk and cli-table3, so it is a file of its own that only a terminal loads. */
import { Chalk } from 'chalk';
import Table from 'cli-table3';
import { cut, fitColumns } from './columns.ts';
import type { Tone } from './state-style.ts';

export { toneOf } from './state-style.ts';

export interface Row {
  cells: string[];
  tone: Tone;
  /** What is over for long steps back. */
  isOld?: boolean;
}

/**
 * A table that fits `width`: the last column is cut; where there is little room, long cells are, and the columns named in `spare`
 * go. `toned` is the column of the state.
 */
export function renderTable(
  heads: string[],
  rows: Row[],
  toned: number,
  width: number,
  color: boolean,
  spare: string[] = [],
): string {
  const chalk = new Chalk({ level: color ? 1 : 0 });
  const paint: Record<Tone, (text: string) => string> = {
    live: chalk.green,
    good: (text) => text,
    bad: chalk.red,
    dim: chalk.dim,
  };
  const none = Object.fromEntries(
    [
      'top',
      'top-mid',
      'top-left',
      'top-right',
      'bottom',
      'bottom-mid',
      'bottom-left',
      'bottom-right',
      'left',
      'left-mid',
      'mid',
      'mid-mid',
      'right',
      'right-mid',
    ].map((name) => [name, '']),
  );
  // the last column of a terminal wraps on some
  const all = rows.map(({ cells }) => cells);
  const { shown, widths } = fitColumns(heads, all, width - 1, spare);
  const table = new Table({
    chars: { ...none, middle: '  ' },
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
  });
  table.push(shown.map((n) => chalk.dim(heads[n]!)));
  for (const { cells, tone, isOld } of rows) {
    const fitted = shown.map((n, at) => {
      const cell = cut(cells[n]!, widths[at]!);
      if (n === toned && (tone === 'bad' || !isOld)) return paint[tone](cell);
      return isOld ? chalk.dim(cell) : cell;
    });
    table.push(fitted);
  }
  return table.toString().replace(/[ ]+$/gm, '');
}
