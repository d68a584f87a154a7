/**
 * The only writer of stdout and stderr: stdout is the answer, stderr everything else. It writes synchronously
 * and in order, so nothing is lost when the process ends. A reader that closes the pipe early (`| head`) is
 * no error.
 */
import { closeSync, fstatSync, openSync, statSync, writeSync } from 'node:fs';
import { sleepSync } from '../../base/clock.ts';
import { attemptQuietly, errnoOf, ignoreSystemError } from '../../base/result.ts';
import { safeJson } from '../../base/text/sanitize.ts';

/** Thrown when the answer cannot be written, to a full disk for example. */
export class AnswerLost extends Error {
  readonly errno: string;
  constructor(errno: string) {
    super(errno);
    this.errno = errno;
  }
}

/** Writes all; returns the system error that stopped it, if one did. */
function write(fd: 1 | 2, bytes: Uint8Array): string | undefined {
  for (let done = 0; done < bytes.length; ) {
    try {
      done += writeSync(fd, bytes, done);
    } catch (thrown) {
      const errno = errnoOf(thrown);
      if (errno !== 'EAGAIN') return errno;
      // another process made the pipe non-blocking, and it is full
      sleepSync(5);
    }
  }
  return undefined;
}

const LINES_PER_WRITE = 200;

/** The parameter that begins a colour, and the one that ends it. */
const SGR = { red: [31, 39], green: [32, 39], cyan: [36, 39], faint: [2, 22] } as const;
export type Color = keyof typeof SGR;

/** One JSON object in a line. */
export const objectText = (value: object): string => safeJson(JSON.stringify(value));

function* objectTexts(values: Iterable<object>): Generator<string> {
  for (const value of values) yield objectText(value);
}

/** How a call prints: as JSON, and with or without colours. */
interface OutputOptions {
  json?: boolean;
  color?: 'never' | 'always' | 'auto';
}

export class Output {
  readonly json: boolean;
  /** Where the answer goes. */
  readonly answerStream: 1 | 2 = 1;
  /** The reader of stdout is gone. The answer is not written then, but the exit code is still right. */
  readerGone = false;
  /**
   * For a verb that changes something: lines that cannot be written to stdout go to stderr, and the verb goes
   * on.
   */
  diverts: boolean;
  /**
   * The system error of the first line that could not be written to stdout; from there on all lines go to
   * stderr.
   */
  lost: string | undefined;
  private readonly env: NodeJS.ProcessEnv;
  private readonly color: NonNullable<OutputOptions['color']>;
  private readonly afterwards: (() => void)[] = [];
  constructor(env: NodeJS.ProcessEnv, { json = false, color = 'auto' }: OutputOptions, diverts = false) {
    this.env = env;
    this.json = json;
    this.color = color;
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
  /**
   * Lines that may appear on stdout alone (secrets); returns the system error that prevented it, EPIPE
   * without a reader.
   */
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
  /** Whether the reader of stdout is gone. The kernel says so of a socket; of a pipe only to a write. */
  isReaderGone(): boolean {
    try {
      if (!this.readerGone) writeSync(1, Buffer.alloc(0));
    } catch (thrown) {
      this.readerGone = errnoOf(thrown) === 'EPIPE';
    }
    return this.readerGone;
  }
  /** One JSON object of the answer. */
  object(value: object): void {
    this.line(objectText(value));
  }
  /** Many lines of the answer, in few writes. */
  lines(texts: Iterable<string>): void {
    let some: string[] = [];
    for (const text of texts) {
      if (some.push(text) < LINES_PER_WRITE) continue;
      this.line(some.join('\n'));
      some = [];
    }
    if (some.length > 0) this.line(some.join('\n'));
  }
  /** Many objects of the answer, in few writes. */
  objects(values: Iterable<object>): void {
    this.lines(objectTexts(values));
  }
  /** Calls it at the end of the call, if its answer was written whole and the reader of stdout took it. */
  whenDelivered(act: () => void): void {
    this.afterwards.push(act);
  }
  /** The end of the answer: closes stdout. A full disk of another machine may be noticed only then. */
  deliver(): void {
    if (this.afterwards.length === 0 || this.readerGone || this.lost !== undefined) return;
    try {
      // the hosts of agents read from a socket: this finds out whether the reader died since the last write
      writeSync(1, Buffer.alloc(0));
      closeSync(1);
    } catch (thrown) {
      if (errnoOf(thrown) === 'EPIPE') return;
      throw new AnswerLost(errnoOf(thrown));
    }
    // no other file may get the number of stdout
    attemptQuietly(() => openSync('/dev/null', 'w'));
    for (const act of this.afterwards.splice(0)) act();
  }

  /** A line on stderr: state, hints, errors. */
  note(text: string): void {
    write(2, Buffer.from(`${text}\n`));
  }
  /** A command to type next, on a line of its own. */
  hint(text: string): void {
    this.note(this.paint(2, 'cyan', `  hint: ${text}`));
  }
  /** What is the case, and the command that goes on. */
  next(text: string, command: string): void {
    this.note(`${text} ${this.paint(2, 'cyan', `Next: ${command}`)}`);
  }
  /** An error, and what to do about it. */
  error(message: string, hint?: string): void {
    this.note(this.paint(2, 'red', `bgjob: ${message}`));
    if (hint !== undefined) this.hint(hint);
  }

  /**
   * For a verb whose answer is an id alone: an output whose lines go to stderr. In JSON they are part of the
   * answer.
   */
  sideOutput(): Output {
    return this.json ? this : new StderrOutput(this.env, { color: this.color });
  }

  /** Whether this stream is a terminal. */
  isTerminal(stream: 0 | 1 | 2): boolean {
    try {
      // a pipe, a file or /dev/null is none; node:tty takes 2 ms to load
      const stat = fstatSync(stream);
      if (!stat.isCharacterDevice() || stat.rdev === statSync('/dev/null').rdev) return false;
    } catch (thrown) {
      ignoreSystemError(thrown);
      return false;
    }
    return (require('node:tty') as typeof import('node:tty')).isatty(stream);
  }

  /** Whether this stream gets colours: --color decides, then NO_COLOR and FORCE_COLOR, else the terminal. */
  hasColor(stream: 1 | 2): boolean {
    if (this.color !== 'auto') return this.color === 'always';
    if (this.env['NO_COLOR']) return false;
    const forced = this.env['FORCE_COLOR'];
    if (forced !== undefined) return forced !== '0' && forced !== 'false';
    return this.isTerminal(stream) && this.env['TERM'] !== 'dumb';
  }

  /**
   * Whether the lines of a job keep their own colours: on a terminal, or with --color=always. FORCE_COLOR,
   * which many CI systems set, is about our lines alone: a job's lines in a pipe are read by programs.
   */
  get keepsStyles(): boolean {
    if (this.json) return false;
    const stream = this.answerStream;
    return this.hasColor(stream) && (this.color === 'always' || this.isTerminal(stream));
  }

  /** A text in a colour, where the stream shows colours. */
  paint(stream: 1 | 2, color: Color | null, text: string): string {
    if (color === null || !this.hasColor(stream)) return text;
    const [begin, end] = SGR[color];
    return `\x1b[${begin}m${text}\x1b[${end}m`;
  }

  /** Columns of the terminal on stdout. */
  width(): number {
    return process.stdout.columns || Number(this.env['COLUMNS']) || 80;
  }
}

class StderrOutput extends Output {
  override readonly answerStream = 2;
  override whenDelivered(act: () => void): void {
    act();
  }
  override raw(bytes: Uint8Array): void {
    write(2, bytes);
  }
}

/** The output of a verb that a key calls: it is shown in one line of the view. */
export class MemoryOutput extends Output {
  private readonly texts: string[] = [];
  constructor(env: NodeJS.ProcessEnv) {
    super(env, {});
  }

  override raw(bytes: Uint8Array): void {
    this.texts.push(Buffer.from(bytes).toString('utf8'));
  }
  override note(text: string): void {
    this.texts.push(text);
  }
  override whenDelivered(act: () => void): void {
    act();
  }
  override isTerminal(): boolean {
    return false;
  }
  override hasColor(): boolean {
    return false;
  }

  /** Everything in one line; without ids, which mean nothing to a person. */
  text(): string {
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
