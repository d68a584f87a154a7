/**
 * Writing beside the work of an owner: not in its thread and not flushed, because a disk that a job floods would hold it up, and it may
 * have to tell the job's end. What is written so is a convenience that may be lost in a power cut; it is never half.
 */
import * as fs from 'node:fs';
import { dirname } from 'node:path';
import { requireDirectory } from './directories.ts';
import { removeQuietly, writeAll } from './files.ts';

const { O_RDONLY, O_WRONLY, O_NOFOLLOW, O_NONBLOCK } = fs.constants;

/** Replaces `path` by rename; one writer per path. Rejects with a system error. */
export async function writeAside(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${path}.tmp`;
  requireDirectory(dirname(path));
  removeQuietly(temporary);
  const file = await fs.promises.open(temporary, 'wx', 0o600);
  try {
    await file.chmod(0o600);
    await file.writeFile(content);
  } finally {
    await file.close();
  }
  await fs.promises.rename(temporary, path);
}

/**
 * As writeReserved in files.ts, and durable when it resolves, but the disk is waited for beside this thread: only that takes long.
 * Rejects with a system error.
 */
export async function writeReservedAside(path: string, reserved: string, content: string): Promise<void> {
  const fd = fs.openSync(reserved, O_WRONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    const bytes = Buffer.from(content);
    writeAll(fd, bytes);
    fs.ftruncateSync(fd, bytes.length);
    await flush(fd);
  } finally {
    fs.closeSync(fd);
  }
  fs.renameSync(reserved, path);
  const directory = fs.openSync(dirname(path), O_RDONLY);
  try {
    await flush(directory);
  } finally {
    fs.closeSync(directory);
  }
}

const flush = (fd: number): Promise<void> =>
  new Promise((resolve, reject) => {
    fs.fsync(fd, (error) => (error ? reject(error) : resolve()));
  });
