/**
 * Opening files that the job's user may have replaced by something else. No function here follows a link, and
 * none waits for the other end of a FIFO. All throw Node's system errors.
 */
import { closeSync, constants, existsSync, fchmodSync, fstatSync, openSync } from 'node:fs';
import { errnoOf, systemError } from '../result.ts';

const { O_WRONLY, O_CREAT, O_EXCL, O_APPEND, O_NOFOLLOW, O_NONBLOCK } = constants;

/** Creates a file of mode 600 that must not exist (EEXIST) and returns its descriptor. Nothing is flushed. */
export function createExclusive(path: string, flags = 0): number {
  const fd = openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | flags, 0o600);
  // the umask belongs to the job and is never changed
  fchmodSync(fd, 0o600);
  return fd;
}

/** Creates a log that must not exist. It is append-only, so that two writers never overwrite each other. */
export const createLog = (path: string): number => createExclusive(path, O_APPEND);

/** Opens a log that createLog made. Creates a new one if the log was moved away. */
export function openLog(path: string): number {
  try {
    return openRegular(path, O_WRONLY | O_APPEND);
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT') return createLog(path);
    throw thrown;
  }
}

/**
 * Opens a regular file. Throws EFTYPE for anything else, ENXIO for a FIFO without a reader, ELOOP for a link.
 */
export function openRegular(path: string, flags: number): number {
  const probe = openSync(path, flags | O_NOFOLLOW | O_NONBLOCK);
  try {
    if (!fstatSync(probe).isFile()) throw systemError('EFTYPE', path);
    return reopen(probe, path, flags);
  } finally {
    closeSync(probe);
  }
}

/**
 * Opens the file behind a descriptor again, with other flags. Without /proc this needs the path, and throws
 * ESTALE if the path leads to another file by now.
 */
export function reopen(fd: number, path: string, flags: number): number {
  const link = `/proc/self/fd/${fd}`;
  if (existsSync(link)) return openSync(link, flags);
  const opened = openSync(path, flags | O_NOFOLLOW | O_NONBLOCK);
  const [wanted, found] = [fstatSync(fd), fstatSync(opened)];
  if (wanted.dev === found.dev && wanted.ino === found.ino) return opened;
  closeSync(opened);
  throw systemError('ESTALE', path);
}
