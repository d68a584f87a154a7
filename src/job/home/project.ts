/**
 * Which project a directory belongs to (the nearest ancestor folder that holds `.git`, else the directory itself),
 * and how references become jobs.
 */
import * as fs from 'node:fs';
import { dirname } from 'node:path';

/** The project of a directory, an absolute real path. */
export function projectOf(directory: string): string {
  for (let dir = directory; ; dir = dirname(dir)) {
    if (fs.existsSync(`${dir}/.git`)) return dir;
    if (dir === dirname(dir)) return directory;
  }
}

/** The directory and its ancestors, the nearest first: jobs of all of them are "here". */
export function selfAndAbove(directory: string): string[] {
  const above = dirname(directory);
  return above === directory ? [directory] : [directory, ...selfAndAbove(above)];
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
