/**
 * Finds binary lines: output that is no text. Each line is judged by its bytes as they were written, so that
 * text lines around it stay visible.
 */

/** Offsets in bytes, `to` excluded, with the line end of the last line. */
export interface BinaryRun {
  from: number;
  to: number;
}

/** Text has no controls but those of a terminal, and no bytes that are not UTF-8. */
const STRANGE = /[\x00-\x06\x0e-\x1a\x1c-\x1f\x7f-\x9f\ufffd]/;
const EVERY_STRANGE = new RegExp(STRANGE, 'g');
/** Fewer strange characters may be a word in Latin-1. */
const FEWEST = 4;
/** Text of at most this length between two binary lines joins them to one run. */
const SHORT_BYTES = 8;

export const mayHoldBinary = (text: string): boolean => STRANGE.test(text);

type Grade = 'text' | 'odd' | 'binary';

function gradeOf(line: string): Grade {
  const strange = line.match(EVERY_STRANGE)?.length ?? 0;
  if (strange === 0) return 'text';
  if (line.includes('\0')) return 'binary';
  if (strange * 3 <= line.length) return 'text';
  return strange >= FEWEST ? 'binary' : 'odd';
}

/** The runs of binary lines, in order. Odd lines next to a run belong to it. */
export function binaryRuns(bytes: Buffer): BinaryRun[] {
  const runs: BinaryRun[] = [];
  let last: BinaryRun | undefined;
  // where the odd lines begin that a following run includes
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
