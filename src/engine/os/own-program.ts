/**
 * The program of this process on the disk: its Node and the files of `dist`. A long-lived process starts other
 * processes from them, after an update or a removal may have changed them:
 *
 * - An update replaced the file. The process goes on with its code, but starts new work through a process of
 *   the new file.
 * - Node or a file is gone (`nvm uninstall`, a moved package, the middle of an update). Then the process can
 *   start no other one, and says so. The next bgjob command repairs what that process could not do: see
 *   engine/automation/recovery.ts.
 *
 * Node is named by a path that an upgrade keeps, where there is one. Homebrew, NixOS and Guix put each version
 * into a folder of its own, to which a link leads: `/opt/homebrew/bin/node`.
 */
import { existsSync, realpathSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { attemptQuietly } from '../../base/result.ts';
import { FIXED_FOLDERS } from './programs.ts';

export const SUPERVISOR = join(__dirname, 'supervisor.js');
/** What services, supervisors and hook processes are started from. */
const FILES = ['boot.js', 'cli.js', 'supervisor.js'];

/** Of package managers, below the home directory. */
const USER_PROFILES = ['.nix-profile/bin', '.guix-profile/bin', '.guix-home/profile/bin'];

/** The Node of this process, by a path that stays right after an upgrade. */
export function nodeProgram(): string {
  node ??= findStableNode();
  return node;
}
let node: string | undefined;

function findStableNode(): string {
  const { execPath } = process;
  if (FIXED_FOLDERS.includes(dirname(execPath))) return execPath;
  const folders = [...FIXED_FOLDERS, ...USER_PROFILES.map((folder) => join(homedir(), folder))];
  // Homebrew links `node@20` into no common folder, but each formula into `opt`
  const [, prefix, formula] = /^(.*)\/Cellar\/([^/]+)\//.exec(execPath) ?? [];
  if (prefix !== undefined) folders.push(`${prefix}/opt/${formula}/bin`);
  // not along PATH: fnm makes a folder of links for each terminal, and removes it
  const links = folders.map((folder) => join(folder, basename(execPath)));
  return links.find((link) => attemptQuietly(() => realpathSync(link)) === execPath) ?? execPath;
}

/** A text that changes when a file is replaced or rewritten; undefined if there is no such file. */
function stampOf(path: string): string | undefined {
  const stat = attemptQuietly(() => statSync(path));
  return stat && [stat.dev, stat.ino, stat.size, stat.ctimeMs].join(' ');
}

let mine: { path: string; stamp: string | undefined } | undefined;

/** Called first by a long-lived process: from here on a change of this file is noticed. */
export function rememberProgram(path: string): void {
  mine = { path, stamp: stampOf(path) };
  // after an upgrade no link leads to this Node
  nodeProgram();
}

/** Whether another program lies there now. No file at all, as in the middle of an update, does not count. */
export function isProgramReplaced(): boolean {
  const now = mine && stampOf(mine.path);
  return now !== undefined && now !== mine?.stamp;
}

/** The first part of a program that is gone: its Node, or a file of its folder; undefined: all are there. */
export const missingPart = (program = nodeProgram(), folder = __dirname): string | undefined =>
  [program, ...FILES.map((name) => join(folder, name))].find((path) => !existsSync(path));
