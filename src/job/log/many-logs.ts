/**
 * Follows the logs of many jobs in one loop: each poll looks at all of them with one stat(2) and reads those
 * that changed. So 200 quiet jobs cost a few hundred calls a second, and no timer or watch of their own. The
 * caller polls, and finishes a log when its job has ended: then it is read to its end, so that nothing is
 * lost.
 */
import { statSync } from 'node:fs';
import type { Home } from '../home/home.ts';
import type { JobId } from '../spec.ts';
import { Log, type Piece, type Stream } from './log.ts';

const PIECE_BYTES = 256 * 1024;
/** After so many pieces of one log the poll goes on with the next log. */
const PIECES_PER_POLL = 4;

/** Gets the bytes of one log. */
export interface LogSink {
  /** Called once, before the first piece. The sink may read from this log. */
  open?(log: Log): void;
  /** After this call the bytes are overwritten. */
  piece(piece: Piece): void | Promise<void>;
  /** Called if the log has not grown since the last poll. */
  quiet?(): void;
}

interface Source {
  id: JobId;
  stream: Stream;
  from: number;
  sink: LogSink;
  log: Log | undefined;
  /** The result of stat(2) at the last poll; undefined: there is more to read. */
  stamp: string | undefined;
}

export class ManyLogs {
  private readonly sources: Source[] = [];
  private readonly memory = Buffer.allocUnsafeSlow(PIECE_BYTES);
  constructor(private readonly home: Home) {}

  add(id: JobId, stream: Stream, from: number, sink: LogSink): void {
    this.sources.push({ id, stream, from, sink, log: undefined, stamp: '' });
  }

  /** Reads new output; true if there was any. `mayWrite`: whether a job may have begun to run. */
  async poll(mayWrite: (id: JobId) => boolean, abort: AbortSignal): Promise<boolean> {
    let grew = false;
    for (const source of this.sources) {
      if (abort.aborted) break;
      if (source.log || mayWrite(source.id)) grew = (await this.read(source, PIECES_PER_POLL, abort)) || grew;
    }
    return grew;
  }

  /** Reads the logs of a job to their ends, and forgets them. */
  async finish(id: JobId, abort: AbortSignal): Promise<void> {
    for (const source of this.sources.filter((one) => one.id === id)) {
      source.stamp = undefined;
      await this.read(source, Number.POSITIVE_INFINITY, abort);
      source.log?.close();
      this.sources.splice(this.sources.indexOf(source), 1);
    }
  }

  close(): void {
    for (const { log } of this.sources) log?.close();
    this.sources.length = 0;
  }

  private async read(source: Source, most: number, abort: AbortSignal): Promise<boolean> {
    const { id, stream, sink } = source;
    const job = this.home.job(id);
    const stat = statSync(job[stream], { throwIfNoEntry: false });
    const stamp = stat && `${stat.ino} ${stat.size} ${stat.mtimeMs}`;
    if (source.stamp !== undefined && (stamp === undefined || stamp === source.stamp)) {
      sink.quiet?.();
      return false;
    }
    source.stamp = stamp;
    if (!source.log) {
      source.log = Log.open(job, stream);
      if (!source.log) return false;
      source.log.seek(source.from);
      sink.open?.(source.log);
    }
    for (let pieces = 1; !abort.aborted; pieces++) {
      const piece = source.log.next(this.memory);
      const isNews = piece.bytes.length > 0 || piece.emptied > 0;
      if (isNews) await sink.piece(piece);
      if (isNews && piece.to < piece.size) {
        if (pieces < most) continue;
        source.stamp = undefined;
        return true;
      }
      // a later attempt writes another file
      if (!source.log.reopen()) return pieces > 1 || isNews;
    }
    return true;
  }
}
