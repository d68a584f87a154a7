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
import { closing, createExclusive } from './open-file.ts';

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

/** Writes all bytes, perhaps at an offset: on a full disk the first `write` is short and raises no error. */
export function writeAll(fd: number, bytes: Uint8Array, at?: number): void {
  for (let done = 0; done < bytes.length; )
    done += writeSync(fd, bytes, done, bytes.length - done, at === undefined ? null : at + done);
}

/** Makes the names in a directory durable. */
export const syncDir = (path: string): void => closing(openSync(path, O_RDONLY), fsyncSync);

export function createFile(path: string, content: string | Uint8Array, flush: Flush): void {
  closing(createExclusive(path), (fd) => {
    writeAll(fd, typeof content === 'string' ? Buffer.from(content) : content);
    if (flush !== 'none') fsyncSync(fd);
  });
}

/** Replaces a record. The temporary name is fixed, so that leftovers of killed writers do not pile up. */
export function writeAtomic(path: string, text: string, flush: Flush = 'all'): void {
  const temporary = `${path}.tmp`;
  requireDirectory(dirname(path));
  try {
    try {
      createFile(temporary, text, flush);
    } catch (thrown) {
      if (errnoOf(thrown) !== 'EEXIST') throw thrown;
      // left by a killed writer, or a link to a file of the user, which is removed and never written to
      unlinkSync(temporary);
      createFile(temporary, text, flush);
    }
    renameSync(temporary, path);
  } catch (thrown) {
    removeQuietly(temporary);
    throw thrown;
  }
  if (flush === 'all') syncDir(dirname(path));
}

let temporaries = 0;

/** Writes a temporary file. A killed process, or one in another pid namespace, may have had this pid. */
function createTemporary(path: string, text: string, flush: Flush): string {
  for (;;) {
    const temporary = `${path}.${process.pid}.${temporaries++}.tmp`;
    try {
      createFile(temporary, text, flush);
      return temporary;
    } catch (thrown) {
      if (errnoOf(thrown) === 'EEXIST') continue;
      removeQuietly(temporary);
      throw thrown;
    }
  }
}

/** Replaces a record of several writers: each has a temporary file of its own. Durable on return. */
export function writeShared(path: string, text: string): void {
  requireDirectory(dirname(path));
  const temporary = createTemporary(path, text, 'content');
  try {
    renameSync(temporary, path);
  } finally {
    removeQuietly(temporary);
  }
  syncDir(dirname(path));
}

/** Creates a record by a link to a finished file; false if there is one. */
export function claim(path: string, text: string, flush: Flush = 'all'): boolean {
  requireDirectory(dirname(path));
  const temporary = createTemporary(path, text, flush);
  try {
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

export function touch(path: string): void {
  try {
    closeSync(createExclusive(path));
  } catch (thrown) {
    // anything that exists is fine; it is not opened: a FIFO would wait for its reader
    if (errnoOf(thrown) !== 'EEXIST') throw thrown;
  }
}

/** Overwrites a hint in place, unflushed. Throws EMLINK for anything but a regular file with one name. */
export function writeHint(path: string, text: string): void {
  closing(openSync(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600), (fd) => {
    const stat = fstatSync(fd);
    if (!stat.isFile() || stat.nlink > 1) throw systemError('EMLINK', path);
    fchmodSync(fd, 0o600);
    ftruncateSync(fd, 0);
    writeAll(fd, Buffer.from(text));
  });
}

/** Creates a file without a name, which only this descriptor and its copies can read. */
export function createNameless(path: string, text: string): number {
  const fd = openSync(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  unlinkSync(path);
  writeAll(fd, Buffer.from(text));
  return fd;
}

export const removeQuietly = (path: string): void => attemptQuietly(() => unlinkSync(path));
