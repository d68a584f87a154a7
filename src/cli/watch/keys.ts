/** The keys of the live view: the row at the bottom of the window, and the page that `?` shows. Pure. */
import { Chalk, type ChalkInstance } from 'chalk';
import { HELP_END, HELP_MORE, HELP_TITLE, KEY_HELP } from '../messages/lists.ts';
import { cut, GAP, pad, widthOf } from '../output/columns.ts';
import type { WatchRow } from './model.ts';

export type KeyHint = [key: string, what: string];
export interface Size {
  columns: number;
  rows: number;
}

export const TYPING_KEYS: KeyHint[] = [
  ['⏎', 'keep'],
  ['Esc', 'all jobs'],
];
export const SEARCH_KEYS: KeyHint[] = [
  ['⏎', 'search'],
  ['Esc', 'cancel'],
];
export const QUESTION_KEYS: KeyHint[] = [
  ['y', 'yes'],
  ['n', 'no'],
];

export type Painter = ChalkInstance;
export const chalkOf = (color: boolean): Painter => new Chalk({ level: color ? 1 : 0 });
/** Inverse also without colours: it is no colour, and each terminal that can be drawn on has it. */
export const inverse = (text: string): string => `\x1b[7m${text}\x1b[27m`;

/** The keys of the verbs that can be used on a job. */
const actionKeys = (row: WatchRow | undefined): KeyHint[] => [
  ...(row?.mayKill ? [['x', 'kill'] as KeyHint] : []),
  ...(row?.whyNoRestart === null ? [['r', 'restart'] as KeyHint] : []),
  ...(row?.mayPause ? [['p', row.isPaused ? 'resume' : 'pause'] as KeyHint] : []),
];

/** `row`: the chosen job. */
export const listKeys = (row: WatchRow | undefined): KeyHint[] => [
  ...(row ? [['↑↓', 'move'] as KeyHint, ['⏎', 'log'] as KeyHint] : []),
  ...actionKeys(row),
  ['/', 'filter'],
  ['F', 'failures'],
  ['a', 'all'],
  ['?', 'keys'],
  ['q', 'quit'],
];

/** `row`: undefined if the job was removed. */
export const logKeys = (
  row: WatchRow | undefined,
  { isSearching, isWrapped, isErr }: { isSearching: boolean; isWrapped: boolean; isErr: boolean },
): KeyHint[] => [
  ['↑↓', 'scroll'],
  ['G', 'follow'],
  ['/', 'search'],
  ...(isSearching ? [['nN', 'next'] as KeyHint] : []),
  ...actionKeys(row),
  ['w', isWrapped ? 'cut' : 'wrap'],
  ...(isWrapped ? [] : [['<>', 'sideways'] as KeyHint]),
  ['t', 'times'],
  ...(row?.isSplit ? [['e', isErr ? 'stdout' : 'stderr'] as KeyHint] : []),
  ['?', 'keys'],
  ['q', 'back'],
];

/** These stay to the end: the one that leaves the view, and the one that shows all others. */
const KEPT = 2;

/** The keys in one line, as many as fit. */
export function keyLine(keys: KeyHint[], columns: number, color: boolean): string {
  const chalk = chalkOf(color);
  const width = (some: KeyHint[]) =>
    some.reduce((sum, [key, what]) => sum + widthOf(key) + widthOf(what) + 3, -2);
  let shown = keys;
  while (width(shown) > columns && shown.length > 1) {
    const at = Math.max(0, shown.length - 1 - Math.min(KEPT, shown.length - 1));
    shown = shown.filter((_, n) => n !== at);
  }
  return shown.map(([key, what]) => `${chalk.bold(key)} ${chalk.dim(what)}`).join(GAP);
}

const KEY_WIDTH = 11;
/** From this width on the page has two columns: so wide is each. */
const HALF = 40;

/** The pages of help: one, unless the window is small. */
export function helpPages({ columns, rows }: Size, color: boolean): string[][] {
  const chalk = chalkOf(color);
  const isDouble = columns >= 2 * HALF;
  const width = isDouble ? HALF - 2 : columns;
  /** Filled up to `width`, so that the other column may follow. */
  const fit = (text: string, room: number) => pad(cut(text, room), isDouble ? room : 0);
  const linesOf = (groups: typeof KEY_HELP): string[] =>
    groups.flatMap(([title, keys]) => [
      fit('', width),
      chalk.bold(fit(title, width)),
      ...keys.map(([key, what]) => `  ${pad(key, KEY_WIDTH)}${chalk.dim(fit(what, width - KEY_WIDTH - 2))}`),
    ]);
  const half = Math.ceil(KEY_HELP.length / 2);
  const [left, right] = [linesOf(KEY_HELP.slice(0, half)), linesOf(KEY_HELP.slice(half))];
  const body = isDouble
    ? right.map((line, n) => `${left[n] ?? fit('', width)}${GAP}${line}`)
    : [...left, ...right];
  // title and last line
  const room = Math.max(1, rows - 2);
  const pages: string[][] = [];
  for (let at = 0; at < body.length; at += room) pages.push(body.slice(at, at + room));
  return pages.map((page, n) => [
    chalk.bold(cut(HELP_TITLE, columns)),
    ...page,
    ...new Array<string>(room - page.length).fill(''),
    chalk.dim(cut(n + 1 < pages.length ? HELP_MORE : HELP_END, columns)),
  ]);
}
