/**
 * Follows a log to the end of its job. It checks first whether the job ended, then reads the log to its end,
 * then stops: so the last output is never lost. If the job empties its log, the output after that follows.
 */
import { sleep } from '../../base/clock.ts';
import type { Failure } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { Log, type Piece, type Stream } from '../../job/log/log.ts';
import type { JobId } from '../../job/spec.ts';
import { waitEnded } from './job-end.ts';
import { LogWatcher } from './log-watcher.ts';

const PIECE_BYTES = 256 * 1024;
/** After this many pieces at once the event loop gets its turn: a writer may be faster than its reader. */
const PIECES_PER_TURN = 4;
/** The wait between two checks for a log that does not exist yet, milliseconds. */
const POLL_MS = 20;

const yieldNow = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/**
 * Yields the pieces of the log from byte `from` on as they are written, until the job ends or `abort` fires.
 * Each piece overwrites the bytes of the one before: a new buffer for each would cost more than all the rest.
 * `slowestMs`: how late it may be while output does not stop. `onTrouble`: see waitEnded. `onOpen` gets the
 * log, which reads at the same offsets, and closes it.
 */
export async function* follow(
  home: Home,
  id: JobId,
  stream: Stream,
  from: number,
  slowestMs: number,
  abort: AbortSignal,
  onTrouble?: (failure: Failure) => void,
  onOpen?: (log: Log) => void,
): AsyncGenerator<Piece | 'quiet'> {
  const job = home.job(id);
  const watcher = new LogWatcher(job[stream], slowestMs);
  const memory = Buffer.allocUnsafeSlow(PIECE_BYTES);
  let log: Log | undefined;
  let ended = false;
  const over = new AbortController();
  const signal = AbortSignal.any([abort, over.signal]);
  const done = waitEnded(home, id, signal, onTrouble).then(() => {
    ended = true;
    over.abort();
  });
  try {
    for (;;) {
      const last = ended || signal.aborted;
      if (!log) {
        log = Log.open(job, stream);
        log?.seek(from);
        if (log) onOpen?.(log);
      }
      let grew = false;
      for (let pieces = 1; log; pieces++) {
        const piece = log.next(memory);
        const isNews = piece.bytes.length > 0 || piece.emptied > 0;
        grew ||= isNews;
        if (isNews) yield piece;
        if (pieces % PIECES_PER_TURN === 0) await yieldNow();
        if (!isNews || piece.to >= piece.size || abort.aborted) break;
      }
      if (log?.reopen()) continue;
      if (last) return;
      if (!grew) yield 'quiet';
      const hasMore = () => log?.hasMore === true;
      if (log) await watcher.wait(grew, hasMore, signal);
      else await sleep(POLL_MS, signal);
    }
  } finally {
    over.abort();
    await done;
    if (!onOpen) log?.close();
  }
}
