/**
 * Files outside of the home: the user's own, such as AGENTS.md, and ours that the user should be able to
 * read. All functions throw Node's system errors.
 */
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  renameSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { removeQuietly, syncDir, writeAll } from './atomic-write.ts';

const { O_WRONLY, O_RDWR, O_CREAT, O_EXCL, O_APPEND, O_NOFOLLOW, O_NONBLOCK } = constants;

/** Creates a file that must not exist, with the mode that the umask leaves of 644. */
export function createUserFile(path: string, bytes: Uint8Array): void {
  const fd = openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o644);
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

export function replaceUserFile(path: string, bytes: Uint8Array): void {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    createUserFile(temporary, bytes);
    renameSync(temporary, path);
  } finally {
    removeQuietly(temporary);
  }
  syncDir(dirname(path));
}

/**
 * Changes a file in place, so that its owner, mode and links stay. Returns false and changes nothing if the
 * file does not hold `before` any more. New bytes at the end are written first, so that a full disk loses
 * nothing. Durable on return.
 */
export function changeInPlace(path: string, before: Uint8Array, next: Uint8Array): boolean {
  const common = before.findIndex((byte, n) => byte !== next[n]);
  const isLonger = common === -1;
  // with O_APPEND, bytes that another program appends at the same time are not overwritten
  const fd = openSync(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | (isLonger ? O_APPEND : 0));
  try {
    if (!fstatSync(fd).isFile() || !readFileSync(fd).equals(before)) return false;
    try {
      writeAll(fd, next.subarray(before.length), before.length);
      if (!isLonger) {
        writeAll(fd, next.subarray(common, before.length), common);
        if (next.length < before.length) ftruncateSync(fd, next.length);
      }
    } catch (thrown) {
      ftruncateSync(fd, before.length);
      if (!isLonger) writeAll(fd, before.subarray(common), common);
      throw thrown;
    }
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  return true;
}

/** Adds a line at the end, unless the file has it. A file that is not regular stays as it is. */
export function appendLine(path: string, line: string): void {
  const fd = openSync(path, O_RDWR | O_CREAT | O_APPEND | O_NONBLOCK, 0o600);
  try {
    if (!fstatSync(fd).isFile()) return;
    const before = readFileSync(fd, 'utf8');
    if (before.split('\n').includes(line)) return;
    // the last line of another program may have no end
    writeAll(fd, Buffer.from(`${before === '' || before.endsWith('\n') ? '' : '\n'}${line}\n`));
  } finally {
    closeSync(fd);
  }
}
