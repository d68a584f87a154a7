/** How long a job usually takes: the median of its successes, of at least three. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type PastRun, usualOf } from '../../../../src/engine/usage/past-runs.ts';

const run = (tookMs: number | null, code = 0, afterKill = false): PastRun => ({
  id: 1,
  outcome: { kind: 'exited', code, afterKill },
  endedAt: 0,
  tookMs,
});

test('the median of the successes', () => {
  assert.deepEqual(usualOf([run(30), run(10), run(1000)]), { durationMs: 30, runs: 3 });
  assert.deepEqual(usualOf([run(30), run(10), run(1000), run(50)]), { durationMs: 40, runs: 4 });
});

test('fewer than three successes say nothing', () => {
  assert.equal(usualOf([]), null);
  assert.equal(usualOf([run(10), run(10)]), null);
  const others = [
    run(10, 1),
    run(10, 0, true),
    run(null),
    { ...run(1), outcome: { kind: 'cancelled' as const } },
  ];
  assert.equal(usualOf([run(10), run(10), ...others]), null);
});
