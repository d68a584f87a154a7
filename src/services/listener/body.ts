/**
 * The bodies of requests while they come. Up to 1 MiB is in memory. A longer one is in a file without a name,
 * so nothing of it is left when it is refused, or when the listener is killed. A sender that is not proven
 * gets one of four such files, and loses it to the next sender if it is slow.
 */
import { closeSync, readSync } from 'node:fs';
import { systemClock } from '../../base/clock.ts';
import { createNameless, removeQuietly, writeAll } from '../../base/fs/atomic-write.ts';
import { namesIn } from '../../base/fs/read-record.ts';
import { errnoOf, systemError } from '../../base/result.ts';
import { MOST_BODY_BYTES, type Reply, refuseForNow, TOO_LARGE } from './request.ts';

export const MOST_IN_MEMORY_BYTES = 2 ** 20;
/** Of all requests together. */
const MOST_BUFFERED_BYTES = 32 * MOST_IN_MEMORY_BYTES;
const MOST_UNPROVEN_FILES = 4;
/** A slower sender gives its file to the next one, but not in its first two seconds. */
export const LEAST_BYTES_PER_S = 256 * 1024;
const TRIAL_MS = 2000;
/** More pieces are joined: with one byte in each, a body would take a hundred times its size. */
const MOST_PIECES = 64;

const BUSY = refuseForNow(503, 'too many bodies at once', 5);
const NO_FILE = refuseForNow(503, 'too many signed bodies of more than 1 MiB at once', 5);
const notStored = (thrown: unknown): Reply => ({
  ...refuseForNow(503, 'the body could not be stored', 10),
  why: `the body could not be stored: ${errnoOf(thrown)}`,
});

const FILE = /^body\.\d+\.\d+\.tmp$/;

/** All bodies that come to one listener. */
export class BodyStore {
  bufferedBytes = 0;
  /** Of senders that are not proven, the oldest first. */
  readonly unproven = new Set<RequestBody>();
  private files = 0;
  constructor(
    private readonly dir: string,
    readonly now: () => number = () => systemClock.monotonic(),
  ) {}

  /** Removes the file of a listener that was killed between making it and taking its name away. */
  removeLeft(): void {
    for (const name of namesIn(this.dir)) if (FILE.test(name)) removeQuietly(`${this.dir}/${name}`);
  }

  /** The answer to a head that announces a body for which there is no file now. */
  refuse(announced: number, isProven: boolean): Reply | undefined {
    return isProven || announced <= MOST_IN_MEMORY_BYTES || this.hasFile() ? undefined : NO_FILE;
  }

  hasFile(): boolean {
    return this.unproven.size < MOST_UNPROVEN_FILES || this.slowest() !== undefined;
  }

  slowest(): RequestBody | undefined {
    return [...this.unproven].find((body) => body.isSlow());
  }

  /** Throws system errors. */
  createFile(): number {
    return createNameless(`${this.dir}/body.${process.pid}.${this.files++}.tmp`, '');
  }
}

/** One body. `close` must be called, whatever happened. */
export class RequestBody {
  private pieces: Buffer[] = [];
  private total = 0;
  private buffered = 0;
  private file: number | undefined;
  /** When the file was made, and how many bytes had come by then. */
  private createdAt = 0;
  private before = 0;
  private isClosed = false;
  constructor(
    private readonly store: BodyStore,
    private readonly isProven: boolean,
    /** Called when another body gets the file of this one. */
    private readonly cut: () => void,
  ) {}

  get bytes(): number {
    return this.total;
  }

  /** The next piece, or the answer to a body that cannot be taken. */
  add(piece: Buffer): Reply | undefined {
    // what still comes of one that was cut off is dropped
    if (this.isClosed) return undefined;
    this.total += piece.length;
    if (this.total > MOST_BODY_BYTES) return TOO_LARGE;
    const isFull = this.store.bufferedBytes + piece.length > MOST_BUFFERED_BYTES;
    if (isFull && this.file === undefined && !this.isProven) return BUSY;
    try {
      if (this.file === undefined && (isFull || this.total > MOST_IN_MEMORY_BYTES)) {
        if (!this.isProven && !this.takePlace()) return NO_FILE;
        this.moveToFile();
      }
      if (this.file !== undefined) writeAll(this.file, piece);
      else this.buffer(piece);
    } catch (thrown) {
      return notStored(thrown);
    }
    return undefined;
  }

  isSlow(): boolean {
    const ms = this.store.now() - this.createdAt;
    return ms > TRIAL_MS && ((this.total - this.before) * 1000) / ms < LEAST_BYTES_PER_S;
  }

  /** It is complete: from now on no other body gets its file. */
  finish(): void {
    this.store.unproven.delete(this);
  }

  /** The whole body. Throws system errors. */
  read(): Buffer {
    if (this.isClosed) throw systemError('ECANCELED', 'body');
    if (this.file === undefined) return Buffer.concat(this.pieces);
    const bytes = Buffer.allocUnsafe(this.total);
    for (let at = 0; at < bytes.length; ) {
      const read = readSync(this.file, bytes, at, bytes.length - at, at);
      if (read === 0) throw systemError('EIO', 'body');
      at += read;
    }
    return bytes;
  }

  close(): void {
    this.isClosed = true;
    this.drop();
    this.finish();
    if (this.file !== undefined) closeSync(this.file);
    this.file = undefined;
  }

  private buffer(piece: Buffer): void {
    this.store.bufferedBytes += piece.length;
    this.buffered += piece.length;
    this.pieces.push(piece);
    if (this.pieces.length > MOST_PIECES) this.pieces = [Buffer.concat(this.pieces)];
  }

  private drop(): void {
    this.store.bufferedBytes -= this.buffered;
    this.buffered = 0;
    this.pieces = [];
  }

  private takePlace(): boolean {
    if (!this.store.hasFile()) return false;
    if (this.store.unproven.size >= MOST_UNPROVEN_FILES) {
      const slowest = this.store.slowest()!;
      slowest.close();
      slowest.cut();
    }
    this.store.unproven.add(this);
    return true;
  }

  private moveToFile(): void {
    this.createdAt = this.store.now();
    this.before = this.total;
    this.file = this.store.createFile();
    for (const piece of this.pieces) writeAll(this.file, piece);
    this.drop();
  }
}
