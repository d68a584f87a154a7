/**
 * Trimming where no hole can be punched: the head and the newest part are copied into side files, and the log is emptied. The
 * job appends, so it goes on at byte 0, which is from then on byte `base` of the whole. What is written in the instant
 * between the last look and the emptying is lost uncounted: offsets are approximate.
 */
import { closeSync, fstatSync, ftruncateSync } from 'node:fs';
import { createExclusive, removeQuietly, writeAll } from '../../base/fs/atomic-write.ts';
import { readAt } from '../../base/fs/read-record.ts';
import type { JobPaths, Stream } from '../../job/home/paths.ts';
import { isMarked, LogPosition } from '../../job/log/mark.ts';
import type { Trimming } from '../../job/log/trim-record.ts';
import type { LogFile } from './log-file.ts';

const CHUNK_BYTES = 1024 * 1024;
/** Copying catches up with the job this often; then the rest is copied at one go. */
const MOST_ROUNDS = 8;

/**
 * Keeps `headBytes` and the newest `keepBytes` of a log and empties it; `publish` writes the record at once. False if the job
 * emptied the log meanwhile. Throws system errors; what was copied in vain goes with the next turn.
 */
export async function turn(
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
  const side = job.side(stream, keep + 1);
  let copy: number | undefined;
  try {
    if (keep === 0) await copyHead(log, job.side(stream, 0), headBytes);
    copy = createSide(side);
    const start = Math.max(fstatSync(log).size - keepBytes, keep === 0 ? headBytes : 0);
    let end = start;
    for (let round = 1; round <= MOST_ROUNDS && end < fstatSync(log).size; round++)
      end = await copyRange(log, copy, end, fstatSync(log).size);
    // from here on nothing may come between
    for (let got = 1; got > 0; end += got) got = copyPiece(log, copy, end, CHUNK_BYTES);
    if (!file.isSame) return false;
    // by this another owner sees whether we came to empty it
    const mark = LogPosition.at(log, end).record;
    const turned = { from, to: base + start, base: base + end, keep: keep + 1, floor, moved, mark };
    publish({ ...turned, turning: true });
    if (isMarked(log, mark)) ftruncateSync(log, 0);
    publish({ ...turned, turning: false, mark: null });
    if (keep > 0) removeQuietly(job.side(stream, keep));
    return true;
  } finally {
    if (copy !== undefined) closeSync(copy);
    closeSync(log);
  }
}

/** Ends a turn in whose midst an owner died. */
export function finishRotation(
  job: JobPaths,
  stream: Stream,
  file: LogFile,
  before: Trimming,
  publish: (trimming: Trimming) => void,
): void {
  const log = file.openToCut();
  try {
    // what it held is copied; anything else came after the log was emptied
    if (before.mark === null || isMarked(log, before.mark)) ftruncateSync(log, 0);
  } finally {
    closeSync(log);
  }
  publish({ ...before, turning: false, mark: null });
  removeQuietly(job.side(stream, before.keep - 1));
}

/** A side file that is new: what an earlier attempt left there goes, and is not written into. */
function createSide(path: string): number {
  removeQuietly(path);
  return createExclusive(path);
}

async function copyHead(log: number, path: string, headBytes: number): Promise<void> {
  const fd = createSide(path);
  try {
    await copyRange(log, fd, 0, headBytes);
  } finally {
    closeSync(fd);
  }
}

/** Appends a range to `copy`, a chunk at a time, so that the owner hears of other things between. */
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
