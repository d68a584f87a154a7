/**
 * Reading a log: bounded pieces of it, and following it. A cursor is a byte offset into everything the job ever
 * wrote; `--max-log` moves none. A log is never read whole: it may have hundreds of gigabytes, most of them holes. Bytes
 * that are returned are always those that were written at that offset, also while the log is being trimmed.
 */
import * as fs from 'node:fs';
import { readAt } from '../../base/fs/read-record.ts';
import { errnoOf } from '../../base/result.ts';
import type { JobPaths, Stream } from '../home/paths.ts';
import { isSameTrimming, readTrimmed, type Trimming } from './trim-record.ts';

export type { Stream } from '../home/paths.ts';

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = fs.constants;

/** A read that is overtaken by trimming this often returns nothing this time. */
const MOST_TRIES = 50;

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

/** An open log; `size` is asked anew at each use. */
export class Log {
  private readonly fd: number;
  private readonly job: JobPaths;
  private readonly stream: Stream;
  private constructor(fd: number, job: JobPaths, stream: Stream) {
    this.fd = fd;
    this.job = job;
    this.stream = stream;
  }

  /** Undefined if there is no log (yet), or something that is not a file stands there. */
  static open(job: JobPaths, stream: Stream = 'log'): Log | undefined {
    const fd = openFile(job[stream]);
    return fd === undefined ? undefined : new Log(fd, job, stream);
  }

  /** How much the job has written in all, trimmed bytes included. */
  get size(): number {
    for (let tries = 1; ; tries++) {
      const before = this.trimming();
      const size = this.sizeBy(before);
      // the base is of the same instant as the size of the file, or it is asked again
      if (!before?.keep || tries === MOST_TRIES || isSameTrimming(before, this.trimming())) return size;
    }
  }

  /** The bytes that `--max-log` took: from `from` up to `to`; null if it took none. */
  get gap(): { from: number; to: number } | null {
    const trimming = this.trimming();
    return trimming && trimming.to > trimming.from ? { from: trimming.from, to: trimming.to } : null;
  }

  get trimmedBytes(): number {
    const gap = this.gap;
    return gap ? gap.to - gap.from : 0;
  }

  /** Whether bytes may have gone uncounted: no hole can be punched there, so the log was emptied while it was written. */
  get isApproximate(): boolean {
    return (this.trimming()?.keep ?? 0) > 0;
  }

  /** Whether a descriptor of ours is this very file: who follows it there would follow himself. */
  isSameFile(fd: number): boolean {
    try {
      const [mine, other] = [fs.fstatSync(this.fd), fs.fstatSync(fd)];
      return mine.dev === other.dev && mine.ino === other.ino;
    } catch (thrown) {
      errnoOf(thrown);
      return false;
    }
  }

  close(): void {
    fs.closeSync(this.fd);
  }

  /**
   * The bytes from `from` up to `to`, as far as there are; it ends where a gap begins. A read that begins in a gap begins at
   * its end instead, is as long as was asked for, and `gone` says how much is missing before it. `into`: memory for the bytes,
   * large enough; who reads a gigabyte in pieces uses the same again.
   */
  read(from: number, to: number, into?: Buffer): Piece {
    for (let tries = 1; ; tries++) {
      const before = this.trimming();
      const piece = this.readBy(before, from, to, into);
      // asked again after the read: what was recorded meanwhile may have been holes already
      const after = this.trimming();
      if (isSameTrimming(before, after)) return piece;
      const isMoved = (before?.base ?? 0) !== after?.base || before?.turning === true || after.turning;
      if (!isMoved && (piece.to <= after.from || piece.from >= after.to)) return piece;
      if (tries < MOST_TRIES) continue;
      const at = after ? Math.max(from, after.to) : from;
      return { bytes: Buffer.alloc(0), from: at, to: at, size: piece.size, gone: at - from };
    }
  }

  /** The last `lines` lines, but no more than `limitBytes`; starts at the beginning of a line where one is near. */
  lastLines(lines: number, limitBytes: number): Piece {
    const size = this.size;
    const gap = this.gap;
    const wanted = Math.max(0, size - limitBytes);
    const from = gap && wanted < gap.to ? Math.min(Math.max(gap.to, wanted), size) : wanted;
    // one byte more: it says whether a line begins here; before a gap's end there is none
    const before = from === gap?.to ? 0 : Math.min(from, 1);
    const piece = this.read(from - before, size);
    // the gap grew under our hands: the piece begins later, in the middle of a line
    const skipped = piece.from > from - before ? 0 : before;
    const cut = skipped === 1 ? piece.bytes[0] !== 10 : piece.from > 0;
    const start = skipped + startOfLastLines(piece.bytes.subarray(skipped), lines, cut);
    const bytes = piece.bytes.subarray(start);
    const reached = piece.gone > 0 || (gap !== null && from === gap.to && wanted < gap.to);
    const missing = reached && countLines(bytes) < lines ? this.trimmedBytes : 0;
    return { ...piece, bytes, from: piece.from + start, gone: missing };
  }

  /** The first `lines` lines, but no more than `limitBytes`, and not beyond a gap. */
  firstLines(lines: number, limitBytes: number): Piece {
    const piece = this.read(0, limitBytes);
    let end = 0;
    for (let n = 0; n < lines && end < piece.bytes.length; n++) {
      const newline = piece.bytes.indexOf(10, end);
      end = newline === -1 ? piece.bytes.length : newline + 1;
    }
    return { ...piece, bytes: piece.bytes.subarray(0, end), to: piece.from + end };
  }

  private trimming(): Trimming | null {
    return readTrimmed(this.job)[this.stream];
  }

  private sizeBy(trimming: Trimming | null): number {
    const base = trimming?.base ?? 0;
    return trimming?.turning ? base : base + fs.fstatSync(this.fd).size;
  }

  private readBy(trimming: Trimming | null, asked: number, to: number, into?: Buffer): Piece {
    const size = this.sizeBy(trimming);
    let [from, end] = [asked, to];
    if (trimming && asked >= trimming.from && asked < trimming.to) {
      from = trimming.to;
      end = to > from ? to : from + (to - asked);
    } else if (trimming && asked < trimming.from && trimming.from < trimming.to)
      end = Math.min(to, trimming.from);
    const length = Math.max(0, Math.min(end, size) - from);
    const bytes = into?.subarray(0, length) ?? Buffer.allocUnsafe(length);
    const got = trimming?.keep ? this.readSides(trimming, bytes, from) : readAt(this.fd, bytes, from);
    return { bytes: bytes.subarray(0, got), from, to: from + got, size, gone: from - asked };
  }

  /** Fills `bytes` from the side files and the log; returns how much it got. */
  private readSides(trimming: Trimming, bytes: Buffer, from: number): number {
    let got = 0;
    for (let at = from; got < bytes.length; at = from + got) {
      const isHead = at < trimming.from;
      const isLog = at >= trimming.base;
      if (isLog && trimming.turning) break;
      const fd = isLog ? this.fd : openFile(this.job.side(this.stream, isHead ? 0 : trimming.keep));
      if (fd === undefined) break;
      const start = isHead ? 0 : isLog ? trimming.base : trimming.to;
      const end = isHead ? trimming.from : isLog ? Number.POSITIVE_INFINITY : trimming.base;
      const room = Math.min(bytes.length - got, end - at);
      const more = readAt(fd, bytes.subarray(got, got + room), at - start);
      if (!isLog) fs.closeSync(fd);
      got += more;
      if (more < room) break;
    }
    return got;
  }
}

/** Opens a file for reading; undefined if there is none, or something that is no file. Never hangs at a FIFO. */
function openFile(path: string): number | undefined {
  try {
    const fd = fs.openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (fs.fstatSync(fd).isFile()) return fd;
    fs.closeSync(fd);
  } catch (thrown) {
    errnoOf(thrown);
  }
  return undefined;
}

function countLines(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10, at + 1)) count++;
  return bytes.length > 0 && bytes.at(-1) !== 10 ? count + 1 : count;
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

/** How much a job has written to one of its logs, trimmed bytes included; undefined if there is none. */
export function readLogSize(job: JobPaths, stream: Stream = 'log'): number | undefined {
  const log = Log.open(job, stream);
  const size = log?.size;
  log?.close();
  return size;
}
