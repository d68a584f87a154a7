/**
 * Journals: one line of JSON per event, the newest last. Each line is one flushed append, so that several
 * processes may write. A journal that grew large is renamed to `.1` and replaces the one before. So a reader
 * reads a bounded amount, and a process that still has the old file open loses nothing.
 */
import { constants, existsSync, fchmodSync, fstatSync, fsyncSync, openSync, renameSync } from 'node:fs';
import { dirname } from 'node:path';
import { systemError } from '../result.ts';
import { parseSchema, type Schema } from '../schema.ts';
import { syncDir, writeAll } from './atomic-write.ts';
import { requireDirectory } from './directories.ts';
import { closing } from './open-file.ts';
import { readText } from './read-record.ts';

const { O_WRONLY, O_CREAT, O_APPEND, O_NOFOLLOW, O_NONBLOCK } = constants;

const LARGE_BYTES = 256 * 1024;

/** Appends an entry, durably. Throws EINVAL if something else than a file is there. */
export function appendEntry(path: string, entry: object): void {
  requireDirectory(dirname(path));
  const isNew = !existsSync(path);
  closing(openSync(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK, 0o600), (fd) => {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw systemError('EINVAL', path);
    if (isNew) fchmodSync(fd, 0o600);
    // the line end in front closes a line that a full disk cut off
    writeAll(fd, Buffer.from(`\n${JSON.stringify(entry)}\n`));
    fsyncSync(fd);
    if (stat.size > LARGE_BYTES) renameSync(path, `${path}.1`);
  });
  if (isNew) syncDir(dirname(path));
}

/** Whether entries were removed, because the journal grew large twice. It says so too early: after the first time. */
export const lacksEntries = (path: string): boolean => existsSync(`${path}.1`);

/** All entries that can be read, the oldest first. */
export function readEntries<T>(path: string, schema: Schema<T>): T[] {
  const lines = [`${path}.1`, path].flatMap((one) => readText(one).split('\n'));
  return lines.flatMap((line) => {
    const parsed = line === '' ? undefined : parseSchema(schema, line);
    return parsed?.ok ? [parsed.value] : [];
  });
}
