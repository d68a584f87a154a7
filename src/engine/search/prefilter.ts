/**
 * Finds the lines of a piece of a log that may match, as raw bytes and at the speed of grep. It leaves out
 * only lines that a terminal would show unchanged and that contain none of the strings that every match
 * contains. The rest is tested by regex-runner.ts.
 */
import { isAscii } from 'node:buffer';
import type { Pattern } from '../../base/text/pattern.ts';
import { anyOf } from './regex-runner.ts';

/** Bytes that are in no line as it is shown. Searching for one is 100 times faster than for a class. */
const CONTROLS = Array.from({ length: 32 }, (_, byte) => byte)
  .filter((byte) => byte !== 9 && byte !== 10)
  .concat(127);
/** The UTF-8 bytes of characters that change a line: C1, direction marks, line separators. As latin1. */
const STEERING_UTF8 =
  '\\xc2[\\x80-\\x9f]|\\xd8\\x9c|\\xe2\\x80[\\x8e\\x8f\\xa8-\\xae]|\\xe2\\x81[\\xa6-\\xa9]';
const STEERING = new RegExp(STEERING_UTF8);
/** Matches in a line that changes when it is shown. The \r of a CRLF ending does not count. */
const CHANGED = new RegExp(`[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f]|\\r(?![\\r\\n])|${STEERING_UTF8}`, 'g');

/** Called with the offsets of a line; `text` if it is known without decoding. */
type Visit = (from: number, to: number, text: string | undefined) => Promise<void> | undefined;

/** Bytes without which there is no match. A shown space or non-ASCII letter may come from other bytes. */
const isProof = (byte: number): boolean => byte > 0x20 && byte < 0x7f;

/** For each such character of a literal: the bytes that it can be, in both cases. */
function proofsOf(literal: string, ignoreCase: boolean): number[][] {
  const forms = (byte: number): number[] => {
    const character = String.fromCharCode(byte);
    return ignoreCase
      ? [...character.toLowerCase(), ...character.toUpperCase()].map((one) => one.charCodeAt(0))
      : [byte];
  };
  return [...new Set(Buffer.from(literal))].filter(isProof).map(forms);
}

export class Prefilter {
  private readonly needed: RegExp | null;
  private readonly proofs: number[][][] | null;

  constructor(patterns: Pattern[]) {
    // one pattern that may match any line makes each line a candidate
    const literals = patterns.some((pattern) => pattern.literals === null)
      ? null
      : patterns.flatMap((pattern) => pattern.literals!);
    const bytes = literals?.map((literal) => Buffer.from(literal).toString('latin1')) ?? null;
    const ignoreCase = patterns.some(({ regexp }) => regexp.ignoreCase);
    this.needed = anyOf(bytes, ignoreCase ? 'gi' : 'g');
    this.proofs = literals?.map((literal) => proofsOf(literal, ignoreCase)) ?? null;
  }

  /** Whether each literal has a character that is not in these bytes: the cheapest proof of no match. */
  private lacks(bytes: Buffer): boolean {
    return (
      this.proofs?.every((proofs) => proofs.some((forms) => forms.every((byte) => !bytes.includes(byte)))) ===
      true
    );
  }

  /** Calls `visit` for the lines that may match, in order. `bytes` are whole lines with their ends. */
  async forEachCandidate(bytes: Buffer, visit: Visit): Promise<void> {
    if (this.lacks(bytes)) return;
    const ascii = isAscii(bytes);
    const raw = bytes.toString('latin1');
    const plain = !CONTROLS.some((byte) => bytes.includes(byte)) && (ascii || !STEERING.test(raw));
    let needed = -1;
    let changed = plain ? raw.length : -1;
    for (let at = 0; at < raw.length; ) {
      if (needed < at) needed = this.needed ? next(this.needed, raw, at) : at;
      if (changed < at) changed = next(CHANGED, raw, at);
      const first = Math.min(needed, changed);
      if (first === raw.length) return;
      const from = first === 0 ? 0 : raw.lastIndexOf('\n', first - 1) + 1;
      const to = raw.indexOf('\n', first) + 1 || raw.length;
      const waiting = visit(from, to, plain && ascii ? raw.slice(from, to - 1) : undefined);
      if (waiting) await waiting;
      at = to;
    }
  }
}

function next(expression: RegExp, text: string, at: number): number {
  expression.lastIndex = at;
  return expression.exec(text)?.index ?? text.length;
}
