/** Following a log to the job's end. Ask whether it ended, then drain, then stop: the last instant's output is never lost. */
import type { Home } from '../job/home.ts';
import type { JobId } from '../job/job.ts';
import { Log, type Piece } from '../job/log.ts';
import { sleep, waitEnded } from './conditions.ts';

const PIECE_BYTES = 256 * 1024;
/** Looks of growing distance, milliseconds: lively while there is output, cheap while there is none. */
const LOOKS_MS = [10, 20, 40, 80, 150];

/** Pieces of the log from byte `from` on, as they are written; ends with the job, or when `abort` fires. */
export async function* follow(
  home: Home,
  id: JobId,
  from: number,
  abort: AbortSignal,
): AsyncGenerator<Piece | 'quiet'> {
  let log: Log | undefined;
  let cursor = from;
  let ended = false;
  const mine = new AbortController();
  const end = () => mine.abort();
  abort.addEventListener('abort', end, { once: true });
  if (abort.aborted) end();
  const over = waitEnded(home, id, mine.signal).then(() => {
    ended = true;
  });
  try {
    for (let quiet = 0; ; quiet++) {
      const last = ended || mine.signal.aborted;
      log ??= Log.open(home.job(id));
      for (let more = true; log && more; ) {
        const piece = log.read(cursor, cursor + PIECE_BYTES);
        more = piece.bytes.length === PIECE_BYTES;
        cursor = piece.to;
        if (piece.bytes.length > 0) {
          quiet = 0;
          yield piece;
        }
        // an endless writer must not keep us from noticing the signal
        if (abort.aborted) more = false;
      }
      if (last) return;
      if (quiet > 0) yield 'quiet';
      await Promise.race([over, sleep(LOOKS_MS[Math.min(quiet, LOOKS_MS.length - 1)]!, mine.signal)]);
    }
  } finally {
    end();
    abort.removeEventListener('abort', end);
    await over;
    log?.close();
  }
}
