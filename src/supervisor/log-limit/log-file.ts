/**
 * The file of a log as its owner sees it: its length, and whether it was emptied since the last read. It is
 * opened once, through the shim's descriptor, or by its path if that is not possible, and then read and cut
 * through the own descriptor: another file at the path is not the job's, and a log that was moved away is
 * still the one that the job writes.
 */
import { closeSync, constants, fstatSync, lstatSync, readSync } from 'node:fs';
import { openToRead, reopen } from '../../base/fs/open-file.ts';
import { attemptQuietly, systemError } from '../../base/result.ts';
import { HAS_PROC, isAlive } from '../../engine/os/process-identity.ts';
import { readShim } from '../../engine/shim/shim-record.ts';
import type { JobPaths, Stream } from '../../job/home/paths.ts';
import { LogPosition, matchesPosition } from '../../job/log/log-position.ts';
import type { Trimming } from '../../job/log/trim-record.ts';

const HOLE_BYTES = 64 * 1024;

export class LogFile {
  private fd: number | undefined;
  private file: { ino: number; dev: number } | undefined;
  private position = LogPosition.none;
  private stamp = '';

  constructor(
    private readonly path: string,
    /** The position that the previous owner recorded, until the first read. */
    private recorded: Trimming['mark'],
    /** The log was moved away before this process opened it: its path leads to another file, or to none. */
    private readonly isLost = false,
    private readonly openOfShim: () => number | undefined = () => undefined,
  ) {}

  /** The length, bytes, and whether the file was emptied since the last read; undefined: there is none. */
  read(): { bytes: number; isEmptied: boolean } | undefined {
    return attemptQuietly(() => {
      this.fd ??= this.openOfShim() ?? (this.isLost ? undefined : openToRead(this.path));
      if (this.fd === undefined) return undefined;
      const { size, mtimeMs, ino, dev } = fstatSync(this.fd);
      this.file = { ino, dev };
      const stamp = `${size} ${mtimeMs}`;
      if (stamp === this.stamp) return { bytes: size, isEmptied: false };
      // the new position is read before the old one is compared, so that it is of the same file
      const position = LogPosition.at(this.fd, size);
      const isSame = size >= this.position.end && this.isKnown(this.fd);
      if (isSame) [this.position, this.stamp, this.recorded] = [position, stamp, null];
      return { bytes: size, isEmptied: !isSame };
    });
  }

  private isKnown(fd: number): boolean {
    return this.position.isIn(fd) && (this.recorded === null || matchesPosition(fd, this.recorded));
  }

  get isMoved(): boolean {
    if (this.file === undefined) return this.isLost;
    const there = lstatSync(this.path, { throwIfNoEntry: false });
    return there?.ino !== this.file.ino || there.dev !== this.file.dev;
  }

  get isSame(): boolean {
    return this.fd !== undefined && this.isKnown(this.fd);
  }

  get positionRecord(): NonNullable<Trimming['mark']> {
    return this.position.record;
  }

  reset(): void {
    [this.position, this.stamp, this.recorded] = [LogPosition.none, '', null];
  }

  /** The end of the zeros from `from` on, at most `to`: a hole, because jobs do not write so many zeros. */
  holeEnd(from: number, to: number): number {
    const bytes = Buffer.alloc(HOLE_BYTES);
    for (let at = from; this.fd !== undefined && at < to; ) {
      const got = readSync(this.fd, bytes, 0, Math.min(bytes.length, to - at), at);
      const length = bytes.subarray(0, got).findIndex((byte) => byte !== 0);
      if (length !== -1 || got === 0) return at + Math.max(0, length);
      at += got;
    }
    return to;
  }

  /** Throws a system error. */
  openToCut(): number {
    if (this.fd === undefined) throw systemError('ENOENT', this.path);
    return reopen(this.fd, this.path, constants.O_RDWR);
  }

  close(): void {
    if (this.fd !== undefined) closeSync(this.fd);
    [this.fd, this.file] = [undefined, undefined];
  }
}

/** See shim.sh. */
const SHIM_FDS: Record<Stream, number> = { log: 5, err: 6 };

/** Wherever the file is; undefined if the shim has ended, or the kernel does not show it. */
export function openLogOfShim(job: JobPaths, stream: Stream): number | undefined {
  const { shim } = readShim(job);
  if (!HAS_PROC || shim === undefined || isAlive(shim) === 'dead') return undefined;
  return openToRead(`/proc/${shim.pid}/fd/${SHIM_FDS[stream]}`, 0);
}
