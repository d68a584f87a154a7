/**
 * Directories that are reached through a link which may lead elsewhere tomorrow, such as `current` of a
 * deployment.
 */
import { lstatSync, realpathSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, resolve } from 'node:path';
import { attemptQuietly } from '../result.ts';

/** macOS has /tmp, /var and /etc as links, other systems some of the rest: these stay. */
const OF_SYSTEM = /^\/(bin|etc|home|lib\w*|private|root|run|sbin|tmp|usr|var|var\/(lock|mail|run|tmp))$/;

function hasMovingLink(path: string): boolean {
  const userHome = `${homedir()}/`;
  for (let at = path; at !== dirname(at); at = dirname(at)) {
    // the path of the user's own directory stays, too
    if (OF_SYSTEM.test(at) || userHome.startsWith(`${at}/`)) continue;
    if (attemptQuietly(() => lstatSync(at).isSymbolicLink())) return true;
  }
  return false;
}

/** Where a path leads now; undefined: nowhere, or to no directory. */
export const directoryNow = (path: string): string | undefined =>
  attemptQuietly(() => {
    const real = realpathSync(path);
    return statSync(real).isDirectory() ? real : undefined;
  });

/** The directory of PWD, if that names `cwd`, as shells decide it; else `cwd`. */
function namedCwd(cwd: string, pwd: string | undefined): string {
  if (pwd === undefined || pwd === cwd || !isAbsolute(pwd) || pwd !== resolve(pwd)) return cwd;
  return directoryNow(pwd) === cwd ? pwd : cwd;
}

/**
 * The path through a moving link by which the call names the directory `real`; null: it names none. `asked`:
 * as typed; null: the working directory.
 */
export function movingLinkOf(
  real: string,
  { asked, cwd, pwd }: { asked: string | null; cwd: string; pwd: string | undefined },
): string | null {
  const paths =
    asked === null ? [namedCwd(cwd, pwd)] : [resolve(namedCwd(cwd, pwd), asked), resolve(cwd, asked)];
  return paths.find((path) => path !== real && directoryNow(path) === real && hasMovingLink(path)) ?? null;
}
