/**
 * Rotation, where the file system has no holes: the head and the newest part of a log are copied into side
 * files, and the log is emptied. The job appends, so its next byte is byte 0 of the file, and byte `base` of
 * all. What it writes between the last copy and the emptying is lost and not counted: offsets are
 * approximate.
 */
import { closeSync, fstatSync, ftruncateSync } from 'node:fs';
import { removeQuietly, writeAll } from '../../base/fs/atomic-write.ts';
import { closing, createExclusive } from '../../base/fs/open-file.ts';
import { readAt } from '../../base/fs/read-record.ts';
import type { JobPaths, Stream } from '../../job/home/paths.ts';
import { LogPosition, matchesPosition } from '../../job/log/log-position.ts';
import type { Trimming } from '../../job/log/trim-record.ts';
import type { LogFile } from './log-file.ts';

const CHUNK_BYTES = 1024 * 1024;
/** So many copies follow a job that writes meanwhile. The rest is copied without a break. */
const MOST_ROUNDS = 8;

/**
 * `publish` writes the record at once. False if the job emptied the log meanwhile. Throws system errors; a
 * useless copy is removed by the next rotation.
 */
export async function rotateLog(
  job: JobPaths,
  stream: Stream,
  file: LogFile,
  before: Trimming | null,
  { headBytes, keepBytes }: { headBytes: number; keepBytes: number },
  publish: (trimming: Trimming) => void,
): Promise<boolean> {
  const { base = 0, keep = 0, floor = 0, moved = false } = before ?? {};
  const from = keep > 0 ? before!.from : floor + headBytes;
  const log = file.openToCut();
  const side = job.sideFile(stream, keep + 1);
  let copy: number | undefined;
  try {
    if (keep === 0) await copyHead(log, job.sideFile(stream, 0), headBytes);
    copy = createSideFile(side);
    const start = Math.max(fstatSync(log).size - keepBytes, keep === 0 ? headBytes : 0);
    let end = start;
    for (let round = 1; round <= MOST_ROUNDS && end < fstatSync(log).size; round++)
      end = await copyRange(log, copy, end, fstatSync(log).size);
    // from here on this thread does nothing else
    for (let got = 1; got > 0; end += got) got = copyPiece(log, copy, end, CHUNK_BYTES);
    if (!file.isSame) return false;
    // tells the next owner whether this one emptied the log
    const mark = LogPosition.at(log, end).record;
    const rotated = { from, to: base + start, base: base + end, keep: keep + 1, floor, moved, mark };
    publish({ ...rotated, turning: true });
    if (matchesPosition(log, mark)) ftruncateSync(log, 0);
    publish({ ...rotated, turning: false, mark: null });
    if (keep > 0) removeQuietly(job.sideFile(stream, keep));
    return true;
  } finally {
    if (copy !== undefined) closeSync(copy);
    closeSync(log);
  }
}

/** Finishes the rotation of an owner that died. */
export function finishRotation(
  job: JobPaths,
  stream: Stream,
  file: LogFile,
  before: Trimming,
  publish: (trimming: Trimming) => void,
): void {
  closing(file.openToCut(), (log) => {
    // the recorded bytes are copied; other bytes were written after the log was emptied
    if (before.mark === null || matchesPosition(log, before.mark)) ftruncateSync(log, 0);
  });
  publish({ ...before, turning: false, mark: null });
  removeQuietly(job.sideFile(stream, before.keep - 1));
}

/** In place of a leftover of an earlier attempt. */
function createSideFile(path: string): number {
  removeQuietly(path);
  return createExclusive(path);
}

async function copyHead(log: number, path: string, headBytes: number): Promise<void> {
  const fd = createSideFile(path);
  try {
    await copyRange(log, fd, 0, headBytes);
  } finally {
    closeSync(fd);
  }
}

/** In chunks, between which the owner handles other events. */
async function copyRange(log: number, copy: number, from: number, to: number): Promise<number> {
  let at = from;
  while (at < to) {
    const got = copyPiece(log, copy, at, Math.min(CHUNK_BYTES, to - at));
    if (got === 0) break;
    at += got;
    await new Promise((resolve) => setImmediate(resolve));
  }
  return at;
}

function copyPiece(log: number, copy: number, at: number, most: number): number {
  const bytes = Buffer.allocUnsafe(most);
  const got = readAt(log, bytes, at);
  writeAll(copy, bytes.subarray(0, got));
  return got;
}
