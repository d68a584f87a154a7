/**
 * After the supervisor was killed its adopter does everything as before: limits, kill, leftovers, waking
 * those who wait.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { isRunning, parentOf } from '../rig/processes.ts';
import { rigTest } from '../rig/rig.ts';
import { until } from '../rig/until.ts';
import {
  amend,
  betweenOwners,
  killOwner,
  longMs,
  readJson,
  runPuppet,
  slay,
  startEarlier,
  untilEndPublished,
  untilGone,
} from './death.ts';

rigTest('the code of a job whose supervisor was killed', async (rig) => {
  const puppet = await rig.puppet();
  const id = await runPuppet(rig, puppet);
  const { watcher } = rig.shimRecord(id);
  const adopter = await killOwner(rig, id);
  assert.equal(parentOf(adopter), watcher, 'the watcher starts the adopter, and would start the next');
  const shown = await rig.show(id);
  assert.equal(shown.state, 'running');
  assert.equal(shown.supervisor.pid, adopter);
  const waiter = rig.startBgjob(['wait', String(id)]);
  await puppet.print('last words\n');
  await puppet.exit(41);
  const wait = await waiter.answer;
  assert.equal(wait.code, 41);
  assert.match(wait.stdout, /^1 exited 41 after [\d.]+s\n\| last words\n$/);
  const state = await untilEndPublished(rig, id, 2);
  assert.equal(state.status.outcome.code, 41);
  await untilGone(adopter);
});

rigTest('a waiter that began before the supervisor was killed is woken by the adopter', async (rig) => {
  const puppet = await rig.puppet();
  const id = await runPuppet(rig, puppet);
  const waiters = [1, 2, 3].map(() => rig.startBgjob(['wait', String(id)]));
  for (const { child } of waiters)
    await until(
      () => fs.readdirSync(`/proc/${child.pid}/fd`).map((fd) => linkOf(`/proc/${child.pid}/fd/${fd}`)),
      (open) => open.includes(rig.file(id, 'alive')),
      'a waiter at the FIFO',
    );
  await killOwner(rig, id);
  for (const { child } of waiters) assert.equal(child.exitCode, null);
  await puppet.exit(3);
  for (const { answer } of waiters) assert.equal((await answer).code, 3);
});

function linkOf(path: string): string {
  try {
    return fs.readlinkSync(path);
  } catch {
    return '';
  }
}

rigTest(
  'the adopter is killed, and its adopter, and so on: each is replaced, the code is kept',
  async (rig) => {
    const puppet = await rig.puppet();
    const id = await runPuppet(rig, puppet);
    const owners = [rig.ownerPid(id)];
    for (const generation of [2, 3, 4, 5]) {
      owners.push(await killOwner(rig, id, generation));
      assert.equal((await rig.show(id)).state, 'running');
    }
    assert.equal(new Set(owners).size, 5);
    await puppet.exit(17);
    const wait = await rig.bgjob(['wait', String(id)]);
    assert.equal(wait.code, 17);
    const state = readJson(rig.file(id, 'state.json'));
    assert.equal(state.generation, 5);
    const claims = fs.readdirSync(rig.file(id, '.')).filter((name) => name.startsWith('owner.'));
    assert.deepEqual(claims.sort(), ['owner.1', 'owner.2', 'owner.3', 'owner.4', 'owner.5']);
  },
);

rigTest('an adopter that is killed after the job ended has said it all', async (rig) => {
  const puppet = await rig.puppet();
  const id = await runPuppet(rig, puppet);
  const adopter = await killOwner(rig, id);
  process.kill(adopter, 'SIGSTOP');
  await puppet.exit(9);
  await until(
    () => fs.readFileSync(rig.file(id, 'exit.1'), 'utf8'),
    (text) => text.startsWith('9\n'),
    'the status from the shim',
  );
  await slay(adopter);
  assert.equal((await rig.bgjob(['wait', String(id)])).code, 9);
  assert.equal((await rig.bgjob(['status', String(id)])).code, 9);
});

rigTest('--timeout counts from the start, whoever is in charge', async (rig) => {
  const puppet = await rig.puppet();
  const limitMs = longMs();
  const id = await runPuppet(rig, puppet, ['--timeout', `${limitMs}ms`]);
  // what is left of the time is shorter than any other one of this test, and longer than it takes to see the
  // job running
  await betweenOwners(rig, id, 2, () => startEarlier(rig, id, limitMs - 2000));
  const { durationMs, ...end } = (await rig.json(['wait', String(id)]))[0];
  assert.equal(end.state, 'timed-out');
  assert.equal(end.code, 124);
  assert.match(end.reason, /^--timeout /);
  // not early; and an adopter that had counted from its own start would not be done before the call is ended
  assert.ok(durationMs >= limitMs, `${durationMs} of ${limitMs} ms`);
  assert.equal(isRunning(rig.shimRecord(id).main!), false);
});

rigTest('--timeout that was over while nobody was in charge', async (rig) => {
  const puppet = await rig.puppet();
  const limitMs = longMs();
  const id = await runPuppet(rig, puppet, ['--timeout', `${limitMs}ms`, '--grace', '100ms']);
  await puppet.ignore('SIGTERM');
  await betweenOwners(rig, id, 2, () => startEarlier(rig, id, limitMs));
  assert.equal((await rig.bgjob(['wait', String(id)])).code, 124);
  const state = await untilEndPublished(rig, id, 2);
  assert.equal(state.status.outcome.kind, 'timed-out');
});

rigTest('--idle-timeout after adoption', async (rig) => {
  const puppet = await rig.puppet();
  const id = await runPuppet(rig, puppet, ['--idle-timeout', '1h']);
  await betweenOwners(rig, id, 2, async () => {
    await puppet.print('still here\n');
    amend(rig.file(id, 'spec.json'), (spec) => (spec.idleTimeoutMs = 1000));
  });
  const end = (await rig.json(['wait', String(id)]))[0];
  assert.equal(end.state, 'timed-out');
  assert.equal(end.reason, '--idle-timeout 1s');
  assert.deepEqual(end.tail, ['still here']);
});

rigTest('a stop that the supervisor began and did not live to end', async (rig) => {
  const puppet = await rig.puppet();
  const id = await runPuppet(rig, puppet);
  await puppet.ignore('SIGTERM');
  const kill = rig.startBgjob(['kill', '--grace', '1h', String(id)]);
  // by then the owner has let the watcher go on, which somebody may have stopped
  await until(
    () => fs.existsSync(rig.file(id, 'first.1')),
    (isSent) => isSent,
    'the first signal',
  );
  await betweenOwners(rig, id, 2, () =>
    amend(rig.file(id, 'state.json'), ({ status }) => (status.stop.graceMs = 300)),
  );
  const { code, stdout } = await kill.answer;
  assert.equal(code, 0);
  assert.match(stdout, /^1 killed \(KILL, /);
  const state = await untilEndPublished(rig, id, 2);
  assert.deepEqual(state.status.outcome, { kind: 'killed', code: 137, signal: 'SIGKILL' });
});
