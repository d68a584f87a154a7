/**
 * Writes to a job whose stdin is held open, or to its terminal. No call waits for ever, and the result says
 * how much was written. A line of up to 4096 bytes is written whole or not at all (PIPE_BUF), also if several
 * processes send at once.
 */
import { closeSync } from 'node:fs';
import { systemClock } from '../../base/clock.ts';
import { hasReader, openForReader, wakeReader, writeSome } from '../../base/fs/fifo.ts';
import { type Failure, fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import type { JobPaths } from '../../job/home/paths.ts';
import { foundValue, readOwner } from '../../job/home/records.ts';
import type { Identity } from '../../job/identity.ts';
import { isSendable, type JobId } from '../../job/spec.ts';
import type { LiveView } from '../../job/view.ts';
import { observe } from '../observe/observe.ts';
import { filesAt, HAS_PROC, hasOpen, isAlive } from '../os/process-identity.ts';
import { howEnded } from '../queue/queued-job.ts';
import { readShim } from '../shim/shim-record.ts';

/** How many bytes a pipe takes as a whole. */
const WHOLE_BYTES = 4096;
const POLL_MS = 10;
/** How long a job may take to be ready for its input, milliseconds. */
const START_MS = 10_000;
/** Where there is no /proc: how long the main process may take to open its stdin after it was recorded. */
const OPENING_MS = 2000;

/** The input to send: lines with their ends; the last one may have none. */
export interface StdinInput {
  lines: Buffer[];
  /** The job is to read end of file afterwards. */
  eof: boolean;
}

type Sent = { lines: number; bytes: number };
type Why = Extract<Failure, { code: 'not-sent' }>['why'];

/**
 * Sends all of the input. Waits while the job is being started, at most ten seconds, and up to `giveUpMs` while
 * the pipe is full.
 */
export async function sendTo(
  home: Home,
  { id, spec }: Pick<LiveView, 'id' | 'spec'>,
  input: StdinInput,
  giveUpMs: number,
): Promise<Result<Sent>> {
  const sending = new Sending(home, id);
  if (!isSendable(spec)) return sending.refuse('not-held');
  const opened = await sending.open();
  if (!opened.ok) return opened;
  const fd = opened.value;
  sending.limit(giveUpMs);
  try {
    for (const piece of groupLines(input.lines)) {
      const written = await sending.put(fd, piece);
      if (!written.ok) return written;
    }
    if (input.eof && spec.pty !== null) {
      // in the middle of a line the first one only ends the line
      const last = input.lines.at(-1);
      const isOpen = last !== undefined && ![10, 13].includes(last.at(-1) ?? 0);
      const written = await sending.put(fd, { bytes: Buffer.from(isOpen ? '\x04\x04' : '\x04'), lines: 0 });
      if (!written.ok) return written;
    }
  } finally {
    closeSync(fd);
  }
  const ended = input.eof && spec.pty === null ? await sending.end() : ok(undefined);
  return ended.ok ? ok(sending.sent) : ended;
}

interface Piece {
  bytes: Buffer;
  lines: number;
}

function* groupLines(lines: Buffer[]): Generator<Piece> {
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
  private deadline = systemClock.monotonic() + START_MS;
  private openSince: number | undefined;

  constructor(home: Home, id: JobId) {
    this.home = home;
    this.id = id;
    this.job = home.job(id);
  }

  limit(ms: number): void {
    this.deadline = systemClock.monotonic() + ms;
  }

  refuse(why: Why, halfBytes = 0, how = ''): Result<never> {
    return fail({ code: 'not-sent', id: this.id, why, ...this.sent, halfBytes, how });
  }

  private get isLate(): boolean {
    return systemClock.monotonic() > this.deadline;
  }

  async open(): Promise<Result<number>> {
    for (;;) {
      const view = observe(this.home, this.id);
      if (view?.kind !== 'live') return this.ended();
      // the pids of the record are valid where the owner runs, which may be another namespace
      const { holder, main } = readShim(this.job, foundValue(readOwner(this.job))?.identity);
      if (holder && isAlive(holder) === 'dead') return this.refuse('let-go');
      // asked first: it may open it meanwhile
      const hasOpened = main !== undefined && !this.isOpening(main);
      const fd = holder && openForReader(this.job.stdin);
      if (fd !== undefined) return ok(fd);
      // the main process had opened it, and closed it again
      if (hasOpened) return this.refuse('closed');
      if (this.isLate || view.status.phase === 'queued')
        return this.refuse(view.status.phase === 'queued' ? 'queued' : 'starting');
      await systemClock.sleep(POLL_MS);
    }
  }

  /**
   * Whether the main process is still the shell that becomes the job: that records itself, opens stdin, and then
   * closes the record. It may stand still in between.
   */
  private isOpening(main: Identity): boolean {
    if (HAS_PROC && isAlive(main) === 'alive') return hasOpen(main.pid, filesAt([this.job.shim]));
    this.openSince ??= systemClock.monotonic();
    return systemClock.monotonic() - this.openSince <= OPENING_MS;
  }

  private ended(halfBytes = 0): Result<never> {
    const view = observe(this.home, this.id);
    const how = view?.kind === 'ended' ? howEnded(view.status.outcome) : 'is gone';
    return this.refuse('ended', halfBytes, how);
  }

  /** Writes as much at once as fits; a longer line goes in pieces, and is cut if the time is over. */
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

  /** Ends the holder: the job reads end of file after the rest of the input. */
  async end(): Promise<Result<void>> {
    // the holder is on record before it has opened its FIFO, and may stand still in between
    this.limit(START_MS);
    while (!wakeReader(this.job.stdinEnd)) {
      const { holder } = readShim(this.job, foundValue(readOwner(this.job))?.identity);
      if (!holder || isAlive(holder) === 'dead') break;
      if (this.isLate) return this.refuse('starting');
      await systemClock.sleep(POLL_MS);
    }
    // wait for its end, so that the next `send` learns that stdin is closed
    while (hasReader(this.job.stdinEnd) && !this.isLate) await systemClock.sleep(POLL_MS);
    return ok(undefined);
  }
}
