/** `wait --ended`: whether jobs have ended, and not how. */
import assert from 'node:assert/strict';
import { rigTest } from '../../rig/rig.ts';

rigTest(
  '0 when all have ended, whatever their codes; 75 not yet; then status gives the code',
  async (rig) => {
    const puppet = await rig.puppet();
    const id = await rig.run(['-n', 't', '--', ...puppet.command]);
    await puppet.ready();
    assert.equal((await rig.bgjob(['wait', '--ended', 't', '--timeout', '0'])).code, 75);
    await puppet.exit(75);
    await rig.untilState(id, 'exited');
    const loop = 'until bgjob wait --ended t; do [ $? = 75 ] || break; done; bgjob status t';
    const { code, stdout } = await rig.bash(loop);
    assert.equal(code, 75);
    assert.match(stdout, /^t 1 exited 75 after .*\nt 1 exited 75 after .*\n$/);
  },
);

rigTest(
  'what has a code that bgjob has for itself has ended, too; what cannot be known is 125',
  async (rig) => {
    for (const code of [0, 1, 75, 124, 125, 127]) await rig.run(['--', 'sh', '-c', `exit ${code}`]);
    await rig.run(['--timeout', '1s', '--', 'sleep', '1000']);
    assert.equal((await rig.bgjob(['wait', '--ended', '1', '2', '3', '4', '5', '6', '7'])).code, 0);
    assert.equal((await rig.bgjob(['wait', '--ended', '--any', '2', '3'])).code, 0);
    assert.equal((await rig.bgjob(['wait', '--ended', '99'])).code, 125);
    for (const words of [['--fail-fast'], ['--until', 'x']]) {
      const { code, stderr } = await rig.bgjob(['wait', '--ended', '1', ...words]);
      assert.equal(code, 125);
      assert.match(stderr, /--ended waits for ends only/);
    }
  },
);

rigTest('it answers for no round: the failure is still to be told', async (rig) => {
  const puppet = await rig.puppet();
  await rig.run(['-Q', 'q', '--', 'sh', '-c', 'exit 4']);
  await rig.run(['-Q', 'q', '--', ...puppet.command]);
  await puppet.ready();
  const late = await rig.bgjob(['wait', '--queue', 'q', '--ended', '--timeout', '0']);
  assert.equal(late.code, 75);
  assert.match(late.stderr, /Next: bgjob wait --queue q --ended\n/);
  await puppet.exit(0);
  const done = await rig.bgjob(['wait', '--queue', 'q', '--ended']);
  assert.equal(done.code, 0);
  assert.match(done.stdout, /^1 exited 4 after /);
  await rig.run(['-Q', 'q', '--', 'true']);
  assert.equal((await rig.bgjob(['wait', '--queue', 'q'])).code, 4);
});
