/**
 * Projects and references. The project of a directory is the nearest ancestor with `.git`, else the directory
 * itself. A reference is what the user types for a job.
 */
import { existsSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname } from 'node:path';
import { attemptQuietly } from '../../base/result.ts';

function repositoryOf(directory: string): string | undefined {
  for (let dir = directory; ; dir = dirname(dir)) {
    if (existsSync(`${dir}/.git`)) return dir;
    if (dir === dirname(dir)) return undefined;
  }
}

export const projectOf = (directory: string): string => repositoryOf(directory) ?? directory;

/**
 * The projects that "this project" means, for every verb: in a repository that one; in a plain folder it and
 * those above it, the nearest first, up to the user's own directory or the root.
 */
export function projectsHere(directory: string, userHome = userDirectory()): string[] {
  const repository = repositoryOf(directory);
  return repository === undefined ? upTo(directory, userHome) : [repository];
}

function upTo(directory: string, last: string): string[] {
  const above = dirname(directory);
  return directory === last || directory === above ? [directory] : [directory, ...upTo(above, last)];
}

/** The user's own directory ($HOME) as a real path; `/` if there is none. */
function userDirectory(): string {
  return attemptQuietly(() => realpathSync(homedir())) ?? '/';
}

/** A reference as typed: an id, a name, or the newest job. */
export type Reference = { kind: 'id'; id: number } | { kind: 'name'; name: string } | { kind: 'last' };

/** Whether a job may have this name. An id is no name. */
export const isName = (text: string): boolean =>
  /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(text) && !/^\d+$/.test(text);

/** Undefined if the text is no reference. */
export function parseReference(text: string): Reference | undefined {
  if (text === '@last') return { kind: 'last' };
  if (/^[1-9]\d{0,14}$/.test(text)) return { kind: 'id', id: Number(text) };
  return isName(text) ? { kind: 'name', name: text } : undefined;
}
