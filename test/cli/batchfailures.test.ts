/** A batch that is not added: its launcher is killed or interrupted, or the disk is full. And one of 10,000 that is. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { cannotMount, onMount } from '../rig/mounts.ts';
import { type Rig, rigTest } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

/** A job that holds the only slot of queue q. */
async function busy(rig: Rig) {
  const puppet = await rig.puppet();
  await rig.run(['-Q', 'q', '--', ...puppet.command]);
  await puppet.ready();
  await rig.untilState(1, 'running');
  return puppet;
}

const jobsOf = (rig: Rig): string[] => fs.readdirSync(`${rig.home}/jobs`);
const queueOf = (rig: Rig): string[] => fs.readdirSync(`${rig.home}/queues/q`);
/** Starts to add so many that a signal comes long before the end. */
const adding = (rig: Rig, line = 'touch ran') =>
  rig.startBgjob(['run', '-Q', 'q', '--batch', '-'], { input: `${line}\n`.repeat(20_000) });

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  rigTest(`${signal} while they are added: nothing is added, nothing is left`, async (rig) => {
    const puppet = await busy(rig);
    const call = adding(rig);
    await until(
      () => jobsOf(rig).length,
      (count) => count > 300,
      'some jobs',
    );
    call.child.kill(signal);
    const { code, stdout, stderr } = await call.answer;
    assert.deepEqual([code, stdout], [signal === 'SIGINT' ? 130 : 143, '']);
    assert.match(stderr, /^interrupted: nothing was added\n\[bgjob\] exit code 1/);
    assert.deepEqual(jobsOf(rig), ['1']);
    assert.ok(!queueOf(rig).some((name) => /^(new|batch|env)\./.test(name)), queueOf(rig).join(' '));
    await puppet.exit(0);
    await rig.bgjob(['wait', '1']);
  });

rigTest('SIGKILL while they are added: none of them ever starts, or is seen', async (rig) => {
  const puppet = await busy(rig);
  const call = adding(rig);
  await until(
    () => jobsOf(rig).length,
    (count) => count > 300,
    'some jobs',
  );
  call.child.kill('SIGKILL');
  await call.answer;
  assert.ok(jobsOf(rig).length < 20_000);
  assert.deepEqual(
    (await rig.json(['ls', '-a', '-n', '100'])).map(({ id }) => id),
    [1],
  );
  assert.equal((await rig.bgjob(['status', '2'])).code, 125);
  // the queue goes on with what is added next, and with nothing else
  const next = await rig.run(['-Q', 'q', '--', 'touch', 'next']);
  await puppet.exit(0);
  assert.equal((await rig.bgjob(['wait', '1', String(next)])).code, 0);
  await rig.untilLeft(next);
  assert.ok(fs.existsSync(`${rig.project}/next`));
  assert.ok(!fs.existsSync(`${rig.project}/ran`));
});

rigTest(
  'a disk that gets full: nothing is added, nothing is left, and a smaller batch fits',
  async (rig) =>
    onMount(rig, 'mode=700,size=6m', async () => {
      const puppet = await busy(rig);
      const { code, stdout, stderr } = await adding(rig).answer;
      assert.deepEqual([code, stdout], [125, '']);
      assert.match(
        stderr,
        /^bgjob: cannot write a new job to .*: no space is left on the device\n {2}hint: /,
      );
      assert.deepEqual(jobsOf(rig), ['1']);
      assert.ok(!queueOf(rig).some((name) => /^(new|batch|env)\./.test(name)), queueOf(rig).join(' '));
      const few = await rig.bgjob(['run', '-Q', 'q', '--batch', '-'], { input: 'true\ntrue\n' });
      assert.match(few.stdout, /^\d+\n\d+\n$/);
      await puppet.exit(0);
      assert.equal((await rig.bgjob(['wait', ...few.stdout.trim().split('\n')])).code, 0);
    }),
  { skip: cannotMount() },
);

rigTest('10,000 lines at once: as many ids, in order, each a job with its line', async (rig) => {
  const puppet = await busy(rig);
  const input = Array.from({ length: 10_000 }, (_, n) => `echo ${n}`).join('\n');
  const { code, stdout } = await rig.bgjob(['run', '-Q', 'q', '--batch', '-'], { input });
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
