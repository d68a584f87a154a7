/** A batch that is not added: its launcher is killed or interrupted, or the disk is full. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { cannotMount, onMount } from '../rig/mounts.ts';
import { letterOf } from '../rig/processes.ts';
import { BGJOB, type Call, type Rig, rigTest } from '../rig/rig.ts';
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
const LINES = 1000;

/** Starts to add jobs and stops itself in the middle, when so many of them are written. */
async function stoppedWhileAdding(rig: Rig): Promise<Call> {
  const preload = `${rig.dir}/preload.cjs`;
  fs.writeFileSync(
    preload,
    `const fs = require('node:fs');
     const rename = fs.renameSync;
     let left = 350;
     fs.renameSync = (from, to) => {
       rename(from, to);
       if (to.endsWith('/spec.json') && --left === 0) process.kill(process.pid, 'SIGSTOP');
     };`,
  );
  const words = ['--require', preload, '--', BGJOB, 'run', '-Q', 'q', '--batch', '-'];
  const call = rig.start(process.execPath, words, { input: 'touch ran\n'.repeat(LINES) });
  await until(
    () => letterOf(call.child.pid!),
    (letter) => letter === 'T',
    'it stopped',
  );
  // directories are made some ahead
  const { length } = jobsOf(rig);
  assert.ok(length > 350 && length < LINES, `${length}`);
  return call;
}

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  rigTest(`${signal} while they are added: nothing is added, nothing is left`, async (rig) => {
    const puppet = await busy(rig);
    const call = await stoppedWhileAdding(rig);
    call.child.kill(signal);
    call.child.kill('SIGCONT');
    const { code, stdout, stderr } = await call.answer;
    assert.deepEqual([code, stdout], [signal === 'SIGINT' ? 130 : 143, '']);
    assert.equal(call.child.signalCode, signal);
    assert.match(stderr, /^interrupted: nothing was added\n\[bgjob\] exit code 1/);
    assert.deepEqual(jobsOf(rig), ['1']);
    assert.ok(!queueOf(rig).some((name) => /^(new|batch|env)\./.test(name)), queueOf(rig).join(' '));
    await puppet.exit(0);
    await rig.bgjob(['wait', '1']);
  });

rigTest('SIGKILL while they are added: none of them ever starts, or is seen', async (rig) => {
  const puppet = await busy(rig);
  const call = await stoppedWhileAdding(rig);
  call.child.kill('SIGKILL');
  await call.answer;
  assert.ok(jobsOf(rig).length > 350);
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
      const input = 'touch ran\n'.repeat(20_000);
      const { code, stdout, stderr } = await rig.bgjob(['run', '-Q', 'q', '--batch', '-'], { input });
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
