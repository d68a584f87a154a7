/** Reading input to its end, up to a limit: the script of `run -`, the files of --env-file, batches. */
import { constants, fstatSync, openSync, readSync } from 'node:fs';
import { sleepSync, systemClock } from '../clock.ts';
import { errnoOf, systemError } from '../result.ts';
import { closing } from './open-file.ts';

const LIMIT_BYTES = 16 * 1024 * 1024;
export const LIMIT_TEXT = '16 MiB';

/** All bytes; undefined if there are more than the limit. Throws system errors. */
export function readToEnd(fd: number, limitBytes = LIMIT_BYTES): Buffer | undefined {
  const pieces: Buffer[] = [];
  for (let total = 0; total <= limitBytes; ) {
    const piece = Buffer.allocUnsafe(64 * 1024);
    let got: number;
    try {
      got = readSync(fd, piece);
    } catch (thrown) {
      const errno = errnoOf(thrown);
      if (errno === 'EOF') got = 0;
      else if (errno !== 'EAGAIN') throw thrown;
      else {
        // the pipe is empty, and another process made it non-blocking
        sleepSync(5);
        continue;
      }
    }
    if (got === 0) return Buffer.concat(pieces);
    total += got;
    pieces.push(piece.subarray(0, got));
  }
  return undefined;
}

/** A FIFO that no process writes is given up after this long, milliseconds. */
const WRITER_MS = 10_000;

/**
 * All bytes of a file, or of a FIFO or another pipe, to the end that its writer makes; undefined if there are
 * more than the limit. An open without O_NONBLOCK would wait for a writer for ever. Throws system errors, and
 * ENODATA for a FIFO without a writer.
 */
export function readFileToEnd(path: string, limitBytes = LIMIT_BYTES): Buffer | undefined {
  return closing(openSync(path, constants.O_RDONLY | constants.O_NONBLOCK), (fd) => {
    // `<(…)` is a FIFO, too: its writer has come, and may be gone
    const mayComeLate = fstatSync(fd).isFIFO() && !/^\/(dev|proc)\//.test(path);
    const end = systemClock.monotonic() + WRITER_MS;
    for (;;) {
      const bytes = readToEnd(fd, limitBytes);
      if (!mayComeLate || bytes === undefined || bytes.length > 0) return bytes;
      if (systemClock.monotonic() > end) throw systemError('ENODATA', path);
      sleepSync(20);
    }
  });
}
