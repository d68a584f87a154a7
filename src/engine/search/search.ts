/**
 * Searches a log, given to it in pieces and in order, for lines that match. A line is tested as `cleanLine` shows it. Memory is
 * bounded: no more is kept than an unfinished line, and a line longer than about 1 MiB is tested in parts of it,
 * each as if it were a line.
 * The event loop is never held for long: whoever else waits for something is heard in time.
 */
import type { Pattern } from '../../base/text/pattern.ts';
import { brokenEnd, cleanLine, clip, safe } from '../../base/text/sanitize.ts';
import { type Failure, fail, ok, type Result } from '../../job/failure.ts';
import { Prefilter } from './prefilter.ts';
import { Matcher, type PatternMatch } from './regex-runner.ts';
import type { Question } from './regex-thread.ts';

/** A line that matches. */
export interface Hit {
  /** The index of the first pattern that matches. */
  pattern: number;
  /** Where the line stands in the log; `to` is behind its newline. */
  from: number;
  to: number;
  /** The line as it is shown, and what of it matched. */
  text: string;
  matched: string;
}

/** A little more than 1 MiB: a line of 1 MiB and its end are one part. */
const PART_BYTES = 2 ** 20 + 2 ** 16;
/** Larger windows are slower: their strings are too large for V8's young generation. */
const WINDOW_BYTES = 64 * 1024;
/** The longest time between two turns of the event loop. */
const YIELD_MS = 4;
/** Lines of next to no cost between two looks at the clock. */
const CHEAP_LINES = 32;
/** Characters that are put to the thread at once. */
const BATCH_LENGTH = 256 * 1024;
const SHOWN = 120;
/** How a line ends behind which a program waits for an answer: `Continue? [y/N] `, `Password:`, `> `. */
const PROMPT = /[?:>$#\])][ \t]*$/;
/** How an unfinished line may go on: with a letter, a space, and with so much of everything that only `.` takes it all. */
const CONTINUATIONS = [
  'x',
  ' ',
  Array.from({ length: 95 }, (_, n) => String.fromCharCode(32 + n))
    .join('')
    .repeat(3),
];

interface Line {
  from: number;
  to: number;
  question: Question;
}

export class Search {
  private readonly patterns: Pattern[];
  private readonly partBytes: number;
  private readonly matcher: Matcher;
  private readonly sieve: Prefilter;
  /** The unfinished last line. */
  private rest: Buffer[] = [];
  private restBytes = 0;
  /** Where the next piece belongs; undefined before the first one. */
  private at: number | undefined;
  private peeked: { to: number; hit: Hit | undefined; isSure: boolean } | undefined;
  private hits: Hit[] = [];
  private batch: Line[] = [];
  private batchLength = 0;
  private failure: Failure | undefined;
  private closed = false;
  private turnedAt = performance.now();
  private tested = 0;

  constructor(patterns: Pattern[], partBytes = PART_BYTES) {
    this.patterns = patterns;
    this.partBytes = partBytes;
    this.matcher = new Matcher(patterns);
    this.sieve = new Prefilter(patterns);
  }

  /**
   * The matching lines that end in this piece. A piece that does not follow on the last one closes the unfinished line, and so does
   * one that begins `anew`, in a log that was emptied.
   */
  async push(bytes: Buffer, from: number, anew = false): Promise<Result<Hit[]>> {
    this.peeked = undefined;
    if (this.at !== undefined && (anew || from !== this.at)) await this.closeRest();
    this.at = from;
    let begin = 0;
    while (begin < bytes.length && !this.failure && !this.closed) begin = await this.take(bytes, begin);
    await this.askThread();
    return this.deliver();
  }

  /** Takes one window's worth of bytes; returns where the next begins. */
  private async take(bytes: Buffer, begin: number): Promise<number> {
    if (this.isDue()) await this.turn();
    const start = this.at!;
    if (this.restBytes === 0) {
      const last = bytes.subarray(begin, begin + WINDOW_BYTES).lastIndexOf(10);
      if (last !== -1) {
        const lines = bytes.subarray(begin, begin + last + 1);
        await this.sieve.sift(lines, (from, to, text) =>
          this.testLine(lines.subarray(from, to), start + from, text),
        );
        this.at = start + lines.length;
        return begin + lines.length;
      }
    }
    // the unfinished line goes on, at most until its part is full
    const room = bytes.subarray(begin, begin + Math.min(WINDOW_BYTES, this.partBytes - this.restBytes));
    const newline = room.indexOf(10);
    const more = newline === -1 ? room : room.subarray(0, newline + 1);
    this.rest.push(Buffer.from(more));
    this.restBytes += more.length;
    this.at = start + more.length;
    if (newline !== -1) await this.closeRest();
    else if (this.restBytes >= this.partBytes) await this.closePart();
    return begin + more.length;
  }

  /**
   * The unfinished last line as it is now, if it matches however it goes on: `ready$` may not. `settled`: it has stood there for a
   * while, and if it looks like a prompt it will not go on. It is tested again when it does.
   */
  async peek(settled = false): Promise<Result<Hit | undefined>> {
    const to = this.at ?? 0;
    if (this.restBytes === 0 || this.failure) return this.failure ? fail(this.failure) : ok(undefined);
    if (this.peeked?.to === to) return ok(this.believed(settled));
    const kept = this.hits;
    this.hits = [];
    const bytes = this.joinRest();
    await this.testLine(bytes.subarray(0, bytes.length - brokenEnd(bytes)), to - bytes.length);
    await this.askThread();
    const hit = this.hits[0];
    this.hits = kept;
    if (this.failure) return fail(this.failure);
    const isSure = hit !== undefined && (await this.isSure(hit));
    this.peeked = { to, hit: hit && { ...hit, to }, isSure };
    return ok(this.believed(settled));
  }

  private believed(settled: boolean): Hit | undefined {
    const { hit, isSure } = this.peeked!;
    return hit && (isSure || (settled && PROMPT.test(hit.text))) ? hit : undefined;
  }

  /** Whether the match of an unfinished line stays one when the line goes on. */
  private async isSure({ pattern, text, matched }: Hit): Promise<boolean> {
    const { regexp } = this.patterns[pattern]!;
    // what it must not be followed by cannot be known yet
    if (regexp.source.includes('(?!')) return false;
    const alone = new Matcher([this.patterns[pattern]!]);
    try {
      for (const more of CONTINUATIONS) {
        const result = alone.match(text + more);
        const asked = result && 'tries' in result ? await alone.ask([result]) : { found: [result] };
        const match = asked === 'closed' ? null : asked.found[0];
        if (!match?.matched.startsWith(matched)) return false;
      }
      return true;
    } finally {
      alone.close();
    }
  }

  /** The log ends here: the unfinished last line is a line. */
  async end(): Promise<Result<Hit[]>> {
    await this.closeRest();
    await this.askThread();
    return this.deliver();
  }

  /** Ends the thread if there is one. A call that is still waiting returns at once, with what it has. */
  close(): void {
    this.closed = true;
    this.matcher.close();
  }

  /** What was found; a line that could not be tested is told after the hits before it. */
  private deliver(): Result<Hit[]> {
    const hits = this.hits.sort((a, b) => a.from - b.from);
    this.hits = [];
    return this.failure && hits.length === 0 ? fail(this.failure) : ok(hits);
  }

  private joinRest(): Buffer {
    if (this.rest.length > 1) this.rest = [Buffer.concat(this.rest)];
    return this.rest[0] ?? Buffer.alloc(0);
  }

  private async closeRest(): Promise<void> {
    const bytes = this.joinRest();
    this.rest = [];
    this.restBytes = 0;
    if (bytes.length > 0) await this.testLine(bytes, this.at! - bytes.length);
  }

  /** A part ends between two characters. */
  private async closePart(): Promise<void> {
    const bytes = this.joinRest();
    const from = this.at! - bytes.length;
    const end = bytes.length - brokenEnd(bytes) || bytes.length;
    this.rest = end < bytes.length ? [bytes.subarray(end)] : [];
    this.restBytes = bytes.length - end;
    await this.testLine(bytes.subarray(0, end), from);
  }

  /** Waits only where it must: with a promise for each line the scan would take many times as long. */
  private testLine(bytes: Buffer, from: number, known?: string): Promise<void> | undefined {
    if (this.failure || this.closed) return undefined;
    if (bytes.length > this.partBytes) return this.testParts(bytes, from);
    const newline = bytes[bytes.length - 1] === 10 ? 1 : 0;
    const text = known ?? cleanLine(bytes.toString('utf8', 0, bytes.length - newline));
    const result = this.matcher.match(text);
    const to = from + bytes.length;
    if (result && 'tries' in result) {
      this.batch.push({ from, to, question: result });
      this.batchLength += text.length;
      if (this.batchLength >= BATCH_LENGTH) return this.askThread();
    } else if (result) this.hits.push({ ...result, from, to, text });
    if (text.length <= this.matcher.cheapLength && ++this.tested % CHEAP_LINES !== 0) return undefined;
    return this.isDue() ? this.turn() : undefined;
  }

  private async testParts(bytes: Buffer, from: number): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      let part = bytes.subarray(at, at + this.partBytes);
      if (at + part.length < bytes.length)
        part = part.subarray(0, part.length - brokenEnd(part) || part.length);
      await this.testLine(part, from + at);
      at += part.length;
    }
  }

  private async askThread(): Promise<void> {
    const lines = this.batch;
    this.batch = [];
    this.batchLength = 0;
    if (lines.length === 0 || this.failure || this.closed) return;
    const verdict = await this.matcher.ask(lines.map(({ question }) => question));
    this.turnedAt = performance.now();
    if (verdict === 'closed') return;
    verdict.found.forEach((found: PatternMatch | null, n) => {
      const { from, to, question } = lines[n]!;
      if (found) this.hits.push({ ...found, from, to, text: question.text });
    });
    if (!verdict.trouble) return;
    const { from, question } = lines[verdict.trouble.index]!;
    const pattern = this.patterns[question.tries[0]!]!.text;
    const line = clip(safe(question.text.slice(0, SHOWN * 2)), SHOWN);
    this.failure = { code: 'pattern-too-slow', pattern, from, line, why: verdict.trouble.why };
    this.hits = this.hits.filter((hit) => hit.from < from);
  }

  private isDue(): boolean {
    return performance.now() - this.turnedAt > YIELD_MS;
  }

  private turn(): Promise<void> {
    return new Promise((resolve) => {
      setImmediate(() => {
        this.turnedAt = performance.now();
        resolve();
      });
    });
  }
}
