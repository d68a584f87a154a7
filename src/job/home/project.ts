/**
 * Which project a directory belongs to (the nearest ancestor folder that holds `.git`, else the directory itself), which
 * projects are "this project" for a call, and how references become jobs.
 */
import { existsSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname } from 'node:path';
import { ignoreSystemError } from '../../base/result.ts';

/** The repository that a directory, an absolute real path, is in. */
function repositoryOf(directory: string): string | undefined {
  for (let dir = directory; ; dir = dirname(dir)) {
    if (existsSync(`${dir}/.git`)) return dir;
    if (dir === dirname(dir)) return undefined;
  }
}

/** The project of a directory: what its jobs are recorded under. */
export const projectOf = (directory: string): string => repositoryOf(directory) ?? directory;

/**
 * What "this project" means for a call in a directory, for every verb. Inside a repository it is that repository alone. In a
 * plain folder it is the folder and those above it, the nearest first, up to the user's own directory or the root.
 */
export function projectsHere(directory: string, userHome = userDirectory()): string[] {
  const repository = repositoryOf(directory);
  return repository === undefined ? upTo(directory, userHome) : [repository];
}

function upTo(directory: string, last: string): string[] {
  const above = dirname(directory);
  return directory === last || directory === above ? [directory] : [directory, ...upTo(above, last)];
}

/** The user's own directory ($HOME) as a real path; the root where there is none. */
function userDirectory(): string {
  try {
    return realpathSync(homedir());
  } catch (thrown) {
    ignoreSystemError(thrown);
    return '/';
  }
}

/** A reference as it was typed: an id, a name, or the newest job. */
export type Reference = { kind: 'id'; id: number } | { kind: 'name'; name: string } | { kind: 'last' };

/** Whether a job may be called that; an id is no name. */
export const isName = (text: string): boolean =>
  /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(text) && !/^\d+$/.test(text);

/** Undefined if it can be none of these. */
export function parseReference(text: string): Reference | undefined {
  if (text === '@last') return { kind: 'last' };
  if (/^[1-9]\d{0,14}$/.test(text)) return { kind: 'id', id: Number(text) };
  return isName(text) ? { kind: 'name', name: text } : undefined;
}
