/**
 * The file of a log as the owner sees it: how long it is, and whether it was emptied since the last look. It is opened once, by the
 * descriptor of the shim, or by its name where there is none, and looked at and cut through that descriptor: whatever is put in its
 * place is none of the job's, and a log that was moved away is still the one into which the job writes.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, readSync } from 'node:fs';
import { reopen } from '../../base/fs/atomic-write.ts';
import { ignoreSystemError } from '../../base/result.ts';
import { HAS_PROC, isAlive } from '../../engine/os/process-identity.ts';
import { readShim } from '../../engine/shim/shim-record.ts';
import type { JobPaths, Stream } from '../../job/home/paths.ts';
import { isMarked, LogPosition } from '../../job/log/mark.ts';
import type { Trimming } from '../../job/log/trim-record.ts';

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;

const HOLE_BYTES = 64 * 1024;

interface Where {
  isLost?: boolean;
  openOfShim?: () => number | undefined;
}

export class LogFile {
  private readonly path: string;
  private fd: number | undefined;
  private mark = LogPosition.none;
  /** What an owner before us remembered, until the first look. */
  private recorded: Trimming['mark'];
  private stamp = '';
  /** It had been moved away before this process looked at it: its name leads to another file, if to any. */
  private readonly isLost: boolean;
  private readonly openOfShim: () => number | undefined;

  constructor(
    path: string,
    recorded: Trimming['mark'],
    { isLost = false, openOfShim = () => undefined }: Where = {},
  ) {
    this.path = path;
    this.recorded = recorded;
    this.isLost = isLost;
    this.openOfShim = openOfShim;
  }

  /** How long the file is, bytes, and whether it was emptied since the last look; undefined if there is none. */
  look(): { bytes: number; isEmptied: boolean } | undefined {
    try {
      this.fd ??= this.openOfShim() ?? (this.isLost ? undefined : openFile(this.path));
      if (this.fd === undefined) return undefined;
      const { size, mtimeMs } = fstatSync(this.fd);
      const stamp = `${size} ${mtimeMs}`;
      if (stamp === this.stamp) return { bytes: size, isEmptied: false };
      // first remember, then compare: what is remembered is of the same file
      const mark = LogPosition.at(this.fd, size);
      const isSame = size >= this.mark.end && this.isKnown(this.fd);
      if (isSame) [this.mark, this.stamp, this.recorded] = [mark, stamp, null];
      return { bytes: size, isEmptied: !isSame };
    } catch (thrown) {
      ignoreSystemError(thrown);
      return undefined;
    }
  }

  private isKnown(fd: number): boolean {
    return this.mark.isIn(fd) && (this.recorded === null || isMarked(fd, this.recorded));
  }

  /** Whether its name leads elsewhere by now. */
  get isMoved(): boolean {
    if (this.fd === undefined) return this.isLost;
    const [own, there] = [fstatSync(this.fd), lstatSync(this.path, { throwIfNoEntry: false })];
    return there?.ino !== own.ino || there.dev !== own.dev;
  }

  /** Whether the file still holds what the last look saw. */
  get isSame(): boolean {
    return this.fd !== undefined && this.isKnown(this.fd);
  }

  /** What the last look remembered, for the next owner. */
  get marked(): NonNullable<Trimming['mark']> {
    return this.mark.record;
  }

  /** The file was emptied, and that is known. */
  forget(): void {
    [this.mark, this.stamp, this.recorded] = [LogPosition.none, '', null];
  }

  /** Where the zeros end that begin at `from`, no further than `to`: a hole, as no job writes such a thing. */
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

  /** The same file, to be cut; throws a system error. */
  openToCut(): number {
    const { O_RDWR } = constants;
    if (this.fd === undefined) throw Object.assign(new Error(`ENOENT: ${this.path}`), { code: 'ENOENT' });
    return reopen(this.fd, this.path, O_RDWR);
  }

  close(): void {
    if (this.fd !== undefined) closeSync(this.fd);
    this.fd = undefined;
  }
}

function openFile(path: string, flags = O_NOFOLLOW): number | undefined {
  const fd = openSync(path, O_RDONLY | O_NONBLOCK | flags);
  if (fstatSync(fd).isFile()) return fd;
  closeSync(fd);
  return undefined;
}

/** The descriptors of the shim, see shim.sh. */
const SHIM_FDS: Record<Stream, number> = { log: 5, err: 6 };

/** Opens a log as the shim has it, wherever it is by now; undefined where the shim or the kernel does not show it. */
export function openLogOfShim(job: JobPaths, stream: Stream): number | undefined {
  const { shim } = readShim(job);
  if (!HAS_PROC || shim === undefined || isAlive(shim) === 'dead') return undefined;
  try {
    return openFile(`/proc/${shim.pid}/fd/${SHIM_FDS[stream]}`, 0);
  } catch (thrown) {
    // it has ended its work, or may not be seen
    ignoreSystemError(thrown);
    return undefined;
  }
}
