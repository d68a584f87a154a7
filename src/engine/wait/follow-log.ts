/**
 * Following a log to the job's end. Ask whether it ended, then drain, then stop: the last instant's output is never lost. When the
 * job empties its log, what it writes after that follows.
 */
import type { Failure } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { Log, type Piece, type Stream } from '../../job/log/log.ts';
import type { JobId } from '../../job/spec.ts';
import { sleep, waitEnded } from './job-end.ts';
import { LogWatcher } from './log-watcher.ts';

const PIECE_BYTES = 256 * 1024;
/** After so many pieces in one go, timers and signals get their turn: a writer may be faster than its reader. */
const PIECES_IN_A_GO = 4;
/** Between two looks for a log that is not there yet, milliseconds. */
const ABSENT_MS = 20;

const breathe = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/**
 * Pieces of the log from byte `from` on, as they are written; ends with the job, or when `abort` fires. The bytes of a piece are
 * overwritten by the next: a new buffer for each would cost more than all the rest. `slowestMs`: how late it may be at a
 * stream of output that does not end. `onTrouble`: see waitEnded. `onOpen` gets the log, which reads at the same offsets, and closes it.
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
  const growth = new LogWatcher(job[stream], slowestMs);
  const memory = Buffer.allocUnsafeSlow(PIECE_BYTES);
  let log: Log | undefined;
  let ended = false;
  const mine = new AbortController();
  const end = () => mine.abort();
  abort.addEventListener('abort', end, { once: true });
  if (abort.aborted) end();
  const over = waitEnded(home, id, mine.signal, onTrouble).then(() => {
    ended = true;
    end();
  });
  try {
    for (;;) {
      const last = ended || mine.signal.aborted;
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
        if (pieces % PIECES_IN_A_GO === 0) await breathe();
        if (!isNews || piece.to >= piece.size || abort.aborted) break;
      }
      if (last) return;
      if (!grew) yield 'quiet';
      const hasMore = () => log?.hasMore === true;
      if (log) await growth.wait(grew, hasMore, mine.signal);
      else await sleep(ABSENT_MS, mine.signal);
    }
  } finally {
    end();
    abort.removeEventListener('abort', end);
    await over;
    if (!onOpen) log?.close();
  }
}
