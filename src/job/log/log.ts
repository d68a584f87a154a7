/**
 * Reading a log: bounded pieces of it, and following it. A cursor is a byte offset into everything the job ever
 * wrote; `--max-log` moves none. A log is never read whole: it may have hundreds of gigabytes, most of them holes. Bytes
 * that are returned are always those that were written at that offset, also while the log is being trimmed.
 *
 * A job may empty its log, and the owner records that only when it looks. A reader that goes on (`next`) notices it by itself, and
 * counts on from the highest offset that it knew. When the record comes and counts further, the reader takes its numbers; when it
 * counts less far, the reader stays that much ahead: its offsets never go back.
 */
import { closeSync, constants, existsSync, fstatSync, openSync } from 'node:fs';
import { readAt, readRecord } from '../../base/fs/read-record.ts';
import { ignoreSystemError } from '../../base/result.ts';
import type { JobPaths, Stream } from '../home/paths.ts';
import { countLines, startOfLastLines } from './last-lines.ts';
import { isMarked, LogPosition } from './mark.ts';
import { emptiedAt, isSameTrimming, readTrimmed, type Trimming } from './trim-record.ts';

export type { Stream } from '../home/paths.ts';

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;

/** A read that is overtaken by trimming this often returns nothing this time. */
const MOST_TRIES = 50;

/** A hole is at least so long. */
const HOLE_BYTES = 4096;

/** A piece of a log: its bytes and where they stand. */
export interface Piece {
  bytes: Buffer;
  from: number;
  to: number;
  /** The size of the log when it was read, bytes. */
  size: number;
  /** How many bytes before `from` were asked for but are gone. */
  gone: number;
  /** How many bytes went before `from` because the job emptied its log; 0: it did not, as far as was asked for. */
  emptied: number;
}

/** An open log; `size` is asked anew at each use. */
export class Log {
  private fd: number;
  private readonly job: JobPaths;
  private readonly stream: Stream;
  /** The highest offset known to this reader. */
  private highest = 0;
  /** What it read last, and the offset of the first byte of the file at that time. */
  private mark = LogPosition.none;
  private markBase = 0;
  /** The last recorded emptying that it has heard of; undefined before the first look. */
  private recordedFloor: number | undefined;
  /** Where the log began anew, if this reader noticed that before it was recorded. */
  private noticed: number | undefined;
  /** So much higher than the recorded offsets are those of this reader. */
  private ahead = 0;
  /** The attempt whose log this is: the record of where its output begins, which changes with each. */
  private attempt: string;
  /** The record as it was read last. */
  private known: Trimming | null = null;
  /** Where `next` goes on. */
  private at = 0;
  /** The last emptying that `next` told. */
  private toldFloor = 0;

  private constructor(fd: number, job: JobPaths, stream: Stream) {
    this.fd = fd;
    this.job = job;
    this.stream = stream;
    this.attempt = this.readAttempt();
  }

  /** Undefined if there is no log (yet), or something that is not a file stands there. */
  static open(job: JobPaths, stream: Stream = 'log'): Log | undefined {
    const fd = openFile(job[stream]);
    return fd === undefined ? undefined : new Log(fd, job, stream);
  }

  /** How much the job has written in all, bytes that are gone included. */
  get size(): number {
    return this.look().size;
  }

  /** The bytes that `--max-log` took: from `from` up to `to`; null if it took none. */
  get gap(): { from: number; to: number } | null {
    const { trimming } = this.look();
    return trimming && trimming.to > trimming.from ? { from: trimming.from, to: trimming.to } : null;
  }

  get trimmedBytes(): number {
    const gap = this.gap;
    return gap ? gap.to - gap.from : 0;
  }

  /** How many bytes are gone because the log was emptied: all before this offset. */
  get emptiedBytes(): number {
    return this.look().trimming?.floor ?? 0;
  }

  /** Whether bytes may have gone uncounted: no hole can be punched there, so the log was emptied while it was written. */
  get isApproximate(): boolean {
    return (this.look().trimming?.keep ?? 0) > 0;
  }

  /** Whether a descriptor of ours is this very file: who follows it there would follow himself. */
  isSameFile(fd: number): boolean {
    try {
      const [mine, other] = [fstatSync(this.fd), fstatSync(fd)];
      return mine.dev === other.dev && mine.ino === other.ino;
    } catch (thrown) {
      ignoreSystemError(thrown);
      return false;
    }
  }

  close(): void {
    closeSync(this.fd);
  }

  /**
   * The bytes from `from` up to `to`, as far as there are; it ends where a gap begins. A read that begins in a gap begins at
   * its end instead, is as long as was asked for, and `gone` says how much is missing before it. `into`: memory for the bytes,
   * large enough; who reads a gigabyte in pieces uses the same again.
   */
  read(from: number, to: number, into?: Buffer): Piece {
    for (let tries = 1; ; tries++) {
      const before = this.look();
      const piece = this.readBy(before, from, to, into);
      // asked again after the read: what was recorded meanwhile may have been holes already
      const after = this.look();
      const [old, now] = [before.trimming, after.trimming];
      const isMoved = (old?.base ?? 0) !== (now?.base ?? 0) || old?.turning === true || now?.turning === true;
      const isBeside = !now || piece.to <= now.from || piece.from >= now.to;
      if (isSameTrimming(old, now) || (!isMoved && isBeside)) {
        this.remember(piece, now);
        return piece;
      }
      if (tries < MOST_TRIES) continue;
      const at = now ? Math.max(from, now.to) : from;
      const [bytes, gone] = [Buffer.alloc(0), at - from];
      return { bytes, from: at, to: at, size: Math.max(at, after.size), gone, emptied: 0 };
    }
  }

  /** From where `next` reads; `from` is an offset that was told before, so the log was emptied if it is shorter. */
  seek(from: number): void {
    const { trimming } = this.look();
    this.at = from;
    this.toldFloor = Math.min(from, trimming?.floor ?? 0);
    this.highest = Math.max(this.highest, from);
  }

  private readAttempt(): string {
    const stored = existsSync(this.job.attemptStart) ? readRecord(this.job.attemptStart) : undefined;
    return stored?.kind === 'text' ? stored.text : '';
  }

  /** Whether another attempt writes into another file by now: the log was moved away or removed before it began. */
  get isPast(): boolean {
    if (this.readAttempt() === this.attempt) return false;
    const fd = openFile(this.job[this.stream]);
    if (fd === undefined) return false;
    const isPast = !this.isSameFile(fd);
    closeSync(fd);
    return isPast;
  }

  /** Goes on with the log of another attempt: to be called when `next` found nothing more. False if there is none. */
  reopen(): boolean {
    if (!this.isPast) return false;
    const fd = openFile(this.job[this.stream]);
    if (fd === undefined) return false;
    closeSync(this.fd);
    [this.fd, this.attempt] = [fd, this.readAttempt()];
    // as if the log had been emptied
    this.noticed = Math.max(this.highest, this.numbered(this.known)?.to ?? 0);
    this.mark = LogPosition.none;
    return true;
  }

  /** Whether `next` would find something. */
  get hasMore(): boolean {
    const { size, trimming } = this.look();
    return size > this.at || (trimming?.floor ?? 0) > this.toldFloor || this.isPast;
  }

  /** The bytes that follow on those of the last call, as many as `into` holds; after an emptying those from its place on. */
  next(into: Buffer): Piece {
    for (;;) {
      const at = this.at;
      const piece = this.read(at, at + into.length, into);
      // the record came meanwhile, with other numbers
      if (this.at !== at) continue;
      const floor = this.look().trimming?.floor ?? 0;
      if (this.at !== at) continue;
      this.at = piece.to;
      // emptied after it was read: the next call tells it
      if (floor > piece.from) return piece;
      const emptied = Math.max(piece.emptied, floor - this.toldFloor);
      this.toldFloor = floor;
      return { ...piece, emptied };
    }
  }

  /** The last `lines` lines, but no more than `limitBytes`; starts at the beginning of a line where one is near. */
  lastLines(lines: number, limitBytes: number): Piece {
    const { size, trimming } = this.look();
    const gap = trimming && trimming.to > trimming.from ? trimming : null;
    const floor = trimming?.floor ?? 0;
    const wanted = Math.max(floor, size - limitBytes);
    const from = gap && wanted < gap.to ? Math.min(Math.max(gap.to, wanted), size) : wanted;
    // one byte more: it says whether a line begins here; before a gap's end there is none
    const before = from === gap?.to || from === floor ? 0 : Math.min(from, 1);
    const piece = this.read(from - before, size);
    // the gap grew under our hands: the piece begins later, in the middle of a line
    const skipped = piece.from > from - before ? 0 : before;
    const cut = skipped === 1 ? piece.bytes[0] !== 10 : piece.from > floor;
    const start = skipped + startOfLastLines(piece.bytes.subarray(skipped), lines, cut);
    const bytes = piece.bytes.subarray(start);
    const isShort = countLines(bytes) < lines;
    const reached = piece.gone > 0 || (gap !== null && from === gap.to && wanted < gap.to);
    const trimmed = reached && isShort && gap ? gap.to - gap.from : 0;
    const emptied = isShort && piece.from + start === floor ? floor : 0;
    return { ...piece, bytes, from: piece.from + start, gone: trimmed + emptied, emptied };
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

  private recorded(): Trimming | null {
    const now = readTrimmed(this.job)[this.stream];
    // what the next attempt does to its log is nothing to the file of this one
    if ((now?.floor ?? 0) === (this.known?.floor ?? 0) || !this.isPast) this.known = now;
    return this.known;
  }

  /** What is gone and how much was written, of the same instant, in the numbers of this reader. */
  private look(): LogExtent {
    for (let tries = 1; ; tries++) {
      const recorded = this.recorded();
      this.hear(recorded?.floor ?? 0);
      const trimming = this.numbered(recorded);
      const base = trimming?.base ?? 0;
      const size = trimming?.turning ? base : base + fstatSync(this.fd).size;
      // cut by its owner, where that loses bytes uncounted
      if (trimming?.keep && base !== this.markBase && !trimming.turning)
        this.highest = Math.min(this.highest, size);
      const isEmptied =
        !trimming?.turning && (size < this.highest || !this.isMarked(trimming) || this.isVoid(trimming));
      // the base is of the same instant as the size of the file, or it is asked again
      const isSure = !isEmptied && !recorded?.keep;
      if (!isSure && tries < MOST_TRIES && !isSameTrimming(recorded, this.recorded())) continue;
      if (!isEmptied) {
        this.highest = Math.max(this.highest, size);
        return { trimming, size };
      }
      this.noticed = Math.max(this.highest, trimming?.to ?? 0);
      this.mark = LogPosition.none;
    }
  }

  /** Takes note of the last emptying that is recorded. */
  private hear(floor: number): void {
    const isFirst = this.recordedFloor === undefined;
    if (this.recordedFloor === floor) return;
    this.recordedFloor = floor;
    if (isFirst) return;
    const mine = this.noticed ?? this.highest;
    this.ahead = Math.max(0, mine - floor);
    if (this.noticed === undefined) {
      // it is news
      this.mark = LogPosition.none;
      this.highest = Math.max(this.highest, floor);
      return;
    }
    this.noticed = undefined;
    const further = floor + this.ahead - mine;
    for (const key of ['at', 'toldFloor', 'highest', 'markBase'] as const) this[key] += further;
  }

  /** The record in the numbers of this reader. */
  private numbered(recorded: Trimming | null): Trimming | null {
    if (this.noticed !== undefined) {
      if (!recorded?.mark || !isMarked(this.fd, recorded.mark)) return emptiedAt(this.noticed);
      // the owner had seen nothing of what was lost, and cut the file as it is now
      this.ahead = this.noticed - recorded.floor;
      this.noticed = undefined;
    }
    if (!recorded || this.ahead === 0) return recorded;
    const [from, to, base, floor] = [recorded.from, recorded.to, recorded.base, recorded.floor].map(
      (offset) => offset + this.ahead,
    ) as [number, number, number, number];
    return { ...recorded, from, to, base, floor };
  }

  /** Whether the file still holds what was read last; nothing is said where that was trimmed since. */
  private isMarked(trimming: Trimming | null): boolean {
    const { mark, markBase } = this;
    const { base = 0, from = 0, to = 0 } = trimming ?? {};
    const isTrimmed = base !== markBase || (base + mark.from < to && base + mark.end > from);
    if (isTrimmed) [this.mark, this.markBase] = [LogPosition.none, base];
    return isTrimmed || mark.isIn(this.fd);
  }

  /** Whether the record of a cut is of a file that was emptied since: neither what it remembers nor the hole is there. */
  private isVoid(trimming: Trimming | null): boolean {
    if (!trimming?.mark || trimming.keep || isMarked(this.fd, trimming.mark)) return false;
    const block = Buffer.alloc(Math.min(HOLE_BYTES, trimming.to - trimming.from), 1);
    readAt(this.fd, block, trimming.from - trimming.base);
    return block.length === 0 || block.some((byte) => byte !== 0);
  }

  private remember({ bytes, from, to }: Piece, trimming: Trimming | null): void {
    const base = trimming?.base ?? 0;
    if (base !== this.markBase) this.mark = LogPosition.none;
    this.markBase = base;
    if (bytes.length > 0 && from >= base && to - base > this.mark.end)
      this.mark = this.mark.after(from - base, bytes);
  }

  private readBy({ trimming, size }: LogExtent, asked: number, to: number, into?: Buffer): Piece {
    let [from, end] = [asked, to];
    const floor = trimming?.floor ?? 0;
    const emptied = Math.max(0, floor - asked);
    if (emptied > 0) [from, end] = [floor, to > floor ? to : floor + (to - asked)];
    if (trimming && from >= trimming.from && from < trimming.to)
      [from, end] = [trimming.to, end > trimming.to ? end : trimming.to + (end - from)];
    else if (trimming && from < trimming.from && trimming.from < trimming.to)
      end = Math.min(end, trimming.from);
    const length = Math.max(0, Math.min(end, size) - from);
    const bytes = into?.subarray(0, length) ?? Buffer.allocUnsafe(length);
    const got = trimming?.keep
      ? this.readSides(trimming, bytes, from)
      : readAt(this.fd, bytes, from - (trimming?.base ?? 0));
    return { bytes: bytes.subarray(0, got), from, to: from + got, size, gone: from - asked, emptied };
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
      const start = isHead ? trimming.floor : isLog ? trimming.base : trimming.to;
      const end = isHead ? trimming.from : isLog ? Number.POSITIVE_INFINITY : trimming.base;
      const room = Math.min(bytes.length - got, end - at);
      const more = readAt(fd, bytes.subarray(got, got + room), at - start);
      if (!isLog) closeSync(fd);
      got += more;
      if (more < room) break;
    }
    return got;
  }
}

/** What is gone of a log, and how much was written in all. */
interface LogExtent {
  trimming: Trimming | null;
  size: number;
}

/** Opens a file for reading; undefined if there is none, or something that is no file. Never hangs at a FIFO. */
function openFile(path: string): number | undefined {
  try {
    const fd = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (fstatSync(fd).isFile()) return fd;
    closeSync(fd);
  } catch (thrown) {
    ignoreSystemError(thrown);
  }
  return undefined;
}

/** How much a job has written to one of its logs, trimmed bytes included; undefined if there is none. */
export function readLogSize(job: JobPaths, stream: Stream = 'log'): number | undefined {
  const log = Log.open(job, stream);
  const size = log?.size;
  log?.close();
  return size;
}
