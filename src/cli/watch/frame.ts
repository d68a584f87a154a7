/**
 * The frame of `watch`: a head, the table of jobs with the selected one, and the keys. Pure: from values to
 * lines.
 */
import { Chalk, type ChalkInstance } from 'chalk';
import { NO_JOB_MATCHES, NO_JOBS_HERE } from '../messages/lists.ts';
import { cut, fitColumns, GAP, pad, widthOf } from '../output/columns.ts';
import type { JobListing, WatchRow } from './model.ts';

const HEADS = ['ID', 'JOB', 'STATE', 'AGE', 'IDLE', 'CPU', 'MEMORY', 'TARGET', 'PORTS', 'LAST LINE'];
const [JOB, STATE] = [1, 2];
/** Shown only where a row has something there. */
const RARE = ['CPU', 'MEMORY', 'TARGET', 'PORTS'];
/** Left out in this order where there is little room. */
const SPARE = ['AGE', 'IDLE', 'CPU', 'MEMORY', 'PORTS'];
/** A job without a name shows the beginning of its command, up to this part of the window. */
const JOB_SHARE = 5;
const LEAST_JOB = 12;
/** The selected row is marked, also without colours. */
const MARKED = '> ';
const UNMARKED = '  ';

/** Rows of a frame that are not jobs: head, column heads; selected job, message, keys. */
const AROUND = 5;
export const roomFor = (rows: number): number => Math.max(1, rows - AROUND);

const KEYS: [key: string, what: string][] = [
  ['↑↓', 'move'],
  ['⏎', 'log'],
  ['x', 'kill'],
  ['r', 'restart'],
  ['p', 'pause'],
  ['/', 'filter'],
  ['a', 'all'],
  ['q', 'quit'],
];

export interface BoardState {
  title: string;
  listing: JobListing;
  /** The rows that match the filter. */
  rows: WatchRow[];
  /** The first row that is shown, and the selected one. */
  top: number;
  selected: number;
  lastLine(row: WatchRow): string;
  ports(row: WatchRow): string;
  usage(row: WatchRow): [cpu: string, memory: string];
  everywhere: boolean;
  filter: string;
  /** The line above the keys: a question, a text that is being typed, or a message. */
  message: { text: string; kind: 'question' | 'typed' | 'info' | 'failed' } | null;
}

const chalkOf = (color: boolean): ChalkInstance => new Chalk({ level: color ? 1 : 0 });

/** The keys in one line, as many as fit; the last one, which leaves the view, always. */
export function keyLine(keys: [string, string][], columns: number, color: boolean): string {
  const chalk = chalkOf(color);
  const width = (some: typeof keys) =>
    some.reduce((sum, [key, what]) => sum + widthOf(key) + widthOf(what) + 3, -2);
  let shown = keys;
  while (width(shown) > columns && shown.length > 1) shown = [...shown.slice(0, -2), shown.at(-1)!];
  return shown.map(([key, what]) => `${chalk.bold(key)} ${chalk.dim(what)}`).join(GAP);
}

function headLine({ title, listing, filter, everywhere, rows }: BoardState, columns: number, color: boolean) {
  const chalk = chalkOf(color);
  const counts = listing.counts.map(({ text }) => text).join(' · ') || 'no jobs';
  const scope = everywhere ? 'all projects' : title;
  const filtered = filter === '' ? '' : `  /${filter}: ${rows.length} of ${listing.rows.length}`;
  const room = columns - widthOf(counts) - 2;
  const left = cut(`bgjob  ${scope}${filtered}`, Math.max(0, room));
  const painted = listing.counts.map(({ text, failed }) => (failed ? chalk.red(text) : text)).join(' · ');
  if (room < 12) return cut(`${counts}${filtered}`, columns);
  return `${chalk.bold(pad(left, room))}  ${painted || counts}`;
}

function tableLines(state: BoardState, size: { columns: number; rows: number }, color: boolean): string[] {
  const chalk = chalkOf(color);
  const paint = { live: chalk.green, good: chalk.green, bad: chalk.red, dim: chalk.dim };
  const shown = state.rows.slice(state.top, state.top + roomFor(size.rows));
  const cells = shown.map((row) => [
    String(row.id),
    row.name ?? cut(row.command, Math.max(LEAST_JOB, Math.floor(size.columns / JOB_SHARE))),
    row.state,
    row.age,
    row.idle,
    ...state.usage(row),
    row.target,
    state.ports(row),
    state.lastLine(row),
  ]);
  const marks = widthOf(MARKED);
  const fit = fitColumns(
    HEADS,
    cells,
    size.columns - marks,
    SPARE,
    RARE.filter((head) => cells.every((texts) => texts[HEADS.indexOf(head)] === '-')),
  );
  const { shown: columns, widths } = fit;
  const line = (texts: string[], style: (text: string, column: number) => string) =>
    columns.map((n, at) => style(pad(cut(texts[n]!, widths[at]!), widths[at]!), n)).join(GAP);
  const heads = UNMARKED + line(HEADS, (text) => chalk.dim(text));
  return [
    heads,
    ...cells.map((texts, n) => {
      const row = shown[n]!;
      if (state.top + n === state.selected) return chalk.inverse(MARKED + line(texts, (text) => text));
      return (
        UNMARKED +
        line(texts, (text, column) => {
          if (column === STATE && (row.tone === 'bad' || !row.isOld)) return paint[row.tone](text);
          if (column === JOB && !row.isOld && row.name !== null) return chalk.bold(text);
          return row.isOld || !row.isLive ? chalk.dim(text) : text;
        })
      );
    }),
  ];
}

/** The whole frame. */
export function renderBoard(
  state: BoardState,
  size: { columns: number; rows: number },
  color: boolean,
): string[] {
  const chalk = chalkOf(color);
  const { columns, rows } = size;
  const selected = state.rows[state.selected];
  const table =
    state.rows.length > 0
      ? tableLines(state, size, color)
      : ['', `  ${state.filter === '' ? NO_JOBS_HERE : NO_JOB_MATCHES}`];
  const frame = [headLine(state, columns, color), ...table].slice(0, Math.max(1, rows - 3));
  while (frame.length < rows - 3) frame.push('');
  const hidden = state.rows.length - roomFor(rows);
  const more = hidden > 0 ? `${state.selected + 1} of ${state.rows.length}` : '';
  const rest = [more, ...state.listing.rest].filter((text) => text !== '').join('; ');
  const what = selected
    ? `${selected.label}: ${selected.command}${state.everywhere ? `  in ${selected.project}` : ''}`
    : '';
  const { message } = state;
  const below = message ? message.text : rest;
  const style = {
    question: chalk.bold,
    typed: (text: string) => text,
    info: (text: string) => text,
    failed: chalk.red,
  };
  return [
    ...frame,
    chalk.dim(cut(what, columns)),
    message ? style[message.kind](cut(below, columns)) : chalk.dim(cut(below, columns)),
    keyLine(
      message?.kind === 'typed' ? TYPING_KEYS : message?.kind === 'question' ? QUESTION_KEYS : KEYS,
      columns,
      color,
    ),
  ];
}

const TYPING_KEYS: [string, string][] = [
  ['⏎', 'keep'],
  ['Esc', 'all jobs'],
];
const QUESTION_KEYS: [string, string][] = [
  ['y', 'yes'],
  ['n', 'no'],
];
