/**
 * `tail --grep`: the lines that match, with lines around them, from a log of any size in bounded memory; with
 * --follow each match as it comes. Positions are byte offsets: no line is printed twice, and no line is
 * stored.
 */
import { systemClock } from '../../base/clock.ts';
import type { Pattern } from '../../base/text/pattern.ts';
import { cleanLine, cleanStyled, clip } from '../../base/text/sanitize.ts';
import { NEUTRAL, unstyled } from '../../base/text/sgr.ts';
import { type Hit, Search } from '../../engine/search/search.ts';
import { follow } from '../../engine/wait/follow-log.ts';
import { EXIT, ok, type Result } from '../../job/failure.ts';
import { Log, type Piece, readLogSize } from '../../job/log/log.ts';
import { type Exit, SUCCESS } from '../command/command.ts';
import { footer, gapTexts, moreMatchesText, NO_OUTPUT, NOTHING_NEW, noMatchText } from '../messages/log.ts';
import { Deadline } from '../wait/deadline.ts';
import { printTrouble } from '../wait/report-outcome.ts';
import { SMOOTH_MS } from './follow.ts';
import { printEndOfRest, type Reading } from './view.ts';

const NO_MATCH: Exit = { code: EXIT.no, by: 'bgjob' };
const MATCHES = 40;
const LIMIT_BYTES = 8192;
const CLIP = 500;
/** Matches are counted up to here: a full count would take as long as printing them. */
const COUNTED = 10_000;
/** Lines before a match are looked for this far back. */
const BEFORE_BYTES = 64 * 1024;
const PIECE_BYTES = 256 * 1024;

export interface GrepAsk {
  pattern: Pattern;
  context: number;
  /** null: 40, and at most 8 KiB of them. */
  max: number | null;
}

/** Up to which byte one log was searched. */
export interface Searched {
  reading: Reading;
  to: number;
}
type Answer = Result<{ exit: Exit; searched: Searched[] }>;

/** Of all logs together. */
export interface Tally {
  shown: number;
}

/** Prints matches and the lines around them, each line once. */
class Matches {
  /** How many matches were printed. */
  shown = 0;
  /** Up to which byte. */
  to: number;
  /** When the bytes of the last piece were seen; undefined: they were there before the call. */
  seenAt: number | undefined;
  /** So many lines after the last match are still to be printed. */
  private due = 0;
  private bytes = 0;
  private readonly log: Log;
  private readonly reading: Reading;
  private readonly ask: GrepAsk;
  private readonly tally: Tally;

  constructor(log: Log, reading: Reading, ask: GrepAsk, tally: Tally, from: number) {
    this.log = log;
    this.tally = tally;
    this.reading = reading;
    this.ask = ask;
    this.to = from;
  }

  /** No more matches are to be printed. */
  get isFull(): boolean {
    const { options } = this.reading;
    if (this.ask.max !== null) return this.tally.shown >= this.ask.max;
    return !options.full && !options.follow && (this.shown >= MATCHES || this.bytes >= LIMIT_BYTES);
  }

  show(hit: Hit): void {
    this.advance(hit.from);
    const { context } = this.ask;
    const before = this.log.read(Math.max(this.to, hit.from - BEFORE_BYTES), hit.from);
    const start = before.from + startOfLast(before.bytes, context);
    if (context > 0 && this.shown > 0 && start > this.to && !this.reading.output.json)
      this.reading.output.line('--');
    for (const line of linesOf(before.bytes.subarray(start - before.from), start)) this.print(line, false);
    const { bytes, from } = this.log.read(hit.from, hit.to);
    // the log may have been trimmed or emptied since the match
    const whole = from === hit.from && bytes.length === hit.to - hit.from && isText(bytes, hit.text);
    this.print({ bytes: whole ? bytes : Buffer.from(hit.text), from: hit.from, to: hit.to }, true);
    this.shown++;
    this.tally.shown++;
    this.to = hit.to;
    this.due = context;
  }

  /** Prints the lines after the last match, as far as they are there before byte `limit`. */
  advance(limit: number): void {
    while (this.due > 0 && this.to < limit) {
      const { bytes, from } = this.log.read(this.to, Math.min(limit, this.to + BEFORE_BYTES));
      const [line] = linesOf(bytes, from);
      if (!line || (line.bytes.at(-1) !== 10 && line.to < limit)) return;
      this.print(line, false);
      this.to = line.to;
      this.due--;
    }
  }

  private print({ bytes, from, to }: Line, match: boolean): void {
    const { output, view, stream, options, stamps, name } = this.reading;
    const text = clip(output.keepsStyles ? cleanStyled(rawText(bytes), NEUTRAL).line : textOf(bytes), CLIP);
    this.bytes += unstyled(text).length + 1;
    const size = stamps ? this.log.size : 0;
    if (output.json) {
      const time = stamps?.fields(to, size, this.seenAt);
      output.object({ v: 1, id: view.id, stream, from, to, match, line: text, ...time });
    } else if (options.raw) output.raw(bytes);
    else output.line((name?.() ?? '') + (stamps?.head(to, size, this.seenAt) ?? '') + text);
  }
}

const rawText = (bytes: Buffer): string => bytes.toString('utf8').replace(/\r?\n$/, '');
const textOf = (bytes: Buffer): string => cleanLine(rawText(bytes));
const isText = (bytes: Buffer, text: string): boolean => textOf(bytes) === text;

interface Line {
  bytes: Buffer;
  from: number;
  to: number;
}

function* linesOf(bytes: Buffer, from: number): Generator<Line> {
  for (let at = 0; at < bytes.length; ) {
    const newline = bytes.indexOf(10, at);
    const end = newline === -1 ? bytes.length : newline + 1;
    yield { bytes: bytes.subarray(at, end), from: from + at, to: from + end };
    at = end;
  }
}

/** Where the last `count` lines begin. */
function startOfLast(bytes: Buffer, count: number): number {
  let at = bytes.length;
  for (let n = 0; n < count && at > 0; n++) at = at < 2 ? 0 : bytes.lastIndexOf(10, at - 2) + 1;
  return at;
}

/** Prints the matches in each log in turn. The exit code is 1 if there is none. */
export async function printMatches(readings: Reading[], ask: GrepAsk): Promise<Answer> {
  const tally: Tally = { shown: 0 };
  const searched: Searched[] = [];
  let found = 0;
  for (const reading of readings) {
    const { output, home, view, stream } = reading;
    const log = Log.open(home.job(view.id), stream);
    if (reading.heading !== undefined && !output.json) output.line(reading.heading);
    if (readings.length > 1 && stream === 'err' && log && log.size > 0 && !output.json)
      output.note('stderr:');
    try {
      const one = await searchLog(reading, log, ask, tally);
      if (!one.ok) return one;
      found += one.value.found;
      searched.push({ reading, to: one.value.to });
    } finally {
      log?.close();
    }
  }
  return ok({ exit: found > 0 ? SUCCESS : NO_MATCH, searched });
}

async function searchLog(
  reading: Reading,
  log: Log | undefined,
  ask: GrepAsk,
  tally: Tally,
): Promise<Result<{ found: number; to: number }>> {
  const { output, view, stream, start } = reading;
  const begin = start ?? 0;
  if (!log) {
    if (!output.json) output.note(NO_OUTPUT);
    return ok({ found: 0, to: begin });
  }
  const { size } = log;
  const search = new Search([ask.pattern]);
  const matches = new Matches(log, reading, ask, tally, begin);
  const memory = Buffer.allocUnsafeSlow(PIECE_BYTES);
  let found = 0;
  let [gone, emptied] = [0, 0];
  /** Where the first match begins that was not printed any more. */
  let stopped: number | undefined;
  const isCounted = () => stopped !== undefined && found >= COUNTED;
  const take = (hits: Hit[]): void => {
    for (const hit of hits) {
      found++;
      if (matches.isFull) stopped ??= hit.from;
      else matches.show(hit);
    }
  };
  try {
    for (let at = begin; at < size && !output.readerGone && !isCounted(); ) {
      const piece = log.read(at, Math.min(size, at + PIECE_BYTES), memory);
      if (piece.to <= at) break;
      gone += piece.gone;
      emptied += piece.emptied;
      const hits = await search.push(piece.bytes, piece.from, piece.emptied > 0);
      if (!hits.ok) return hits;
      take(hits.value);
      at = piece.to;
    }
    const rest = isCounted() ? ok([]) : await search.end();
    if (!rest.ok) return rest;
    take(rest.value);
    matches.advance(stopped ?? size);
  } finally {
    search.close();
  }
  const to = stopped ?? size;
  const counts = { matches: found, shown: matches.shown, complete: !isCounted() };
  const piece = { from: begin, to, size, gone, emptied, bytes: Buffer.alloc(0) };
  if (output.json) printSummary(reading, piece, counts);
  else {
    reading.stamps?.printNotes();
    printCounts(reading, counts, piece, ask.pattern);
    output.note(footer(view, stream, piece));
  }
  return ok({ found, to });
}

interface Counts {
  matches: number;
  shown: number;
  /** Whether all that match were counted. */
  complete: boolean;
}

/** The last object of a search: the bytes that were searched, and how many lines matched. */
function printSummary({ output, view, stream }: Reading, piece: Piece, counts: Counts): void {
  const { from, to, size, gone, emptied } = piece;
  output.object({ v: 1, id: view.id, stream, from, to, size, gone, emptied, cursor: to, ...counts });
}

function printCounts(
  { output, stream }: Reading,
  { matches, shown, complete }: Counts,
  piece: Piece,
  pattern: Pattern,
): void {
  const { from, to } = piece;
  for (const text of gapTexts(piece)) output.note(text);
  if (matches === 0) output.note(from === to ? NOTHING_NEW : noMatchText(pattern));
  const all = complete ? String(matches) : `more than ${COUNTED}`;
  if (matches > shown) output.note(moreMatchesText(shown, all, stream, to));
}

/** Each match as soon as its line is there, until the job ends or --max is reached. */
export async function followMatches(
  readings: Reading[],
  ask: GrepAsk,
  deadlineMs: number | null,
): Promise<Answer> {
  const { output } = readings[0]!;
  const deadline = new Deadline(deadlineMs);
  const { signal, stop } = deadline.part();
  const tally: Tally = { shown: 0 };
  const followed = await Promise.all(
    readings.map(async (reading) => {
      const one = await followLog(reading, ask, tally, signal);
      if (!one.ok || one.value.isFull || output.readerGone) stop();
      return one;
    }),
  );
  const searched: Followed[] = [];
  let exit = SUCCESS;
  let isFull = false;
  for (const one of followed) {
    if (!one.ok) return one;
    searched.push(one.value);
    isFull ||= one.value.isFull;
  }
  for (const [n, { reading, to, size, matches }] of searched.entries()) {
    const shown: Piece = { from: reading.start ?? 0, to, size, gone: 0, emptied: 0, bytes: Buffer.alloc(0) };
    if (!isFull) {
      // the object of the job is printed once
      if (n === 0 || !output.json) exit = printEndOfRest(reading, deadline, shown);
    } else if (output.json) {
      printSummary(reading, shown, { matches, shown: matches, complete: true });
    } else output.note(footer(reading.view, reading.stream, shown));
  }
  deadline.end();
  const none = exit.code === 0 && !output.readerGone && tally.shown === 0;
  if (none && !output.json) output.note(noMatchText(ask.pattern));
  return ok({ exit: none ? NO_MATCH : exit, searched });
}

/** One log was followed up to `size`, and printed up to `to`. */
interface Followed extends Searched {
  isFull: boolean;
  size: number;
  matches: number;
}

/** Searches one log while it is followed, and prints each match. */
export class FollowedSearch {
  private readonly search: Search;
  private readonly begun: number;
  private matches: Matches | undefined;
  private to: number;

  constructor(
    private readonly reading: Reading,
    private readonly ask: GrepAsk,
    private readonly tally: Tally,
  ) {
    const { home, view, stream, start, stamps } = reading;
    this.search = new Search([ask.pattern]);
    this.begun = stamps ? (readLogSize(home.job(view.id), stream) ?? 0) : 0;
    this.to = start ?? 0;
  }

  get isFull(): boolean {
    return this.matches?.isFull ?? false;
  }

  open(log: Log): void {
    this.matches = new Matches(log, this.reading, this.ask, this.tally, this.to);
  }

  async push(piece: Piece): Promise<Result<void>> {
    const { output, options, stamps, name } = this.reading;
    const matches = this.matches!;
    stamps?.refresh();
    // when the bytes below `begun` came was not seen
    matches.seenAt = piece.from >= this.begun ? systemClock.now() : undefined;
    if (!options.raw && !output.json)
      for (const text of gapTexts(piece)) output.note((name?.(2) ?? '') + text);
    const hits = await this.search.push(piece.bytes, piece.from, piece.emptied > 0);
    if (!hits.ok) return hits;
    this.take(hits.value);
    this.to = piece.to;
    matches.advance(this.to);
    return ok(undefined);
  }

  async end(): Promise<Result<Followed>> {
    const rest = await this.search.end();
    if (!rest.ok) return rest;
    this.take(rest.value);
    const { reading, matches, isFull, to: size } = this;
    return ok({ reading, isFull, to: isFull ? matches!.to : size, size, matches: matches?.shown ?? 0 });
  }

  close(): void {
    this.search.close();
  }

  private take(hits: Hit[]): void {
    for (const hit of hits) if (this.matches && !this.matches.isFull) this.matches.show(hit);
  }
}

async function followLog(
  reading: Reading,
  ask: GrepAsk,
  tally: Tally,
  abort: AbortSignal,
): Promise<Result<Followed>> {
  const { output, home, view, stream, start } = reading;
  const searching = new FollowedSearch(reading, ask, tally);
  let log: Log | undefined;
  const onOpen = (opened: Log) => {
    log = opened;
    searching.open(opened);
  };
  const trouble = printTrouble(output, view.id);
  try {
    for await (const piece of follow(home, view.id, stream, start ?? 0, SMOOTH_MS, abort, trouble, onOpen)) {
      if (piece === 'quiet') continue;
      const pushed = await searching.push(piece);
      if (!pushed.ok) return pushed;
      if (output.readerGone || searching.isFull) break;
    }
    return await searching.end();
  } finally {
    searching.close();
    log?.close();
  }
}
