/**
 * Preallocated files: blanks that are written before they are needed. A record that is written over them
 * later needs no free disk space. All functions throw Node's system errors.
 */
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
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { sleep, systemClock } from '../clock.ts';
import { systemError } from '../result.ts';
import { claim, syncDir, writeAll } from './atomic-write.ts';
import { closing } from './open-file.ts';

const { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;

/**
 * Creates the file with all its blanks at once; throws EEXIST if there is one. Two processes may prepare the
 * same job: blanks that one of them writes later would wipe the end that the other one has recorded.
 */
export function createBlank(path: string, sizeBytes: number): void {
  if (!claim(path, ' '.repeat(sizeBytes), 'none')) throw systemError('EEXIST', path);
}

/**
 * Opens a file, which may be there, and makes it blank. The offset of the descriptor stays at the beginning:
 * a process that inherits it writes over the blanks.
 */
export function openBlank(path: string, sizeBytes: number): number {
  const fd = openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
  try {
    fchmodSync(fd, 0o600);
    writeSync(fd, ' '.repeat(sizeBytes), 0);
  } catch (thrown) {
    closeSync(fd);
    throw thrown;
  }
  return fd;
}

/** Whether a path is a regular file without a second name, so that writing in place changes no other file. */
export function hasOneName(path: string): boolean {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat?.isFile() === true && stat.nlink === 1;
}

/** Writes `text` over the blanks of `reserved` and renames that file to `path`. Durable on return. */
export function writeReserved(path: string, reserved: string, text: string): void {
  closing(writeOver(reserved, text), fsyncSync);
  renameSync(reserved, path);
  syncDir(dirname(path));
}

/** Flushes this close, milliseconds, are made at the same time: the disk can merge them. */
const SHARE_MS = 25;
let flushedAt = Number.NEGATIVE_INFINITY;
let sharing: Promise<void> | undefined;

function waitForSharedFlush(): Promise<void> {
  sharing ??= sleep(Math.max(0, flushedAt + SHARE_MS - systemClock.monotonic())).then(() => {
    sharing = undefined;
    flushedAt = systemClock.monotonic();
  });
  return sharing;
}

/** As writeReserved, but the slow flushes run outside of this thread. */
export async function writeReservedAsync(path: string, reserved: string, text: string): Promise<void> {
  const fd = writeOver(reserved, text);
  await waitForSharedFlush();
  await flushAndClose(fd);
  renameSync(reserved, path);
  await flushAndClose(openSync(dirname(path), O_RDONLY));
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

const flushAndClose = (fd: number): Promise<void> =>
  new Promise((resolve, reject) => {
    fsync(fd, (error) => {
      closeSync(fd);
      if (error) reject(error);
      else resolve();
    });
  });
