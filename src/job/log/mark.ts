/**
 * A mark: the bytes before some place of a file, remembered, so that it can be told later whether the file was emptied since. A
 * file that is shorter was. One that was emptied and has grown beyond the mark again has other bytes there. What a mark cannot
 * tell: that a file was emptied and the same bytes came again.
 */
import { checksum } from '../../base/checksum.ts';
import { readAt } from '../../base/fs/read-record.ts';

const MARK_BYTES = 256;

export class LogPosition {
  /** Before the first look: it is in every file. */
  static readonly none = new LogPosition(0, Buffer.alloc(0));
  /** Behind the bytes that are remembered, an offset in the file. */
  readonly end: number;
  private readonly bytes: Buffer;

  private constructor(end: number, bytes: Buffer) {
    this.end = end;
    this.bytes = bytes;
  }

  /** Remembers what stands before `end` now. */
  static at(fd: number, end: number): LogPosition {
    const bytes = Buffer.alloc(Math.min(MARK_BYTES, end));
    return new LogPosition(end, bytes.subarray(0, readAt(fd, bytes, end - bytes.length)));
  }

  /** The mark behind bytes that were read just now from offset `from`. */
  after(from: number, bytes: Buffer): LogPosition {
    const all = from === this.end ? Buffer.concat([this.bytes, bytes.subarray(-MARK_BYTES)]) : bytes;
    return new LogPosition(from + bytes.length, Buffer.from(all.subarray(-MARK_BYTES)));
  }

  /** Where the remembered bytes begin. */
  get from(): number {
    return this.end - this.bytes.length;
  }

  /** Whether they still stand there. */
  isIn(fd: number): boolean {
    const now = Buffer.alloc(this.bytes.length);
    return readAt(fd, now, this.from) === now.length && now.equals(this.bytes);
  }

  /** What of it is recorded. */
  get record(): { end: number; sum: string } {
    return { end: this.end, sum: checksum(this.bytes.toString('latin1')) };
  }
}

/** Whether what a record remembers still stands in a file. */
export const isMarked = (fd: number, { end, sum }: LogPosition['record']): boolean =>
  LogPosition.at(fd, end).record.sum === sum;
