/** A supervisor that is stopped (SIGSTOP, a suspended machine) is neither dead nor able to answer. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { isRunning } from '../rig/processes.ts';
import { rigTest } from '../rig/rig.ts';
import { until } from '../rig/until.ts';
import { readJson, runPuppet } from './death.ts';

rigTest('the job ends while its supervisor is stopped: the code is there when it goes on', async (rig) => {
  const puppet = await rig.puppet();
  const id = await runPuppet(rig, puppet);
  const owner = rig.ownerPid(id);
  process.kill(owner, 'SIGSTOP');
  const waiter = rig.startBgjob(['wait', String(id)]);
  await puppet.exit(33);
  await until(
    () => fs.readFileSync(rig.file(id, 'exit.1'), 'utf8'),
    (text) => text.startsWith('33\n'),
    'the status from the shim',
  );
  process.kill(owner, 'SIGCONT');
  assert.equal((await waiter.answer).code, 33);
  const state = readJson(rig.file(id, 'state.json'));
  assert.equal(state.generation, 1, 'a stopped supervisor is not replaced');
  assert.equal(state.status.outcome.code, 33);
});

rigTest(
  'a supervisor that stays stopped: readers tell the end that the shim wrote, and waiters return',
  async (rig) => {
    const puppet = await rig.puppet();
    const id = await runPuppet(rig, puppet);
    const owner = rig.ownerPid(id);
    process.kill(owner, 'SIGSTOP');
    const waiter = rig.startBgjob(['wait', String(id)]);
    await puppet.exit(33);
    assert.equal((await waiter.answer).code, 33);
    const told = await rig.show(id);
    assert.deepEqual([told.state, told.exitCode, told.leftovers], ['exited', 33, 0]);
    assert.equal(readJson(rig.file(id, 'state.json')).status.phase, 'running', 'readers never write it');
    process.kill(owner, 'SIGCONT');
    await until(
      () => readJson(rig.file(id, 'state.json')).status.phase,
      (phase) => phase === 'ended',
      'the end',
    );
    assert.equal((await rig.show(id)).endedAt, told.endedAt);
  },
);

rigTest(
  'kill while the supervisor is stopped: the killer sweeps by itself, and says what is true',
  async (rig) => {
    const puppet = await rig.puppet();
    const id = await runPuppet(rig, puppet);
    const child = await puppet.fork({ daemon: true });
    const main = await puppet.pid();
    const owner = rig.ownerPid(id);
    process.kill(owner, 'SIGSTOP');
    const { code, stdout } = await rig.bgjob(['kill', '--grace', '100ms', String(id)]);
    assert.equal(code, 0);
    assert.match(stdout, /^1 killed \([\d.]+s\): 2 processes\n$/);
    assert.equal(isRunning(main), false);
    assert.equal(isRunning(child), false);
    assert.equal(isRunning(owner), true, 'the supervisor is not the job');
    process.kill(owner, 'SIGCONT');
    const end = (await rig.json(['wait', String(id)]))[0];
    assert.equal(end.exitCode, 137);
    // the request was there before the end: it must not read as if the job had chosen 137 by itself
    assert.match(end.reason, /^kill \(SIGTERM\)$/);
  },
);

rigTest('kill of a job whose supervisor is stopped and dies then', async (rig) => {
  const puppet = await rig.puppet();
  const id = await runPuppet(rig, puppet);
  const owner = rig.ownerPid(id);
  process.kill(owner, 'SIGSTOP');
  assert.equal((await rig.bgjob(['kill', '--grace', '100ms', String(id)])).code, 0);
  process.kill(owner, 'SIGKILL');
  const end = (await rig.json(['wait', String(id)]))[0];
  assert.equal(end.exitCode, 137);
  assert.match(end.reason, /^kill \(SIGTERM\)$/);
});
