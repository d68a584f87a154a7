/**
 * The only writer of stdout and stderr. Written at once and in order: nothing is lost when the process ends, and a reader
 * that closes the pipe early (`| head`) is no error. stdout is the answer, stderr everything else.
 */
import { fstatSync, statSync, writeSync } from 'node:fs';
import { sleepSync } from '../../base/clock.ts';
import { errnoOf, ignoreSystemError } from '../../base/result.ts';
import { safeJson } from '../../base/text/sanitize.ts';

/** Thrown when the answer cannot be written, to a full disk for example. */
export class AnswerLost extends Error {
  readonly errno: string;
  constructor(errno: string) {
    super(errno);
    this.errno = errno;
  }
}

/** Writes all; returns the system error that stopped it. */
function write(fd: 1 | 2, bytes: Uint8Array): string | undefined {
  for (let done = 0; done < bytes.length; ) {
    try {
      done += writeSync(fd, bytes, done);
    } catch (thrown) {
      const errno = errnoOf(thrown);
      if (errno !== 'EAGAIN') return errno;
      // somebody made the pipe non-blocking, and it is full
      sleepSync(5);
    }
  }
  return undefined;
}

const OBJECTS_PER_WRITE = 200;

const SGR = { red: 31, green: 32, cyan: 36 } as const;
export type Color = keyof typeof SGR;

/** One JSON object in a line. */
export const objectText = (value: object): string => safeJson(JSON.stringify(value));

export class Output {
  readonly json: boolean;
  /** Where the answer goes. */
  readonly answerStream: 1 | 2 = 1;
  /** The reader of stdout is gone. The answer then goes nowhere, but the exit code is still the true one. */
  readerGone = false;
  /** Of a verb that has changed something by then: lines that stdout does not take go to stderr, and it is done to its end. */
  diverts: boolean;
  /** The system error that kept a line from stdout; that line and all after it went to stderr. */
  lost: string | undefined;
  private readonly env: NodeJS.ProcessEnv;
  constructor(env: NodeJS.ProcessEnv, json: boolean, diverts = false) {
    this.env = env;
    this.json = json;
    this.diverts = diverts;
  }

  /** A line of the answer. */
  line(text: string): void {
    const bytes = Buffer.from(`${text}\n`);
    try {
      if (this.lost === undefined || !this.diverts) this.raw(bytes);
    } catch (thrown) {
      if (!this.diverts || !(thrown instanceof AnswerLost)) throw thrown;
      this.lost = thrown.errno;
    }
    if (this.lost !== undefined && this.diverts) write(2, bytes);
  }
  /** Lines that nobody may see but on stdout; the system error that kept them from it, EPIPE where nobody reads it. */
  tryLine(text: string): string | undefined {
    try {
      this.raw(Buffer.from(`${text}\n`));
    } catch (thrown) {
      if (!(thrown instanceof AnswerLost)) throw thrown;
      return thrown.errno;
    }
    return this.readerGone ? 'EPIPE' : undefined;
  }
  /** Bytes of the answer, as they are. */
  raw(bytes: Uint8Array): void {
    if (this.readerGone) return;
    const errno = write(1, bytes);
    if (errno === 'EPIPE') this.readerGone = true;
    else if (errno !== undefined) throw new AnswerLost(errno);
  }
  /** One JSON object of the answer. */
  object(value: object): void {
    this.line(objectText(value));
  }
  /** Many objects of the answer, in few writes; each is made when its turn comes. */
  objects(values: Iterable<object>): void {
    let lines: string[] = [];
    for (const value of values) {
      lines.push(JSON.stringify(value));
      if (lines.length < OBJECTS_PER_WRITE) continue;
      this.line(safeJson(lines.join('\n')));
      lines = [];
    }
    if (lines.length > 0) this.line(safeJson(lines.join('\n')));
  }
  /** A line beside the answer: state, hints, errors. */
  note(text: string): void {
    write(2, Buffer.from(`${text}\n`));
  }
  /** A command to type next, on a line of its own. */
  hint(text: string): void {
    this.note(this.paint(2, 'cyan', `  hint: ${text}`));
  }
  /** An error, and what to do about it. */
  error(message: string, hint?: string): void {
    this.note(this.paint(2, 'red', `bgjob: ${message}`));
    if (hint !== undefined) this.hint(hint);
  }

  /** For a verb whose answer is an id alone: its other lines go to stderr. In JSON they are part of the answer. */
  sideOutput(): Output {
    return this.json ? this : new StderrOutput(this.env, false);
  }

  /** Whether a person looks at this stream. */
  isTerminal(stream: 0 | 1 | 2): boolean {
    try {
      // a pipe, a file or /dev/null needs no further look, which loads tty: 2 ms
      const stat = fstatSync(stream);
      if (!stat.isCharacterDevice() || stat.rdev === statSync('/dev/null').rdev) return false;
    } catch (thrown) {
      ignoreSystemError(thrown);
      return false;
    }
    return (require('node:tty') as typeof import('node:tty')).isatty(stream);
  }

  /** Whether this stream gets colours: NO_COLOR and FORCE_COLOR decide, else the terminal. */
  hasColor(stream: 1 | 2): boolean {
    if (this.env['NO_COLOR']) return false;
    const forced = this.env['FORCE_COLOR'];
    if (forced !== undefined) return forced !== '0' && forced !== 'false';
    return this.isTerminal(stream) && this.env['TERM'] !== 'dumb';
  }

  /** A text in a colour, where the stream shows colours. */
  paint(stream: 1 | 2, color: Color | null, text: string): string {
    return color !== null && this.hasColor(stream) ? `\x1b[${SGR[color]}m${text}\x1b[39m` : text;
  }

  /** Columns of the terminal on stdout. */
  width(): number {
    return process.stdout.columns || Number(this.env['COLUMNS']) || 80;
  }
}

class StderrOutput extends Output {
  override readonly answerStream = 2;
  override raw(bytes: Uint8Array): void {
    write(2, bytes);
  }
}

/** The streams of a verb that is called by a key: what it says is kept, to be shown in a line. */
export class CapturedOutput extends Output {
  private readonly texts: string[] = [];
  constructor(env: NodeJS.ProcessEnv) {
    super(env, false);
  }

  override raw(bytes: Uint8Array): void {
    this.texts.push(Buffer.from(bytes).toString('utf8'));
  }
  override note(text: string): void {
    this.texts.push(text);
  }
  /** Nobody looks at these streams. */
  override isTerminal(): boolean {
    return false;
  }
  override hasColor(): boolean {
    return false;
  }

  /** Everything in one line; an id alone says nothing to a person. */
  said(): string {
    const lines = this.texts.join('\n').split('\n');
    return lines
      .map((line) => line.trim())
      .filter((line) => line !== '' && !/^\d+$/.test(line))
      .join('; ');
  }

  /** The id of a new job, where one was printed. */
  id(): { id?: number } {
    const line = this.texts.find((text) => /^\d+\n$/.test(text));
    return line === undefined ? {} : { id: Number(line) };
  }
}
