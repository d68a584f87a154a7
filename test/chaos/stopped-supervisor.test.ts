/** A supervisor that is stopped (SIGSTOP, a suspended machine) is neither dead nor able to answer. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { systemClock } from '../../src/base/clock.ts';
import { identify } from '../../src/engine/os/process-identity.ts';
import { Gate } from '../rig/gate.ts';
import { isRunning } from '../rig/processes.ts';
import { rigTest } from '../rig/rig.ts';
import { until } from '../rig/until.ts';
import { halt, readJson, runPuppet, untilEndPublished, untilPublished } from './death.ts';

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
  // a stopped supervisor is not replaced
  const state = await untilEndPublished(rig, id, 1);
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

rigTest('a supervisor that is slow, and not stopped, tells the end itself', async (rig) => {
  const puppet = await rig.puppet();
  const id = await runPuppet(rig, puppet);
  const owner = rig.ownerPid(id);
  process.kill(owner, 'SIGSTOP');
  await puppet.exit(33);
  await until(
    () => fs.readFileSync(rig.file(id, 'exit.1'), 'utf8'),
    (text) => text.startsWith('33\n'),
    'the status from the shim',
  );
  // a process that lives, and is not stopped, stands in the record of the owner, which does nothing
  const path = rig.file(id, 'owner.1');
  const record = fs.readFileSync(path);
  const { sum: _, ...named } = JSON.parse(record.toString());
  fs.writeFileSync(path, JSON.stringify({ ...named, identity: identify(process.pid) }));
  const setAge = (seconds: number): void => {
    const at = Date.now() / 1000 - seconds;
    fs.utimesSync(rig.file(id, 'exit.1'), at, at);
  };
  // the distance of two clocks counts: it is small enough for the next 45 seconds
  setAge(-20);
  assert.equal((await rig.show(id)).state, 'running');
  setAge(3600);
  assert.equal((await rig.show(id)).state, 'exited', 'it is not waited for for ever');
  fs.writeFileSync(path, record);
  process.kill(owner, 'SIGCONT');
  assert.equal((await untilEndPublished(rig, id, 1)).status.outcome.code, 33);
});

rigTest('kill while the supervisor is stopped: it goes on, and stops its job', async (rig) => {
  const puppet = await rig.puppet();
  const id = await runPuppet(rig, puppet);
  const pids = [await puppet.pid(), await puppet.fork({ daemon: true })];
  process.kill(rig.ownerPid(id), 'SIGSTOP');
  const { code, stdout } = await rig.bgjob(['kill', String(id)]);
  assert.equal(code, 0);
  assert.match(stdout, /^1 killed \(TERM, [\d.]+s\): 2 processes\n$/);
  assert.deepEqual(pids.filter(isRunning), []);
  const end = (await rig.json(['wait', String(id)]))[0];
  assert.equal(end.exitCode, 143);
  assert.match(end.reason, /^kill \(SIGTERM\)$/);
});

rigTest(
  'an attempt that another one follows is no end, however long its supervisor is stopped',
  async (rig) => {
    const gate = new Gate(rig);
    const line = `${gate.line}; [ -e again ] && exit 0; touch again; exit 5`;
    const id = await rig.run(['-Q', 'q', '--retry', '1', '--backoff', '0', line]);
    const after = await rig.run(['--after', String(id), '--', 'true']);
    await untilPublished(rig, id, 1);
    process.kill(rig.ownerPid(id), 'SIGSTOP');
    gate.open();
    await until(
      () => fs.readFileSync(rig.file(id, 'exit.1'), 'utf8'),
      (text) => text.startsWith('5\n'),
      'the status from the shim',
    );
    // as if that were long ago
    fs.utimesSync(rig.file(id, 'exit.1'), 0, 0);
    assert.equal((await rig.show(id)).state, 'running');
    assert.equal((await rig.bgjob(['wait', String(id), '--timeout', '0s'])).code, 75);
    assert.equal((await rig.show(after)).state, 'queued');
    process.kill(rig.ownerPid(id), 'SIGCONT');
    assert.equal((await rig.bgjob(['wait', String(id), String(after)])).code, 0);
    assert.equal((await rig.show(id)).attempts, 2);
  },
);

/** On a machine on which the limit comes before the supervisor stands still there is nothing to see. */
const LIMIT_MS = 6000;
for (const option of ['--timeout', '--idle-timeout'])
  rigTest(
    `a job that ended before its ${option}, which passed while its supervisor was stopped`,
    async (rig) => {
      const gate = new Gate(rig);
      const id = await rig.run([option, `${LIMIT_MS}ms`, '--', 'sh', '-c', `${gate.line}; exit 7`]);
      await untilPublished(rig, id, 1);
      const owner = rig.ownerPid(id);
      const isHalted = await halt(owner);
      const { status } = readJson(rig.file(id, 'state.json'));
      gate.open();
      if (isHalted && status.phase === 'running') {
        await until(
          () => fs.readFileSync(rig.file(id, 'exit.1'), 'utf8'),
          (text) => text.startsWith('7\n'),
          'the status from the shim',
        );
        await until(
          () => systemClock.monotonic() - status.startedMonotonicMs,
          // silence is looked at now and then, in parts of its limit
          (passedMs) => passedMs > 1.2 * LIMIT_MS,
          'the limit',
        );
      }
      if (isHalted) process.kill(owner, 'SIGCONT');
      const { status: end } = await untilEndPublished(rig, id, 1);
      if (status.phase !== 'running') return;
      assert.deepEqual(end.outcome, { kind: 'exited', code: 7, afterKill: false });
    },
  );
