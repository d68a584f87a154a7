/** Bounded pieces of a log: which bytes a read shows, and how they are printed. */
import { statSync } from 'node:fs';
import { systemClock } from '../../base/clock.ts';
import { brokenEnd, foldRepeats, lineReader, readableLines } from '../../base/text/sanitize.ts';
import type { Home } from '../../job/home/home.ts';
import type { JobPaths } from '../../job/home/paths.ts';
import { Log, type Piece, type Stream } from '../../job/log/log.ts';
import { isSendable } from '../../job/spec.ts';
import { type JobView, stateWord } from '../../job/view.ts';
import { stderrOf } from '../jobs/stderr-log.ts';
import { gapTexts, stderrText } from '../messages/log.ts';
import type { Output } from '../output/output.ts';
import type { Stamps } from './stamps.ts';

/** A last line without a newline is not shown while it may still grow: until it is this old, milliseconds. */
const SETTLED_MS = 1000;

export const NOTHING: Piece = { bytes: Buffer.alloc(0), from: 0, to: 0, size: 0, gone: 0, emptied: 0 };

/** How long ago the log last changed, milliseconds; null if there is none. */
export function quietMs(job: JobPaths, stream: Stream): number | null {
  const stat = statSync(job[stream], { throwIfNoEntry: false });
  return stat ? Math.max(0, systemClock.now() - stat.mtimeMs) : null;
}

/** Whether the unfinished last line of a log may still grow. At a terminal it is a prompt: it is shown at once. */
export const isGrowing = (view: JobView, job: JobPaths, stream: Stream): boolean =>
  view.kind === 'live' && view.spec.pty === null && (quietMs(job, stream) ?? 0) < SETTLED_MS;

/** The unfinished last line of a job that reads an input: its prompt. Undefined: there is none. */
export function promptOf(view: JobView, job: JobPaths, stream: Stream): string | undefined {
  const log = view.kind === 'live' && isSendable(view.spec) ? Log.open(job, stream) : undefined;
  if (!log) return undefined;
  const { bytes } = log.lastLines(1, PROMPT_BYTES);
  log.close();
  return bytes.at(-1) === 10 ? undefined : readableLines(bytes).at(-1)?.trim() || undefined;
}
const PROMPT_BYTES = 4096;

/** The piece up to the end of its last whole line. */
export function wholeLines(piece: Piece): Piece {
  const bytes = piece.bytes.subarray(0, piece.bytes.lastIndexOf(10) + 1);
  return { ...piece, bytes, to: piece.from + bytes.length };
}

/**
 * From a cursor forward: at most `lines` whole lines and `limitBytes`. An unfinished line is read only where
 * its rest cannot be waited for: it alone is longer than the limit, a gap follows, or it is the last line and
 * no longer `growing`.
 */
export function readForward(
  log: Log,
  from: number,
  lines: number,
  limitBytes: number,
  growing: boolean,
): Piece {
  const piece = log.read(from, from + limitBytes);
  const { bytes } = piece;
  let end = 0;
  let taken = 0;
  for (; taken < lines; taken++) {
    const newline = bytes.indexOf(10, end);
    if (newline === -1) break;
    end = newline + 1;
  }
  if (taken < lines && end < bytes.length) {
    const isLast = piece.to >= piece.size;
    const isFull = bytes.length === limitBytes;
    if (isLast ? !growing : !isFull) end = bytes.length;
    else if (end === 0 && isFull) end = bytes.length - brokenEnd(bytes);
  }
  return { ...piece, bytes: bytes.subarray(0, end), to: piece.from + end };
}

/** Each line with where it ends. Rows are not drawn over each other: each line is shown with its time. */
function* timedLines({ bytes, from }: Piece, styled: boolean): Generator<{ text: string; to: number }> {
  const readLine = lineReader(styled);
  for (let at = 0; at < bytes.length; ) {
    const newline = bytes.indexOf(10, at);
    const end = newline === -1 ? bytes.length : newline + 1;
    for (const text of readLine(bytes.subarray(at, end))) yield { text, to: from + end };
    at = end;
  }
}

interface PieceFormat {
  raw: boolean;
  /** Repeated lines are printed once. */
  folded: boolean;
  /** Each line gets its time. */
  stamps: Stamps | undefined;
}

/** Prints a piece: as text with a line where a part is gone, raw, or as an object. */
export function printPiece(
  output: Output,
  view: JobView,
  piece: Piece,
  { raw, folded, stamps }: PieceFormat,
): void {
  const { bytes, from, to, size, gone, emptied } = piece;
  if (output.json) {
    const timed = stamps && [...timedLines(piece, false)];
    const content = raw
      ? { base64: bytes.toString('base64') }
      : { lines: timed?.map(({ text }) => text) ?? readableLines(bytes) };
    output.object({
      v: 1,
      id: view.id,
      state: stateWord(view),
      from,
      to,
      size,
      gone,
      emptied,
      cursor: to,
      ...content,
      ...(timed && { times: timed.map(({ to }) => stamps.fields(to, size)) }),
    });
    return;
  }
  for (const text of gapTexts(piece)) {
    if (raw) output.note(text);
    else output.line(text);
  }
  if (raw) {
    output.raw(bytes);
    return;
  }
  const lines = stamps
    ? [...timedLines(piece, output.keepsStyles)].map(({ text, to }) => stamps.head(to, size) + text)
    : readableLines(bytes, undefined, output.keepsStyles);
  output.lines(folded ? foldRepeats(lines) : lines);
}

/** Says that there is more than this log: a stderr with a log of its own. */
export function printStderr(output: Output, home: Home, view: JobView, stream: Stream): void {
  const bytes = stream === 'err' ? 0 : (stderrOf(home, view)?.bytes ?? 0);
  if (bytes > 0 && !output.json) output.note(stderrText(view.id, bytes));
}
