/**
 * The log of an attempt on a target, as its copy grows here. A byte has the same place in both: the offset
 * there, behind the output of earlier attempts. So bytes that come twice change nothing, and after a kill the
 * size of the copy tells where to go on.
 */
import { closeSync, constants } from 'node:fs';
import { systemClock } from '../../base/clock.ts';
import { writeAll } from '../../base/fs/atomic-write.ts';
import { closing, createLog, openRegular, openToRead } from '../../base/fs/open-file.ts';
import { readAt } from '../../base/fs/read-record.ts';
import { errnoOf } from '../../base/result.ts';
import type { FarStream } from '../../engine/targets/engine.ts';
import type { JobPaths, Stream } from '../../job/home/paths.ts';
import { readAttemptStart } from '../../job/log/attempt-start.ts';
import { readLogSize } from '../../job/log/log.ts';
import { TimeIndex } from '../../job/log/time-index.ts';
import type { Spec } from '../../job/spec.ts';
import type { State } from '../../job/state.ts';

const STREAMS: Record<FarStream, Stream> = { out: 'log', err: 'err' };

export class LogCopy {
  /** Where the output of this attempt begins in each log here. */
  private readonly begins: Record<FarStream, number>;
  private readonly sizes: Record<FarStream, number>;
  private readonly times: TimeIndex;

  constructor(
    private readonly job: JobPaths,
    private readonly spec: Spec,
    state: Pick<State, 'attempt' | 'status'>,
  ) {
    const begin = (stream: FarStream) => readAttemptStart(job, state, STREAMS[stream]);
    const heading = state.attempt > 1 ? headingBytes(job, begin('out')) : 0;
    const size = (stream: FarStream) => readLogSize(job, STREAMS[stream]) ?? 0;
    this.begins = { out: begin('out') + heading, err: begin('err') };
    this.sizes = { out: size('out'), err: size('err') };
    this.times = new TimeIndex(job);
  }

  /** From which offsets there bytes are missing here; `err` null: the job has one log. */
  get missing(): { out: number; err: number | null } {
    const of = (stream: FarStream) => Math.max(0, this.sizes[stream] - this.begins[stream]);
    return { out: of('out'), err: this.spec.split ? of('err') : null };
  }

  /** Throws system errors: then the same bytes must come again. */
  write(stream: FarStream, offset: number, bytes: Buffer): void {
    const at = this.begins[stream] + offset;
    // bytes before it could not be written, and come again
    if (at > this.sizes[stream]) return;
    const known = this.sizes[stream] - at;
    const fresh = bytes.subarray(known);
    if (fresh.length === 0) return;
    closing(openCopy(this.job[STREAMS[stream]]), (copy) => writeAll(copy, fresh, at + known));
    this.sizes[stream] = at + known + fresh.length;
    if (stream === 'out') this.times.note(this.sizes.out, systemClock.monotonic());
  }
}

const HEADING = /^\n?\[bgjob: attempt [^\n]*\]\n/;
const MOST_HEADING_BYTES = 300;

/** How long the heading of an attempt is that begins at this offset; 0: there is none yet. */
export function headingBytes(job: JobPaths, at: number): number {
  const fd = openToRead(job.log);
  if (fd === undefined) return 0;
  const bytes = Buffer.alloc(MOST_HEADING_BYTES);
  const got = closing(fd, (open) => readAt(open, bytes, at));
  return HEADING.exec(bytes.toString('latin1', 0, got))?.[0].length ?? 0;
}

/** Not append-only: each byte has its place. */
function openCopy(path: string): number {
  try {
    return openRegular(path, constants.O_WRONLY);
  } catch (thrown) {
    if (errnoOf(thrown) !== 'ENOENT') throw thrown;
    closeSync(createLog(path));
    return openRegular(path, constants.O_WRONLY);
  }
}
