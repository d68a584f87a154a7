/**
 * The size of the log over time: `out/times`, with which `tail --since 5m` finds a byte offset. The owner
 * appends a sample at most once a second: 16 bytes, the wall time in milliseconds and the size in bytes, as
 * little-endian doubles. It is a convenience: nothing fails if it is missing, damaged, or cannot be written.
 */
import { constants, fstatSync, lstatSync, promises } from 'node:fs';
import { writeAsync } from '../../base/fs/atomic-write.ts';
import { closing, openToRead } from '../../base/fs/open-file.ts';
import { readAt } from '../../base/fs/read-record.ts';
import { attemptQuietly, errnoOf, systemError } from '../../base/result.ts';
import type { JobPaths } from '../home/paths.ts';

export const SAMPLE_BYTES = 16;
const LIMIT_BYTES = 1024 * 1024;
const APART_MS = 1000;

const { O_WRONLY, O_CREAT, O_APPEND, O_NOFOLLOW, O_NONBLOCK } = constants;
const APPEND = O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK;

/** Throws EMLINK for what must not be changed: no regular file, or one with a second name. */
function existsAlone(path: string): boolean {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat && (!stat.isFile() || stat.nlink > 1)) throw systemError('EMLINK', path);
  return stat !== undefined;
}

function readSamples(job: JobPaths): Buffer {
  const fd = openToRead(job.times);
  if (fd === undefined) return Buffer.alloc(0);
  const read = () => {
    const bytes = Buffer.alloc(Math.min(fstatSync(fd).size, 2 * LIMIT_BYTES));
    const got = readAt(fd, bytes, 0);
    // a full disk may have cut off the last sample
    return bytes.subarray(0, got - (got % SAMPLE_BYTES));
  };
  return attemptQuietly(() => closing(fd, read)) ?? Buffer.alloc(0);
}

/** Whether samples may have been removed from an index of this size: `repair` halves a long one. */
export const isThinned = (bytes: number): boolean => bytes >= LIMIT_BYTES / 2;

/** The size of the log at a time, by the last sample before it; 0 if there is none. */
export function readOffsetAt(job: JobPaths, atMs: number): number {
  const samples = readSamples(job);
  let [offset, last] = [0, 0];
  for (let at = 0; at < samples.length; at += SAMPLE_BYTES) {
    const [time, size] = [samples.readDoubleLE(at), samples.readDoubleLE(at + 8)];
    // a log never shrinks: bgjob did not write this
    if (!(time > 0) || !Number.isSafeInteger(size) || size < last) return 0;
    last = size;
    if (time <= atMs) offset = size;
  }
  return offset;
}

export const readLastSize = (job: JobPaths): number => readOffsetAt(job, Number.POSITIVE_INFINITY);

export class TimeIndex {
  private lastMs = Number.NEGATIVE_INFINITY;
  private lastSize = 0;
  private bytes: number | undefined;
  private writing: Promise<void> | undefined;
  constructor(private readonly job: JobPaths) {}

  /** Adds a sample if the size changed and the last one is a second old; `last`: without that delay. */
  note(size: number, monotonicMs: number, last = false): void {
    if (size <= this.lastSize || this.writing) return;
    if (!last && monotonicMs - this.lastMs < APART_MS) return;
    [this.lastMs, this.lastSize] = [monotonicMs, size];
    const sample = Buffer.alloc(SAMPLE_BYTES);
    sample.writeDoubleLE(Date.now(), 0);
    sample.writeDoubleLE(size, 8);
    // not in this thread: a flooded disk must not block the owner
    this.writing = this.append(sample)
      .catch(errnoOf)
      .then(() => {
        this.writing = undefined;
      });
  }

  private async append(sample: Buffer): Promise<void> {
    if (this.bytes === undefined || this.bytes >= LIMIT_BYTES) this.bytes = await this.repair();
    const file = await promises.open(this.job.times, APPEND, 0o600);
    try {
      if (this.bytes === 0) await file.chmod(0o600);
      await file.appendFile(sample);
    } finally {
      await file.close();
    }
    this.bytes += SAMPLE_BYTES;
  }

  /** Removes an incomplete sample, and every second one of a long index. Returns the size. */
  private async repair(): Promise<number> {
    let samples = readSamples(this.job);
    if (samples.length >= LIMIT_BYTES) {
      const half: Buffer[] = [];
      for (let at = SAMPLE_BYTES; at < samples.length; at += 2 * SAMPLE_BYTES)
        half.push(samples.subarray(at, at + SAMPLE_BYTES));
      samples = Buffer.concat(half);
      await writeAsync(this.job.times, samples);
    } else if (existsAlone(this.job.times)) {
      await promises.truncate(this.job.times, samples.length);
    }
    return samples.length;
  }
}
