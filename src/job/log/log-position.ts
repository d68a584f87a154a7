/**
 * A position in a file, with the bytes before it. They tell later whether the file was emptied: a shorter
 * file was, and a file that was emptied and grew beyond the position has other bytes there. If the same bytes
 * were written again, this finds nothing.
 */
import { checksum } from '../../base/checksum.ts';
import { readAt } from '../../base/fs/read-record.ts';

const REMEMBERED_BYTES = 256;

export class LogPosition {
  /** The start: it is in every file. */
  static readonly none = new LogPosition(0, Buffer.alloc(0));

  private constructor(
    readonly end: number,
    private readonly bytes: Buffer,
  ) {}

  static at(fd: number, end: number): LogPosition {
    const bytes = Buffer.alloc(Math.min(REMEMBERED_BYTES, end));
    return new LogPosition(end, bytes.subarray(0, readAt(fd, bytes, end - bytes.length)));
  }

  /** The position behind `bytes`, which were just read at `from`. */
  after(from: number, bytes: Buffer): LogPosition {
    const all = from === this.end ? Buffer.concat([this.bytes, bytes.subarray(-REMEMBERED_BYTES)]) : bytes;
    return new LogPosition(from + bytes.length, Buffer.from(all.subarray(-REMEMBERED_BYTES)));
  }

  get from(): number {
    return this.end - this.bytes.length;
  }

  /** Bytes in the hole are not compared. */
  isIn(fd: number, hole = { from: 0, to: 0 }): boolean {
    const now = Buffer.alloc(this.bytes.length);
    if (readAt(fd, now, this.from) !== now.length) return false;
    const [before, after] = [hole.from, hole.to].map((at) => Math.max(0, at - this.from)) as [number, number];
    const parts = [[0, before] as const, [after, now.length] as const];
    return parts.every(([from, to]) => now.subarray(from, to).equals(this.bytes.subarray(from, to)));
  }

  get record(): { end: number; sum: string } {
    return { end: this.end, sum: checksum(this.bytes.toString('latin1')) };
  }
}

export const matchesPosition = (fd: number, { end, sum }: LogPosition['record']): boolean =>
  LogPosition.at(fd, end).record.sum === sum;
