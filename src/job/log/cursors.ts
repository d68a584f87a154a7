/**
 * Cursors of `tail --new`: the position of each reader in a log. One small file per reader. Without a cursor,
 * or with a damaged one, a reader begins at the start: it may read something twice and misses nothing.
 */
import { dirname } from 'node:path';
import { writeAtomic } from '../../base/fs/atomic-write.ts';
import { makeDirectory, requireDirectory } from '../../base/fs/directories.ts';
import { readText } from '../../base/fs/read-record.ts';
import type { JobPaths } from '../home/paths.ts';
import type { Stream } from './log.ts';

/** The names that a reader may have: as those of jobs. */
export const READER_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

const pathOf = (job: JobPaths, stream: Stream, reader: string): string =>
  `${job.cursors}/${stream}.${reader}`;

export interface Cursor {
  at: number;
  /** The offset at which the log last began anew. If it was emptied since, everything in it is new. */
  floor: number;
}

export function readCursor(job: JobPaths, stream: Stream, reader: string): Cursor | undefined {
  const found = /^(\d{1,15})(?: (\d{1,15}))?\n$/.exec(readText(pathOf(job, stream, reader)));
  return found ? { at: Number(found[1]), floor: Number(found[2] ?? 0) } : undefined;
}

/** Throws system errors. */
export function writeCursor(job: JobPaths, stream: Stream, reader: string, { at, floor }: Cursor): void {
  for (const dir of [job.dir, dirname(job.cursors)]) requireDirectory(dir, true);
  makeDirectory(job.cursors);
  writeAtomic(pathOf(job, stream, reader), floor === 0 ? `${at}\n` : `${at} ${floor}\n`, 'content');
}
