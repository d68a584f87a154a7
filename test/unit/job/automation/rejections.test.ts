/** Requests that started no job: counted, and bounded whatever comes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Rejection, withRejection } from '../../../../src/job/automation/rejections.ts';

const one = (name: string | null, status: number, why = 'w') => ({
  name,
  status,
  why,
  from: '127.0.0.1',
  delivery: null,
});

test('the same trigger, status and reason are one entry, with its first and its last time', () => {
  let all: Rejection[] = [];
  all = withRejection(all, one('a', 401), 10);
  all = withRejection(all, one('b', 401), 20);
  all = withRejection(all, { ...one('a', 401), from: '::1' }, 30);
  assert.deepEqual(all, [
    { ...one('b', 401), times: 1, firstAt: 20, lastAt: 20 },
    { ...one('a', 401), from: '::1', times: 2, firstAt: 10, lastAt: 30 },
  ]);
});

test('sixteen for each trigger: the oldest of its own goes; after 30 days all', () => {
  let all: Rejection[] = withRejection([], one(null, 401), 1);
  for (let n = 0; n < 100; n++) all = withRejection(all, one('a', 200, `event ${n}`), 10 + n);
  assert.deepEqual(
    all.map(({ why }) => why),
    ['w', ...Array.from({ length: 16 }, (_, n) => `event ${84 + n}`)],
  );
  assert.equal(withRejection(all, one('a', 401), 40 * 86_400_000).length, 1);
});
