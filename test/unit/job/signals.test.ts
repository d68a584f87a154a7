/** Signals by name and number. */
import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { test } from 'node:test';
import { parseSignal, signalOfCode } from '../../../src/job/signals.ts';

test('a signal by any of its names', () => {
  for (const text of ['TERM', 'term', 'SIGTERM', 'sigterm', 'SigTerm', '15', '015'])
    assert.equal(parseSignal(text), 'SIGTERM', text);
  for (const [name, number] of Object.entries(constants.signals)) {
    const parsed = parseSignal(name)!;
    assert.equal(constants.signals[parsed], number);
    assert.equal(parseSignal(name.slice(3)), parsed);
    assert.equal(parseSignal(String(number)), parsed, `${name} and ${number} are one`);
  }
  for (const text of [
    '',
    'SIG',
    '0',
    '-9',
    '32',
    '64',
    '99',
    'FOO',
    'TERM ',
    'SIGSIGTERM',
    '9.0',
    '__proto__',
    'constructor',
  ])
    assert.equal(parseSignal(text), undefined, JSON.stringify(text));
});

test('the signal behind an exit status', () => {
  assert.deepEqual([128, 129, 130, 134, 137, 141, 143].map(signalOfCode), [
    undefined,
    'SIGHUP',
    'SIGINT',
    'SIGABRT',
    'SIGKILL',
    'SIGPIPE',
    'SIGTERM',
  ]);
  for (const code of [0, 1, 9, 15, 127, 128, 192, 255]) assert.equal(signalOfCode(code), undefined);
  for (const name of Object.keys(constants.signals)) {
    const parsed = parseSignal(name)!;
    assert.equal(signalOfCode(128 + constants.signals[parsed]), parsed, 'what is asked for is what is seen');
  }
});
