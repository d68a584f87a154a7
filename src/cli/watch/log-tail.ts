/**
 * The end of a log as readable lines, each with the place in the log at which it begins. `LogTail` reads them
 * again only when the log has changed; they stay when it is gone.
 */
import { lineReader, readableLines } from '../../base/text/sanitize.ts';
import type { JobPaths } from '../../job/home/paths.ts';
import { Log, type Piece, type Stream } from '../../job/log/log.ts';
import type { JobId } from '../../job/spec.ts';
import { expandTabs } from '../output/styled.ts';

/** So much of the end of a log at most. */
export interface LogAmount {
  lines: number;
  bytes: number;
}

export interface LineFormat {
  /** With colours and styles. */
  styled: boolean;
  /** A longer line is cut. */
  clipAt: number;
  /** Each line by itself: no line is drawn over another one. */
  byLine: boolean;
}
const PLAIN_FORMAT: LineFormat = { styled: false, clipAt: 500, byLine: false };

export interface LogEnding {
  lines: string[];
  /** The offset in the log at which each begins. */
  starts: number[];
  /** The offset behind the last one, and the size of the log. */
  end: number;
  bytes: number;
  /** The lines begin at the beginning of the log. */
  isWhole: boolean;
}

/** Undefined if the log is gone. */
export function readEnding(
  job: JobPaths,
  stream: Stream,
  most: LogAmount,
  { styled, clipAt, byLine }: LineFormat = PLAIN_FORMAT,
): LogEnding | undefined {
  const log = Log.open(job, stream);
  if (!log) return undefined;
  try {
    const piece = log.lastLines(most.lines, most.bytes);
    const known = { bytes: piece.size, end: piece.to, isWhole: piece.from === 0 };
    if (byLine) return { ...linesOf(piece, styled), ...known };
    const lines = readableLines(piece.bytes, clipAt, styled);
    return { lines, starts: startsOf(piece, lines.length), ...known };
  } finally {
    log.close();
  }
}

function linesOf({ bytes, from }: Piece, styled: boolean): Pick<LogEnding, 'lines' | 'starts'> {
  const readLine = lineReader(styled);
  const [lines, starts]: [string[], number[]] = [[], []];
  for (let at = 0; at < bytes.length; ) {
    const newline = bytes.indexOf(10, at);
    const end = newline === -1 ? bytes.length : newline + 1;
    for (const line of readLine(bytes.subarray(at, end))) {
      lines.push(line);
      starts.push(from + at);
    }
    at = end;
  }
  return { lines, starts };
}

/** Where each of `count` lines begins. Of a log that moves the cursor that is about right. */
function startsOf({ bytes, from }: Pick<Piece, 'bytes' | 'from'>, count: number): number[] {
  const starts = bytes.length > 0 ? [from] : [];
  for (let at = bytes.indexOf(10); at >= 0 && at + 1 < bytes.length; at = bytes.indexOf(10, at + 1))
    starts.push(from + at + 1);
  const extra = count - starts.length;
  if (extra <= 0) return starts.slice(-extra);
  return [...Array.from({ length: extra }, (_, n) => from - extra + n), ...starts];
}

const NOTHING: LogEnding = { lines: [], starts: [], end: 0, bytes: 0, isWhole: true };

/** Where the logs of a home are read. */
interface LogSource {
  /** Changes when the log is written to; cheap. Empty: it is gone. */
  logStamp(id: JobId, stream: Stream): string;
  readLog(id: JobId, stream: Stream, most: LogAmount, format: LineFormat): LogEnding | undefined;
}

export class LogTail {
  stream: Stream = 'log';
  /** No tabs; styles as in base/text/sgr.ts. */
  ending = NOTHING;
  /** There is newer output, which is not read as long as a reader looks at lines that would be lost. */
  isBehind = false;
  private stamp: string | undefined;
  private readonly source: LogSource;
  readonly id: JobId;
  private readonly most: LogAmount;
  private format: LineFormat;

  constructor(source: LogSource, id: JobId, most: LogAmount, format: LineFormat) {
    this.source = source;
    this.id = id;
    this.most = most;
    this.format = format;
  }

  /** Shows this log from the next read on. */
  choose(stream: Stream): void {
    if (stream === this.stream) return;
    [this.stream, this.ending, this.stamp, this.isBehind] = [stream, NOTHING, undefined, false];
  }

  /** Whether each line is read by itself, from the next read on. */
  readByLine(byLine: boolean): void {
    [this.format, this.stamp] = [{ ...this.format, byLine }, undefined];
  }

  /**
   * Reads the log again if it changed; returns whether it did. `kept`: the offset of a line that must not be
   * lost; null: there is none.
   */
  refresh(kept: number | null = null): boolean {
    if (this.isBehind && kept !== null) return false;
    const stamp = this.source.logStamp(this.id, this.stream);
    if (stamp === this.stamp) return false;
    this.stamp = stamp;
    const read = this.source.readLog(this.id, this.stream, this.most, this.format);
    if (!read) return false;
    // a log that was emptied has no newer output
    this.isBehind = kept !== null && (read.starts[0] ?? 0) > kept;
    if (this.isBehind) {
      this.stamp = undefined;
      return true;
    }
    this.ending = { ...read, lines: read.lines.map(expandTabs) };
    return true;
  }
}
