/** Coloured tables. It loads chalk, and is loaded only where stdout is a terminal. */
import { Chalk } from 'chalk';
import { cut, fitColumns, GAP, pad, widthOf } from './columns.ts';
import type { Tone } from './state-style.ts';

export { toneOf } from './state-style.ts';

export interface Row {
  cells: string[];
  tone: Tone;
  /** Ended long ago: dim. */
  isOld?: boolean;
}

/** A table that fits `width`, as `fitColumns` does it. `toned` is the column of the state. */
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
    good: chalk.green,
    bad: chalk.red,
    dim: chalk.dim,
  };
  // the last column of a terminal wraps on some
  const all = rows.map(({ cells }) => cells);
  const { shown, widths } = fitColumns(heads, all, width - 1, spare);
  const line = (paintCell: (n: number, cell: string) => string, cells: string[]): string =>
    shown
      .map((n, at) => {
        const cell = cut(cells[n]!, widths[at]!);
        return paintCell(n, cell) + pad('', widths[at]! - widthOf(cell));
      })
      .join(GAP)
      .trimEnd();
  const paintRow =
    ({ tone, isOld }: Row) =>
    (n: number, cell: string): string => {
      if (n === toned && (tone === 'bad' || !isOld)) return paint[tone](cell);
      return isOld ? chalk.dim(cell) : cell;
    };
  const head = line((_, cell) => chalk.dim(cell), heads);
  return [head, ...rows.map((row) => line(paintRow(row), row.cells))].join('\n');
}
