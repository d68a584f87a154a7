/**
 * The record of what is gone of a log: `out/trimmed`, written by the owner only. What `--max-log` takes is
 * recorded before it goes; an emptying by the job (`echo x > /dev/stderr` does that), at the owner's next
 * poll. Offsets count all bytes that the job ever wrote and never change. `base` is the offset of the first
 * byte of the file: it is above 0 if the log was emptied, and where the file system has no holes. There the
 * newest part of the past is in side files.
 */
import { existsSync } from 'node:fs';
import { withChecksum } from '../../base/checksum.ts';
import { writeAsync, writeAtomic } from '../../base/fs/atomic-write.ts';
import * as is from '../../base/schema.ts';
import type { JobPaths, Stream } from '../home/paths.ts';
import { readValid } from '../home/records.ts';

const trimmingSchema = is.object({
  /** The bytes from `from` up to `to` are gone, or will be in a moment. */
  from: is.count,
  to: is.count,
  /** The offset of the first byte of the file. With holes it equals `floor`. */
  base: is.since(is.count, 0),
  /** The number of the side file with the bytes from `to` up to `base`; 0: the file system has holes. */
  keep: is.since(is.count, 0),
  /** The file is being emptied by a rotation: its bytes must not be read. */
  turning: is.since(is.flag, false),
  /** The log began anew at this offset because it was emptied. All bytes before are gone. */
  floor: is.since(is.count, 0),
  /** The log was moved away: its path leads to another file, or to none. */
  moved: is.since(is.flag, false),
  /** The end of the file at that time. A later owner cuts the file only if these bytes are still there. */
  mark: is.since(is.nullable(is.object({ end: is.count, sum: is.text })), null),
});
export type Trimming = is.SchemaType<typeof trimmingSchema>;

/** Numbers that do not fit together are refused: with them a reader would skip bytes that exist. */
const soundTrimming: is.Schema<Trimming> = (value, at) => {
  const trimming = trimmingSchema(value, at);
  const { from, to, base, keep, floor } = trimming;
  if (floor > from || from > to || (keep === 0 ? base !== floor : to > base))
    throw new is.SchemaError(at, 'is in no order');
  return trimming;
};

const trimmedSchema = is.object({
  v: is.version(1),
  log: is.since(is.nullable(soundTrimming), null),
  err: is.since(is.nullable(soundTrimming), null),
});
export type Trimmed = is.SchemaType<typeof trimmedSchema>;

/** If there is no record, or it cannot be read, nothing is gone. */
export function readTrimmed(job: JobPaths): Trimmed {
  const none: Trimmed = { v: 1, log: null, err: null };
  // most jobs have no record, and a failed open costs an error object
  if (!existsSync(job.trimmed)) return none;
  return readValid(job.trimmed, trimmedSchema) ?? none;
}

export function readTrimmedBytes(job: JobPaths, stream: Stream = 'log'): number {
  const trimming = readTrimmed(job)[stream];
  return trimming ? trimming.to - trimming.from : 0;
}

export const readEmptiedBytes = (job: JobPaths, stream: Stream = 'log'): number =>
  readTrimmed(job)[stream]?.floor ?? 0;

/** Whether the log was moved away, as far as the owner noticed, or is missing. */
export const isAway = (job: JobPaths, stream: Stream = 'log'): boolean =>
  readTrimmed(job)[stream]?.moved === true || !existsSync(job[stream]);

export const emptiedAt = (floor: number): Trimming => ({
  ...{ from: floor, to: floor, base: floor, floor },
  ...{ keep: 0, turning: false, moved: false, mark: null },
});

export const isSameTrimming = (a: Trimming | null, b: Trimming | null): boolean =>
  JSON.stringify(a) === JSON.stringify(b);

export const writeTrimmed = (job: JobPaths, trimmed: Trimmed): Promise<void> =>
  writeAsync(job.trimmed, withChecksum(trimmed));

/** At once, for steps between which nothing else may happen. Not flushed. Throws system errors. */
export const writeTrimmedNow = (job: JobPaths, trimmed: Trimmed): void =>
  writeAtomic(job.trimmed, withChecksum(trimmed), 'none');
