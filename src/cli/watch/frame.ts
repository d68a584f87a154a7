/**
 * The frame of `watch`: a head, the table of jobs, the end of the log of the selected one, and the keys.
 * Pure: from values to lines.
 */
import { moreJobsText, NO_FAILED_JOB, NO_JOB_MATCHES, NO_OUTPUT_YET, shownText } from '../messages/lists.ts';
import { cut, pad, widthOf } from '../output/columns.ts';
import { jobTable, type TableState } from './job-table.ts';
import { chalkOf, keyLine, listKeys, QUESTION_KEYS, type Size, TYPING_KEYS } from './keys.ts';
import type { JobListing, WatchRow } from './model.ts';

/** Rows of a frame that are neither jobs nor log: head, column heads; the selected job, message, keys. */
const AROUND = 5;
/** With fewer rows for both the log is not shown. */
const LEAST_SHARED = 8;
/** The list takes what it needs, at most one in so many rows; the log has the rest. */
const LIST_SHARE = 2;

interface BoardLayout {
  /** Rows for jobs. */
  jobs: number;
  /** One more row says how many jobs are not shown. */
  hasMore: boolean;
  /** Rows for lines of the log. */
  log: number;
}

/** How the rows of a window are shared between a list of `count` jobs and the log. */
export function layoutBoard({ rows }: Pick<Size, 'rows'>, count: number): BoardLayout {
  const room = Math.max(1, rows - AROUND);
  const list = room < LEAST_SHARED ? room : Math.min(Math.max(count, 1), Math.floor(room / LIST_SHARE));
  const hasMore = count > list && list > 1;
  return { jobs: hasMore ? list - 1 : list, hasMore, log: room < LEAST_SHARED ? 0 : room - list };
}

/** The end of the log of the selected job. */
interface LogEnd {
  /** `stdout` or `stderr`; empty: the job has one log for both. */
  stream: string;
  lines: string[];
}

export interface BoardState extends Omit<TableState, 'selected' | 'rows'> {
  title: string;
  listing: JobListing;
  /** The rows that match the filter. */
  rows: WatchRow[];
  /** The first row that is shown, and the selected one. */
  top: number;
  selected: number;
  log: LogEnd;
  everywhere: boolean;
  failuresOnly: boolean;
  filter: string;
  /** The line above the keys: a question, a text that is being typed, or a message. */
  message: { text: string; kind: 'question' | 'typed' | 'info' | 'failed' } | null;
}

function headLine(state: BoardState, columns: number, color: boolean): string {
  const { title, listing, filter, failuresOnly, everywhere, rows } = state;
  const chalk = chalkOf(color);
  const counts = listing.counts.map(({ text }) => text).join(' · ') || 'no jobs';
  const scope = everywhere ? 'all projects' : title;
  const filtered = shownText(failuresOnly, filter, rows.length, listing.rows.length);
  // what hides jobs is said first
  const full = `bgjob  ${filtered === '' ? '' : `${filtered}  `}${scope}`;
  const room = columns - widthOf(counts) - 2;
  const left = room >= widthOf(filtered) + 7 ? full : filtered;
  if (room < Math.max(12, widthOf(left === full ? '' : left))) return cut(filtered || counts, columns);
  const painted = listing.counts.map(({ text, failed }) => (failed ? chalk.red(text) : text)).join(' · ');
  return `${chalk.bold(pad(cut(left, room), room))}  ${painted || counts}`;
}

const RULE = '─';

/** Names the job and what is shown of its log. */
function separatorLine(state: BoardState, layout: BoardLayout, columns: number, color: boolean): string {
  const row = state.rows[state.selected];
  if (!row) return '';
  const stream = layout.log > 0 && state.log.stream !== '' ? `, ${state.log.stream}` : '';
  const queue = row.queue === null ? '' : `, queue ${row.queue}`;
  const where = state.everywhere ? `  in ${row.project}` : '';
  const text = `${row.label}${stream}${queue}: ${row.command}${where}`;
  const { dim } = chalkOf(color);
  if (layout.log === 0) return dim(cut(text, columns));
  const title = cut(text, Math.max(1, columns - 4));
  return dim(`${RULE} ${title} ${RULE.repeat(Math.max(0, columns - widthOf(title) - 3))}`);
}

function logLines(
  { log, rows, selected }: BoardState,
  room: number,
  columns: number,
  color: boolean,
): string[] {
  if (room === 0 || !rows[selected]) return [];
  if (log.lines.length === 0) return [chalkOf(color).dim(cut(`  ${NO_OUTPUT_YET}`, columns))];
  return log.lines.slice(-room).map((line) => cut(line, columns));
}

const emptyText = ({ listing, filter }: BoardState): string =>
  listing.rows.length === 0 ? listing.none : filter !== '' ? NO_JOB_MATCHES : NO_FAILED_JOB;

/** The whole frame. */
export function renderBoard(state: BoardState, size: Size, color: boolean): string[] {
  const chalk = chalkOf(color);
  const { columns, rows } = size;
  const selected = state.rows[state.selected];
  const layout = layoutBoard(size, state.rows.length);
  const shown = state.rows.slice(state.top, state.top + layout.jobs);
  const below = state.rows.length - state.top - shown.length;
  const table =
    shown.length > 0
      ? jobTable({ ...state, rows: shown, selected }, columns, color)
      : ['', cut(`  ${emptyText(state)}`, columns)];
  const more = layout.hasMore ? [chalk.dim(cut(`  ${moreJobsText(state.top, below)}`, columns))] : [];
  const list = [...table, ...more];
  if (layout.log === 0) while (list.length < rows - AROUND + 1) list.push('');
  const upper = [
    headLine(state, columns, color),
    ...list,
    separatorLine(state, layout, columns, color),
    ...logLines(state, layout.log, columns, color),
  ].slice(0, Math.max(1, rows - 2));
  while (upper.length < rows - 2) upper.push('');
  const { message } = state;
  const plain = (text: string) => text;
  const styles = { question: chalk.bold, typed: plain, info: plain, failed: chalk.red };
  const note = cut(message ? message.text : state.listing.rest.join('; '), columns);
  const keys =
    message?.kind === 'typed'
      ? TYPING_KEYS
      : message?.kind === 'question'
        ? QUESTION_KEYS
        : listKeys(selected);
  return [...upper, (message ? styles[message.kind] : chalk.dim)(note), keyLine(keys, columns, color)];
}
