/** The limits that `run` sets for a job, and what they are called when they are reached. */
import assert from 'node:assert/strict';
import { isRunning } from '../rig/processes.ts';
import { rigTest } from '../rig/rig.ts';

rigTest('--timeout: 124, and it is ours', async (rig) => {
  const { code, stdout, stderr } = await rig.bgjob(['run', '-w', '--timeout', '50ms', '--', 'sleep', '1000']);
  assert.equal(code, 124);
  assert.match(stdout, /^1\n1 timed out after [\d.]+s\n$/);
  assert.equal(stderr, '[bgjob] exit code 124\n');
  const job = await rig.show(1);
  assert.equal(job.state, 'timed-out');
  assert.match(job.reason, /--timeout/);
});

rigTest('a job that exits 0 when its time is over timed out nevertheless', async (rig) => {
  const line = `trap 'exit 0' TERM; sleep 1000 & wait`;
  assert.equal((await rig.bgjob(['run', '-w', '--timeout', '200ms', line])).code, 124);
  assert.equal((await rig.show(1)).state, 'timed-out');
});

rigTest('--idle-timeout counts from the last output', async (rig) => {
  const puppet = await rig.puppet();
  const id = await rig.run(['--idle-timeout', '1s', '--', ...puppet.command]);
  await puppet.print('still here\n');
  const { code, stdout } = await rig.bgjob(['wait', String(id)]);
  assert.equal(code, 124);
  assert.match(stdout, /^1 timed out \(no output\) after/);
  const job = await rig.show(id);
  assert.ok(job.durationMs >= 1000, `it had at least its second: ${job.durationMs}`);
  assert.match(job.reason, /--idle-timeout/);
});

rigTest('a limit that is not reached changes nothing', async (rig) => {
  const args = ['run', '-w', '--timeout', '30d', '--idle-timeout', '60d', '--', 'true'];
  assert.equal((await rig.bgjob(args)).code, 0);
});

rigTest('--grace: who ignores TERM gets KILL, with all that it started', async (rig) => {
  const puppet = await rig.puppet();
  const id = await rig.run(['--timeout', '700ms', '--grace', '50ms', '--', ...puppet.command]);
  await puppet.ignore('SIGTERM');
  const pids = [await puppet.pid(), await puppet.fork({ daemon: true, ignoring: ['SIGTERM'] })];
  assert.equal((await rig.bgjob(['wait', String(id)])).code, 124);
  assert.deepEqual(pids.filter(isRunning), []);
});

rigTest('a duration that is none is refused before anything is created', async (rig) => {
  for (const option of ['--timeout', '--idle-timeout', '--grace']) {
    const { code, stderr } = await rig.bgjob(['run', option, 'soon', '--', 'true']);
    assert.equal(code, 125);
    assert.match(stderr, new RegExp(`${option}: "soon" is not a duration such as 90s`));
  }
  assert.equal((await rig.bgjob(['ls', '-aq'])).stdout, '');
});
