/**
 * Parsers of values, on text that nobody foresaw: none throws, what is accepted is in its range and reads back as what was meant.
 */
import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { test } from 'node:test';
import { parseDuration, parseSize, renderExactSize } from '../../src/base/clock.ts';
import { parsePattern } from '../../src/base/text/pattern.ts';
import { parseTags } from '../../src/cli/command/tags.ts';
import { messageOf } from '../../src/cli/messages/failures.ts';
import { parsePsLine, parseStat } from '../../src/engine/os/process-identity.ts';
import { parseId } from '../../src/job/home/ids.ts';
import { isName, parseReference } from '../../src/job/home/project.ts';
import { parseSignal, signalOfCode } from '../../src/job/signals.ts';
import { always, anyText, nearly, RUNS, told } from '../rig/anytext.ts';
import fc from '../rig/property.ts';

const UNITS: Record<string, number> = { '': 1000, ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

test('durations: in range, whole milliseconds, and the sum of their parts', () => {
  const pieces = nearly('0', '1', '59', '.5', '.', 'ms', 's', 'm', 'h', 'd', ' ', '-', 'e3', '9'.repeat(12));
  always(fc.oneof(anyText, pieces), (text) => {
    const ms = parseDuration(text);
    if (ms === undefined) return;
    assert.match(text, /^[\d.msdh]+$/);
    assert.ok(Number.isSafeInteger(ms) && ms >= 0 && ms <= 36_500 * 86_400_000, text);
  });
  const part = fc.record({ amount: fc.nat(99), unit: fc.constantFrom('ms', 's', 'm', 'h', 'd') });
  always(fc.array(part, { minLength: 1, maxLength: 5 }), (parts) => {
    const text = parts.map(({ amount, unit }) => `${amount}${unit}`).join('');
    assert.equal(
      parseDuration(text),
      parts.reduce((sum, { amount, unit }) => sum + amount * UNITS[unit]!, 0),
    );
  });
  always(fc.nat(99_999_999), (seconds) => assert.equal(parseDuration(`${seconds}`), seconds * 1000));
});

test('sizes: in range, whole bytes, and printed exactly they read back', () => {
  const pieces = nearly(
    '0',
    '1',
    '512',
    '.5',
    '.',
    'k',
    'M',
    'g',
    'T',
    'i',
    'B',
    ' ',
    '-',
    'e3',
    '9'.repeat(15),
  );
  always(fc.oneof(anyText, pieces), (text) => {
    const bytes = parseSize(text);
    assert.ok(bytes === undefined || (Number.isSafeInteger(bytes) && bytes >= 0), text);
    if (bytes !== undefined) assert.match(text, /^[\d.]+[kmgt]?i?b?$/i);
  });
  always(
    fc.maxSafeNat().filter((bytes) => bytes < 10 ** 15),
    (bytes) => assert.equal(parseSize(renderExactSize(bytes)), bytes),
  );
  always(fc.tuple(fc.nat(8191), fc.constantFrom(10, 20, 30, 40)), ([amount, power]) => {
    const bytes = amount * 2 ** power;
    assert.equal(parseSize(renderExactSize(bytes)), bytes);
  });
});

test('references and ids: a number, a name, or neither; never both', () => {
  const pieces = nearly(
    '0',
    '1',
    '42',
    'a',
    'Z',
    '.',
    '_',
    '-',
    '/',
    '@',
    '@last',
    ' ',
    '\n',
    '9'.repeat(15),
  );
  always(fc.oneof(anyText, pieces), (text) => {
    const reference = parseReference(text);
    assert.equal(reference?.kind === 'id', parseId(text) !== undefined);
    assert.equal(reference?.kind === 'name', isName(text));
    if (reference?.kind === 'id') assert.equal(String(reference.id), text);
    // a name becomes part of a path
    if (reference?.kind === 'name') assert.match(text, /^(?!\d+$)[A-Za-z0-9][\w.-]{0,63}$/);
  });
  always(fc.integer({ min: 1, max: 10 ** 15 - 1 }), (id) =>
    assert.deepEqual(parseReference(String(id)), { kind: 'id', id }),
  );
});

test('tags: those that were joined by commas; none is empty or holds what steers or separates', () => {
  const pieces = nearly('a', '1', 'é', ',', ' ', '/', '@', '-', '\n', '\u202e', '\ud800');
  always(fc.array(fc.oneof(anyText, pieces), { maxLength: 3 }), (texts) => {
    const tags = parseTags(texts);
    told(tags);
    if (!tags.ok) return;
    assert.equal(tags.value.join(','), texts.join(','));
    for (const tag of tags.value) assert.match(tag, /^[^\s,\p{C}]{1,128}$/u);
  });
});

test('signals: every name and number of one is the same one; nothing else is', () => {
  always(
    fc.oneof(anyText, nearly('SIG', 'sig', 'TERM', 'K', '9', '1', '0', '-', '+', ' ', 'RTMIN')),
    (text) => {
      const signal = parseSignal(text);
      if (signal === undefined) return;
      const number = (constants.signals as Record<string, number>)[signal];
      assert.ok(number !== undefined && number > 0, text);
      for (const again of [signal, signal.slice(3).toLowerCase(), String(number)])
        assert.equal(parseSignal(again), signal);
      assert.equal(signalOfCode(128 + number), signal);
    },
  );
});

const REGEXP = [
  'a',
  'b',
  '.',
  '\\d',
  '\\b',
  '[ab]',
  '[^a]',
  '(',
  '(?:',
  '(?=',
  '(?<!',
  '(?<n>',
  '\\k<n>',
  ')',
  '|',
  '*',
  '+?',
  '{2}',
  '{1,',
  '^',
  '$',
  '\\',
  '(?i)',
  '\u{1f600}',
  '\ud83d',
];

test('patterns: accepted is what V8 accepts, refused with a place in it', () => {
  always(fc.oneof(anyText, nearly(...REGEXP)), (text) => {
    const parsed = parsePattern('--until', text);
    told(parsed);
    const [source, flags] = text.startsWith('(?i)') ? [text.slice(4), 'i'] : [text, ''];
    let compiles = source !== '';
    try {
      new RegExp(source, flags);
    } catch {
      compiles = false;
    }
    assert.equal(parsed.ok, compiles, text);
    if (parsed.ok) return;
    const place = /at character (\d+):/.exec(messageOf(parsed.failure).message)?.[1];
    if (place !== undefined) assert.ok(Number(place) >= 1 && Number(place) <= text.length + 1, text);
  });
});

test('patterns: every line that matches holds one of the strings that it is looked for by', () => {
  const line = fc.string({ unit: fc.constantFrom('a', 'b', 'A', 'B', '1', ' ', '\u{1f600}'), maxLength: 10 });
  let matches = 0;
  always(
    fc.tuple(nearly(...REGEXP), fc.array(line, { minLength: 5, maxLength: 20 })),
    ([text, lines]) => {
      const parsed = parsePattern('--until', text);
      if (!parsed.ok) return;
      const { regexp, literals, costOf } = parsed.value;
      assert.ok(costOf(10) >= 1 && costOf(1000) >= costOf(10), text);
      const fold = (part: string) => (regexp.flags === 'i' ? part.toLowerCase() : part);
      for (const one of lines) {
        if (!regexp.test(one)) continue;
        matches++;
        assert.ok(!literals || literals.some((part) => fold(one).includes(fold(part))), `${text} on ${one}`);
      }
    },
    RUNS * 2,
  );
  assert.ok(matches > RUNS, 'the lines do match now and then');
});

test('what the system says of a process: a whole fact or none', () => {
  const fields = nearly('1', ' ', '(', ')', 'S', 'Z', '\n', '-1', ` ${'1 '.repeat(25)}`, '1 (a) S');
  always(fc.oneof(anyText, fields), (text) => {
    for (const stat of [parseStat(text), parsePsLine(text)])
      assert.ok(!stat || (stat.pid > 0 && Number.isSafeInteger(stat.startTicks)), text);
  });
});
