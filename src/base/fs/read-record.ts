/** Reading what should be a small record, or a directory of them: whatever stands there, it is told, and nobody hangs. */
import { closeSync, constants, fstatSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { errnoOf, ignoreSystemError } from '../result.ts';

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;

/** A record larger than this (bytes) is not read but reported as unreadable. */
const RECORD_LIMIT_BYTES = 16 * 1024 * 1024;

/** What stands at a path where a small record should be. */
export type Stored =
  | { kind: 'absent' }
  | { kind: 'unreadable'; why: string }
  | { kind: 'text'; text: string };

/** Records are small: nearly all fit, and a list of 10,000 jobs makes no 10,000 buffers. */
const page = Buffer.allocUnsafe(64 * 1024);

/** Reads a small record. Never follows a link and never hangs, whatever stands there. */
export function readRecord(path: string): Stored {
  let fd: number;
  try {
    fd = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (thrown) {
    const errno = errnoOf(thrown);
    if (errno === 'ENOENT' || errno === 'ENOTDIR') return { kind: 'absent' };
    return { kind: 'unreadable', why: errno === 'ELOOP' ? 'it is a symbolic link' : errno };
  }
  try {
    const got = readSync(fd, page, 0, page.length, 0);
    // an empty read may be a FIFO or a device; a full one may be the beginning of more
    if (got > 0 && got < page.length) return { kind: 'text', text: page.toString('utf8', 0, got) };
    const stat = fstatSync(fd);
    if (!stat.isFile()) return { kind: 'unreadable', why: 'it is not a regular file' };
    if (stat.size > RECORD_LIMIT_BYTES) return { kind: 'unreadable', why: 'it is too large' };
    return { kind: 'text', text: readFileSync(fd, 'utf8') };
  } catch (thrown) {
    const errno = errnoOf(thrown);
    return { kind: 'unreadable', why: NO_FILE.includes(errno) ? 'it is not a regular file' : errno };
  } finally {
    closeSync(fd);
  }
}

/** What reading at an offset says of a directory and of a FIFO or socket. */
const NO_FILE = ['EISDIR', 'ESPIPE', 'EAGAIN'];

/**
 * Reads a text of the system's, which is no record of ours: through links, and to its end (of a long file in /proc one read gives a
 * page); empty if it cannot be read.
 */
export function readSystemText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (thrown) {
    ignoreSystemError(thrown);
    return '';
  }
}

/** Reads up to `bytes.length` bytes at `offset`; fewer only at the end of the file. */
export function readAt(fd: number, bytes: Uint8Array, offset: number): number {
  let done = 0;
  while (done < bytes.length) {
    const got = readSync(fd, bytes, done, bytes.length - done, offset + done);
    if (got === 0) break;
    done += got;
  }
  return done;
}

/** The names in a directory; none if there is no such directory. */
export function namesIn(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (thrown) {
    const errno = errnoOf(thrown);
    if (errno === 'ENOENT' || errno === 'ENOTDIR') return [];
    throw thrown;
  }
}
