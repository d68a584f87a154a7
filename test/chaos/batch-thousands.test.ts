/** A batch of thousands: all of them are added, in order, and nobody has to wait long to see them. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { rigTest } from '../rig/rig.ts';
import { TEST_MS } from '../rig/until.ts';

rigTest('10,000 lines at once: as many ids, in order, each a job with its line', async (rig) => {
  const puppet = await rig.puppet();
  await rig.run(['-Q', 'q', '--', ...puppet.command]);
  await puppet.ready();
  await rig.untilState(1, 'running');
  const input = Array.from({ length: 10_000 }, (_, n) => `echo ${n}`).join('\n');
  const { code, stdout } = await rig.bgjob(['run', '-Q', 'q', '--batch', '-'], {
    ...{ input, limitMs: TEST_MS },
  });
  assert.equal(code, 0);
  assert.equal(stdout, `${Array.from({ length: 10_000 }, (_, n) => n + 2).join('\n')}\n`);
  for (const [id, word] of [
    [2, 'echo 0'],
    [5000, 'echo 4998'],
    [10_001, 'echo 9999'],
  ] as const) {
    const { state, command } = await rig.show(id);
    assert.deepEqual([state, command.at(-1)], ['queued', word]);
  }
  // nobody goes through all of them for the test
  fs.renameSync(`${rig.home}/queues/q/batch.2`, `${rig.dir}/batch`);
  await puppet.exit(0);
  await rig.bgjob(['wait', '1']);
});
