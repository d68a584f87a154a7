/** Files of blanks, made ready for what is written over them later: a full disk cannot take their room. */
import {
  closeSync,
  constants,
  fchmodSync,
  fsync,
  fsyncSync,
  ftruncateSync,
  lstatSync,
  openSync,
  renameSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { systemClock } from '../clock.ts';
import { createExclusive, writeAll } from './atomic-write.ts';

const { O_RDONLY, O_WRONLY, O_NOFOLLOW, O_NONBLOCK } = constants;

/** Creates a file of blanks: what is written over them later needs no room, so that a full disk cannot lose it. */
export function createBlank(path: string, sizeBytes: number): number {
  const fd = createExclusive(path);
  try {
    writeAll(fd, Buffer.alloc(sizeBytes, ' '));
  } catch (thrown) {
    closeSync(fd);
    throw thrown;
  }
  return fd;
}

/** Whether a file stands there that has no other name: it may be written in place. */
export function isAlone(path: string): boolean {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat?.isFile() === true && stat.nlink === 1;
}

/**
 * Replaces `path` by `text`, written over a file that stands ready for it, with room that a full disk cannot take; durable when the
 * directory is flushed. Once: with the rename the room is used up.
 */
export function writeReserved(path: string, reserved: string, text: string): void {
  const fd = writeOver(reserved, text);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(reserved, path);
}

/** The least between two flushes, milliseconds: what comes closer together shares one, as nobody was told yet. */
const SHARE_MS = 25;
let flushedAt = Number.NEGATIVE_INFINITY;
let sharing: Promise<void> | undefined;

/** Resolves when it is time for the next flush. */
function shareFlush(): Promise<void> {
  sharing ??= systemClock.sleep(Math.max(0, flushedAt + SHARE_MS - systemClock.monotonic())).then(() => {
    sharing = undefined;
    flushedAt = systemClock.monotonic();
  });
  return sharing;
}

/**
 * The same, and durable when it resolves, but the disk is waited for beside this thread: only that takes long. Rejects with a
 * system error.
 */
export async function writeReservedAsync(path: string, reserved: string, text: string): Promise<void> {
  const fd = writeOver(reserved, text);
  await shareFlush();
  await flushAsync(fd);
  renameSync(reserved, path);
  await flushAsync(openSync(dirname(path), O_RDONLY));
}

function writeOver(path: string, text: string): number {
  const fd = openSync(path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    fchmodSync(fd, 0o600);
    const bytes = Buffer.from(text);
    writeAll(fd, bytes);
    ftruncateSync(fd, bytes.length);
    return fd;
  } catch (thrown) {
    closeSync(fd);
    throw thrown;
  }
}

/** Flushes and closes. */
const flushAsync = (fd: number): Promise<void> =>
  new Promise((resolve, reject) => {
    fsync(fd, (error) => {
      closeSync(fd);
      if (error) reject(error);
      else resolve();
    });
  });
