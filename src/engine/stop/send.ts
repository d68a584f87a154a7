/**
 * Writing to a job whose stdin is held, or to its terminal. Nothing here waits for ever, and it is told how much was written: a
 * line of up to 4096 bytes is written as a whole or not at all (PIPE_BUF), also where several send at once.
 */
import { closeSync } from 'node:fs';
import { systemClock } from '../../base/clock.ts';
import { hasReader, openForReader, wakeReader, writeSome } from '../../base/fs/atomic-write.ts';
import { type Failure, fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import type { JobPaths } from '../../job/home/paths.ts';
import { readOwner } from '../../job/home/records.ts';
import type { JobId } from '../../job/spec.ts';
import { isSendable } from '../../job/spec.ts';
import type { LiveView } from '../../job/view.ts';
import { observe } from '../observe/observe.ts';
import { isAlive } from '../os/process-identity.ts';
import { howEnded } from '../queue/queued-job.ts';
import { readShim } from '../shim/shim-record.ts';

/** What a pipe takes as a whole. */
const WHOLE_BYTES = 4096;
/** How often a full pipe is looked at, milliseconds. */
const POLL_MS = 10;
/** How long it may take from the record of the main process until it has opened its stdin, milliseconds. */
const OPENING_MS = 500;

/** What is to be sent: bytes that end a line, but perhaps the last. */
export interface Parcel {
  lines: Buffer[];
  /** Then the job is to read end of file. */
  eof: boolean;
}

export interface Sent {
  lines: number;
  bytes: number;
}
type Why = Extract<Failure, { code: 'not-sent' }>['why'];

/** Sends all of it; what is full or not ready is waited for, up to `giveUpMs`. */
export async function sendTo(
  home: Home,
  { id, spec }: Pick<LiveView, 'id' | 'spec'>,
  parcel: Parcel,
  giveUpMs: number,
): Promise<Result<Sent>> {
  const sending = new Sending(home, id, systemClock.monotonic() + giveUpMs);
  if (!isSendable(spec)) return sending.refuse('not-held');
  const opened = await sending.open();
  if (!opened.ok) return opened;
  const fd = opened.value;
  try {
    for (const piece of together(parcel.lines)) {
      const written = await sending.put(fd, piece);
      if (!written.ok) return written;
    }
    if (parcel.eof && spec.pty !== null) {
      // in the middle of a line the first one only ends the line
      const isOpen =
        parcel.lines.length > 0 && !/[\r\n]$/.test(parcel.lines.at(-1)!.toString('latin1').slice(-1));
      const written = await sending.put(fd, { bytes: Buffer.from(isOpen ? '\x04\x04' : '\x04'), lines: 0 });
      if (!written.ok) return written;
    }
  } finally {
    closeSync(fd);
  }
  if (parcel.eof && spec.pty === null) await sending.end();
  return ok(sending.sent);
}

interface Piece {
  bytes: Buffer;
  lines: number;
}

/** Lines that fit are written together. */
function* together(lines: Buffer[]): Generator<Piece> {
  let waiting: Buffer[] = [];
  let size = 0;
  for (const line of lines) {
    if (size + line.length > WHOLE_BYTES && waiting.length > 0) {
      yield { bytes: Buffer.concat(waiting), lines: waiting.length };
      waiting = [];
      size = 0;
    }
    waiting.push(line);
    size += line.length;
  }
  if (waiting.length > 0) yield { bytes: Buffer.concat(waiting), lines: waiting.length };
}

class Sending {
  readonly sent: Sent = { lines: 0, bytes: 0 };
  private readonly home: Home;
  private readonly id: JobId;
  private readonly job: JobPaths;
  private readonly deadline: number;

  constructor(home: Home, id: JobId, deadline: number) {
    this.home = home;
    this.id = id;
    this.job = home.job(id);
    this.deadline = deadline;
  }

  refuse(why: Why, halfBytes = 0, how = ''): Result<never> {
    return fail({ code: 'not-sent', id: this.id, why, ...this.sent, halfBytes, how });
  }

  private get isLate(): boolean {
    return systemClock.monotonic() > this.deadline;
  }

  /** The FIFO, for writing, when the job reads it. */
  async open(): Promise<Result<number>> {
    let openSince: number | undefined;
    for (;;) {
      const view = observe(this.home, this.id);
      if (view?.kind !== 'live') return this.ended();
      // its pids count where its owner is, which may be another namespace
      const owner = readOwner(this.job);
      const { holder, main } = readShim(this.job, owner.kind === 'read' ? owner.value.identity : undefined);
      const isLetGo = holder !== undefined && isAlive(holder) === 'dead';
      if (isLetGo) return this.refuse('let-go');
      const fd = holder === undefined ? undefined : openForReader(this.job.stdin);
      if (fd !== undefined) return ok(fd);
      // it was there already, and closed it
      if (main) openSince ??= systemClock.monotonic();
      if (openSince !== undefined && systemClock.monotonic() - openSince > OPENING_MS)
        return this.refuse('closed');
      if (this.isLate || view.status.phase === 'queued')
        return this.refuse(view.status.phase === 'queued' ? 'queued' : 'starting');
      await systemClock.sleep(POLL_MS);
    }
  }

  private ended(halfBytes = 0): Result<never> {
    const view = observe(this.home, this.id);
    return this.refuse(
      'ended',
      halfBytes,
      view?.kind === 'ended' ? howEnded(view.status.outcome) : 'is gone',
    );
  }

  /** Writes as much at once as there is room for; a longer line piece by piece, and then it may end in the middle. */
  async put(fd: number, { bytes, lines }: Piece): Promise<Result<void>> {
    for (let done = 0; done < bytes.length; ) {
      const written = writeSome(fd, bytes.subarray(done));
      if (written === undefined) {
        const isLive = observe(this.home, this.id)?.kind === 'live';
        return isLive ? this.refuse('closed', done) : this.ended(done);
      }
      done += written;
      if (written > 0) continue;
      if (this.isLate) return this.refuse('full', done);
      await systemClock.sleep(POLL_MS);
    }
    this.sent.lines += lines;
    this.sent.bytes += bytes.length;
    return ok(undefined);
  }

  /** Ends the holder: the job reads end of file when it has read the rest. */
  async end(): Promise<void> {
    wakeReader(this.job.stdinEnd);
    // so that whoever sends next is told that nobody reads any more
    while (hasReader(this.job.stdinEnd) && !this.isLate) await systemClock.sleep(POLL_MS);
  }
}
