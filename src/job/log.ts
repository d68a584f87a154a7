/**
 * Reading a log: bounded pieces of it, and following it. A cursor is a byte offset into everything the job ever
 * wrote. A log is never read whole: it may have hundreds of gigabytes, most of them holes.
 */
import * as fs from 'node:fs';
import { errnoOf } from '../base/failure.ts';
import { readAt } from '../base/files.ts';
import type { JobPaths } from './home.ts';

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = fs.constants;

/** A piece of a log: its bytes and where they stand. */
export interface Piece {
  bytes: Buffer;
  from: number;
  to: number;
  /** The size of the log when it was read, bytes. */
  size: number;
  /** How many bytes before `from` were asked for but are gone: `--max-log` trimmed them. */
  gone: number;
}

/** Which of a job's logs: the output (with --split only stdout), or stderr. */
export type Stream = 'log' | 'err';

/** An open log; `size` is asked anew at each use. */
export class Log {
  private constructor(private readonly fd: number) {}

  /** Undefined if there is no log (yet), or something that is not a file stands there. */
  static open(job: JobPaths, stream: Stream = 'log'): Log | undefined {
    try {
      const fd = fs.openSync(job[stream], O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
      if (fs.fstatSync(fd).isFile()) return new Log(fd);
      fs.closeSync(fd);
    } catch (thrown) {
      errnoOf(thrown);
    }
    return undefined;
  }

  get size(): number {
    return fs.fstatSync(this.fd).size;
  }

  close(): void {
    fs.closeSync(this.fd);
  }

  read(from: number, to: number): Piece {
    const size = this.size;
    const bytes = Buffer.allocUnsafe(Math.max(0, Math.min(to, size) - from));
    const got = readAt(this.fd, bytes, from);
    return { bytes: bytes.subarray(0, got), from, to: from + got, size, gone: 0 };
  }

  /** The last `lines` lines, but no more than `limitBytes`; starts at the beginning of a line where one is near. */
  lastLines(lines: number, limitBytes: number): Piece {
    const size = this.size;
    const from = Math.max(0, size - limitBytes);
    // one byte more: it says whether a line begins here
    const before = Math.min(from, 1);
    const piece = this.read(from - before, size);
    const cut = before === 1 && piece.bytes[0] !== 10;
    const start = before + startOfLastLines(piece.bytes.subarray(before), lines, cut);
    return { ...piece, bytes: piece.bytes.subarray(start), from: piece.from + start };
  }

  /** The first `lines` lines, but no more than `limitBytes`. */
  firstLines(lines: number, limitBytes: number): Piece {
    const piece = this.read(0, limitBytes);
    let end = 0;
    for (let n = 0; n < lines && end < piece.bytes.length; n++) {
      const newline = piece.bytes.indexOf(10, end);
      end = newline === -1 ? piece.bytes.length : newline + 1;
    }
    return { ...piece, bytes: piece.bytes.subarray(0, end), to: end };
  }
}

/** Where the last `lines` lines begin in `bytes`; `cut`: the bytes begin in the middle of a longer log. */
function startOfLastLines(bytes: Buffer, lines: number, cut: boolean): number {
  if (lines <= 0) return bytes.length;
  // a newline at the very end closes the last line
  let at = bytes.length - 1;
  if (at >= 0 && bytes[at] === 10) at--;
  for (let left = lines; left > 0; left--) {
    const newline = at < 0 ? -1 : bytes.lastIndexOf(10, at);
    if (newline === -1) {
      // the beginning of this line is out of reach: leave the half line out unless it is all there is
      const whole = bytes.indexOf(10);
      return cut && left < lines && whole !== -1 && whole < bytes.length - 1 ? whole + 1 : 0;
    }
    if (left === 1) return newline + 1;
    at = newline - 1;
  }
  return 0;
}
