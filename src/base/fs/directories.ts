/**
 * Directories in which bgjob writes or deletes. They belong to the user alone and are never reached through a
 * link, so that nothing outside of the home is changed, whatever stands at its paths.
 */
import {
  chmodSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  statSync,
  unlinkSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { attemptQuietly, errnoOf, systemError } from '../result.ts';
import { closing } from './open-file.ts';

const { O_RDONLY, O_NOFOLLOW, O_DIRECTORY } = constants;

const EUID = process.geteuid!();

export type DirectoryTrouble = 'symbolic-link' | 'not-a-directory' | 'foreign' | 'open-to-others';

/** Whether a path is a directory of this user that no other user can write. Throws system errors. */
export function inspectDirectory(path: string): 'ours' | 'absent' | DirectoryTrouble {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (!stat) return 'absent';
  if (stat.isSymbolicLink()) return 'symbolic-link';
  if (!stat.isDirectory()) return 'not-a-directory';
  if (stat.uid !== EUID) return 'foreign';
  return (stat.mode & 0o022) !== 0 ? 'open-to-others' : 'ours';
}

/** The owner of a path, or of the nearest directory above it that exists. */
export function ownerOf(path: string): number {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat || path === '/' ? (stat?.uid ?? 0) : ownerOf(dirname(path));
}

/**
 * Whether a user of this machine has the uid. In the container of a CI job HOME often belongs to a uid of the
 * host that the container does not know (`/github/home`: 1001). macOS has its users elsewhere.
 */
const isUser = (uid: number): boolean =>
  process.platform === 'darwin' ||
  process.env['SUDO_UID'] === String(uid) ||
  new RegExp(`^[^:]*:[^:]*:${uid}:`, 'm').test(
    attemptQuietly(() => readFileSync('/etc/passwd', 'utf8')) ?? '',
  );

/**
 * The owner of the directory in which root would make this path, if that is another user: the user could not
 * use what root makes there. Undefined for any other caller: the kernel refuses those.
 */
export function otherOwner(path: string): number | undefined {
  const owner = process.geteuid!() === 0 ? attemptQuietly(() => ownerOf(path)) : undefined;
  return owner === undefined || owner === 0 || !isUser(owner) ? undefined : owner;
}

/** Creates a directory of mode 700 under any umask; false if something exists there. */
export function makeDirectory(path: string): boolean {
  try {
    mkdirSync(path, 0o700);
    chmodSync(path, 0o700);
    return true;
  } catch (thrown) {
    if (errnoOf(thrown) !== 'EEXIST') throw thrown;
    return false;
  }
}

/** Creates a directory if there is none, and requires one of ours. Returns whether it created it. */
export function makeOwnDirectory(path: string): boolean {
  const made = makeDirectory(path);
  requireDirectory(path, true);
  return made;
}

/**
 * Creates the missing directories above one of ours. Other users may be able to read them but not to write: a
 * user who can write there could replace ours. The owner gets full access even if the umask takes it. Throws
 * system errors. This is not mkdir(recursive): below /proc Node tries that for ever, and it reports a
 * read-only file system as ENOENT.
 */
export function makeParents(path: string): void {
  if (existsSync(path)) return;
  makeParents(dirname(path));
  try {
    mkdirSync(path, 0o755);
    const mode = lstatSync(path).mode & 0o7777;
    if ((mode & 0o700) !== 0o700) chmodSync(path, mode | 0o700);
  } catch (thrown) {
    if (errnoOf(thrown) !== 'EEXIST') throw thrown;
  }
}

const ERRNO: Record<string, string> = { 'symbolic-link': 'ELOOP', 'not-a-directory': 'ENOTDIR' };

/**
 * Throws ELOOP or ENOTDIR for a link or no directory; with `own` EPERM if other users own or can write it.
 */
export function requireDirectory(path: string, own = false): void {
  const found = inspectDirectory(path);
  const code = ERRNO[found] ?? (own && found !== 'ours' ? 'EPERM' : undefined);
  if (code) throw Object.assign(systemError(code, path), { path });
}

/** Calls `act` with a path to this very directory: on Linux it stays right even if a link takes the name. */
export function inDirectory<T>(path: string, act: (at: string) => T): T {
  return closing(openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW), (fd) => {
    const at = `/proc/self/fd/${fd}`;
    return act(existsSync(at) ? at : path);
  });
}

/** Removes everything that can be removed. Links are removed, not followed. */
export function emptyDirectory(path: string): void {
  inDirectory(path, (at) => {
    for (const name of readdirSync(at)) attemptQuietly(() => removeEntry(`${at}/${name}`));
  });
}

export const removeEmptyDirectory = (path: string): void => attemptQuietly(() => rmdirSync(path));

function removeEntry(path: string): void {
  try {
    unlinkSync(path);
  } catch (thrown) {
    // POSIX says EPERM for a directory
    if (!['EISDIR', 'EPERM'].includes(errnoOf(thrown))) throw thrown;
    emptyDirectory(path);
    rmdirSync(path);
  }
}
