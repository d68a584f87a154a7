/**
 * Directories in which something is written or deleted: ours alone, and never reached through a link, so that nothing outside of the
 * home is touched whatever stands in its places.
 */
import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmdirSync,
  unlinkSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { errnoOf, ignoreSystemError } from '../result.ts';

const { O_RDONLY, O_NOFOLLOW, O_DIRECTORY } = constants;

/** What is wrong with a directory that should be ours alone. */
export type DirectoryTrouble = 'symbolic-link' | 'not-a-directory' | 'foreign' | 'open-to-others';

/** Whether a path is a directory of ours that nobody else can write; throws a system error if it cannot be looked at. */
export function inspectDirectory(path: string): 'ours' | 'absent' | DirectoryTrouble {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (!stat) return 'absent';
  if (stat.isSymbolicLink()) return 'symbolic-link';
  if (!stat.isDirectory()) return 'not-a-directory';
  if (stat.uid !== process.geteuid!()) return 'foreign';
  return (stat.mode & 0o022) !== 0 ? 'open-to-others' : 'ours';
}

/** Makes a directory that is ours alone under any umask; whether this call made it. Throws system errors but EEXIST. */
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

/**
 * Makes the directories that are missing above a place of ours, which others may be let into and never write: who can write there can put
 * something else in its place. Under a umask that shuts out their owner they are open to him. Throws system errors. Not
 * mkdir(recursive): below /proc, and where else a directory cannot be made, Node tries for ever; and it calls a read-only place an
 * absent one.
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
 * Before something is made in a directory: throws ELOOP or ENOTDIR if a link or something else stands in its place. `own`: also
 * EPERM if others own it or can write it.
 */
export function requireDirectory(path: string, own = false): void {
  const found = inspectDirectory(path);
  const code = ERRNO[found] ?? (own && found !== 'ours' ? 'EPERM' : undefined);
  if (code) throw Object.assign(new Error(`${code}: ${path}`), { code, path });
}

/**
 * Calls `act` with a path to a directory that leads to this very one, also if a link takes its name meanwhile (on Linux); never
 * through a link.
 */
export function inDirectory<T>(path: string, act: (at: string) => T): T {
  const fd = openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    const at = `/proc/self/fd/${fd}`;
    return act(existsSync(at) ? at : path);
  } finally {
    closeSync(fd);
  }
}

/** Removes what is in a directory, links as links: nothing outside of it, whatever is put in its way. */
export function emptyDirectory(path: string): void {
  inDirectory(path, (at) => {
    for (const name of readdirSync(at)) {
      try {
        removeEntry(`${at}/${name}`);
      } catch (thrown) {
        ignoreSystemError(thrown);
      }
    }
  });
}

function removeEntry(path: string): void {
  try {
    unlinkSync(path);
  } catch (thrown) {
    // EPERM: POSIX says so of a directory
    if (!['EISDIR', 'EPERM'].includes(errnoOf(thrown))) throw thrown;
    emptyDirectory(path);
    rmdirSync(path);
  }
}
