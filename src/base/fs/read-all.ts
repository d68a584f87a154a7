/** What a call reads to its end: the script of `run -`, the files of --env-file. Never more than fits, wherever it comes from. */
import { readSync } from 'node:fs';
import { sleepSync } from '../clock.ts';
import { errnoOf } from '../result.ts';

const LIMIT_BYTES = 16 * 1024 * 1024;
/** How much that is, for messages. */
export const LIMIT_TEXT = '16 MiB';

/** Everything that a descriptor gives; undefined if it is more than may be. Throws system errors. */
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
        // somebody made the pipe non-blocking, and it is empty
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
