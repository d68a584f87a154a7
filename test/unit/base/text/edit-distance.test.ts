/** Which word was meant: never a guess beyond two edits. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { editDistance, nearestWord } from '../../../../src/base/text/edit-distance.ts';

test('a letter added, removed, changed, or swapped with its neighbour is one edit', () => {
  for (const [a, b, distance] of [
    ['', '', 0],
    ['', 'kill', 4],
    ['kill', 'kill', 0],
    ['kil', 'kill', 1],
    ['killl', 'kill', 1],
    ['kall', 'kill', 1],
    ['kлll', 'kill', 1],
    ['sl', 'ls', 1],
    ['tial', 'tail', 1],
    ['foo', 'boot', 2],
    ['memory', 'retry', 3],
  ] as const) {
    assert.equal(editDistance(a, b), distance, `${a} ${b}`);
    assert.equal(editDistance(b, a), distance, `${b} ${a}`);
  }
});

test('the nearest word is a guess only if it is near', () => {
  const known = ['run', 'ls', 'tail', 'boot', 'status', 'restart'];
  const guesses = { tial: 'tail', statsu: 'status', sttus: 'status', restrat: 'restart', sl: 'ls' };
  for (const [word, meant] of Object.entries(guesses)) assert.equal(nearestWord(word, known), meant);
  for (const word of ['foo', 'stutts!', 'r', '', 'x'.repeat(100_000)])
    assert.equal(nearestWord(word, known), undefined, word.slice(0, 10));
});
