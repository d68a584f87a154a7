/** The readable view of a log: progress over several lines, binary, repeats; and that nothing hostile comes through. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cleanLine, clip, foldRepeats, readableLines, safe } from '../../../../src/base/text/sanitize.ts';
import fc from '../../../rig/property.ts';
import { IS_WHOLE, rounds } from '../../../rig/rounds.ts';

/** Everything by which a text could steer a terminal or forge a line, written down on its own. */
const STEERS = /[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;
const NOTICE = /^\[binary: [\d.]+ [KMG]?B\]$/;

const lines = (text: string) => readableLines(Buffer.from(text));

test('progress on one line is shown in its last state', () => {
  const pairs: [string, string][] = [
    ['⠋ fetch\x1b[1G\x1b[0K⠙ fetch\x1b[1G\x1b[0Kadded 3', 'added 3'],
    ['a\x1b[5Db\x1b[0K', 'b'],
    ['Checking\x1b[3D!', 'Check!ng'],
    ['|\b/\b-\b\\\bdone', 'done'],
    ['abcdef\x1b[3G\x1b[2P', 'abef'],
    ['abcdef\x1b[3G\x1b[2X', 'ab  ef'],
    ['abcd\x1b[2G\x1b[2@', 'a  bcd'],
    ['abc\x1b[1K!', '   !'],
    ['one\x1b[2Ktwo', '   two'],
    ['Starting\x1b[12G[ OK ]', 'Starting   [ OK ]'],
    ['x\x1b7yy\x1b8z', 'xzy'],
    ['x\x1b[syy\x1b[uz', 'xzy'],
    ['\x1b[>1u\x1b[?2Kkept', 'kept'],
    ['grep \x1b[01;31m\x1b[Kmatch\x1b[m\x1b[K end', 'grep match end'],
    ['10%\r20%\r', '20%'],
    ['\x85next', 'next'],
  ];
  for (const [raw, shown] of pairs) assert.equal(cleanLine(raw), shown, JSON.stringify(raw));
});

test('progress over several lines is shown in its last state', () => {
  const docker =
    'Pulling\na: wait\nb: wait\n\x1b[2A\x1b[2K\ra: 50%\x1b[2B\r\x1b[1A\x1b[2K\rb: 10%\x1b[1B\r' +
    '\x1b[2A\x1b[2K\ra: done\x1b[2B\r\x1b[1A\x1b[2K\rb: done\x1b[1B\rfinished\n';
  assert.deepEqual(lines(docker), ['Pulling', 'a: done', 'b: done', 'finished']);
  const listr = '⠋ one\n⠋ two\n\x1b[2K\x1b[1A\x1b[2K\x1b[1A\x1b[2K\x1b[G✔ one\n✔ two\n';
  assert.deepEqual(lines(listr), ['✔ one', '✔ two']);
  assert.deepEqual(lines('a\nb\nc\n\x1b[3A\x1b[Jd\n'), ['d']);
  assert.deepEqual(lines('a\nb\n\x1b[2FA\n\x1b[1EC\n'), ['A', 'b', 'C'], 'E stops at the last row');
  assert.deepEqual(lines('a\n\x1b[99Ab\n\n'), ['b', ''], 'above the first line it stops');
  assert.deepEqual(lines('kept\n\x1b[2J\x1b[Hscreen\x1b[7;3Hmore\x1b[Ad\n'), ['kept', 'scredn', 'more']);
});

test('what is far away makes no more room than was spent on the way', () => {
  const raw = '\x1b[999999999Cx\x1b[999999999By\x1b[999999999Gz';
  assert.deepEqual(lines(raw), [`${' '.repeat(12)}xy${' '.repeat(24)}z`]);
});

test('equal lines are folded from three on', () => {
  assert.deepEqual(foldRepeats([]), []);
  assert.deepEqual(foldRepeats(['a', 'a', 'b', 'b', 'b', 'a']), ['a', 'a', 'b (×3)', 'a']);
  assert.deepEqual(foldRepeats(['', '', 'x', '', ' ', '', '', '']), [
    '',
    '',
    'x',
    '',
    ' ',
    '(3 empty lines)',
  ]);
  assert.deepEqual(foldRepeats(Array(412).fill('the line')), ['the line (×412)']);
});

test('binary lines become one notice, text around them stays', () => {
  const junk = Buffer.from(Array.from({ length: 8192 }, (_, n) => (n * 167 + (n >> 8) * 31) & 0xff));
  const all = Buffer.concat([Buffer.from('before\n'), junk, Buffer.from('\nafter\n')]);
  assert.deepEqual(readableLines(all), ['before', '[binary: 8.0 KB]', 'after']);
  assert.deepEqual(lines('./a\0./b\0'), ['[binary: 8 B]']);
  assert.deepEqual(lines('a\0\nok\nb\0\n'), ['[binary: 9 B]'], 'next to nothing between two is binary too');
  assert.deepEqual(lines('a\0\nthis is a whole line\nb\0'), [
    '[binary: 3 B]',
    'this is a whole line',
    '[binary: 2 B]',
  ]);
  assert.deepEqual(readableLines(Buffer.from('Gr\xfc\xdfe aus K\xf6ln\n\xe9\n', 'latin1')), [
    'Gr\ufffd\ufffde aus K\ufffdln',
    '\ufffd',
  ]);
  assert.deepEqual(lines('\x1b[2K\x1b[1A\x1b[K\r\b\b|\b/\x07'), ['/'], 'what a terminal obeys is no binary');
});

const hostile = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        ...['\x1b', '\x1b[', '\x9b', '\x1b]', '\x9d', '\x1bP', '\x1b\\', '\x9c', '\x07', '\x18', '\x1b\x1b['],
        ...['\r', '\b', '\n', '\t', '\0', '\x7f', '\x85', '\u2028', '\u2029', '\u202e', '\u2066', '\u061c'],
        ...[
          'A',
          '2A',
          '999999999B',
          '3C',
          '999999999C',
          'D',
          '7G',
          'K',
          '1K',
          '2K',
          'J',
          '2J',
          'P',
          '9X',
          '4@',
        ],
        ...['H', '3;9H', 'E', 'F', '7', '8', 'M', 's', 'u', 'c', '31m', ';', '?', ' ', '0;title', '👍', 'ü'],
        ...[
          '\x1b[A',
          '\x1b[2B',
          '\x1b[9C',
          '\x1b[5G',
          '\x1b[K',
          '\x1b[J',
          '\x1b[3@',
          '\x1b[1K',
          'words',
          'xy',
        ],
      ),
      fc.string({ unit: 'binary', maxLength: 4 }),
    ),
    { maxLength: 40 },
  )
  .map((parts) => parts.join(''));

test('hostile text: nothing steers, cleaning again changes nothing, nothing grows', () => {
  fc.assert(
    fc.property(hostile, fc.integer({ min: 1, max: 30 }), (text, limit) => {
      const line = text.replaceAll('\n', '');
      const clean = cleanLine(line);
      assert.doesNotMatch(clean, STEERS);
      assert.equal(cleanLine(clean), clean);
      assert.ok(clean.length <= line.length);
      assert.doesNotMatch(clip(clean, limit), STEERS);
      assert.equal(cleanLine(clip(clean, limit)), clip(clean, limit));
      assert.doesNotMatch(safe(text), STEERS);
      assert.equal(safe(safe(text)), safe(text));
    }),
    { numRuns: rounds(1500, 5000) },
  );
  fc.assert(
    fc.property(hostile, (text) => {
      const shown = lines(text);
      for (const line of shown) assert.doesNotMatch(line, STEERS);
      const again = lines(shown.map((line) => `${line}\n`).join(''));
      assert.deepEqual(again, shown);
      if (!shown.some((line) => NOTICE.test(line))) assert.ok(shown.join('\n').length <= text.length);
    }),
    { numRuns: rounds(1500, 5000) },
  );
});

test('hostile bytes, cut anywhere: nothing steers', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), hostile, fc.nat(60), (bytes, text, at) => {
      const all = Buffer.concat([bytes, Buffer.from(text), bytes]);
      for (const part of [all.subarray(0, at), all.subarray(at), all])
        for (const line of readableLines(part, 20)) assert.doesNotMatch(line, STEERS);
    }),
    { numRuns: rounds(1000, 3000) },
  );
});

test('a mebibyte of anything is read at once', () => {
  const SIZE = IS_WHOLE ? 1 << 20 : 1 << 19;
  const row = 'x'.repeat(400_000);
  const patterns = [
    '\x1b]',
    '\x1b[',
    '\r',
    '\b',
    '\x1b[A',
    '\x1b[1',
    '\x1b ',
    '\x9b',
    '\n\x1b[A',
    '\x1b[999999X',
  ];
  patterns.push(
    '\x1b[1K',
    '\x1b[P',
    '\x1b[9@',
    '\x1b[2J\x1b[H',
    '\x1b[J',
    '\x1bP',
    'a\0\n',
    '\x1b[9Cx\x1b[A',
    '\xff',
  );
  const heads = ['', row, `${row}\r`, '\n'.repeat(400_000)];
  // others each time
  const first = Number(process.env['BGJOB_TEST_SEED'] ?? 0);
  for (const [n, pattern] of patterns.entries()) {
    for (const head of IS_WHOLE ? heads : [heads[(first + n) % heads.length]!]) {
      const begun = process.cpuUsage();
      const text = `${head}${pattern.repeat(SIZE / pattern.length)}x`;
      lines(text);
      cleanLine(text);
      const { user } = process.cpuUsage(begun);
      // what is quadratic takes minutes
      assert.ok(user < 10_000_000, `${JSON.stringify(pattern)}: ${user / 1000} ms`);
    }
  }
});
