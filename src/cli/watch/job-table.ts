/** The table of jobs in the live view: its rows, its columns, and which of these give way. Pure. */
import { cut, GAP, pad, widthOf } from '../output/columns.ts';
import { chalkOf, inverse, type Painter } from './keys.ts';
import type { WatchRow } from './model.ts';

const HEADS = ['ID', 'JOB', 'STATE', 'TIME', 'IDLE/END', 'CPU', 'MEMORY', 'TARGET', 'PORTS', 'LAST LINE'];
const [JOB, STATE, TIME, LAST] = [1, 2, 3, HEADS.length - 1];
/** Shown only where a row has something there. */
const RARE = ['CPU', 'MEMORY', 'TARGET', 'PORTS'];
/** Cells of these are cut to so much; a list of states that gets long says the rest in its log. */
const MOST: Record<string, number> = { STATE: 28, TARGET: 14, PORTS: 16 };
/** The selected row is marked, also in a picture of the text alone. */
const MARKED = '> ';
const UNMARKED = '  ';

/**
 * In a narrow window one thing after the other gives way: long names first, at last whole columns. `job` and
 * `last` are the least widths of these two.
 */
const STEPS: { job?: number; last?: number; state?: number; isShort?: true; without?: string }[] = [
  { job: 24, last: 16 },
  { isShort: true },
  { job: 16, last: 12 },
  { job: 14, last: 10 },
  { without: 'IDLE/END' },
  { job: 12 },
  { without: 'PORTS' },
  { without: 'MEMORY' },
  { without: 'CPU' },
  { without: 'TARGET' },
  { without: 'TIME' },
  { state: 14 },
  { job: 8, last: 8 },
];

interface Columns {
  shown: number[];
  widths: number[];
  /** Times without how long the job usually takes. */
  isShort: boolean;
}

/** The columns that fit into `width`. */
function chooseColumns(cells: string[][], short: string[], width: number): Columns {
  const natural = HEADS.map((head, n) =>
    Math.min(
      MOST[head] ?? Number.POSITIVE_INFINITY,
      cells.reduce((most, texts) => Math.max(most, widthOf(texts[n]!)), head.length),
    ),
  );
  const shortTime = short.reduce((most, text) => Math.max(most, widthOf(text)), HEADS[TIME]!.length);
  let shown = HEADS.map((_, n) => n).filter(
    (n) => !RARE.includes(HEADS[n]!) || cells.some((texts) => texts[n] !== '-'),
  );
  let [job, last, isShort] = [natural[JOB]!, 16, false];
  const widthsOf = (n: number) => (n === TIME && isShort ? shortTime : natural[n]!);
  const free = () =>
    width -
    shown.reduce((sum, n) => (n === JOB || n === LAST ? sum : sum + widthsOf(n) + GAP.length), GAP.length);
  for (const step of STEPS) {
    if (job + last <= free()) break;
    job = Math.min(job, step.job ?? job);
    last = step.last ?? last;
    isShort ||= step.isShort === true;
    natural[STATE] = Math.min(natural[STATE]!, step.state ?? natural[STATE]!);
    shown = shown.filter((n) => HEADS[n] !== step.without);
  }
  // commands without a name have what no last line needs
  const isSilent = cells.every((texts) => texts[LAST] === '');
  const room = free();
  const share = isSilent ? room - HEADS[LAST]!.length : Math.floor(room / 2);
  job = Math.min(natural[JOB]!, Math.max(job, share));
  const widths = shown.map((n) => (n === JOB ? job : n === LAST ? Math.max(last, room - job) : widthsOf(n)));
  return { shown, widths, isShort };
}

export interface TableState {
  rows: WatchRow[];
  selected: WatchRow | undefined;
  cellsOf(row: WatchRow): { lastLine: string; ports: string; usage: [cpu: string, memory: string] };
}

/** The heads, and a line for each row. */
export function jobTable(state: TableState, columns: number, color: boolean): string[] {
  const chalk = chalkOf(color);
  const { rows } = state;
  const cells = rows.map((row) => {
    const { lastLine, ports, usage } = state.cellsOf(row);
    const job = [row.name ?? row.command, `${row.sign} ${row.state}`, row.time, row.since];
    return [String(row.id), ...job, ...usage, row.target, ports, lastLine];
  });
  const room = columns - widthOf(MARKED);
  const short = rows.map(({ shortTime }) => shortTime);
  const { shown, widths, isShort } = chooseColumns(cells, short, room);
  if (isShort) for (const [n, text] of short.entries()) cells[n]![TIME] = text;
  const line = (texts: string[], style: (text: string, column: number) => string) =>
    shown.map((n, at) => style(pad(cut(texts[n]!, widths[at]!), widths[at]!), n)).join(GAP);
  return [
    UNMARKED + line(HEADS, (text) => chalk.dim(text)),
    ...cells.map((texts, n) => {
      const row = rows[n]!;
      if (row === state.selected)
        return inverse(pad(cut(MARKED + line(texts, (text) => text), columns), columns));
      return UNMARKED + line(texts, (text, column) => paint(chalk, row, column)(text));
    }),
  ];
}

function paint(chalk: Painter, row: WatchRow, column: number): (text: string) => string {
  const tones = { live: chalk.green, good: chalk.green, bad: chalk.red, dim: chalk.dim };
  if (column === STATE && (row.tone === 'bad' || !row.isOld)) return tones[row.tone];
  if (column === JOB && !row.isOld && row.name !== null) return chalk.bold;
  return row.isOld || !row.isLive ? chalk.dim : (text) => text;
}
