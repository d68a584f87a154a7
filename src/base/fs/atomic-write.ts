/**
 * Durable files. A record is published as: temporary name, written in a loop, fsync, rename or link, fsync of
 * the directory. A reader therefore sees the old or the new record, never a half; after a power cut too.
 * Modes are given explicitly and set again by fchmod: the umask belongs to the job and is never changed.
 * All functions throw Node's system errors; `attempt` turns them into a failure at the edge of a room.
 */
import {
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { type BaseResult, errnoOf, ignoreSystemError, ok } from '../result.ts';
import { requireDirectory } from './directories.ts';

const { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_EXCL, O_APPEND, O_NOFOLLOW, O_NONBLOCK } = constants;

/** Runs `act`, and makes a system error a failure that says what was being done to which path. */
export function attempt<T>(doing: string, path: string, act: () => T): BaseResult<T> {
  try {
    return ok(act());
  } catch (thrown) {
    return { ok: false, failure: { code: 'io', doing, path, errno: errnoOf(thrown) } };
  }
}

/** Writes everything: on a full disk `write` first comes back short, without an error. */
export function writeAll(fd: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
}

/** Writes what a pipe has room for; 0 if it is full, undefined if nobody reads it any more. Other system errors are thrown. */
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

/** Makes the names in a directory durable. */
export function syncDir(path: string): void {
  const fd = openSync(path, O_RDONLY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Makes what must not be there yet: nothing is written into something else, nor through a link. */
const NEW = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;

function writeNew(path: string, content: string | Uint8Array, flush = true): void {
  const fd = openSync(path, NEW, 0o600);
  try {
    fchmodSync(fd, 0o600);
    writeAll(fd, typeof content === 'string' ? Buffer.from(content) : content);
    if (flush) fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Creates a file that must not exist; durable when the directory is flushed. */
export const writeOnce = (path: string, bytes: Uint8Array): void => writeNew(path, bytes);

/** Replaces `path` by `text`: durable when it returns. */
export function writeAtomic(path: string, text: string): void {
  writeRenamed(path, text);
  syncDir(dirname(path));
}

/**
 * Replaces `path` by `text`; durable when the directory is flushed, unless `flush` is false: then a power cut may leave an empty file.
 * One writer per path: the temporary name is fixed, so that leftovers of killed writers never pile up.
 */
export function writeRenamed(path: string, text: string, flush = true): void {
  const temporary = `${path}.tmp`;
  requireDirectory(dirname(path));
  try {
    try {
      writeNew(temporary, text, flush);
    } catch (thrown) {
      if (errnoOf(thrown) !== 'EEXIST') throw thrown;
      // a killed writer's, or a link to a file of somebody's: it goes, and is never written into
      unlinkSync(temporary);
      writeNew(temporary, text, flush);
    }
    renameSync(temporary, path);
  } catch (thrown) {
    removeQuietly(temporary);
    throw thrown;
  }
}

/** Makes the names of temporary files unique. */
let claims = 0;

/** The same where several may write at once: each writes a file of its own. Durable when this returns. */
export function writeShared(path: string, text: string): void {
  const temporary = `${path}.${process.pid}.${claims++}.tmp`;
  requireDirectory(dirname(path));
  try {
    writeNew(temporary, text);
    renameSync(temporary, path);
  } finally {
    removeQuietly(temporary);
  }
  syncDir(dirname(path));
}

/** Replaces a file of our own outside of the home, or makes it: what the umask leaves, and never writable by others. Durable when this returns. */
export function writeVisible(path: string, bytes: Uint8Array): void {
  const temporary = `${path}.${process.pid}.${claims++}.tmp`;
  try {
    createVisible(temporary, bytes);
    renameSync(temporary, path);
  } finally {
    removeQuietly(temporary);
  }
  syncDir(dirname(path));
}

/** Makes such a file that must not exist, EEXIST; durable when the directory is flushed. */
export function createVisible(path: string, bytes: Uint8Array): void {
  const fd = openSync(path, NEW, 0o644);
  try {
    writeAll(fd, bytes);
    fsyncSync(fd);
  } catch (thrown) {
    removeQuietly(path);
    throw thrown;
  } finally {
    closeSync(fd);
  }
}

/**
 * Changes a file of somebody's in place: its owner, mode, links and whatever else it has stay. False, and nothing is changed, if it does
 * not hold `before` any more. What is new at its end comes first: on a full disk what was there stays. Durable when this returns.
 */
export function changeInPlace(path: string, before: Uint8Array, next: Uint8Array): boolean {
  const kept = before.findIndex((byte, n) => byte !== next[n]);
  const isLonger = kept === -1;
  // then nothing that somebody else appends meanwhile is written over
  const fd = openSync(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | (isLonger ? O_APPEND : 0));
  try {
    if (!fstatSync(fd).isFile() || !readFileSync(fd).equals(before)) return false;
    try {
      writeAt(fd, next.subarray(before.length), before.length);
      if (!isLonger) {
        writeAt(fd, next.subarray(kept, before.length), kept);
        if (next.length < before.length) ftruncateSync(fd, next.length);
      }
    } catch (thrown) {
      ftruncateSync(fd, before.length);
      if (!isLonger) writeAt(fd, before.subarray(kept), kept);
      throw thrown;
    }
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  return true;
}

/** Writes everything, from a place in the file on. */
function writeAt(fd: number, bytes: Uint8Array, at: number): void {
  for (let done = 0; done < bytes.length; )
    done += writeSync(fd, bytes, done, bytes.length - done, at + done);
}

/**
 * Creates `path` holding `text` if nobody has it yet. The file is complete and durable at birth (link of a
 * finished file), so that a claim is never seen half. Returns whether this call made it. `flush` false: as for writeRenamed.
 */
export function claim(path: string, text: string, flush = true): boolean {
  const temporary = `${path}.${process.pid}.${claims++}.tmp`;
  requireDirectory(dirname(path));
  try {
    writeNew(temporary, text, flush);
    linkSync(temporary, path);
  } catch (thrown) {
    if (errnoOf(thrown) === 'EEXIST') return false;
    throw thrown;
  } finally {
    removeQuietly(temporary);
  }
  if (flush) syncDir(dirname(path));
  return true;
}

/** Creates an empty marker; existing is fine. */
export function touch(path: string): void {
  try {
    closeSync(createExclusive(path));
  } catch (thrown) {
    // whatever it is: opening a FIFO to write would wait for a reader
    if (errnoOf(thrown) !== 'EEXIST') throw thrown;
  }
}

/**
 * Writes a hint that may be lost: in place, nothing is flushed. What stands there and is not a file of our own, alone under this
 * name, stays as it is; throws a system error.
 */
export function writeHint(path: string, text: string): void {
  const fd = openSync(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile() || stat.nlink > 1)
      throw Object.assign(new Error(`EMLINK: ${path}`), { code: 'EMLINK' });
    fchmodSync(fd, 0o600);
    ftruncateSync(fd, 0);
    writeAll(fd, Buffer.from(text));
  } finally {
    closeSync(fd);
  }
}

/** Creates a file that must not exist; durable only when somebody flushes it. */
export const writeUnflushed = (path: string, text: string): void => writeNew(path, text, false);

/** A FIFO to write, if somebody has it open to read: else it is refused. */
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

/** Whether somebody reads a FIFO; he is not woken. */
export function hasReader(path: string): boolean {
  const fd = openForReader(path);
  if (fd !== undefined) closeSync(fd);
  return fd !== undefined;
}

/** Wakes who reads a FIFO, with a byte; false if nobody does. */
export function wakeReader(path: string): boolean {
  const fd = openForReader(path);
  if (fd === undefined) return false;
  try {
    writeAll(fd, Buffer.from('\n'));
  } catch (thrown) {
    // it is full of bytes: then they wake, too
    ignoreSystemError(thrown);
  } finally {
    closeSync(fd);
  }
  return true;
}

/** Creates a file that must not exist, for writing and with `flags` more; returns its descriptor. */
export function createExclusive(path: string, flags = 0): number {
  const fd = openSync(path, NEW | flags, 0o600);
  fchmodSync(fd, 0o600);
  return fd;
}

/** Creates a log: append only, so that two writers never overwrite each other; refuses an existing name or link. */
export const createLog = (path: string): number => createExclusive(path, O_APPEND);

/**
 * Opens a file that should be a regular one: follows no link, and never waits for the other end of a FIFO that was put in its place.
 * Throws a system error, EFTYPE for what is no file.
 */
export function openRegular(path: string, flags: number): number {
  // a FIFO without a reader is ENXIO, a link ELOOP
  const probe = openSync(path, flags | O_NOFOLLOW | O_NONBLOCK);
  try {
    if (!fstatSync(probe).isFile()) throw Object.assign(new Error(`EFTYPE: ${path}`), { code: 'EFTYPE' });
    return reopen(probe, path, flags);
  } finally {
    closeSync(probe);
  }
}

/** Opens the file of a descriptor anew; throws a system error, ESTALE where that can be done by its name alone and that is another's. */
export function reopen(fd: number, path: string, flags: number): number {
  const own = `/proc/self/fd/${fd}`;
  if (existsSync(own)) return openSync(own, flags);
  const opened = openSync(path, flags | O_NOFOLLOW | O_NONBLOCK);
  const [wanted, found] = [fstatSync(fd), fstatSync(opened)];
  if (wanted.dev === found.dev && wanted.ino === found.ino) return opened;
  closeSync(opened);
  throw Object.assign(new Error(`ESTALE: ${path}`), { code: 'ESTALE' });
}

/** Opens a log that was made with createLog, likewise; makes a new one if it was moved away. */
export function openLog(path: string): number {
  try {
    return openRegular(path, O_WRONLY | O_APPEND);
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT') return createLog(path);
    throw thrown;
  }
}

/** A file without a name: written, unlinked, and readable through the descriptor alone. */
export function createNameless(path: string, text: string): number {
  const fd = openSync(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  unlinkSync(path);
  writeAll(fd, Buffer.from(text));
  return fd;
}

/** Removes a file if it is there. */
export function removeQuietly(path: string): void {
  try {
    unlinkSync(path);
  } catch (thrown) {
    ignoreSystemError(thrown);
  }
}
