/**
 * When the log was how large: `out/times`, so that `tail --since 5m` finds a byte offset. Samples of 16 bytes (wall time in
 * milliseconds, size in bytes; little-endian doubles), appended by the job's owner at most once a second. It is a
 * convenience: nothing fails where it is missing, damaged or cannot be written.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, promises } from 'node:fs';
import { writeAsync } from '../../base/fs/async-write.ts';
import { readAt } from '../../base/fs/read-record.ts';
import { errnoOf, ignoreSystemError } from '../../base/result.ts';
import type { JobPaths } from '../home/paths.ts';

const SAMPLE_BYTES = 16;
const LIMIT_BYTES = 1024 * 1024;
const APART_MS = 1000;

const { O_WRONLY, O_CREAT, O_APPEND, O_NOFOLLOW, O_NONBLOCK } = constants;
/** Through no link; a FIFO without a reader is refused, not waited for. */
const APPEND = O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK;

/** Whether a file stands there that has no other name; throws EMLINK for what is written by us in no case. */
function isAlone(path: string): boolean {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat && (!stat.isFile() || stat.nlink > 1)) throw Object.assign(new Error(path), { code: 'EMLINK' });
  return stat !== undefined;
}

function readSamples(job: JobPaths): Buffer {
  let fd: number | undefined;
  try {
    fd = openSync(job.times, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const stat = fstatSync(fd);
    if (!stat.isFile()) return Buffer.alloc(0);
    const bytes = Buffer.alloc(Math.min(stat.size, 2 * LIMIT_BYTES));
    const got = readAt(fd, bytes, 0);
    // a full disk may have taken half a sample
    return bytes.subarray(0, got - (got % SAMPLE_BYTES));
  } catch (thrown) {
    ignoreSystemError(thrown);
    return Buffer.alloc(0);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** How large the log was at `atMs` (milliseconds since 1970), as far as it was noted; 0 if nothing earlier was. */
export function readOffsetAt(job: JobPaths, atMs: number): number {
  const samples = readSamples(job);
  let [offset, last] = [0, 0];
  for (let at = 0; at < samples.length; at += SAMPLE_BYTES) {
    const [time, size] = [samples.readDoubleLE(at), samples.readDoubleLE(at + 8)];
    // a log never shrinks: this was not written by us
    if (!(time > 0) || !Number.isSafeInteger(size) || size < last) return 0;
    last = size;
    if (time <= atMs) offset = size;
  }
  return offset;
}

/** How large the log was at the last sample; 0 if there is none. */
export const readLastSize = (job: JobPaths): number => readOffsetAt(job, Number.POSITIVE_INFINITY);

/** The writing side, one per owner. */
export class TimeIndex {
  private readonly job: JobPaths;
  private lastMs = Number.NEGATIVE_INFINITY;
  private lastSize = 0;
  private bytes: number | undefined;
  private writing: Promise<void> | undefined;
  constructor(job: JobPaths) {
    this.job = job;
  }

  /** Notes the size if it changed since the last sample and that is a second ago (`monotonicMs`); `last`: in any case. */
  note(size: number, monotonicMs: number, last = false): void {
    if (size <= this.lastSize || this.writing) return;
    if (!last && monotonicMs - this.lastMs < APART_MS) return;
    [this.lastMs, this.lastSize] = [monotonicMs, size];
    const sample = Buffer.alloc(SAMPLE_BYTES);
    sample.writeDoubleLE(Date.now(), 0);
    sample.writeDoubleLE(size, 8);
    // aside: a flooded disk must not hold up the owner
    this.writing = this.append(sample)
      .catch(errnoOf)
      .then(() => {
        this.writing = undefined;
      });
  }

  private async append(sample: Buffer): Promise<void> {
    if (this.bytes === undefined || this.bytes >= LIMIT_BYTES) this.bytes = await this.mend();
    const file = await promises.open(this.job.times, APPEND, 0o600);
    try {
      if (this.bytes === 0) await file.chmod(0o600);
      await file.appendFile(sample);
    } finally {
      await file.close();
    }
    this.bytes += SAMPLE_BYTES;
  }

  /** Cuts half a sample off; where there are too many, keeps every second one. Returns the size. */
  private async mend(): Promise<number> {
    let samples = readSamples(this.job);
    if (samples.length >= LIMIT_BYTES) {
      const kept: Buffer[] = [];
      for (let at = SAMPLE_BYTES; at < samples.length; at += 2 * SAMPLE_BYTES)
        kept.push(samples.subarray(at, at + SAMPLE_BYTES));
      samples = Buffer.concat(kept);
      await writeAsync(this.job.times, samples);
    } else if (isAlone(this.job.times)) {
      await promises.truncate(this.job.times, samples.length);
    }
    return samples.length;
  }
}
