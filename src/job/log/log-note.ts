/** Notes of bgjob in a job's log: lines of the form `[bgjob: …]`. */
import { constants, fstatSync } from 'node:fs';
import { dirname } from 'node:path';
import { writeAll } from '../../base/fs/atomic-write.ts';
import { makeDirectory } from '../../base/fs/directories.ts';
import { closing, openLog, openRegular } from '../../base/fs/open-file.ts';
import { readAt } from '../../base/fs/read-record.ts';
import { attemptQuietly } from '../../base/result.ts';
import type { JobPaths } from '../home/paths.ts';

/** Writes on a line of its own. Throws system errors. */
export function writeLogNote(job: JobPaths, log: number, text: string): void {
  writeAll(log, Buffer.from(`${endsLine(job.log) ? '' : '\n'}[bgjob: ${text}]\n`));
}

/** Adds a note to the log of a job that does not run, if it can be written. */
export function addLogNote(job: JobPaths, text: string): void {
  attemptQuietly(() => {
    makeDirectory(dirname(job.log));
    closing(openLog(job.log), (log) => writeLogNote(job, log, text));
  });
}

const endsLine = (path: string): boolean =>
  closing(openRegular(path, constants.O_RDONLY), (fd) => {
    const last = Buffer.alloc(1);
    return readAt(fd, last, Math.max(0, fstatSync(fd).size - 1)) === 0 || last.toString() === '\n';
  });
