/** Coloured tables. It loads chalk and cli-table3, and is loaded only where stdout is a terminal. */
import { Chalk } from 'chalk';
import Table from 'cli-table3';
import { cut, fitColumns, GAP } from './columns.ts';
import type { Tone } from './state-style.ts';

export { toneOf } from './state-style.ts';

export interface Row {
  cells: string[];
  tone: Tone;
  /** Ended long ago: dim. */
  isOld?: boolean;
}

const EDGES = ['top', 'mid', 'bottom'].flatMap((edge) => [edge, `${edge}-mid`]);
const SIDES = ['left', 'right'].flatMap((side) => [side, `${side}-mid`, `top-${side}`, `bottom-${side}`]);
const NO_LINES = Object.fromEntries([...EDGES, ...SIDES].map((name) => [name, '']));

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
  const table = new Table({
    chars: { ...NO_LINES, middle: GAP },
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
  });
  table.push(shown.map((n) => chalk.dim(heads[n]!)));
  for (const { cells, tone, isOld } of rows)
    table.push(
      shown.map((n, at) => {
        const cell = cut(cells[n]!, widths[at]!);
        if (n === toned && (tone === 'bad' || !isOld)) return paint[tone](cell);
        return isOld ? chalk.dim(cell) : cell;
      }),
    );
  return table.toString().replace(/ +$/gm, '');
}
