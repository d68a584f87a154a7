/**
 * Writing records. A reader sees the old record or the new one, never a part of it, also after a power cut.
 *
 *     writeAtomic         replaces a record that has one writer
 *     writeShared         replaces a record that has several writers
 *     claim               creates a record; of several writers the first one wins
 *     createFile          creates a file that must not exist
 *     writeAsync          as writeAtomic, outside of this thread, not flushed
 *     writeHint           overwrites a hint that may be lost
 *     touch               creates an empty marker
 *
 * Two more have files of their own: writeReserved (preallocated.ts) needs no free disk space, and appendEntry
 * (journal.ts) adds a line. A record is written under a temporary name, flushed, and renamed or linked; then
 * the directory is flushed. Files have mode 600 under any umask. All functions throw Node's system errors;
 * `attempt` makes a failure of them.
 */
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  linkSync,
  openSync,
  promises,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { attemptQuietly, type BaseResult, errnoOf, ok, systemError } from '../result.ts';
import { requireDirectory } from './directories.ts';
import { createExclusive } from './open-file.ts';

const { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK } = constants;

/**
 * What is durable when a write returns: the file with its name; the file, but not its name (the caller
 * flushes the directory later); or nothing yet (after a power cut the file may be empty).
 */
export type Flush = 'all' | 'content' | 'none';

/** Calls `act`. A system error becomes a failure with the action and the path. */
export function attempt<T>(doing: string, path: string, act: () => T): BaseResult<T> {
  try {
    return ok(act());
  } catch (thrown) {
    return { ok: false, failure: { code: 'io', doing, path, errno: errnoOf(thrown) } };
  }
}

/** Writes all bytes. On a full disk the first `write` is short and raises no error. */
export function writeAll(fd: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
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

/** Creates a file that must not exist. With `none` even the name may be lost. */
export function createFile(path: string, content: string | Uint8Array, flush: 'content' | 'none'): void {
  const fd = createExclusive(path);
  try {
    writeAll(fd, typeof content === 'string' ? Buffer.from(content) : content);
    if (flush === 'content') fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/**
 * Replaces a record. The temporary name is fixed, so that leftovers of killed writers do not pile up: one
 * writer per path.
 */
export function writeAtomic(path: string, text: string, flush: Flush = 'all'): void {
  const temporary = `${path}.tmp`;
  requireDirectory(dirname(path));
  try {
    try {
      createFile(temporary, text, contentOf(flush));
    } catch (thrown) {
      if (errnoOf(thrown) !== 'EEXIST') throw thrown;
      // left by a killed writer, or a link to a file of the user, which is removed and never written to
      unlinkSync(temporary);
      createFile(temporary, text, contentOf(flush));
    }
    renameSync(temporary, path);
  } catch (thrown) {
    removeQuietly(temporary);
    throw thrown;
  }
  if (flush === 'all') syncDir(dirname(path));
}

const contentOf = (flush: Flush): 'content' | 'none' => (flush === 'none' ? 'none' : 'content');

/** Makes temporary names unique within this process. */
let temporaries = 0;
const uniqueName = (path: string): string => `${path}.${process.pid}.${temporaries++}.tmp`;

/**
 * Replaces a record that several processes write: each has a temporary file of its own. Durable on return.
 */
export function writeShared(path: string, text: string): void {
  const temporary = uniqueName(path);
  requireDirectory(dirname(path));
  try {
    createFile(temporary, text, 'content');
    renameSync(temporary, path);
  } finally {
    removeQuietly(temporary);
  }
  syncDir(dirname(path));
}

/**
 * Creates a record if there is none, by a link to a finished file, and returns whether this call created it.
 */
export function claim(path: string, text: string, flush: Flush = 'all'): boolean {
  const temporary = uniqueName(path);
  requireDirectory(dirname(path));
  try {
    createFile(temporary, text, contentOf(flush));
    linkSync(temporary, path);
  } catch (thrown) {
    if (errnoOf(thrown) === 'EEXIST') return false;
    throw thrown;
  } finally {
    removeQuietly(temporary);
  }
  if (flush === 'all') syncDir(dirname(path));
  return true;
}

/**
 * Replaces a record outside of this thread, without a flush: a disk that a job floods would block the owner,
 * which may have to publish the end of the job. A power cut may lose the record. One writer per path.
 */
export async function writeAsync(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${path}.tmp`;
  requireDirectory(dirname(path));
  removeQuietly(temporary);
  const file = await promises.open(temporary, 'wx', 0o600);
  try {
    await file.chmod(0o600);
    await file.writeFile(content);
  } finally {
    await file.close();
  }
  await promises.rename(temporary, path);
}

/** Creates an empty marker if there is none. */
export function touch(path: string): void {
  try {
    closeSync(createExclusive(path));
  } catch (thrown) {
    // anything that exists is fine; it is not opened: a FIFO would wait for its reader
    if (errnoOf(thrown) !== 'EEXIST') throw thrown;
  }
}

/**
 * Overwrites a hint in place. Anything but a regular file with one name is left alone: throws EMLINK. Nothing
 * is flushed.
 */
export function writeHint(path: string, text: string): void {
  const fd = openSync(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile() || stat.nlink > 1) throw systemError('EMLINK', path);
    fchmodSync(fd, 0o600);
    ftruncateSync(fd, 0);
    writeAll(fd, Buffer.from(text));
  } finally {
    closeSync(fd);
  }
}

/** Creates a file without a name, which only this descriptor and its copies can read. */
export function createNameless(path: string, text: string): number {
  const fd = openSync(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  unlinkSync(path);
  writeAll(fd, Buffer.from(text));
  return fd;
}

/** Removes a file if it exists and can be removed. */
export function removeQuietly(path: string): void {
  attemptQuietly(() => unlinkSync(path));
}
