/** Waiting for silence. */

import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { waitIdle } from '../../../../src/engine/wait/idle.ts';
import { openHome } from '../../../../src/job/home/home.ts';
import { type Rig, rigTest } from '../../../rig/rig.ts';
import { CALL_MS } from '../../../rig/until.ts';

const soon = () => AbortSignal.timeout(CALL_MS);

const homeOf = (rig: Rig) => {
  const home = openHome(rig.home, true);
  assert.ok(home.ok);
  return home.value;
};

rigTest(
  'a job that writes all the time is never idle; one that stops is, and its silence is measured',
  async (rig) => {
    const home = homeOf(rig);
    const puppet = await rig.puppet();
    const id = await rig.run(['--', ...puppet.command]);
    await puppet.ready();
    let writing = true;
    let lastAt = 0;
    const writer = (async () => {
      for (let n = 0; writing; n++) {
        // before the line: its answer may come late
        lastAt = performance.now();
        await puppet.print(`line ${n}\n`);
        if (n > 2000) writing = false;
      }
    })();
    const early = await waitIdle(home, id, CALL_MS, AbortSignal.timeout(200));
    assert.deepEqual(early, { ok: true, value: undefined });
    const waiting = waitIdle(home, id, 300, soon());
    writing = false;
    await writer;
    const found = await waiting;
    const silentMs = performance.now() - lastAt;
    assert.ok(found.ok && found.value);
    assert.equal(found.value.condition, 'idle');
    assert.ok(silentMs >= 250, `${silentMs} ms after the last line`);
    // the silence so far counts for who comes later, unless the log was trimmed: that sets its time
    const again = await waitIdle(home, id, 250, soon());
    assert.ok(again.ok && again.value?.condition === 'idle' && again.value.facts.idleMs >= 300);
    fs.writeFileSync(home.job(id).trimmed, '{}');
    const begun = performance.now();
    assert.ok((await waitIdle(home, id, 250, soon())).ok);
    assert.ok(performance.now() - begun >= 249);
    fs.unlinkSync(home.job(id).trimmed);
    // a time in the future says nothing
    const future = Date.now() / 1000 + 3600;
    fs.utimesSync(home.job(id).log, future, future);
    const later = performance.now();
    assert.ok((await waitIdle(home, id, 250, soon())).ok);
    assert.ok(performance.now() - later >= 249);
    await puppet.exit(0);
  },
);

rigTest('a log that is emptied before each line has one size, and its job is not idle', async (rig) => {
  const home = homeOf(rig);
  const puppet = await rig.puppet();
  const id = await rig.run(['--', ...puppet.command]);
  await puppet.ready();
  const enough = new AbortController();
  const waiting = waitIdle(home, id, 1500, enough.signal);
  let longestMs = 0;
  for (let begun = performance.now(), last = begun; last - begun < 2500; ) {
    fs.writeFileSync(home.job(id).log, 'tick\n');
    await new Promise((resolve) => setImmediate(resolve));
    const now = performance.now();
    [longestMs, last] = [Math.max(longestMs, now - last), now];
  }
  enough.abort();
  const found = await waiting;
  // a machine that stood still for so long made it idle
  if (longestMs < 1000) assert.deepEqual(found, { ok: true, value: undefined });
  await puppet.exit(0);
});
