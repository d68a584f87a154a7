/** The frame of `watch`: a head, the table of jobs with one of them chosen, and what can be typed. Pure: from values to lines. */
import { Chalk, type ChalkInstance } from 'chalk';
import { cut, fitColumns, GAP, pad, widthOf } from '../output/columns.ts';
import type { Sighted, WatchRow } from './model.ts';

const HEADS = ['ID', 'JOB', 'STATE', 'AGE', 'IDLE', 'PORTS', 'LAST LINE'];
const [JOB, STATE, PORTS] = [1, 2, 5];
/** The first of these goes first where there is little room. */
const SPARE = ['AGE', 'IDLE', 'PORTS'];
/** A job without a name is called by the beginning of its command, up to this part of the window. */
const JOB_SHARE = 5;
const LEAST_JOB = 12;
/** The chosen row is marked, also where there are no colours. */
const MARKED = '> ';
const UNMARKED = '  ';

/** Rows of a frame that are not jobs: the head, the heads; the chosen job, what was said, the keys. */
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
  sighted: Sighted;
  /** Those that the filter leaves. */
  rows: WatchRow[];
  /** The first that is shown, and the chosen one. */
  top: number;
  chosen: number;
  lastLine(row: WatchRow): string;
  ports(row: WatchRow): string;
  everywhere: boolean;
  filter: string;
  /** What stands in the line above the keys: a question, a text that is being typed, or what was said. */
  said: { text: string; kind: 'asked' | 'typed' | 'told' | 'failed' } | null;
}

const chalkOf = (color: boolean): ChalkInstance => new Chalk({ level: color ? 1 : 0 });

/** The keys in one line, as many as fit; the last is how to leave. */
export function keyLine(keys: [string, string][], columns: number, color: boolean): string {
  const chalk = chalkOf(color);
  const width = (some: typeof keys) =>
    some.reduce((sum, [key, what]) => sum + widthOf(key) + widthOf(what) + 3, -2);
  let shown = keys;
  // from the right, but for the way out
  while (width(shown) > columns && shown.length > 1) shown = [...shown.slice(0, -2), shown.at(-1)!];
  return shown.map(([key, what]) => `${chalk.bold(key)} ${chalk.dim(what)}`).join(GAP);
}

function headLine({ title, sighted, filter, everywhere, rows }: BoardState, columns: number, color: boolean) {
  const chalk = chalkOf(color);
  const counts = sighted.counts.map(({ text }) => text).join(' · ') || 'no jobs';
  const place = everywhere ? 'all projects' : title;
  const filtered = filter === '' ? '' : `  /${filter}: ${rows.length} of ${sighted.rows.length}`;
  const room = columns - widthOf(counts) - 2;
  const left = cut(`bgjob  ${place}${filtered}`, Math.max(0, room));
  const painted = sighted.counts.map(({ text, failed }) => (failed ? chalk.red(text) : text)).join(' · ');
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
    state.ports(row),
    state.lastLine(row),
  ]);
  const marks = widthOf(MARKED);
  const fit = fitColumns(
    HEADS,
    cells,
    size.columns - marks,
    SPARE,
    cells.every((texts) => texts[PORTS] === '-') ? ['PORTS'] : [],
  );
  const { shown: columns, widths } = fit;
  const line = (texts: string[], style: (text: string, column: number) => string) =>
    columns.map((n, at) => style(pad(cut(texts[n]!, widths[at]!), widths[at]!), n)).join(GAP);
  const heads = UNMARKED + line(HEADS, (text) => chalk.dim(text));
  return [
    heads,
    ...cells.map((texts, n) => {
      const row = shown[n]!;
      if (state.top + n === state.chosen) return chalk.inverse(MARKED + line(texts, (text) => text));
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
  const chosen = state.rows[state.chosen];
  const table =
    state.rows.length > 0
      ? tableLines(state, size, color)
      : [
          '',
          `  ${state.filter === '' ? 'no jobs here' : 'no job matches'}: ${state.filter === '' ? 'bgjob run -- command' : 'Esc shows all'}`,
        ];
  const frame = [headLine(state, columns, color), ...table].slice(0, Math.max(1, rows - 3));
  while (frame.length < rows - 3) frame.push('');
  const hidden = state.rows.length - roomFor(rows);
  const more = hidden > 0 ? `${state.chosen + 1} of ${state.rows.length}` : '';
  const rest = [more, ...state.sighted.rest].filter((text) => text !== '').join('; ');
  const what = chosen
    ? `${chosen.label}: ${chosen.command}${state.everywhere ? `  in ${chosen.project}` : ''}`
    : '';
  const { said } = state;
  const told = said ? said.text : rest;
  const style = {
    asked: chalk.bold,
    typed: (text: string) => text,
    told: (text: string) => text,
    failed: chalk.red,
  };
  return [
    ...frame,
    chalk.dim(cut(what, columns)),
    said ? style[said.kind](cut(told, columns)) : chalk.dim(cut(told, columns)),
    keyLine(
      said?.kind === 'typed' ? TYPING_KEYS : said?.kind === 'asked' ? ASKED_KEYS : KEYS,
      columns,
      color,
    ),
  ];
}

const TYPING_KEYS: [string, string][] = [
  ['⏎', 'keep'],
  ['Esc', 'all jobs'],
];
const ASKED_KEYS: [string, string][] = [
  ['y', 'yes'],
  ['n', 'no'],
];
