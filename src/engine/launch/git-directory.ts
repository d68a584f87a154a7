/** Finds the repository that git would use in a directory, from files alone, without starting git. */
import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { attemptQuietly } from '../../base/result.ts';

const isGitDirectory = (path: string): boolean =>
  existsSync(`${path}/HEAD`) && (existsSync(`${path}/objects`) || existsSync(`${path}/commondir`));

/** The git directory that a path names: itself, or the one in a file `gitdir: …` of a worktree or submodule. */
function gitDirectoryAt(path: string): string | undefined {
  return attemptQuietly(() => {
    const stat = statSync(path, { throwIfNoEntry: false });
    // a long file is no link
    const text = stat?.isFile() && stat.size < 8192 ? readFileSync(path, 'utf8') : '';
    const target = stat?.isDirectory() ? path : /^gitdir: (.+?)\n*$/s.exec(text)?.[1];
    const absolute = target && resolve(dirname(path), target);
    return absolute && isGitDirectory(absolute) ? realpathSync(absolute) : undefined;
  });
}

/** `asked`: the value of GIT_DIR. Undefined: there is no repository. */
export function gitDirectoryOf(directory: string, asked?: string): string | undefined {
  if (asked) return gitDirectoryAt(resolve(directory, asked));
  for (let dir = directory; ; dir = dirname(dir)) {
    const found = gitDirectoryAt(`${dir}/.git`) ?? gitDirectoryAt(dir);
    if (found !== undefined || dir === dirname(dir)) return found;
  }
}
