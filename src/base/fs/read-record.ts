/** Reading small records, and the names in a directory. A read never follows a link and never hangs. */
import { closeSync, constants, fstatSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { errnoOf, ignoreSystemError, rethrowShortage } from '../result.ts';

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;

/** A larger record, bytes, is reported as unreadable. */
const RECORD_LIMIT_BYTES = 16 * 1024 * 1024;

type Stored = { kind: 'absent' } | { kind: 'unreadable'; why: string } | { kind: 'text'; text: string };

/** One buffer for all reads: a list of 10,000 jobs must not allocate 10,000. */
const page = Buffer.allocUnsafe(64 * 1024);

export function readRecord(path: string): Stored {
  let fd: number;
  try {
    fd = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (thrown) {
    rethrowShortage(thrown);
    const errno = errnoOf(thrown);
    if (errno === 'ENOENT' || errno === 'ENOTDIR') return { kind: 'absent' };
    return { kind: 'unreadable', why: errno === 'ELOOP' ? 'it is a symbolic link' : errno };
  }
  try {
    const got = readSync(fd, page, 0, page.length, 0);
    // no bytes may mean a FIFO or a device; a full page may be the beginning of more
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

/** The text of a record; empty if it cannot be read. */
export function readText(path: string): string {
  const stored = readRecord(path);
  return stored.kind === 'text' ? stored.text : '';
}

/** Errors of a read at an offset from a directory, a FIFO or a socket. */
const NO_FILE = ['EISDIR', 'ESPIPE', 'EAGAIN'];

/** Reads a text of the system (/proc), also through links; empty if it cannot be read. */
export function readSystemText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (thrown) {
    rethrowShortage(thrown);
    ignoreSystemError(thrown);
    return '';
  }
}

/** Reads up to `bytes.length` bytes: fewer only at the end of the file. */
export function readAt(fd: number, bytes: Uint8Array, offset: number): number {
  let done = 0;
  while (done < bytes.length) {
    const got = readSync(fd, bytes, done, bytes.length - done, offset + done);
    if (got === 0) break;
    done += got;
  }
  return done;
}

/** The names in a directory; none if it does not exist. */
export function namesIn(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (thrown) {
    const errno = errnoOf(thrown);
    if (errno === 'ENOENT' || errno === 'ENOTDIR') return [];
    throw thrown;
  }
}
