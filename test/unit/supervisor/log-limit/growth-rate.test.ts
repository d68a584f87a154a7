/** How often a log is looked at: often while it grows, once a second when it has been silent for a minute. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { longestDelayMs } from '../../../../src/supervisor/log-limit/growth-rate.ts';

test('the longer a log is silent, the more rarely it is looked at, at last once a second', () => {
  const silences = [0, 1, 1000, 16_000, 32_000, 64_000, 3_600_000];
  const delays = (isSwept: boolean) => silences.map((ms) => longestDelayMs(ms, isSwept));
  assert.deepEqual(delays(false), [25, 250, 250, 250, 500, 1000, 1000]);
  // of a job that is stopped as one of many
  assert.deepEqual(delays(true), [25, 1000, 1000, 1000, 1000, 1000, 1000]);
});
