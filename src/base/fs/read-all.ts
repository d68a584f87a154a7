/** Reading input to its end, up to a limit: the script of `run -`, the files of --env-file, batches. */
import { readSync } from 'node:fs';
import { sleepSync } from '../clock.ts';
import { errnoOf } from '../result.ts';

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
