/**
 * How far each reader of a log has come: `tail --new`. One small file per reader, replaced by rename. A reader that finds no
 * cursor, or a damaged one, begins anew: it may read something twice, it never misses anything.
 */
import { dirname } from 'node:path';
import { writeRenamed } from '../../base/fs/atomic-write.ts';
import { makeDirectory, requireDirectory } from '../../base/fs/directories.ts';
import { readRecord } from '../../base/fs/read-record.ts';
import type { JobPaths } from '../home/paths.ts';
import type { Stream } from './log.ts';

/** What a reader may be called: as a job. */
export const READER_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

const pathOf = (job: JobPaths, stream: Stream, reader: string): string =>
  `${job.cursors}/${stream}.${reader}`;

export interface Cursor {
  /** A byte offset: here the next read begins. */
  at: number;
  /** Where the log that was read had begun anew: if it was emptied since, everything in it is new. */
  floor: number;
}

/** Where this reader's next read begins; undefined if it has not read yet. */
export function readCursor(job: JobPaths, stream: Stream, reader: string): Cursor | undefined {
  const stored = readRecord(pathOf(job, stream, reader));
  const found = stored.kind === 'text' ? /^(\d{1,15})(?: (\d{1,15}))?\n$/.exec(stored.text) : null;
  return found ? { at: Number(found[1]), floor: Number(found[2] ?? 0) } : undefined;
}

/** Remembers it. Throws system errors. */
export function writeCursor(job: JobPaths, stream: Stream, reader: string, { at, floor }: Cursor): void {
  for (const dir of [job.dir, dirname(job.cursors)]) requireDirectory(dir, true);
  makeDirectory(job.cursors);
  writeRenamed(pathOf(job, stream, reader), floor === 0 ? `${at}\n` : `${at} ${floor}\n`);
}
