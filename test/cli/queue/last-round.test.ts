/** `ls --queue`: below the jobs that run or wait, those that ended in the last round of the queue. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { letterOf } from '../../rig/processes.ts';
import { type Rig, rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';

/** The ids of the table, from above. */
async function shown(rig: Rig, ...words: string[]): Promise<number[]> {
  const { stdout } = await rig.bgjob(['ls', '--queue', 'api', ...words]);
  return [...stdout.matchAll(/^(\d+) /gm)].map(([, id]) => Number(id));
}

const add = (rig: Rig, ...words: string[]) => rig.run(['-Q', 'api', ...words]);

rigTest('what runs, what waits, what has ended; a new round takes the place of the last', async (rig) => {
  assert.deepEqual(await shown(rig), [], 'a queue without a job');
  const puppet = await rig.puppet();
  await add(rig, '--', 'true');
  await add(rig, '--', 'false');
  await rig.bgjob(['wait', '1', '2']);
  await add(rig, '--', ...puppet.command);
  await add(rig, '--', 'true');
  await rig.untilState(3, 'running');
  assert.deepEqual(await shown(rig), [3, 4, 2, 1]);
  await puppet.exit(0);
  assert.equal((await rig.bgjob(['wait', '--queue', 'api'])).code, 1);
  assert.deepEqual(await shown(rig), [4, 3, 2, 1], 'the round that was answered');
  const next = await rig.puppet();
  await add(rig, '--', ...next.command);
  await rig.untilState(5, 'running');
  assert.deepEqual(await shown(rig), [5], 'nothing of the new round has ended');
  await next.exit(0);
  await rig.bgjob(['wait', '5']);
  assert.deepEqual(await shown(rig), [5]);
});

rigTest('at most 20, or -n; a line says that there are more', async (rig) => {
  const lines = Array.from({ length: 23 }, () => 'true').join('\n');
  await rig.bgjob(['run', '-Q', 'api', '--slots', '4', '--batch', '-', '--wait'], { input: lines });
  const { stdout, stderr } = await rig.bgjob(['ls', '--queue', 'api']);
  assert.equal(stdout.trimEnd().split('\n').length, 21);
  assert.equal(stderr, '(more ended in the last round: bgjob ls --queue api -n 1000)\n');
  assert.equal((await shown(rig, '-n', '1000')).length, 23);
  assert.equal((await rig.bgjob(['ls', '--queue', 'api', '-n', '23'])).stderr, '');
  assert.equal((await shown(rig, '-n', '3')).length, 3);
});

rigTest(
  'scripts get live jobs alone, as before; another queue and another project are left out',
  async (rig) => {
    await add(rig, '--', 'true');
    await rig.run(['-Q', 'other', '--', 'true']);
    await rig.bgjob(['run', '-Q', 'api', '--', 'true'], { cwd: rig.dir });
    await rig.bgjob(['wait', '1', '2', '3']);
    assert.deepEqual(await shown(rig), [1]);
    assert.deepEqual((await shown(rig, '-a')).sort(), [1, 3]);
    assert.equal((await rig.bgjob(['ls', '--queue', 'api', '-q'])).stdout, '');
    assert.deepEqual(await rig.json(['ls', '--queue', 'api']), []);
    assert.deepEqual(await shown(rig, '--state', 'exited'), [1], 'as before');
    assert.deepEqual(await shown(rig, '--tag', 'none'), []);
  },
);

rigTest('a job whose supervisor stands still at its end is not missing', async (rig) => {
  const puppet = await rig.puppet();
  await add(rig, '--', ...puppet.command);
  await rig.untilState(1, 'running');
  const owner = rig.ownerPid(1);
  process.kill(owner, 'SIGSTOP');
  await until(
    () => letterOf(owner),
    (letter) => letter === 'T',
    'a supervisor that stands still',
  );
  await puppet.exit(3);
  const exit = rig.file(1, 'exit.1');
  await until(() => fs.readFileSync(exit, 'latin1').trim(), Boolean, 'the status that the shim writes');
  // after a while the end counts as it is recorded, although no process has published it
  fs.utimesSync(exit, 0, 0);
  assert.match((await rig.bgjob(['status', '1'])).stdout, /^1 exited 3/);
  assert.deepEqual(await shown(rig), [1]);
  process.kill(owner, 'SIGCONT');
  await rig.untilLeft(1);
  assert.deepEqual(await shown(rig), [1], 'once');
});
