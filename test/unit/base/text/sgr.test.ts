/** Colours and styles of a job's lines: kept in one normal form, and nothing else of what steers a terminal. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  cleanLine,
  cleanStyled,
  clip,
  foldRepeats,
  readableLines,
} from '../../../../src/base/text/sanitize.ts';
import { afterSgr, NEUTRAL, sliceStyled, unstyled } from '../../../../src/base/text/sgr.ts';
import { cut, widthOf, wrap } from '../../../../src/cli/output/columns.ts';
import fc from '../../../rig/property.ts';
import { rounds } from '../../../rig/rounds.ts';

/** A styled line as it must be, written down on its own: short sequences, neutral at both ends. */
const LINE =
  /^(?:[^\x00-\x08\x0a-\x1f\x7f-\x9f]*(?:\x1b\[[1-9][0-9;]{0,47}m[^\x00-\x08\x0a-\x1f\x7f-\x9f]+)*\x1b\[0m)*[^\x00-\x08\x0a-\x1f\x7f-\x9f]*$/;

const styled = (text: string) => cleanStyled(text, NEUTRAL).line;
const lines = (text: string) => readableLines(Buffer.from(text), 500, true);

test('a line keeps its colours and styles, in one form', () => {
  const pairs: [string, string][] = [
    ['plain', 'plain'],
    ['\x1b[31mred\x1b[0m', '\x1b[31mred\x1b[0m'],
    ['\x1b[31mred', '\x1b[31mred\x1b[0m'],
    ['\x9b31mred\x1b[m plain', '\x1b[31mred\x1b[0m plain'],
    ['\x1b[1m\x1b[31mFAIL\x1b[39m\x1b[22m x', '\x1b[1;31mFAIL\x1b[0m x'],
    ['\x1b[031;1ma\x1b[1;31mb', '\x1b[1;31mab\x1b[0m'],
    ['\x1b[38;5;200ma\x1b[48;2;1;2;200mb', '\x1b[38;5;200ma\x1b[0m\x1b[38;5;200;48;2;1;2;200mb\x1b[0m'],
    ['\x1b[38:2::9:99:200mx\x1b[38:5:77my', '\x1b[38;2;9;99;200mx\x1b[0m\x1b[38;5;77my\x1b[0m'],
    ['\x1b[4:3mx\x1b[4:0my', '\x1b[4mx\x1b[0my'],
    ['\x1b[58;5;9;31mx', '\x1b[31mx\x1b[0m'],
    ['\x1b[91;107mx', '\x1b[91;107mx\x1b[0m'],
    ['\x1b[31m\x1b[0m', ''],
    ['\x1b[32mok\r\n', '\x1b[32mok\x1b[0m'],
    // everything else is taken out
    ['\x1b]0;title\x07\x1b[33mtext\x1b[2J\x07', '\x1b[33mtext\x1b[0m'],
    ['\x1b]8;;http://x\x1b\\\x1b[4mlink\x1b[24m\x1b]8;;\x1b\\', '\x1b[4mlink\x1b[0m'],
    ['\x1b[>4;2mx\x1b[?1mx\x1b[1 mx', 'xxx'],
    ['\x1b[31mx\x1bcy', '\x1b[31mx\x1b[0my'],
    // a sequence that the end or another sequence cuts off
    ['ab\x1b[3', 'ab'],
    ['ab\x1b[', 'ab'],
    ['ab\x1b', 'ab'],
    ['a\x1b[31;1\x1b[0mb', 'ab'],
    // hostile parameters
    [`\x1b[${'9'.repeat(400)}mx`, 'x'],
    [`\x1b[${'1;'.repeat(9000)}31mx`, '\x1b[1mx\x1b[0m'],
    ['\x1b[38;5;999mx\x1b[38;2;1;2;300mx\x1b[38;2mx\x1b[38mx', 'xxxx'],
    // text that a reader would not see
    ['\x1b[8mhidden\x1b[28m', 'hidden'],
    ['\x1b[30;40mx\x1b[38;5;16mx\x1b[38;2;9;9;9mx', 'xxx'],
    ['\x1b[41;31mx\x1b[1mx', 'x\x1b[1mx\x1b[0m'],
    ['\x1b[30mx\x1b[97mx\x1b[0;40mx\x1b[31mx', 'xxx\x1b[31;40mx\x1b[0m'],
  ];
  for (const [line, kept] of pairs) assert.equal(styled(line.replace('\n', '')), kept, JSON.stringify(line));
});

test('a line that is rewritten has the colours of its last state', () => {
  const pairs: [string, string][] = [
    ['\x1b[33m 10%\r\x1b[32m100%\x1b[0m', '\x1b[32m100%\x1b[0m'],
    ['\x1b[31mabcd\r\x1b[0mxy', 'xy\x1b[31mcd\x1b[0m'],
    ['\x1b[31mabc\x1b[2D\x1b[1P\x1b[0m!', '\x1b[31ma\x1b[0m!'],
    ['\x1b[31mabc\x1b[0m\x1b[2D\x1b[1@', '\x1b[31ma\x1b[0m \x1b[31mbc\x1b[0m'],
    ['\x1b[41mabc\x1b[2Kx\x1b[0m', '   \x1b[41mx\x1b[0m'],
    ['\x1b[31m\x1b7a\x1b[32mb\x1b8c', '\x1b[31mc\x1b[0m\x1b[32mb\x1b[0m'],
  ];
  for (const [line, kept] of pairs) assert.equal(styled(line), kept, JSON.stringify(line));
});

test('a style that is not ended goes on in the next lines', () => {
  assert.deepEqual(lines('\x1b[31mone\ntwo\x1b[0m\nthree\n'), [
    '\x1b[31mone\x1b[0m',
    '\x1b[31mtwo\x1b[0m',
    'three',
  ]);
  assert.deepEqual(lines('a\n\x1b[31mb\n\x1b[2A\x1b[2Kc\x1b[2B\n'), [
    '\x1b[31mc\x1b[0m',
    '\x1b[31mb\x1b[0m',
    '',
  ]);
  assert.deepEqual(lines('\x1b[1ma\n\x00\x01\x02\x03\nb\n').at(-1), '\x1b[1mb\x1b[0m');
});

const piece = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 5 }),
  fc.array(fc.integer({ min: 0, max: 120 }), { maxLength: 6 }).map((codes) => `\x1b[${codes.join(';')}m`),
  fc.constantFrom(
    '\x1b[',
    '\x9b',
    '\x1b]',
    '\r',
    '\b',
    '\x1b[2K',
    '\x1b[1K',
    '\x1b[2P',
    '\x1b[3@',
    '\x1b[5G',
    '\x1b7',
  ),
  fc.constantFrom(
    '\x1b8',
    '\x1b[1A',
    '\x1b[9B',
    '\x1b[J',
    '\x1b[31',
    '\x1b[38;2;',
    '\x1bc',
    'word',
    '👍',
    '漢',
    ' ',
  ),
);
const job = fc.array(piece, { maxLength: 14 }).map((parts) => parts.join(''));
const runs = { numRuns: rounds(1000, 4000) };

test('the text is that of the line without colours, and nothing steers a terminal', () => {
  fc.assert(
    fc.property(job, (text) => {
      const line = text.replaceAll('\n', '');
      const kept = styled(line);
      assert.match(kept, LINE);
      assert.equal(unstyled(kept), cleanLine(line));
      assert.equal(styled(kept), kept, 'one form');
    }),
    runs,
  );
  fc.assert(
    fc.property(job, (text) => {
      const bytes = Buffer.from(text);
      const kept = readableLines(bytes, 9, true);
      for (const line of kept) assert.match(line, LINE);
      assert.deepEqual(kept.map(unstyled), readableLines(bytes, 9));
    }),
    runs,
  );
});

test('a text that is cleaned line by line is the same as in one piece', () => {
  fc.assert(
    fc.property(job, job, (one, other) => {
      const [first, second] = [one.replaceAll('\n', ''), other.replaceAll('\n', '')];
      const { pen } = cleanStyled(first, NEUTRAL);
      assert.equal(afterSgr(pen, '').style, '');
      if (/[\x1b\x9b](?![[0-9;]*m)/.test(`${first}${second}`)) return;
      assert.deepEqual(readableLines(Buffer.from(`${first}\n${second}\n`), 999, true), [
        cleanStyled(first, NEUTRAL).line,
        cleanStyled(second, pen).line,
      ]);
    }),
    { numRuns: 300 },
  );
});

test('width, cutting and wrapping count no style, and cut none in two', () => {
  fc.assert(
    fc.property(job, fc.integer({ min: 1, max: 12 }), (text, columns) => {
      const line = styled(text.replaceAll(/[\n\t]/g, ''));
      const bare = unstyled(line);
      assert.equal(widthOf(line), widthOf(bare));
      for (const shorter of [cut(line, columns), clip(line, columns), ...wrap(line, columns)])
        assert.match(shorter, LINE);
      assert.equal(unstyled(cut(line, columns)), cut(bare, columns));
      assert.equal(unstyled(clip(line, columns)), clip(bare, columns));
      assert.deepEqual(wrap(line, columns).map(unstyled), wrap(bare, columns));
    }),
    runs,
  );
  assert.equal(cut('\x1b[31mabcdef\x1b[0m', 4), '\x1b[31mabc\x1b[0m…');
  assert.deepEqual(wrap('a\x1b[31mbcd\x1b[0m', 2), ['a\x1b[31mb\x1b[0m', '\x1b[31mcd\x1b[0m']);
  assert.equal(sliceStyled('a\x1b[31mbcd\x1b[0me', 1, 3), '\x1b[31mbc\x1b[0m');
});

test('repeated lines are folded by their text', () => {
  assert.deepEqual(foldRepeats(['\x1b[31ma\x1b[0m', 'a', '\x1b[1ma\x1b[0m']), ['\x1b[31ma\x1b[0m (×3)']);
  assert.deepEqual(foldRepeats(['\x1b[31m \x1b[0m', ' ', ' ']), ['(3 empty lines)']);
});
