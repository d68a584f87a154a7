/** How far a file was read, as Linux and lsof tell it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseOffset } from '../../../../src/engine/os/unread-stdin.ts';

test('the offset of a descriptor', () => {
  assert.equal(parseOffset('pos:\t0\nflags:\t0100000\nmnt_id:\t29\nino:\t17\n'), 0);
  assert.equal(parseOffset('pos:\t38122\nflags:\t0100000\n'), 38122);
  assert.equal(parseOffset('p6293\nf0\no0t0\n'), 0);
  assert.equal(parseOffset('p6293\nf0\no0t38122\n'), 38122);
  // what is no file has none
  for (const text of ['', 'p6293\nf0\n', 'p6293\nf0\no\n']) assert.equal(parseOffset(text), undefined, text);
});
