/**
 * Whether the program file of a long-lived process is still the one it was started from. An update of bgjob replaces that file: the
 * process goes on with the code that it has, but starts new work through a process of the new file.
 */
import { statSync } from 'node:fs';
import { ignoreSystemError } from '../../base/result.ts';

/** What changes when a file is replaced, or written anew; undefined: there is no such file. */
function stampOf(path: string): string | undefined {
  try {
    const { dev, ino, size, ctimeMs } = statSync(path);
    return [dev, ino, size, ctimeMs].join(' ');
  } catch (thrown) {
    ignoreSystemError(thrown);
    return undefined;
  }
}

let mine: { path: string; stamp: string | undefined } | undefined;

/** For a long-lived process, first of all: from here on a change of this file is noticed. */
export function rememberProgram(path: string): void {
  mine = { path, stamp: stampOf(path) };
}

/** Whether another program lies there now. While there is none, as in the middle of an update, it is not replaced: this process goes on. */
export function isProgramReplaced(): boolean {
  const now = mine && stampOf(mine.path);
  return now !== undefined && now !== mine?.stamp;
}
