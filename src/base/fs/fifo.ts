/**
 * FIFOs that wake another process. A call never waits for a reader, and never writes into anything that is
 * not a FIFO.
 */
import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs';
import { errnoOf, ignoreSystemError } from '../result.ts';

const { O_WRONLY, O_NOFOLLOW, O_NONBLOCK } = constants;

export function openForReader(path: string): number | undefined {
  try {
    const fd = openSync(path, O_WRONLY | O_NONBLOCK | O_NOFOLLOW);
    if (fstatSync(fd).isFIFO()) return fd;
    closeSync(fd);
  } catch (thrown) {
    ignoreSystemError(thrown);
  }
  return undefined;
}

export function hasReader(path: string): boolean {
  const fd = openForReader(path);
  if (fd !== undefined) closeSync(fd);
  return fd !== undefined;
}

/** Wakes the reader of a FIFO with one byte; false if there is no reader. */
export function wakeReader(path: string): boolean {
  const fd = openForReader(path);
  if (fd === undefined) return false;
  try {
    // a full FIFO wakes its reader as well
    writeSome(fd, Buffer.from('\n'));
  } catch (thrown) {
    ignoreSystemError(thrown);
  } finally {
    closeSync(fd);
  }
  return true;
}

/** Writes what a pipe has room for: 0 bytes if it is full, undefined without a reader. */
export function writeSome(fd: number, bytes: Uint8Array): number | undefined {
  try {
    return writeSync(fd, bytes);
  } catch (thrown) {
    const errno = errnoOf(thrown);
    if (errno === 'EAGAIN') return 0;
    if (errno === 'EPIPE') return undefined;
    throw thrown;
  }
}
