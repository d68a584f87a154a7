/** The trash: what is deleted is renamed into it first. That is atomic: whoever comes second finds nothing. */
import { renameSync } from 'node:fs';
import { emptyDirectory, inDirectory } from '../../base/fs/directories.ts';
import { ignoreSystemError } from '../../base/result.ts';
import type { Home } from './home.ts';

/** Renames a directory away and deletes it there; false if somebody else did. */
export function discard(home: Home, path: string, as: string): boolean {
  try {
    inDirectory(home.trash, (trash) => renameSync(path, `${trash}/${as}.${process.pid}`));
  } catch (thrown) {
    ignoreSystemError(thrown);
    return false;
  }
  return true;
}

/** Deletes what lies there; what was left by somebody who was killed, too. */
export function emptyTrash(home: Home): void {
  try {
    emptyDirectory(home.trash);
  } catch (thrown) {
    ignoreSystemError(thrown);
  }
}
