/**
 * Reading a log, in bounded pieces, and following it. An offset counts all bytes that the job ever wrote;
 * `--max-log` changes no offset. A log is never read as a whole: it may have hundreds of gigabytes, most of
 * them holes. Bytes that are returned were written at that offset, also if the log is trimmed during the
 * read.
 *
 * A job may empty its log, and the owner records that only at its next poll. A reader that continues (`next`)
 * notices it first, and counts on from the highest offset that it knew. When the record comes and counts
 * further, the reader takes over its numbers. When the record counts less far, the reader stays ahead of it
 * by that distance: the offsets of a reader never decrease.
 */
import { closeSync, existsSync, fstatSync } from 'node:fs';
import { fileOf, isSameFile } from '../../base/fs/file-id.ts';
import { openToRead } from '../../base/fs/open-file.ts';
import { readAt, readText } from '../../base/fs/read-record.ts';
import { attemptQuietly } from '../../base/result.ts';
import type { JobPaths, Stream } from '../home/paths.ts';
import { countLines, startOfLastLines } from './last-lines.ts';
import { LogPosition, matchesPosition } from './log-position.ts';
import { emptiedAt, isSameTrimming, readTrimmed, type Trimming } from './trim-record.ts';

export type { Stream } from '../home/paths.ts';

/** After so many reads that trimming overtook, a read returns nothing. */
const MOST_TRIES = 50;

const HOLE_BYTES = 4096;

export interface Piece {
  bytes: Buffer;
  from: number;
  to: number;
  size: number;
  gone: number;
  /** Bytes that are gone because the job emptied its log. */
  emptied: number;
}

/** Its size is read anew at each use. */
export class Log {
  private highest = 0;
  /** The bytes before the end of the last read, and where the file began at that time. */
  private position = LogPosition.none;
  private positionBase = 0;
  /** Undefined before the first read. */
  private recordedFloor: number | undefined;
  /** Where the log began anew, if this reader noticed that before the owner recorded it. */
  private noticed: number | undefined;
  /** How far the offsets of this reader are ahead of the recorded ones. */
  private ahead = 0;
  /** The record of where the output of this log's attempt begins. Each attempt has another. */
  private attempt: string;
  private known: Trimming | null = null;
  private at = 0;
  private reportedFloor = 0;

  private constructor(
    private fd: number,
    private readonly job: JobPaths,
    private readonly stream: Stream,
  ) {
    this.attempt = this.readAttempt();
  }

  static open(job: JobPaths, stream: Stream = 'log'): Log | undefined {
    const fd = openToRead(job[stream]);
    return fd === undefined ? undefined : new Log(fd, job, stream);
  }

  get size(): number {
    return this.readExtent().size;
  }

  /** Null: `--max-log` took none. */
  get gap(): { from: number; to: number } | null {
    const { trimming } = this.readExtent();
    return trimming && trimming.to > trimming.from ? { from: trimming.from, to: trimming.to } : null;
  }

  get trimmedBytes(): number {
    const gap = this.gap;
    return gap ? gap.to - gap.from : 0;
  }

  /** The offset before which all bytes are gone because the log was emptied. */
  get emptiedBytes(): number {
    return this.readExtent().trimming?.floor ?? 0;
  }

  /** Whether offsets are approximate: without holes a rotation loses bytes without counting them. */
  get isApproximate(): boolean {
    return (this.readExtent().trimming?.keep ?? 0) > 0;
  }

  /** Whether a descriptor is this very file. A reader that writes there would follow its own output. */
  isSameFile(fd: number): boolean {
    return attemptQuietly(() => isSameFile(fileOf(this.fd), fileOf(fd))) === true;
  }

  close(): void {
    closeSync(this.fd);
  }

  /**
   * The bytes from `from` that exist, up to `to` or a gap. In a gap, the piece begins behind it with the
   * requested length, and `gone` counts the skipped bytes. `into`: a buffer to reuse.
   */
  read(from: number, to: number, into?: Buffer): Piece {
    for (let tries = 1; ; tries++) {
      const before = this.readExtent();
      const piece = this.readBy(before, from, to, into);
      // the extent is read again: bytes of a gap that was recorded meanwhile may have been zeros already
      const after = this.readExtent();
      const [old, now] = [before.trimming, after.trimming];
      const isMoved = (old?.base ?? 0) !== (now?.base ?? 0) || old?.turning === true || now?.turning === true;
      const isOutside = !now || piece.to <= now.from || piece.from >= now.to;
      if (isSameTrimming(old, now) || (!isMoved && isOutside)) {
        this.remember(piece, now);
        return piece;
      }
      if (tries < MOST_TRIES) continue;
      const at = now ? Math.max(from, now.to) : from;
      const [bytes, gone] = [Buffer.alloc(0), at - from];
      return { bytes, from: at, to: at, size: Math.max(at, after.size), gone, emptied: 0 };
    }
  }

  /** Sets the offset of `next`. It was reported before, so a shorter log was emptied. */
  seek(from: number): void {
    const { trimming } = this.readExtent();
    this.at = from;
    this.reportedFloor = Math.min(from, trimming?.floor ?? 0);
    this.highest = Math.max(this.highest, from);
  }

  private readAttempt(): string {
    return existsSync(this.job.attemptStart) ? readText(this.job.attemptStart) : '';
  }

  /** Whether a later attempt writes another file, because this one was moved away or removed. */
  get isPast(): boolean {
    if (this.readAttempt() === this.attempt) return false;
    const fd = openToRead(this.job[this.stream]);
    if (fd === undefined) return false;
    const isPast = !this.isSameFile(fd);
    closeSync(fd);
    return isPast;
  }

  /** Continues with the log of a later attempt, after `next` found nothing more, if there is one. */
  reopen(): boolean {
    if (!this.isPast) return false;
    const fd = openToRead(this.job[this.stream]);
    if (fd === undefined) return false;
    closeSync(this.fd);
    [this.fd, this.attempt] = [fd, this.readAttempt()];
    // as if the log had been emptied
    this.noticed = Math.max(this.highest, this.numbered(this.known)?.to ?? 0);
    this.position = LogPosition.none;
    return true;
  }

  get hasMore(): boolean {
    const { size, trimming } = this.readExtent();
    return size > this.at || (trimming?.floor ?? 0) > this.reportedFloor || this.isPast;
  }

  /**
   * The bytes that follow the last call, as many as `into` holds; after an emptying, those from the new
   * beginning on.
   */
  next(into: Buffer): Piece {
    for (;;) {
      const at = this.at;
      const piece = this.read(at, at + into.length, into);
      // the record came meanwhile and changed the numbers
      if (this.at !== at) continue;
      const floor = this.readExtent().trimming?.floor ?? 0;
      if (this.at !== at) continue;
      this.at = piece.to;
      // emptied after the read: the next call reports it
      if (floor > piece.from) return piece;
      const emptied = Math.max(piece.emptied, floor - this.reportedFloor);
      this.reportedFloor = floor;
      return { ...piece, emptied };
    }
  }

  /** The last `lines` lines within `limitBytes`. It begins at the start of a line, if there is one. */
  lastLines(lines: number, limitBytes: number): Piece {
    const { size, trimming } = this.readExtent();
    const gap = trimming && trimming.to > trimming.from ? trimming : null;
    const floor = trimming?.floor ?? 0;
    const wanted = Math.max(floor, size - limitBytes);
    const from = gap && wanted < gap.to ? Math.min(Math.max(gap.to, wanted), size) : wanted;
    // one byte more tells whether a line begins here; directly behind a gap there is none
    const before = from === gap?.to || from === floor ? 0 : Math.min(from, 1);
    const piece = this.read(from - before, size);
    // the gap grew during the read: the piece begins later, in the middle of a line
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

  private recorded(): Trimming | null {
    const now = readTrimmed(this.job)[this.stream];
    // a record of the next attempt's log says nothing of this file
    if ((now?.floor ?? 0) === (this.known?.floor ?? 0) || !this.isPast) this.known = now;
    return this.known;
  }

  /** What is gone and how much was written, of the same instant, in the numbers of this reader. */
  private readExtent(): LogExtent {
    for (let tries = 1; ; tries++) {
      const recorded = this.recorded();
      this.updateFloor(recorded?.floor ?? 0);
      const trimming = this.numbered(recorded);
      const base = trimming?.base ?? 0;
      const size = trimming?.turning ? base : base + fstatSync(this.fd).size;
      // a rotation by the owner loses bytes without counting them
      if (trimming?.keep && base !== this.positionBase && !trimming.turning)
        this.highest = Math.min(this.highest, size);
      const isEmptied =
        !trimming?.turning && (size < this.highest || !this.isUnchanged(trimming) || this.isVoid(trimming));
      // base and file size must be of the same instant, otherwise both are read again
      const isSure = !isEmptied && !recorded?.keep;
      if (!isSure && tries < MOST_TRIES && !isSameTrimming(recorded, this.recorded())) continue;
      if (!isEmptied) {
        this.highest = Math.max(this.highest, size);
        return { trimming, size };
      }
      this.noticed = Math.max(this.highest, trimming?.to ?? 0);
      this.position = LogPosition.none;
    }
  }

  private updateFloor(floor: number): void {
    const isFirst = this.recordedFloor === undefined;
    if (this.recordedFloor === floor) return;
    this.recordedFloor = floor;
    if (isFirst) return;
    const mine = this.noticed ?? this.highest;
    this.ahead = Math.max(0, mine - floor);
    if (this.noticed === undefined) {
      // this reader had not noticed it
      this.position = LogPosition.none;
      this.highest = Math.max(this.highest, floor);
      return;
    }
    this.noticed = undefined;
    const further = floor + this.ahead - mine;
    for (const key of ['at', 'reportedFloor', 'highest', 'positionBase'] as const) this[key] += further;
  }

  private numbered(recorded: Trimming | null): Trimming | null {
    if (this.noticed !== undefined) {
      if (!recorded?.mark || !matchesPosition(this.fd, recorded.mark)) return emptiedAt(this.noticed);
      // the owner did not notice the emptying, and cut the file as it is now
      this.ahead = this.noticed - recorded.floor;
      this.noticed = undefined;
    }
    if (!recorded || this.ahead === 0) return recorded;
    const [from, to, base, floor] = [recorded.from, recorded.to, recorded.base, recorded.floor].map(
      (offset) => offset + this.ahead,
    ) as [number, number, number, number];
    return { ...recorded, from, to, base, floor };
  }

  /** Whether the file still holds the bytes of the last read, as far as these were not trimmed since. */
  private isUnchanged(trimming: Trimming | null): boolean {
    const { base = 0, from = 0, to = 0 } = trimming ?? {};
    if (base !== this.positionBase) [this.position, this.positionBase] = [LogPosition.none, base];
    return this.position.isIn(this.fd, { from: from - base, to: to - base });
  }

  /**
   * Whether a recorded cut is of a file that was emptied since: neither its position nor its hole is there.
   */
  private isVoid(trimming: Trimming | null): boolean {
    if (!trimming?.mark || trimming.keep || matchesPosition(this.fd, trimming.mark)) return false;
    const block = Buffer.alloc(Math.min(HOLE_BYTES, trimming.to - trimming.from), 1);
    readAt(this.fd, block, trimming.from - trimming.base);
    return block.length === 0 || block.some((byte) => byte !== 0);
  }

  private remember({ bytes, from, to }: Piece, trimming: Trimming | null): void {
    const base = trimming?.base ?? 0;
    if (base !== this.positionBase) this.position = LogPosition.none;
    this.positionBase = base;
    if (bytes.length > 0 && from >= base && to - base > this.position.end)
      this.position = this.position.after(from - base, bytes);
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

  private readSides(trimming: Trimming, bytes: Buffer, from: number): number {
    let got = 0;
    for (let at = from; got < bytes.length; at = from + got) {
      const isHead = at < trimming.from;
      const isLog = at >= trimming.base;
      if (isLog && trimming.turning) break;
      const fd = isLog ? this.fd : openToRead(this.job.sideFile(this.stream, isHead ? 0 : trimming.keep));
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

interface LogExtent {
  trimming: Trimming | null;
  size: number;
}

/** With trimmed bytes; undefined if there is no log. */
export function readLogSize(job: JobPaths, stream: Stream = 'log'): number | undefined {
  const log = Log.open(job, stream);
  const size = log?.size;
  log?.close();
  return size;
}
