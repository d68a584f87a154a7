/**
 * Whether the program file of a long-lived process is still the one that it was started from. An update of
 * bgjob replaces the file. The process then goes on with its code, but starts new work through a process of
 * the new file.
 */
import { statSync } from 'node:fs';
import { attemptQuietly } from '../../base/result.ts';

/** A text that changes when a file is replaced or rewritten; undefined if there is no such file. */
function stampOf(path: string): string | undefined {
  const stat = attemptQuietly(() => statSync(path));
  return stat && [stat.dev, stat.ino, stat.size, stat.ctimeMs].join(' ');
}

let mine: { path: string; stamp: string | undefined } | undefined;

/** Called first by a long-lived process: from here on a change of this file is noticed. */
export function rememberProgram(path: string): void {
  mine = { path, stamp: stampOf(path) };
}

/** Whether another program lies there now. No file at all, as in the middle of an update, does not count. */
export function isProgramReplaced(): boolean {
  const now = mine && stampOf(mine.path);
  return now !== undefined && now !== mine?.stamp;
}
