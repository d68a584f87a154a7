/**
 * What is gone of a log: the record `out/trimmed`, written by the job's owner alone. What `--max-log` takes is recorded before a
 * byte goes; that the job emptied its log (`echo x > /dev/stderr` does), as soon as the owner sees it. Offsets never move: a cursor
 * counts everything that the job ever wrote. The first byte of the file is byte `base` of the whole: where the log was emptied, and
 * where the file system cannot punch holes. There what is kept of the past stands in side files.
 */
import { closeSync, existsSync, renameSync } from 'node:fs';
import { sealed } from '../../base/checksum.ts';
import { writeAsync } from '../../base/fs/async-write.ts';
import { createExclusive, removeQuietly, writeAll } from '../../base/fs/atomic-write.ts';
import { readRecord } from '../../base/fs/read-record.ts';
import * as is from '../../base/schema.ts';
import type { JobPaths, Stream } from '../home/paths.ts';

const trimmingSchema = is.object({
  /** The bytes from `from` up to `to` are gone, or are about to go. */
  from: is.count,
  to: is.count,
  /** The offset of the first byte of the file; `floor` where holes are punched. */
  base: is.since(is.count, 0),
  /** Which side file holds the bytes from `to` up to `base`; 0: none, holes are punched. Else offsets are approximate. */
  keep: is.since(is.count, 0),
  /** The file is just being emptied: what stands in it now is not to be read. */
  turning: is.since(is.flag, false),
  /** Here the log began anew: it was emptied, and everything before is gone. */
  floor: is.since(is.count, 0),
  /** Another file, or none, stands where the log was: the job writes into one that is elsewhere. */
  moved: is.since(is.flag, false),
  /** What stood at the end of the file when this was recorded: another owner cuts the file only if it still stands there. */
  mark: is.since(is.nullable(is.object({ end: is.count, sum: is.text })), null),
});
/** What is gone of one log, and where the rest is. */
export type Trimming = is.Shaped<typeof trimmingSchema>;

/** What fits together: nothing else is believed, or a reader would skip bytes that are there. */
const soundTrimming: is.Schema<Trimming> = (value, at) => {
  const trimming = trimmingSchema(value, at);
  const { from, to, base, keep, floor } = trimming;
  if (floor > from || from > to || (keep === 0 ? base !== floor : to > base))
    throw new is.SchemaError(`${at} is in no order`);
  return trimming;
};

const trimmedSchema = is.object({
  v: is.version(1),
  log: is.since(is.nullable(soundTrimming), null),
  err: is.since(is.nullable(soundTrimming), null),
});
export type Trimmed = is.Shaped<typeof trimmedSchema>;

/** The record; nothing is gone where there is none, or none that can be read. */
export function readTrimmed(job: JobPaths): Trimmed {
  const none: Trimmed = { v: 1, log: null, err: null };
  // most jobs have none, and a failed open makes an error each time
  if (!existsSync(job.trimmed)) return none;
  const stored = readRecord(job.trimmed);
  const parsed = stored.kind === 'text' ? is.parseSchema(trimmedSchema, stored.text) : undefined;
  return parsed?.ok ? parsed.value : none;
}

/** How many bytes of a log `--max-log` took. */
export function readTrimmedBytes(job: JobPaths, stream: Stream = 'log'): number {
  const trimming = readTrimmed(job)[stream];
  return trimming ? trimming.to - trimming.from : 0;
}

/** How many bytes of a log are gone because it was emptied. */
export const readEmptiedBytes = (job: JobPaths, stream: Stream = 'log'): number =>
  readTrimmed(job)[stream]?.floor ?? 0;

/** Whether a log was moved away, as far as the owner saw, or is missing. */
export const isAway = (job: JobPaths, stream: Stream = 'log'): boolean =>
  readTrimmed(job)[stream]?.moved === true || !existsSync(job[stream]);

/** The record of a log that was emptied when so much had been written. */
export const emptiedAt = (floor: number): Trimming => ({
  ...{ from: floor, to: floor, base: floor, floor },
  ...{ keep: 0, turning: false, moved: false, mark: null },
});

/** Whether both say the same of where a byte stands. */
export const isSameTrimming = (a: Trimming | null, b: Trimming | null): boolean =>
  JSON.stringify(a) === JSON.stringify(b);

/**
 * Publishes the record by rename, aside: not flushed, because a disk that a job floods would hold up the owner, who may have to tell
 * the job's end. Rejects with a system error.
 */
export async function writeTrimmed(job: JobPaths, trimmed: Trimmed): Promise<void> {
  await writeAsync(job.trimmed, sealed(trimmed));
}

/** The same at once, for an instant in which nothing else may happen. Throws a system error. */
export function writeTrimmedNow(job: JobPaths, trimmed: Trimmed): void {
  const temporary = `${job.trimmed}.tmp`;
  removeQuietly(temporary);
  const copy = createExclusive(temporary);
  try {
    writeAll(copy, Buffer.from(sealed(trimmed)));
  } finally {
    closeSync(copy);
  }
  renameSync(temporary, job.trimmed);
}
