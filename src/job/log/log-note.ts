/** Lines of our own in a job's log, `[bgjob: …]`: what the job itself cannot say. */
import { closeSync, constants, fstatSync, lstatSync } from 'node:fs';
import { dirname } from 'node:path';
import { createLog, openLog, openRegular, writeAll } from '../../base/fs/atomic-write.ts';
import { makeDirectory } from '../../base/fs/directories.ts';
import { readAt } from '../../base/fs/read-record.ts';
import { ignoreSystemError } from '../../base/result.ts';
import type { JobPaths } from '../home/paths.ts';

/** Writes one into an open log, on a line of its own. Throws system errors. */
export function writeLogNote(job: JobPaths, log: number, text: string): void {
  writeAll(log, Buffer.from(`${endsLine(job.log) ? '' : '\n'}[bgjob: ${text}]\n`));
}

/** The same into the log of a job that nobody runs; makes it if it is not there. What cannot be written is no reason to fail. */
export function addLogNote(job: JobPaths, text: string): void {
  try {
    const stat = lstatSync(job.log, { throwIfNoEntry: false });
    // a FIFO in its place would hold us up
    if (stat && !stat.isFile()) return;
    makeDirectory(dirname(job.log));
    const log = stat ? openLog(job.log) : createLog(job.log);
    try {
      writeLogNote(job, log, text);
    } finally {
      closeSync(log);
    }
  } catch (thrown) {
    ignoreSystemError(thrown);
  }
}

function endsLine(path: string): boolean {
  const fd = openRegular(path, constants.O_RDONLY);
  try {
    const { size } = fstatSync(fd);
    const last = Buffer.alloc(1);
    return readAt(fd, last, Math.max(0, size - 1)) === 0 || last.toString() === '\n';
  } finally {
    closeSync(fd);
  }
}
