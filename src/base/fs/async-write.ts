/**
 * Writing beside the work of an owner: not in its thread and not flushed, because a disk that a job floods would hold it up, and it may
 * have to tell the job's end. What is written so is a convenience that may be lost in a power cut; it is never half.
 */
import { promises } from 'node:fs';
import { dirname } from 'node:path';
import { removeQuietly } from './atomic-write.ts';
import { requireDirectory } from './directories.ts';

/** Replaces `path` by rename; one writer per path. Rejects with a system error. */
export async function writeAsync(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${path}.tmp`;
  requireDirectory(dirname(path));
  removeQuietly(temporary);
  const file = await promises.open(temporary, 'wx', 0o600);
  try {
    await file.chmod(0o600);
    await file.writeFile(content);
  } finally {
    await file.close();
  }
  await promises.rename(temporary, path);
}
