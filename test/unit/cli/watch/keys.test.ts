import assert from 'node:assert/strict';
import { test } from 'node:test';
import { helpPages, logKeys } from '../../../../src/cli/watch/keys.ts';
import type { WatchRow } from '../../../../src/cli/watch/model.ts';

test('the help shows all keys: on one page of 80 x 24, on several pages of a small window', () => {
  const [page, ...others] = helpPages({ columns: 80, rows: 24 }, false);
  assert.deepEqual(others, []);
  assert.equal(page!.length, 24);
  const text = page!.join('\n');
  assert.ok(!text.includes('…'), 'nothing is cut');
  assert.ok(page!.every((line) => [...line].length <= 80));
  for (const title of ['The list', 'The chosen job, also in its log', 'The log', 'Everywhere'])
    assert.ok(text.includes(title), title);
  assert.equal(page!.at(-1), 'any key leaves this page');
  const small = helpPages({ columns: 40, rows: 10 }, false);
  assert.ok(small.length > 1);
  assert.ok(small.every((one) => one.length === 10));
  assert.deepEqual(
    small.map((one) => one.at(-1)),
    [...small.slice(1).map(() => 'any key: more'), 'any key leaves this page'],
  );
  const all = small.flat().join('\n');
  for (const key of text.matchAll(/(?<=^| {2})[^\s](?= {4,}\S)/gm))
    assert.ok(all.includes(`  ${key[0]} `), key[0]);
});

test('in an open log of two streams the key names the other one', () => {
  const keyOf = (isErr: boolean, isSplit = true) => {
    const row = { isSplit, mayKill: false, mayPause: false, whyNoRestart: '' } as WatchRow;
    return logKeys(row, { isSearching: false, isWrapped: true, isErr }).find(([key]) => key === 'e')?.[1];
  };
  assert.equal(keyOf(false), 'stderr');
  assert.equal(keyOf(true), 'stdout');
  assert.equal(keyOf(false, false), undefined);
});
