/** Durations and sizes as people write and read them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  elapsedMs,
  isTooLarge,
  isTooLong,
  LARGEST_SIZE,
  LONGEST_DURATION,
  parseDuration,
  parseSize,
  renderDuration,
  renderSize,
} from '../../../src/base/clock.ts';
import fc from '../../rig/property.ts';

test('durations', () => {
  const good: [string, number][] = [
    ['90', 90_000],
    ['90s', 90_000],
    ['5m', 300_000],
    ['1h30m', 5_400_000],
    ['2d', 172_800_000],
    ['250ms', 250],
    ['1.5s', 1500],
    ['0', 0],
    ['0.25', 250],
    ['1m30', -1],
    ['1h0m1ms', 3_600_001],
    ['36500d', 36500 * 86_400_000],
  ];
  for (const [text, ms] of good) assert.equal(parseDuration(text), ms === -1 ? undefined : ms, text);
  const bad = [
    '',
    ' ',
    's',
    '-1',
    '-1s',
    '+1',
    '1 s',
    ' 1s',
    '1s ',
    '1e3',
    '1.s',
    '.5s',
    '1..5s',
    '1,5s',
    '5M',
    '5min',
    'abc',
    '1w',
    '1m\n',
    '٣s',
    'Infinity',
    'NaN',
    '0x10',
    '36501d',
    '999999999999d',
    '1'.repeat(13),
  ];
  for (const text of bad) assert.equal(parseDuration(text), undefined, JSON.stringify(text));
});

test('a duration or size that is beyond the most is told from text that is none', () => {
  for (const text of ['36501d', '99999d', '9'.repeat(40), `${'9'.repeat(40)}ms`, '36500d1ms', '1h36500d'])
    assert.ok(isTooLong(text), text);
  for (const text of ['36500d', '', 'd', '99999', '99999w', '1m30', '-99999d', '9e9d'])
    assert.ok(!isTooLong(text), text);
  assert.equal(parseDuration(LONGEST_DURATION), 36_500 * 86_400_000);
  for (const text of ['8193T', '9'.repeat(40), `${'9'.repeat(40)}k`]) assert.ok(isTooLarge(text), text);
  for (const text of [LARGEST_SIZE, '', 'T', '1P', '-1T']) assert.ok(!isTooLarge(text), text);
  assert.equal(parseSize(LARGEST_SIZE), 8191 * 2 ** 40);
});

test('a printed duration is read back as about the same', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 36_000 * 86_400_000 }), (ms) => {
      const text = renderDuration(ms);
      const back = parseDuration(text);
      assert.ok(back !== undefined, text);
      // two units: what is lost is less than one of the second
      const lost = ms >= 86_400_000 ? 3_600_500 : ms >= 3_600_000 ? 60_500 : ms >= 9_950 ? 500 : 50;
      assert.ok(Math.abs(back - ms) <= lost, `${ms} → ${text} → ${back}`);
      assert.equal(renderDuration(back), text);
    }),
  );
});

test('a length is that of the wall clock, as far as the monotonic one allows it', () => {
  const none = () => 0;
  assert.equal(elapsedMs(5000, 5200, none), 5000, 'two clocks of one machine');
  assert.equal(elapsedMs(-3, 0, none), 0, 'the time of a file may be some milliseconds behind');
  assert.equal(elapsedMs(-3_600_000, 5000, none), 5000, 'it was set back');
  assert.equal(elapsedMs(3_600_000, 5000, none), 5000, 'it was set forward');
  assert.equal(
    elapsedMs(3_600_000, 5000, () => 8_000_000),
    3_600_000,
    'the machine slept',
  );
  assert.equal(
    elapsedMs(86_400_000, 5000, () => 8_000_000),
    8_005_000,
    'it slept, and it was set',
  );
});

test('durations as people read them', () => {
  const pairs: [number, string][] = [
    [-5, '0s'],
    [0, '0s'],
    [4, '0s'],
    [49, '0.05s'],
    [94, '0.09s'],
    [95, '0.1s'],
    [400, '0.4s'],
    [1000, '1s'],
    [9_949, '9.9s'],
    [9_950, '10s'],
    [12_000, '12s'],
    [59_499, '59s'],
    [59_500, '1m'],
    [134_000, '2m14s'],
    [3_600_000, '1h'],
    [5_400_000, '1h30m'],
    [3_605_000, '1h'],
    [86_400_000, '1d'],
    [3 * 86_400_000 + 4 * 3_600_000, '3d4h'],
  ];
  for (const [ms, text] of pairs) assert.equal(renderDuration(ms), text);
});

test('sizes', () => {
  const good: [string, number][] = [
    ['0', 0],
    ['500', 500],
    ['500k', 512_000],
    ['64M', 64 * 2 ** 20],
    ['2G', 2 * 2 ** 30],
    ['1.5GiB', 1.5 * 2 ** 30],
    ['3kb', 3072],
    ['1TB', 2 ** 40],
    ['7b', 7],
  ];
  for (const [text, bytes] of good) assert.equal(parseSize(text), bytes, text);
  const bad = [
    '',
    'k',
    '-1',
    '1 k',
    '1e3',
    '.5k',
    '1.',
    '5P',
    '1kk',
    '1ki b',
    '0x10',
    '999999999999999T',
    '1k\n',
    'NaN',
  ];
  for (const text of bad) assert.equal(parseSize(text), undefined, JSON.stringify(text));
});

test('sizes as people read them', () => {
  const pairs: [number, string][] = [
    [0, '0 B'],
    [812, '812 B'],
    [1023, '1023 B'],
    [1024, '1.0 KB'],
    [38 * 1024, '38 KB'],
    [1.2 * 2 ** 30, '1.2 GB'],
    [5000 * 2 ** 30, '5000 GB'],
  ];
  for (const [bytes, text] of pairs) assert.equal(renderSize(bytes), text);
  fc.assert(
    fc.property(
      fc.maxSafeNat().map((bytes) => Math.floor(bytes / 2)),
      (bytes) => {
        const text = renderSize(bytes);
        assert.match(text, /^\d+(\.\d)? (B|KB|MB|GB)$/);
        const back = parseSize(text.replace(' ', ''))!;
        assert.ok(Math.abs(back - bytes) <= 0.051 * bytes + 1, `${bytes} → ${text} → ${back}`);
      },
    ),
  );
});
