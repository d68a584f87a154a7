/**
 * One call of `tail`: where it begins; then the bounded view of the end, everything (--full), or what comes
 * (--follow).
 */
import { renderSize, systemClock } from '../../base/clock.ts';
import { observe } from '../../engine/observe/observe.ts';
import { ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import type { JobPaths } from '../../job/home/paths.ts';
import { type Cursor, readCursor } from '../../job/log/cursors.ts';
import { Log, type Piece, readLogSize, type Stream } from '../../job/log/log.ts';
import { readEmptiedBytes, readTrimmedBytes } from '../../job/log/trim-record.ts';
import type { JobView } from '../../job/view.ts';
import { type Exit, type Input, SUCCESS } from '../command/command.ts';
import { parsePosition } from '../command/parse-position.ts';
import { printLostHint } from '../jobs/lost-hint.ts';
import { awayNote, stderrOf } from '../jobs/stderr-log.ts';
import { jobLabel, jobObject } from '../messages/job-text.ts';
import { EMPTIED_HINT, emptyFooter, footer, notAllText } from '../messages/log.ts';
import { stillRunningText } from '../messages/wait.ts';
import { markReported } from '../output/mark-reported.ts';
import type { Output } from '../output/output.ts';
import type { Deadline } from '../wait/deadline.ts';
import { printPauses } from '../wait/pause-notes.ts';
import { printStillRunning } from '../wait/report-outcome.ts';
import {
  isGrowing,
  NOTHING,
  printPiece,
  printStderr,
  promptOf,
  quietMs,
  readForward,
  wholeLines,
} from './excerpt.ts';
import { followTo } from './follow.ts';
import type { Stamps } from './stamps.ts';

const LINES = 40;
const LIMIT_BYTES = 8192;
/** Room for each line of -n. */
const LINE_BYTES = 500;
const FULL_PIECE_BYTES = 1 << 20;

/** The options that say which part of a log is meant, and how it is shown. */
export const READING_OPTIONS = {
  lines: {
    kind: 'count',
    short: '-n',
    value: 'N',
    text: 'print N lines (default 40)',
    group: 'Which part',
  },
  head: { kind: 'flag', text: 'print from the beginning' },
  full: { kind: 'flag', text: 'print everything, without a limit' },
  since: {
    kind: 'text',
    value: 'CURSOR|DUR',
    text: 'print from this byte on, or the output of the last DUR',
  },
  new: { kind: 'flag', text: 'print what is new since the last --new' },
  reader: { kind: 'text', value: 'NAME', text: 'with --new: each NAME has a cursor of its own' },
  err: { kind: 'flag', text: 'print stderr, of a job started with --split' },
  follow: { kind: 'flag', short: '-f', text: 'print output as it comes, until the job ends', group: 'How' },
  timestamps: {
    kind: 'flag',
    short: '-t',
    text: 'print the time of each line, at most about two seconds late',
  },
  raw: { kind: 'flag', text: 'print the bytes as they are' },
} as const;
export type ReadingInput = Input<typeof READING_OPTIONS>['options'];

/** What one call of `tail` reads, and how. */
export interface Reading {
  output: Output;
  home: Home;
  view: JobView;
  stream: Stream;
  options: ReadingInput;
  /** Where it begins; null for the view of the end. */
  start: number | null;
  /** Of several jobs that are read one after the other: the line above this one. */
  heading?: string;
  /** Of several jobs: the name that stands before a line on a stream. */
  name?: (stream?: 1 | 2) => string;
  /** The times of its lines, with --timestamps. */
  stamps?: Stamps | undefined;
  /** The command that goes on in the same way, without the cursor. */
  again: string;
}

export const readerOf = ({ reader }: ReadingInput): string => reader ?? 'default';

/** Where reading begins; fails for text that is no position in this log. */
export function startOf(
  options: ReadingInput,
  home: Home,
  view: JobView,
  stream: Stream,
): Result<number | null> {
  const job = home.job(view.id);
  const text = options.since;
  if (options.new) {
    return ok(newStart(job, stream, readCursor(job, stream, readerOf(options))));
  }
  if (text === null) return ok(options.head ? 0 : null);
  return parsePosition(text, job, stream, jobLabel(view));
}

/** Where --new begins; null: with the view of the end, as at the first --new. */
function newStart(job: JobPaths, stream: Stream, cursor: Cursor | undefined): number | null {
  const log = cursor && Log.open(job, stream);
  if (!log) return null;
  const { size, emptiedBytes: floor } = log;
  log.close();
  // emptied since, or, if the cursor is beyond the end, just now: the whole log is new
  if (floor > cursor.floor) return Math.min(cursor.at, floor);
  return cursor.at > size ? floor : cursor.at;
}

/** Everything from `from` on, in pieces of whole lines: a log may be larger than the memory. */
function printFull({ output, view, options, stamps }: Reading, log: Log, from: number): Piece {
  const { size } = log;
  let at = from;
  while (at < size && !output.readerGone) {
    const piece = log.read(at, Math.min(size, at + FULL_PIECE_BYTES));
    if (piece.to <= at) break;
    const lines = wholeLines(piece);
    const isCut = options.raw || piece.to >= size || lines.bytes.length === 0;
    const shown = isCut ? piece : lines;
    // everything was asked for: repeated lines, too
    printPiece(output, view, shown, { raw: options.raw, folded: false, stamps });
    at = shown.to;
  }
  return { ...NOTHING, from, to: at, size: log.size };
}

/** The view of the end, or a bounded read forward from a cursor; with --full everything. */
export function printView(reading: Reading, log: Log): Piece {
  const { output, home, view, stream, options, start, stamps } = reading;
  if (options.full) return printFull(reading, log, start ?? 0);
  const lines = options.lines ?? LINES;
  const limit = options.lines === null ? LIMIT_BYTES : Math.max(LIMIT_BYTES, lines * LINE_BYTES);
  let piece: Piece;
  if (start === null) {
    piece = log.lastLines(lines, limit);
    // --follow, and the next --new, go on with the unfinished line from its beginning
    const goesOn = options.follow || (options.new && isGrowing(view, home.job(view.id), stream));
    if (goesOn && !options.raw) piece = wholeLines(piece);
  } else if (options.follow) {
    // --follow prints everything from there on
    return { ...NOTHING, from: start, to: start, size: log.size };
  } else {
    piece =
      options.raw && options.lines === null
        ? log.read(start, start + limit)
        : readForward(log, start, lines, limit, !options.raw && isGrowing(view, home.job(view.id), stream));
  }
  if (piece.bytes.length > 0 || piece.gone > 0 || piece.emptied > 0 || output.json)
    printPiece(output, view, piece, { raw: options.raw, folded: true, stamps });
  return piece;
}

/** Prints the lines below a view. */
export function printFooter(
  { output, home, view, stream, options, start, stamps }: Reading,
  piece: Piece,
): void {
  if (output.json) return;
  stamps?.printNotes();
  printStderr(output, home, view, stream);
  const away = awayNote(home, view, [stream]);
  if (away !== undefined) output.note(away);
  const { from, to, size } = piece;
  if (start !== null && to === start) {
    output.note(
      emptyFooter(view, to, quietMs(home.job(view.id), stream), promptOf(view, home.job(view.id), stream)),
    );
    printLostHint(output, home, [view]);
    return;
  }
  const remain = start !== null && to < size ? ` | ${renderSize(size - to)} remain` : '';
  const trimmed = readTrimmedBytes(home.job(view.id), stream);
  const emptied = readEmptiedBytes(home.job(view.id), stream);
  const full = `bgjob tail ${view.id}${options.err ? ' --err' : ''} --full`;
  if (start === null && from > emptied && !options.full) {
    output.note(notAllText(trimmed, emptied, full));
  }
  if (piece.emptied > 0) output.note(EMPTIED_HINT);
  output.note(footer(view, stream, piece, remain));
  printLostHint(output, home, [view]);
}

/** Prints what comes until the job ends; returns where it stopped. */
export async function printRest(
  reading: Reading,
  shown: Piece,
  deadline: Deadline,
): Promise<{ exit: Exit; to: number }> {
  const { output, home, view, stream, options, stamps } = reading;
  const asked = { stream, from: shown.to, raw: options.raw, stamps };
  const to = await followTo(output, home, view.id, asked, deadline.signal);
  if (!output.readerGone) {
    stamps?.printNotes();
    printStderr(output, home, view, stream);
  }
  return { exit: printEndOfRest(reading, deadline, { ...shown, to, size: to }), to };
}

/** After a follow: the job ended, or the call gives up. */
export function printEndOfRest(reading: Reading, deadline: Deadline, shown: Piece): Exit {
  const { output, home, view, stream, again } = reading;
  if (output.readerGone) return SUCCESS;
  const now = observe(home, view.id) ?? view;
  if (now.kind === 'live' && output.json) return printStillRunning(output, home, [now], deadline, again);
  if (now.kind === 'live') {
    // stdout is the log alone
    output.note(footer(now, stream, shown));
    printPauses(output, home, [view.id]);
    output.next(stillRunningText([now], 1), `${again} --since ${shown.to}`);
    return deadline.exit();
  }
  deadline.end();
  markReported(output, home, now);
  if (output.json) {
    output.object(endObject(home, now, stream === 'err' ? undefined : shown.to));
    return SUCCESS;
  }
  output.note(footer(now, stream, shown));
  printLostHint(output, home, [now]);
  return SUCCESS;
}

/** The object of a job that was followed to its end; `logBytes`: how much of its log was printed. */
export function endObject(home: Home, view: JobView, logBytes?: number): object {
  const job = home.job(view.id);
  return jobObject(view, systemClock.now(), {
    logPath: job.log,
    logBytes: logBytes ?? readLogSize(job) ?? 0,
    trimmedBytes: readTrimmedBytes(job),
    emptiedBytes: readEmptiedBytes(job),
    stderr: stderrOf(home, view),
  });
}
