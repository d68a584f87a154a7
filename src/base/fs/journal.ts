/**
 * Journals: what happened, a line of JSON for each, the newest last. A line is written by one append and flushed, so that several may
 * write and none is torn by another. One that grew large is put aside under `.1`, in the place of the one before: what is read is
 * bounded, and a writer that still has the old one open loses nothing.
 */
import {
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fstatSync,
  fsyncSync,
  openSync,
  renameSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { parseSchema, type Schema } from '../schema.ts';
import { syncDir, writeAll } from './atomic-write.ts';
import { requireDirectory } from './directories.ts';
import { readRecord } from './read-record.ts';

const { O_WRONLY, O_CREAT, O_APPEND, O_NOFOLLOW, O_NONBLOCK } = constants;

/** Then a new one begins, bytes. */
const LARGE_BYTES = 256 * 1024;

/** Appends an entry, durably. Throws system errors: EINVAL where something else stands in its place. */
export function appendEntry(path: string, entry: object): void {
  requireDirectory(dirname(path));
  const isNew = !existsSync(path);
  const fd = openSync(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK, 0o600);
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw Object.assign(new Error(path), { code: 'EINVAL' });
    if (isNew) fchmodSync(fd, 0o600);
    // what was cut off by a full disk is a line of its own
    writeAll(fd, Buffer.from(`\n${JSON.stringify(entry)}\n`));
    fsyncSync(fd);
    if (stat.size > LARGE_BYTES) renameSync(path, `${path}.1`);
  } finally {
    closeSync(fd);
  }
  if (isNew) syncDir(dirname(path));
}

/** All entries that can be read, the oldest first. */
export function readEntries<T>(path: string, shape: Schema<T>): T[] {
  return [`${path}.1`, path].flatMap((one) => {
    const stored = readRecord(one);
    const lines = stored.kind === 'text' ? stored.text.split('\n') : [];
    return lines.flatMap((line) => {
      const parsed = line === '' ? undefined : parseSchema(shape, line);
      return parsed?.ok ? [parsed.value] : [];
    });
  });
}
