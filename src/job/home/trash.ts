/**
 * The trash: a directory is renamed into it before it is deleted. The rename is atomic, so only one process
 * deletes.
 */
import { renameSync } from 'node:fs';
import { emptyDirectory, inDirectory } from '../../base/fs/directories.ts';
import { attemptQuietly, succeeds } from '../../base/result.ts';
import type { Home } from './home.ts';

/** Renames a directory into the trash; false if another process did. The caller then calls emptyTrash. */
export function discard(home: Home, path: string, as: string): boolean {
  return succeeds(() =>
    inDirectory(home.trash, (trash) => renameSync(path, `${trash}/${as}.${process.pid}`)),
  );
}

/** Deletes everything in the trash, also what killed processes left. */
export function emptyTrash(home: Home): void {
  attemptQuietly(() => emptyDirectory(home.trash));
}
