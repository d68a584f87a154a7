/**
 * Searches a log, which it gets in pieces and in order, for lines that match. A line is tested as `cleanLine`
 * shows it. Memory is bounded: it stores at most an unfinished line. A line longer than about 1 MiB is tested
 * in parts, each like a line. It never blocks the event loop for long.
 */
import type { Pattern } from '../../base/text/pattern.ts';
import { brokenEnd, cleanLine, clip, safe } from '../../base/text/sanitize.ts';
import { type Failure, fail, ok, type Result } from '../../job/failure.ts';
import { Prefilter } from './prefilter.ts';
import { type PatternMatch, RegexRunner } from './regex-runner.ts';
import type { Question } from './regex-thread.ts';

export interface Hit {
  /** The index of the first pattern that matches. */
  pattern: number;
  /** The offsets of the line in the log; `to` is after its newline. */
  from: number;
  to: number;
  /** The line as it is shown, and the part of it that matched. */
  text: string;
  matched: string;
}

/** A little more than 1 MiB: a line of 1 MiB with its end is one part. */
const PART_BYTES = 2 ** 20 + 2 ** 16;
/** Larger windows are slower: their strings are too large for V8's young generation. */
const WINDOW_BYTES = 64 * 1024;
/** The longest time between two turns of the event loop. */
const YIELD_MS = 4;
/** How many cheap lines are tested between two reads of the clock. */
const CHEAP_LINES = 32;
const BATCH_LENGTH = 256 * 1024;
const MAX_SHOWN = 120;
/** The end of a line after which a program waits for an answer: `Continue? [y/N] `, `Password:`, `> `. */
const PROMPT = /[?:>$#\])][ \t]*$/;
/** How an unfinished line may go on: a letter, a space, or so much of all that only `.` matches it. */
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
  private readonly runner: RegexRunner;
  private readonly prefilter: Prefilter;
  private rest: Buffer[] = [];
  private restBytes = 0;
  /** The offset of the next piece; undefined before the first one. */
  private at: number | undefined;
  private peeked: { to: number; hit: Hit | undefined; isSure: boolean } | undefined;
  private hits: Hit[] = [];
  private batch: Line[] = [];
  private batchLength = 0;
  private failure: Failure | undefined;
  private closed = false;
  private yieldedAt = performance.now();
  private tested = 0;

  constructor(patterns: Pattern[], partBytes = PART_BYTES) {
    this.patterns = patterns;
    this.partBytes = partBytes;
    this.runner = new RegexRunner(patterns);
    this.prefilter = new Prefilter(patterns);
  }

  /**
   * The matching lines that end in this piece. If the piece does not follow the last one, it closes the
   * unfinished line; so does a piece that begins `anew` in a log that was emptied.
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

  private async take(bytes: Buffer, begin: number): Promise<number> {
    if (this.isDue()) await this.yieldNow();
    const start = this.at!;
    if (this.restBytes === 0) {
      const last = bytes.subarray(begin, begin + WINDOW_BYTES).lastIndexOf(10);
      if (last !== -1) {
        const lines = bytes.subarray(begin, begin + last + 1);
        await this.prefilter.forEachCandidate(lines, (from, to, text) =>
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
   * The unfinished last line if it matches, however it goes on; `ready$` may not. `settled`: it has not
   * changed for a while, so a line that looks like a prompt counts as complete. It is tested again when it
   * changes.
   */
  async peek(settled = false): Promise<Result<Hit | undefined>> {
    const to = this.at ?? 0;
    if (this.restBytes === 0 || this.failure) return this.failure ? fail(this.failure) : ok(undefined);
    if (this.peeked?.to === to) return ok(this.credible(settled));
    const earlier = this.hits;
    this.hits = [];
    const bytes = this.joinRest();
    await this.testLine(bytes.subarray(0, bytes.length - brokenEnd(bytes)), to - bytes.length);
    await this.askThread();
    const hit = this.hits[0];
    this.hits = earlier;
    if (this.failure) return fail(this.failure);
    const isSure = hit !== undefined && (await this.isSure(hit));
    this.peeked = { to, hit: hit && { ...hit, to }, isSure };
    return ok(this.credible(settled));
  }

  private credible(settled: boolean): Hit | undefined {
    const { hit, isSure } = this.peeked!;
    return hit && (isSure || (settled && PROMPT.test(hit.text))) ? hit : undefined;
  }

  /** Whether the match of an unfinished line remains when the line goes on. */
  private async isSure({ pattern, text, matched }: Hit): Promise<boolean> {
    const { regexp } = this.patterns[pattern]!;
    // a negative lookahead cannot be decided yet
    if (regexp.source.includes('(?!')) return false;
    const alone = new RegexRunner([this.patterns[pattern]!]);
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

  /** The log ends here: the unfinished last line is complete. */
  async end(): Promise<Result<Hit[]>> {
    await this.closeRest();
    await this.askThread();
    return this.deliver();
  }

  /** Ends the thread if there is one. A waiting call returns at once with the hits so far. */
  close(): void {
    this.closed = true;
    this.runner.close();
  }

  /** The hits; a line that could not be tested is reported after the hits before it. */
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

  /** Tests a part that ends between two characters. */
  private async closePart(): Promise<void> {
    const bytes = this.joinRest();
    const from = this.at! - bytes.length;
    const end = bytes.length - brokenEnd(bytes) || bytes.length;
    this.rest = end < bytes.length ? [bytes.subarray(end)] : [];
    this.restBytes = bytes.length - end;
    await this.testLine(bytes.subarray(0, end), from);
  }

  /** Returns a promise only if it must wait: one for each line would slow the search down many times. */
  private testLine(bytes: Buffer, from: number, known?: string): Promise<void> | undefined {
    if (this.failure || this.closed) return undefined;
    if (bytes.length > this.partBytes) return this.testParts(bytes, from);
    const newline = bytes[bytes.length - 1] === 10 ? 1 : 0;
    const text = known ?? cleanLine(bytes.toString('utf8', 0, bytes.length - newline));
    const result = this.runner.match(text);
    const to = from + bytes.length;
    if (result && 'tries' in result) {
      this.batch.push({ from, to, question: result });
      this.batchLength += text.length;
      if (this.batchLength >= BATCH_LENGTH) return this.askThread();
    } else if (result) this.hits.push({ ...result, from, to, text });
    if (text.length <= this.runner.cheapLength && ++this.tested % CHEAP_LINES !== 0) return undefined;
    return this.isDue() ? this.yieldNow() : undefined;
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
    const verdict = await this.runner.ask(lines.map(({ question }) => question));
    this.yieldedAt = performance.now();
    if (verdict === 'closed') return;
    verdict.found.forEach((found: PatternMatch | null, n) => {
      const { from, to, question } = lines[n]!;
      if (found) this.hits.push({ ...found, from, to, text: question.text });
    });
    if (!verdict.trouble) return;
    const { from, question } = lines[verdict.trouble.index]!;
    const pattern = this.patterns[question.tries[0]!]!.text;
    const line = clip(safe(question.text.slice(0, MAX_SHOWN * 2)), MAX_SHOWN);
    this.failure = { code: 'pattern-too-slow', pattern, from, line, why: verdict.trouble.why };
    this.hits = this.hits.filter((hit) => hit.from < from);
  }

  private isDue(): boolean {
    return performance.now() - this.yieldedAt > YIELD_MS;
  }

  private yieldNow(): Promise<void> {
    return new Promise((resolve) => {
      setImmediate(() => {
        this.yieldedAt = performance.now();
        resolve();
      });
    });
  }
}
