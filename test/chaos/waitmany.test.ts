/** One call that waits for 10,000 jobs costs next to nothing. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { computedMs, memoryKb, openFiles } from '../rig/processes.ts';
import { rigTest } from '../rig/rig.ts';
import { TEST_MS, until } from '../rig/until.ts';
import { waiterOf } from '../rig/waiters.ts';

rigTest('10,000 that wait: few descriptors, little memory, next to no time', async (rig) => {
  // it has the only slot of the queue
  const puppet = await rig.puppet();
  await rig.run(['-Q', 'q', '--', ...puppet.command]);
  await puppet.ready();
  const added = await rig.bgjob(['run', '-Q', 'q', '--batch', '-'], {
    ...{ input: 'true\n'.repeat(10_000), limitMs: TEST_MS },
  });
  const ids = added.stdout.trim().split('\n');
  assert.equal(ids.length, 10_000, added.stderr);
  const call = rig.bash('exec bgjob wait $(seq 1 10001)');
  const pid = await waiterOf(rig, 1);
  let before = { computed: computedMs(pid), at: Date.now() };
  // what it computes in three seconds, once it has begun to wait
  await until(
    () => {
      const now = { computed: computedMs(pid), at: Date.now() };
      if (now.at - before.at < 3000) return 1;
      const share = (now.computed - before.computed) / (now.at - before.at);
      before = now;
      return share;
    },
    (share) => share < 0.1,
    'its rest',
  );
  assert.ok(openFiles(pid).length < 60, `${openFiles(pid).length}`);
  assert.ok(memoryKb(pid) < 250_000, `${memoryKb(pid)}`);
  fs.renameSync(`${rig.home}/queues/q/batch.${ids[0]}`, `${rig.dir}/batch`);
  process.kill(pid, 'SIGINT');
  assert.equal((await call).code, 130);
  await puppet.exit(0);
  await rig.bgjob(['wait', '1']);
});
