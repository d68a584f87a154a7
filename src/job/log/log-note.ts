/** Notes of bgjob in a job's log: lines of the form `[bgjob: …]`. */
import { closeSync, constants, fstatSync } from 'node:fs';
import { dirname } from 'node:path';
import { writeAll } from '../../base/fs/atomic-write.ts';
import { makeDirectory } from '../../base/fs/directories.ts';
import { openLog, openRegular } from '../../base/fs/open-file.ts';
import { readAt } from '../../base/fs/read-record.ts';
import { ignoreSystemError } from '../../base/result.ts';
import type { JobPaths } from '../home/paths.ts';

/** Writes a note into an open log, on a line of its own. Throws system errors. */
export function writeLogNote(job: JobPaths, log: number, text: string): void {
  writeAll(log, Buffer.from(`${endsLine(job.log) ? '' : '\n'}[bgjob: ${text}]\n`));
}

/**
 * Adds a note to the log of a job that does not run, and creates the log if needed. If it cannot be written,
 * it is lost.
 */
export function addLogNote(job: JobPaths, text: string): void {
  try {
    makeDirectory(dirname(job.log));
    const log = openLog(job.log);
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
