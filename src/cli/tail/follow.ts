/** Printing a log while it grows: the one way of `tail --follow` and `run --follow`. */
import { systemClock } from '../../base/clock.ts';
import { cleanLine, cleanStyled, clip } from '../../base/text/sanitize.ts';
import { NEUTRAL, sliceStyled, unstyled } from '../../base/text/sgr.ts';
import { follow } from '../../engine/wait/follow-log.ts';
import type { Failure } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { Log, type Piece, readLogSize, type Stream } from '../../job/log/log.ts';
import type { JobId } from '../../job/spec.ts';
import { followsItselfRefusal, gapTexts } from '../messages/log.ts';
import type { Output } from '../output/output.ts';
import { printTrouble } from '../wait/report-outcome.ts';
import type { Stamps } from './stamps.ts';

const CLIP = 500;
/** Output is printed ten times a second at most. */
export const SMOOTH_MS = 100;
/** A longer line is printed in pieces: it may never end. */
const LONGEST_LINE_BYTES = 64 * 1024;

const NEWLINE = Buffer.from('\n');

/** Shared by views that print to one place: no view continues the unfinished line of another one. */
export class LineGate {
  private open: LineView | undefined;

  /** Called before `view` prints; `stays`: it leaves an unfinished line. */
  enter(view: LineView, stays: boolean): void {
    if (this.open !== view) this.open?.breakOff();
    this.open = stays ? view : undefined;
  }

  /** Called before another text is printed. */
  close(): void {
    this.open?.breakOff();
    this.open = undefined;
  }
}

/** What the views of several jobs share, and the name that one of them prints before each line. */
interface Shared {
  gate: LineGate;
  name: (stream?: 1 | 2) => string;
}

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
  /** Another line was printed behind the unfinished one, and no byte came since. */
  private isBroken = false;
  /** Where the bytes end that were pushed. */
  private to = 0;
  /** The text of the lines of one push: a write for each would be a system call for each. */
  private unwritten = '';

  /** `head`: what stands before the line that ends at a byte. `gate`: other views print to the same place. */
  constructor(
    private readonly output: Output,
    private readonly head: (to: number) => string,
    private readonly gate?: LineGate,
  ) {
    this.pen = output.keepsStyles ? NEUTRAL : undefined;
  }

  push(bytes: Buffer, to: number): void {
    this.isBroken = false;
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
    this.write();
  }

  /** No more comes for now, or the job ended: prints the unfinished line, too. */
  flush(atEnd: boolean): void {
    if (this.rest.length > 0 && !this.isBroken) this.show(this.rest, atEnd, this.to);
    if (atEnd) this.rest = Buffer.alloc(0);
    this.write();
  }

  private write(): void {
    if (this.unwritten !== '') this.output.raw(Buffer.from(this.unwritten));
    this.unwritten = '';
  }

  /** A part of the log is gone: the unfinished line ends here. */
  interrupt(note: string): void {
    this.flush(true);
    this.pen &&= NEUTRAL;
    this.gate?.close();
    this.output.note(note);
  }

  /** Another line follows on the terminal: this one is printed anew when it goes on. */
  breakOff(): void {
    this.shown = '';
    this.isBroken = true;
    this.output.raw(NEWLINE);
  }

  private show(bytes: Buffer, whole: boolean, to: number): void {
    const line = clip(this.clean(bytes.toString('utf8'), whole), CLIP);
    const bare = unstyled(line);
    // the line was rewritten since: it is printed again below
    const goesOn = bare.startsWith(this.shown);
    const rest = goesOn ? sliceStyled(line, this.shown.length) : line;
    if (rest !== '' || whole || !goesOn) {
      this.gate?.enter(this, !whole);
      const head = goesOn && this.shown !== '' ? '' : this.head(to);
      this.unwritten += `${goesOn ? '' : '\n'}${head}${rest}${whole ? '\n' : ''}`;
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

/** Prints the pieces of one log as they come: as lines, as bytes, or as objects. */
export class LogView {
  private readonly lines: LineView;
  /** A character may be cut between two pieces. */
  private readonly decoder = new TextDecoder();
  /** The size of the log at the start: when the bytes below it came was not seen. */
  private readonly begun: number;
  private size = 0;
  private seenAt = 0;

  /** `many`: the views of other jobs print to the same place. */
  constructor(
    private readonly output: Output,
    home: Home,
    private readonly id: JobId,
    private readonly ask: Omit<FollowAsk, 'from'>,
    private readonly many?: Shared,
  ) {
    const { stamps, stream } = ask;
    this.begun = stamps ? (readLogSize(home.job(id), stream) ?? 0) : 0;
    const time = (to: number) => stamps?.head(to, this.size, this.seenWhen(to)) ?? '';
    this.lines = new LineView(output, (to) => (many?.name() ?? '') + time(to), many?.gate);
  }

  private seenWhen(to: number): number | undefined {
    return to > this.begun ? this.seenAt : undefined;
  }

  piece(piece: Piece): void {
    const { output, id, many } = this;
    const { stream, raw, stamps } = this.ask;
    const { bytes, from, to, gone, emptied } = piece;
    stamps?.refresh();
    [this.size, this.seenAt] = [piece.size, systemClock.now()];
    if (output.json) {
      const content = raw
        ? { base64: bytes.toString('base64') }
        : { text: this.decoder.decode(bytes, { stream: true }) };
      const time = stamps?.fields(to, this.size, this.seenWhen(to));
      output.object({ v: 1, id, stream, from, to, gone, emptied, cursor: to, ...content, ...time });
      return;
    }
    for (const text of gapTexts(piece)) this.lines.interrupt((many?.name(2) ?? '') + text);
    if (raw) output.raw(bytes);
    else this.lines.push(bytes, to);
  }

  /** In a file of many jobs an unfinished line would be cut in two by the next line of another job. */
  quiet(): void {
    const { output, ask, many } = this;
    if (!ask.raw && !output.json && (!many || output.isTerminal(1))) this.lines.flush(false);
  }

  end(): void {
    this.lines.flush(true);
  }
}

/**
 * Prints the log until the job ended, `abort` fires or the reader of stdout is gone; returns the cursor after
 * it.
 */
export async function followTo(
  output: Output,
  home: Home,
  id: JobId,
  ask: FollowAsk,
  abort: AbortSignal,
): Promise<number> {
  const { stream, from } = ask;
  const view = new LogView(output, home, id, ask);
  let cursor = from;
  for await (const piece of follow(home, id, stream, from, SMOOTH_MS, abort, printTrouble(output, id))) {
    if (piece === 'quiet') {
      view.quiet();
      continue;
    }
    view.piece(piece);
    cursor = piece.to;
    if (output.readerGone) return cursor;
  }
  view.end();
  return cursor;
}
