/** Printing a log while it grows: the one way of `tail --follow` and `run --follow`. */
import { systemClock } from '../../base/clock.ts';
import { cleanLine, cleanStyled, clip } from '../../base/text/sanitize.ts';
import { NEUTRAL, sliceStyled, unstyled } from '../../base/text/sgr.ts';
import { follow } from '../../engine/wait/follow-log.ts';
import type { Failure } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { Log, readLogSize, type Stream } from '../../job/log/log.ts';
import type { JobId } from '../../job/spec.ts';
import { followsItselfRefusal, gapTexts } from '../messages/wait.ts';
import type { Output } from '../output/output.ts';
import { printTrouble } from '../wait/report-outcome.ts';
import type { Stamps } from './stamps.ts';

const CLIP = 500;
/** Output is printed ten times a second at most. */
export const SMOOTH_MS = 100;
/** A longer line is printed in pieces: it may never end. */
const LONGEST_LINE_BYTES = 64 * 1024;

/**
 * Bytes to clean lines, each as soon as it is whole. An unfinished line (a prompt has no newline) is printed
 * when no more comes, and completed later.
 */
class LineView {
  private rest = Buffer.alloc(0);
  /** The part of the unfinished line that was printed already, without styles. */
  private shown = '';
  /** How the job left the terminal before this line; undefined: its styles are not kept. */
  private pen;
  /** Where the bytes end that were pushed. */
  private to = 0;

  /** `head`: what stands before the line that ends at a byte. */
  constructor(
    private readonly output: Output,
    private readonly head: (to: number) => string = () => '',
  ) {
    this.pen = output.keepsStyles ? NEUTRAL : undefined;
  }

  push(bytes: Buffer, to: number): void {
    this.to = to;
    let all = this.rest.length > 0 ? Buffer.concat([this.rest, bytes]) : bytes;
    for (let newline = all.indexOf(10); newline !== -1; newline = all.indexOf(10)) {
      const line = all.subarray(0, newline);
      all = all.subarray(newline + 1);
      this.show(line, true, to - all.length);
    }
    if (all.length > LONGEST_LINE_BYTES) {
      this.show(all, true, to);
      all = all.subarray(all.length);
    }
    this.rest = Buffer.from(all);
  }

  /** No more comes for now, or the job ended: prints the unfinished line, too. */
  flush(atEnd: boolean): void {
    if (this.rest.length > 0) this.show(this.rest, atEnd, this.to);
    if (atEnd) this.rest = Buffer.alloc(0);
  }

  /** A part of the log is gone: the unfinished line ends here. */
  interrupt(note: string): void {
    this.flush(true);
    this.pen &&= NEUTRAL;
    this.output.note(note);
  }

  private show(bytes: Buffer, whole: boolean, to: number): void {
    const line = clip(this.clean(bytes.toString('utf8'), whole), CLIP);
    const bare = unstyled(line);
    // the line was rewritten since: it is printed again below
    const goesOn = bare.startsWith(this.shown);
    const rest = goesOn ? sliceStyled(line, this.shown.length) : line;
    if (rest !== '' || whole || !goesOn) {
      const head = goesOn && this.shown !== '' ? '' : this.head(to);
      this.output.raw(Buffer.from(`${goesOn ? '' : '\n'}${head}${rest}${whole ? '\n' : ''}`));
    }
    this.shown = whole ? '' : bare;
  }

  private clean(text: string, whole: boolean): string {
    if (!this.pen) return cleanLine(text);
    const { line, pen } = cleanStyled(text, this.pen);
    if (whole) this.pen = pen;
    return line;
  }
}

/** Which log, from which byte on, and whether its bytes are printed as they are. */
export interface FollowAsk {
  stream: Stream;
  from: number;
  raw: boolean;
  stamps?: Stamps | undefined;
}

/** Refuses to follow a log into itself: each line printed would be a new line of it. */
export function followsItself(home: Home, id: JobId, stream: Stream): Failure | undefined {
  const log = Log.open(home.job(id), stream);
  const isOwn = log !== undefined && (log.isSameFile(1) || log.isSameFile(2));
  log?.close();
  if (!isOwn) return undefined;
  return followsItselfRefusal(id);
}

/**
 * Prints the log until the job ended, `abort` fires or the reader of stdout is gone; returns the cursor after
 * it.
 */
export async function followTo(
  output: Output,
  home: Home,
  id: JobId,
  { stream, from, raw, stamps }: FollowAsk,
  abort: AbortSignal,
): Promise<number> {
  // what is there already was not seen when it came
  const begun = stamps ? (readLogSize(home.job(id), stream) ?? 0) : 0;
  let [size, seenAt] = [0, 0];
  const view = new LineView(
    output,
    stamps && ((to) => stamps.head(to, size, to > begun ? seenAt : undefined)),
  );
  let cursor = from;
  // a character may be cut between two pieces
  const decoder = new TextDecoder();
  for await (const piece of follow(home, id, stream, from, SMOOTH_MS, abort, printTrouble(output, id))) {
    if (piece === 'quiet') {
      if (!raw && !output.json) view.flush(false);
      continue;
    }
    const { bytes, to, gone, emptied } = piece;
    stamps?.refresh();
    [size, seenAt] = [piece.size, systemClock.now()];
    const content = raw
      ? { base64: bytes.toString('base64') }
      : { text: decoder.decode(bytes, { stream: true }) };
    if (output.json) {
      const time = stamps?.fields(to, size, to > begun ? seenAt : undefined);
      output.object({
        v: 1,
        id,
        stream,
        from: piece.from,
        to,
        gone,
        emptied,
        cursor: to,
        ...content,
        ...time,
      });
    } else {
      for (const text of gapTexts(piece)) view.interrupt(text);
      if (raw) output.raw(bytes);
      else view.push(bytes, to);
    }
    cursor = to;
    if (output.readerGone) return cursor;
  }
  view.flush(true);
  return cursor;
}
