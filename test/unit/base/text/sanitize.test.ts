/** From the bytes of a terminal to lines: what a terminal would show, and never anything that steers one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  brokenEnd,
  brokenStart,
  cleanLine,
  clip,
  clipMiddle,
  plural,
  readableLines,
  safe,
} from '../../../../src/base/text/sanitize.ts';
import fc from '../../../rig/property.ts';
import { rounds } from '../../../rig/rounds.ts';

/** Everything by which a text could steer a terminal or forge a line, written down on its own. */
const STEERS = /[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;

test('a line as a terminal shows it at its end', () => {
  const pairs: [string, string][] = [
    ['plain', 'plain'],
    ['tab\there', 'tab\there'],
    ['', ''],
    ['windows\r', 'windows'],
    ['windows\r\r', 'windows'],
    ['10%\r50%\r100%', '100%'],
    ['long line\rshort', 'shortline'],
    ['long line\r\x1b[Kshort', 'short'],
    ['long\r\x1b[2Kx', 'x'],
    ['abc\b\bX', 'aXc'],
    ['\b\bx', 'x'],
    ['\x1b[31mred\x1b[0m', 'red'],
    ['\x1b[38;5;200mx\x1b[m', 'x'],
    ['\x1b]0;title\x07text', 'text'],
    ['\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\', 'link'],
    ['\x1bPq#0;2\x1b\\after', 'after'],
    ['\x9b31mred', 'red'],
    ['\x9d0;title\x9ctext', 'text'],
    ['bell\x07', 'bell'],
    ['\x1b', ''],
    ['\x1b[', ''],
    ['\x1bcreset', 'reset'],
    ['a\u202eb', 'ab'],
    ['a\u2028b', 'ab'],
    ['nul\x00', 'nul'],
    ['\x1b[?25lx\x1b[?25h', 'x'],
    ['ü\rä', 'ä'],
    ['👍👍\rx', 'x👍'],
  ];
  for (const [line, clean] of pairs) assert.equal(cleanLine(line), clean, JSON.stringify(line));
});

/** Text made to be nasty: escapes, controls, private marks, surrogates, between ordinary words. */
const nasty = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary', maxLength: 6 }),
      fc.constantFrom(
        '\x1b',
        '\x1b[',
        '\x1b]',
        '\x1bP',
        '\x9b',
        '\x9d',
        '\x9c',
        '\x07',
        '\r',
        '\b',
        '\x1b\\',
        '\x1b[2K',
        '\x1b[1K',
        '\ue000',
        '\ue002',
        '\u2028',
        '\u2029',
        '\u202e',
        '31m',
        ';',
        '\x7f',
      ),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(''));

test('no control and no escape ever comes out', () => {
  fc.assert(
    fc.property(nasty, (text) => void assert.doesNotMatch(cleanLine(text.replaceAll('\n', '')), STEERS)),
    { numRuns: rounds(700, 2000) },
  );
  fc.assert(
    fc.property(nasty, (text) => void assert.doesNotMatch(safe(text), /[\t\n]/)),
    { numRuns: 500 },
  );
  fc.assert(
    fc.property(nasty, (text) => void assert.doesNotMatch(safe(text), STEERS)),
    { numRuns: rounds(700, 2000) },
  );
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    nasty.map((text) => Buffer.from(text)),
  );
  fc.assert(
    fc.property(bytes, (raw) => {
      for (const line of readableLines(raw, 20)) assert.doesNotMatch(line, STEERS);
    }),
    { numRuns: rounds(700, 2000) },
  );
});

test('cleaning what is clean changes nothing', () => {
  fc.assert(
    fc.property(nasty, (text) => {
      const clean = cleanLine(text.replaceAll('\n', ''));
      assert.equal(cleanLine(clean), clean);
    }),
  );
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('a', 'ü', '€', '👍', ' ', '\t', '\ue000') }), (text) => {
      assert.equal(cleanLine(text), text);
    }),
  );
});

test('a private character of the job is not taken for a mark of ours', () => {
  assert.equal(cleanLine('abc\rX\ue000'), 'X\ue000c');
  assert.equal(cleanLine('abc\rX\ue002'), 'X\ue002c');
});

test('a stored text on one line says what it hides', () => {
  assert.equal(safe('a\tb\nc\x1b[31m\u202e\x7f'), 'a\\tb\\nc\\x1b[31m\\u202e\\x7f');
  assert.equal(safe('ordinary ü 👍'), 'ordinary ü 👍');
});

test('clipping keeps characters whole and counts what is missing', () => {
  assert.equal(clip('abcdef', 6), 'abcdef');
  assert.equal(clip('abcdef', 4), 'abcd…(+2)');
  assert.equal(clip('ab👍cd', 3), 'ab…(+4)');
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 1, max: 20 }), (line, limit) => {
      const [, kept, missing] = /^(.*?)(?:…\(\+(\d+)\))?$/su.exec(clip(line, limit))!;
      assert.equal(kept!.length + Number(missing ?? 0), line.length);
      assert.ok(line.startsWith(kept!) && (line.length <= limit || kept!.length <= limit));
      assert.equal(Buffer.from(kept!).toString(), kept, 'no half of a pair');
    }),
  );
});

test('clipping the middle keeps both ends, whole characters, and counts what is missing', () => {
  assert.equal(clipMiddle('abcdefghijkl', 12), 'abcdefghijkl');
  assert.equal(clipMiddle('abcdefghijklm', 12), 'abcdefghi…(+1)…klm');
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 4, max: 40 }), (line, limit) => {
      const short = clipMiddle(line, limit);
      if (line.length <= limit) return assert.equal(short, line);
      const [, before, missing, after] = /^(.*)…\(\+(\d+)\)…(.*)$/su.exec(short)!;
      assert.ok(line.startsWith(before!) && line.endsWith(after!));
      assert.equal(before!.length + Number(missing) + after!.length, line.length);
      assert.equal(Buffer.from(short).toString(), short);
    }),
  );
});

test('bytes that were cut anywhere give only whole characters', () => {
  const text = 'a¢€👍z\u00ff\uffff';
  const bytes = Buffer.from(text);
  // where each character begins
  const starts = new Set(
    [...text].map((_, n) => Buffer.byteLength([...text].slice(0, n).join(''))).concat(bytes.length),
  );
  for (let from = 0; from <= bytes.length; from++) {
    for (let to = from; to <= bytes.length; to++) {
      const cut = bytes.subarray(from, to);
      const shown = readableLines(cut).join('\n');
      assert.equal(shown.includes('\ufffd'), false, `${from} to ${to}`);
      let first = from;
      while (first < to && !starts.has(first)) first++;
      let last = to;
      while (last > first && !starts.has(last)) last--;
      assert.equal(shown, bytes.toString('utf8', first, last), `${from} to ${to}`);
    }
    if (!starts.has(from)) assert.ok(brokenStart(bytes.subarray(from)) > 0);
    if (!starts.has(from)) assert.ok(brokenEnd(bytes.subarray(0, from)) > 0);
  }
});

test('lines of bytes', () => {
  const lines = (text: string) => readableLines(Buffer.from(text, 'latin1'));
  assert.deepEqual(lines(''), []);
  assert.deepEqual(lines('\n'), ['']);
  assert.deepEqual(lines('a\nb'), ['a', 'b']);
  assert.deepEqual(lines('a\r\n\r\nb\n'), ['a', '', 'b']);
  assert.deepEqual(lines('x'.repeat(510)), [`${'x'.repeat(500)}…(+10)`]);
  assert.deepEqual(lines('\xff\xfeab'), ['\ufffd\ufffdab'], 'bytes that are no UTF-8 are shown as such');
});

test('one and many', () => {
  assert.deepEqual(
    [plural(0, 'job'), plural(1, 'job'), plural(2, 'job'), plural(2, 'process', 'processes')],
    ['0 jobs', '1 job', '2 jobs', '2 processes'],
  );
});
