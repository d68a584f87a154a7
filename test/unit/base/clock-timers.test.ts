/** Timers of any length, and the monotonic clock. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { callAfter, systemClock } from '../../../src/base/clock.ts';

test('a timer longer than 2^31 milliseconds is a chain, not an instant', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const most = 2 ** 31 - 1;
  for (const ms of [0, 1, 1000, most, most + 1, 30 * 86_400_000, 3 * most + 5]) {
    let calls = 0;
    callAfter(ms, () => calls++);
    if (ms > 0) {
      for (let left = ms - 1; left > 0; left -= most) t.mock.timers.tick(Math.min(left, most));
      assert.equal(calls, 0, `${ms} ms: not before its time`);
      t.mock.timers.tick(1);
    } else {
      t.mock.timers.tick(0);
    }
    assert.equal(calls, 1, `${ms} ms: at its time`);
    t.mock.timers.tick(most);
    assert.equal(calls, 1, `${ms} ms: once`);
  }
});

test('no link of the chain is longer than setTimeout can take', (t) => {
  const links: number[] = [];
  const due: (() => void)[] = [];
  t.mock.method(globalThis, 'setTimeout', (act: () => void, ms: number) => {
    links.push(ms);
    due.push(act);
  });
  const month = 30 * 86_400_000;
  let calls = 0;
  callAfter(month, () => calls++);
  for (let act = due.shift(); act; act = due.shift()) act();
  assert.equal(calls, 1);
  assert.equal(
    links.reduce((sum, ms) => sum + ms, 0),
    month,
  );
  for (const ms of links) assert.ok(ms >= 0 && ms < 2 ** 31, `${ms}`);
});

test('a timer is cancelled in every link of its chain; one in the past is due at once', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const most = 2 ** 31 - 1;
  for (const links of [0, 1, 2]) {
    let calls = 0;
    const cancel = callAfter(2 * most + 10, () => calls++);
    for (let n = 0; n < links; n++) t.mock.timers.tick(most);
    cancel();
    for (let n = 0; n < 4; n++) t.mock.timers.tick(most);
    assert.equal(calls, 0);
  }
  let late = 0;
  callAfter(-5000, () => late++);
  t.mock.timers.tick(0);
  assert.equal(late, 1);
});

test('the monotonic clock counts milliseconds and is the same for all processes', () => {
  const before = systemClock.monotonic();
  const script = 'process.stdout.write(String(process.hrtime.bigint() / 1000n))';
  const elsewhere = Number(spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' }).stdout) / 1000;
  const later = systemClock.monotonic();
  assert.ok(before < elsewhere && elsewhere < later, `${before} ${elsewhere} ${later}`);
});
