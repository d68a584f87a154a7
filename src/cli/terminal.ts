/** Colour and tables for people; loads chalk and cli-table3, so it is a file of its own that only a terminal loads. */
import { Chalk } from 'chalk';
import Table from 'cli-table3';
import { clip } from '../base/text.ts';
import type { StateWord } from '../job/job.ts';

const BAD: readonly StateWord[] = ['killed', 'timed-out', 'failed', 'lost', 'unreadable'];

/** How a state looks: red only for failure, green for what runs, dim for what is over. */
export type Tone = 'live' | 'good' | 'bad' | 'dim';

export function toneOf(word: StateWord, exitCode: number | null): Tone {
  if (BAD.includes(word) || (word === 'exited' && exitCode !== 0)) return 'bad';
  if (word === 'exited') return 'good';
  return word === 'running' || word === 'starting' || word === 'stopping' ? 'live' : 'dim';
}

export interface Row {
  cells: string[];
  tone: Tone;
}

/** A table that fits `width`: the last column is cut, the others keep their size. `toned` is the column of the state. */
export function renderTable(
  heads: string[],
  rows: Row[],
  toned: number,
  width: number,
  color: boolean,
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
  const widths = heads.map((head, n) => Math.max(head.length, ...rows.map(({ cells }) => cells[n]!.length)));
  const last = heads.length - 1;
  const room = Math.max(10, width - 1 - widths.slice(0, last).reduce((sum, one) => sum + one + 2, 0));
  const table = new Table({
    chars: { ...none, middle: '  ' },
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
  });
  table.push(heads.map((head) => chalk.dim(head)));
  for (const { cells, tone } of rows) {
    const fitted = cells.map((cell, n) =>
      n === last ? shorten(cell, room) : n === toned ? paint[tone](cell) : cell,
    );
    table.push(fitted);
  }
  return table.toString().replace(/[ ]+$/gm, '');
}

const shorten = (text: string, room: number): string =>
  text.length <= room ? text : `${clip(text, room - 1).replace(/…\(\+\d+\)$/, '')}…`;
