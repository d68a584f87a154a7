/** Where the text for coding agents goes, and what is there now. No symbolic link is followed unnoticed. */
import { closeSync, constants, fstatSync, lstatSync, openSync, readFileSync, realpathSync } from 'node:fs';
import { userInfo } from 'node:os';
import { basename, dirname, resolve } from 'node:path';
import { errnoOf } from '../../base/result.ts';
import type { SkillTrouble } from '../../job/failure.ts';
import type { Context } from '../command/context.ts';
import type { PluginFile } from './hooks.ts';

/** The places by the names of their options. */
export type TargetName = 'user' | 'project' | 'agents-md' | 'codex';

export type SkillFile = 'SKILL.md' | PluginFile;

export interface SkillTarget {
  name: TargetName;
  /** The file in the folder of the page; null: the place is one file of the user. */
  file: SkillFile | null;
  /** As it is called. */
  path: string;
  /** The same without symbolic links. */
  real: string;
  /** What it must not lead out of, without links. */
  base: string;
  outside: boolean;
  /** What is there now; null if nothing is. */
  found: { bytes: Buffer } | null;
}

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
const FOLDER = 'skills/bgjob';

/**
 * The directory that a place belongs to, and the path below it. Throws a system error for an unknown user.
 */
function named(context: Context, name: TargetName, project: string): { base: string; below: string } {
  if (name === 'project') return { base: project, below: `.claude/${FOLDER}` };
  if (name === 'agents-md') return { base: project, below: 'AGENTS.md' };
  const [variable, usual, below] =
    name === 'user' ? ['CLAUDE_CONFIG_DIR', '.claude', FOLDER] : ['CODEX_HOME', '.codex', 'hooks.json'];
  const own = context.env[variable!];
  const home = () => resolve(context.env['HOME'] || userInfo().homedir);
  if (!own) return { base: home(), below: `${usual}/${below}` };
  const directory = resolve(own);
  return { base: dirname(directory), below: `${basename(directory)}/${below}` };
}

/** Whether the user has said where the place is: then it need not be in the home directory of the user. */
export const isChosen = ({ env }: Context, name: TargetName): boolean =>
  Boolean(name === 'user' ? env['CLAUDE_CONFIG_DIR'] : name === 'codex' && env['CODEX_HOME']);

/** The path without symbolic links. Throws a system error for a link that leads nowhere. */
function realPath(base: string, below: string): string {
  let at = base;
  for (const part of below.split('/')) {
    const next = `${at === '/' ? '' : at}/${part}`;
    const isLink = lstatSync(next, { throwIfNoEntry: false })?.isSymbolicLink();
    at = isLink ? realpathSync(next) : next;
  }
  return at;
}

/** What a file holds; null: there is none. Throws a system error. */
export function readUserFile(path: string): SkillTarget['found'] | 'no-file' {
  let fd: number;
  try {
    fd = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT') return null;
    throw thrown;
  }
  try {
    // a FIFO would block, and a device is not to be changed
    if (!fstatSync(fd).isFile()) return 'no-file';
    return { bytes: readFileSync(fd) };
  } finally {
    closeSync(fd);
  }
}

/** Reads a place; `project`: the directory of the project. Nothing is changed. */
export function inspectTarget(
  context: Context,
  name: TargetName,
  project: string,
  file: SkillFile | null = null,
): { place: SkillTarget } | { path: string; trouble: SkillTrouble } {
  const { base: directory, below: folder } = named(context, name, project);
  const below = file === null ? folder : `${folder}/${file}`;
  let path = directory;
  try {
    const base = realpathSync(directory);
    path = `${directory === '/' ? '' : directory}/${below}`;
    const real = realPath(base, below);
    const outside = real !== base && !real.startsWith(base === '/' ? '/' : `${base}/`);
    const found = readUserFile(real);
    if (found === 'no-file') return { path, trouble: { kind: 'no-file' } };
    return { place: { name, file, path, real, base, outside, found } };
  } catch (thrown) {
    return { path, trouble: { kind: 'errno', doing: 'read', errno: errnoOf(thrown) } };
  }
}
