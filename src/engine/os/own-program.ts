/**
 * The program of this process on the disk: its Node and the files of `dist`. A long-lived process starts other
 * processes from them, after an update or a removal may have changed them:
 *
 * - An update replaced the file. The process goes on with its code, but starts new work through a process of
 *   the new file.
 * - Node or a file is gone (`nvm uninstall`, a moved package, the middle of an update). Then the process can
 *   start no other one, and says so. The next bgjob command repairs what that process could not do: see
 *   engine/automation/recovery.ts.
 */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { attemptQuietly } from '../../base/result.ts';

export const SUPERVISOR = join(__dirname, 'supervisor.js');
/** What services, supervisors and hook processes are started from. */
const FILES = ['boot.js', 'cli.js', 'supervisor.js'];

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

/** The first part of a program that is gone: its Node, or a file of its folder; undefined: all are there. */
export const missingPart = (node = process.execPath, folder = __dirname): string | undefined =>
  [node, ...FILES.map((name) => join(folder, name))].find((path) => !existsSync(path));
