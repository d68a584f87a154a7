/**
 * Where tools were found that lie in no fixed folder, as on NixOS and Guix. The PATH of the caller leads to
 * them, but a later process may have another PATH: an adopter, a queue waiter, the scheduler. So the place is
 * kept as a link `tool.NAME` in the cache of the home.
 *
 * A link is not followed if another user made it, or if it leads into the home: a sandbox that may write only
 * the home must not make others run its code.
 */
import { lstatSync, readlinkSync, realpathSync, symlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { removeQuietly } from '../../base/fs/atomic-write.ts';
import { inspectDirectory } from '../../base/fs/directories.ts';
import { attemptQuietly } from '../../base/result.ts';
import { homePath } from '../../job/home/home.ts';

let cache = (): string => join(homePath(process.env), 'cache');

/** For a process that knows its home, and has no BGJOB_HOME. */
export function rememberToolsIn(home: { readonly cache: string }): void {
  cache = () => home.cache;
}

/** The link of a tool; undefined: there is no cache, or other users can write it. */
function linkOf(name: string): string | undefined {
  const folder = cache();
  return inspectDirectory(folder) === 'ours' ? `${folder}/tool.${name}` : undefined;
}

export const recallTool = (name: string): string | undefined =>
  attemptQuietly(() => {
    const link = linkOf(name);
    if (link === undefined || lstatSync(link).uid !== process.geteuid!()) return undefined;
    const path = readlinkSync(link);
    const isInHome = realpathSync(path).startsWith(`${realpathSync(dirname(dirname(link)))}/`);
    return basename(path) === name && !isInHome ? path : undefined;
  });

export const rememberTool = (name: string, path: string): void =>
  attemptQuietly(() => {
    const link = linkOf(name);
    if (link === undefined) return;
    removeQuietly(link);
    symlinkSync(path, link);
  });
