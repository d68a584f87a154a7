/**
 * Which lines are no text: what a program writes by mistake, or to somebody else. Judged line by line on the bytes as they
 * were written, so that the lines around stay visible.
 */

/** Half-open, in bytes; the line end of its last line belongs to a run. */
export interface BinaryRun {
  from: number;
  to: number;
}

/** What programs write to people holds none of these: other controls than those of a terminal, and bytes that are no UTF-8. */
const STRANGE = /[\x00-\x06\x0e-\x1a\x1c-\x1f\x7f-\x9f\ufffd]/;
const EVERY_STRANGE = new RegExp(STRANGE, 'g');
/** Fewer strange characters are a slip, such as a word in Latin-1. */
const FEWEST = 4;
/** What stands between two binary lines and is no longer than this says nothing. */
const SHORT_BYTES = 8;

/** Whether a text may hold binary lines: a quick look. */
export const mayHoldBinary = (text: string): boolean => STRANGE.test(text);

type Grade = 'text' | 'odd' | 'binary';

function gradeOf(line: string): Grade {
  const strange = line.match(EVERY_STRANGE)?.length ?? 0;
  if (strange === 0) return 'text';
  if (line.includes('\0')) return 'binary';
  if (strange * 3 <= line.length) return 'text';
  return strange >= FEWEST ? 'binary' : 'odd';
}

/** The runs of binary lines, in order; odd lines beside them belong to them. */
export function binaryRuns(bytes: Buffer): BinaryRun[] {
  const runs: BinaryRun[] = [];
  let last: BinaryRun | undefined;
  // where odd lines began that the next run would take in
  let odd: number | undefined;
  for (let from = 0, to = 0; from < bytes.length; from = to) {
    const newline = bytes.indexOf(10, from);
    to = newline === -1 ? bytes.length : newline + 1;
    const grade = gradeOf(bytes.toString('utf8', from, newline === -1 ? to : newline));
    if (grade === 'odd' && last?.to === from) {
      last.to = to;
    } else if (grade === 'odd') {
      odd ??= from;
    } else if (grade === 'text') {
      odd = undefined;
    } else {
      const begin = odd ?? from;
      if (last && begin - last.to <= SHORT_BYTES) {
        last.to = to;
      } else {
        last = { from: begin, to };
        runs.push(last);
      }
      odd = undefined;
    }
  }
  return runs;
}
