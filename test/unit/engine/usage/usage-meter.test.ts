/** When a job is sampled: its clock is that of the test. */
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { UsageMeter } from '../../../../src/engine/usage/usage-meter.ts';

/** The seconds at which the processes of a job are looked at, until `last`. */
function samplesUntil(last: number, bytes: number | null): number[] {
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    let now = 0;
    const seconds: number[] = [];
    const findMain = () => {
      seconds.push(now);
      return undefined;
    };
    const limit = { bytes, groupName: () => 'none', onReached: () => assert.fail('there is no process') };
    const meter = new UsageMeter(findMain, limit);
    meter.start();
    meter.start();
    while (now < last) {
      now++;
      mock.timers.tick(1000);
    }
    meter.stop();
    mock.timers.tick(100_000);
    return seconds;
  } finally {
    mock.timers.reset();
  }
}

test('after 1, 2, 4, 8, 16 seconds, then every 30 seconds; not after the end', () => {
  assert.deepEqual(samplesUntil(130, null), [1, 3, 7, 15, 31, 61, 91, 121]);
});

test('with a limit that no group keeps: each second', () => {
  assert.deepEqual(
    samplesUntil(40, 2 ** 30),
    Array.from({ length: 40 }, (_, n) => n + 1),
  );
});
