/**
 * Opening files that the job's user may have replaced by something else. No function here follows a link, and
 * none waits for the other end of a FIFO. All throw Node's system errors.
 */
import { closeSync, constants, existsSync, fchmodSync, fstatSync, openSync } from 'node:fs';
import { attemptQuietly, errnoOf, systemError } from '../result.ts';

const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL, O_APPEND, O_NOFOLLOW, O_NONBLOCK } = constants;

/** Creates a file of mode 600 that must not exist (EEXIST). */
export function createExclusive(path: string, flags = 0): number {
  const fd = openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | flags, 0o600);
  // the umask belongs to the job and is never changed
  fchmodSync(fd, 0o600);
  return fd;
}

/** Calls `act` with a descriptor, and closes it. */
export function closing<T>(fd: number, act: (fd: number) => T): T {
  try {
    return act(fd);
  } finally {
    closeSync(fd);
  }
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
  return closing(openSync(path, flags | O_NOFOLLOW | O_NONBLOCK), (probe) => {
    if (!fstatSync(probe).isFile()) throw systemError('EFTYPE', path);
    return reopen(probe, path, flags);
  });
}

/** Opens a regular file for reading; undefined if there is none. `flags` 0: also through a link. */
export function openToRead(path: string, flags = O_NOFOLLOW): number | undefined {
  return attemptQuietly(() => {
    const fd = openSync(path, O_RDONLY | O_NONBLOCK | flags);
    if (fstatSync(fd).isFile()) return fd;
    closeSync(fd);
    return undefined;
  });
}

/**
 * Opens the file behind a descriptor again. Without /proc it needs the path; ESTALE if that leads elsewhere.
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
