/**
 * Shim and watcher killed, alone and together with the supervisor. Without a shim nobody sees the exit status: the job is
 * lost at its end, never earlier, and never with a code that somebody made up.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { isRunning } from '../rig/processes.ts';
import { type Rig, rigTest } from '../rig/rig.ts';
import { until } from '../rig/until.ts';
import {
  betweenOwners,
  killOwner,
  longMs,
  readJson,
  runPuppet,
  slay,
  startEarlier,
  untilGone,
  untilPublished,
} from './death.ts';

const SHIM_KILLED = 'its shim was killed; the exit status is unknown';

async function assertLost(rig: Rig, id: number, why: string): Promise<void> {
  const wait = (await rig.json(['wait', String(id)]))[0];
  assert.equal(wait.state, 'lost');
  assert.equal(wait.reason, why);
  assert.equal(wait.exitCode, null);
  assert.equal(wait.signal, null);
  const status = await rig.bgjob(['status', String(id)]);
  assert.equal(status.code, 125);
  assert.ok(status.stdout.startsWith(`${id} lost (${why})`), status.stdout);
}

async function killShim(rig: Rig, id: number): Promise<void> {
  await slay(rig.shimRecord(id).shim!);
}

rigTest('the shim killed alone: the job runs on, and is lost when its main process ends', async (rig) => {
  const puppet = await rig.puppet();
  const id = await runPuppet(rig, puppet);
  await killShim(rig, id);
  await puppet.print('alive\n');
  const shown = await rig.show(id);
  assert.equal(shown.state, 'running');
  assert.equal(shown.pid, await puppet.pid());
  assert.equal((await rig.bgjob(['wait', '--timeout', '300ms', String(id)])).code, 75);
  await puppet.exit(7);
  await assertLost(rig, id, SHIM_KILLED);
  assert.equal(rig.log(id), 'alive\n');
});

rigTest(
  'the shim killed alone: kill still ends the job, and does not say what it did not see',
  async (rig) => {
    const puppet = await rig.puppet();
    const id = await runPuppet(rig, puppet);
    const child = await puppet.fork({ daemon: true });
    await killShim(rig, id);
    const { code, stdout } = await rig.bgjob(['kill', String(id)]);
    assert.equal(code, 0);
    assert.match(stdout, /^1 lost \(its shim was killed; .+: 2 processes\n$/);
    assert.equal(isRunning(child), false);
    await assertLost(rig, id, SHIM_KILLED);
  },
);

rigTest('the shim killed alone: the limits still hold', async (rig) => {
  // no puppet: the limit may come before that has begun
  const id = await rig.run(['--timeout', '2s', '--', 'sleep', '1000']);
  const { shim } = await rig.shimOf(id);
  // where the limit comes first there is nobody to be killed
  if (isRunning(shim)) await slay(shim);
  const end = (await rig.json(['wait', String(id)]))[0];
  assert.equal(end.state, 'timed-out');
  const written = fs.readFileSync(rig.file(id, 'exit.1'), 'utf8').trim();
  assert.equal(end.exitCode, written === '' ? null : 143, 'a code is told if the shim wrote it');
  assert.equal(end.code, 124);
});

rigTest('the shim killed, and then the supervisor: the limits still hold', async (rig) => {
  const puppet = await rig.puppet();
  const limitMs = longMs();
  const id = await runPuppet(rig, puppet, ['--timeout', `${limitMs}ms`]);
  await killShim(rig, id);
  await betweenOwners(rig, id, 2, () => startEarlier(rig, id, limitMs));
  const end = (await rig.json(['wait', String(id)]))[0];
  assert.deepEqual([end.state, end.exitCode, end.code], ['timed-out', null, 124]);
});

rigTest('the watcher killed alone changes nothing', async (rig) => {
  const puppet = await rig.puppet();
  const id = await runPuppet(rig, puppet);
  await slay(rig.shimRecord(id).watcher!);
  assert.equal((await rig.show(id)).state, 'running');
  await puppet.exit(8);
  assert.equal((await rig.bgjob(['wait', String(id)])).code, 8);
  assert.equal(readJson(rig.file(id, 'state.json')).generation, 1);
});

rigTest('watcher and supervisor killed: the shim alone keeps the code', async (rig) => {
  const puppet = await rig.puppet();
  const id = await runPuppet(rig, puppet);
  await slay(rig.shimRecord(id).watcher!);
  await slay(rig.ownerPid(id));
  // a command that finds it running would start an adopter
  await puppet.exit(21);
  await until(
    () => fs.readFileSync(rig.file(id, 'exit.1'), 'utf8'),
    (status) => status.startsWith('21'),
    'the status that the shim writes',
  );
  assert.equal((await rig.bgjob(['wait', String(id)])).code, 21);
  const state = readJson(rig.file(id, 'state.json'));
  assert.equal(state.status.phase, 'running', 'readers never repair');
});

rigTest('watcher and supervisor killed: kill does it by itself', async (rig) => {
  const puppet = await rig.puppet();
  const id = await runPuppet(rig, puppet);
  await slay(rig.shimRecord(id).watcher!);
  await slay(rig.ownerPid(id));
  const { code, stdout } = await rig.bgjob(['kill', String(id)]);
  assert.equal(code, 0, stdout);
  assert.match(stdout, /: 1 process\n$/);
  const status = await rig.bgjob(['status', String(id)]);
  assert.equal(status.code, 143);
  // nobody wrote down the end; that TERM was sent before it is written
  assert.match(status.stdout, /^1 killed SIGTERM/);
});

rigTest('shim and supervisor killed: the adopter watches to the end', async (rig) => {
  const puppet = await rig.puppet();
  const id = await runPuppet(rig, puppet);
  await killShim(rig, id);
  await killOwner(rig, id);
  assert.equal((await rig.show(id)).state, 'running');
  await puppet.exit(0);
  await assertLost(rig, id, SHIM_KILLED);
  assert.equal(readJson(rig.file(id, 'state.json')).generation, 2);
});

rigTest('shim killed, then supervisor, then adopter; kill still works', async (rig) => {
  const puppet = await rig.puppet();
  const id = await runPuppet(rig, puppet);
  await killShim(rig, id);
  await killOwner(rig, id);
  await killOwner(rig, id, 3);
  const main = await puppet.pid();
  const { code, stdout } = await rig.bgjob(['kill', '--now', String(id)]);
  assert.equal(code, 0);
  assert.match(stdout, /^1 lost /);
  assert.equal(isRunning(main), false);
  await assertLost(rig, id, SHIM_KILLED);
});

rigTest('supervisor, shim and watcher killed: lost at once; kill finds what survived', async (rig) => {
  const puppet = await rig.puppet();
  const id = await runPuppet(rig, puppet);
  const { shim, watcher, main } = rig.shimRecord(id);
  const waiter = rig.startBgjob(['wait', String(id)]);
  // the watcher first, or it would take the supervisor's place
  await slay(watcher!);
  await slay(rig.ownerPid(id));
  await slay(shim!);
  assert.equal((await waiter.answer).code, 125);
  await assertLost(rig, id, 'supervisor and shim were killed');
  const shown = await rig.show(id);
  assert.equal(shown.leftovers, 1);
  assert.equal(shown.pid, main);
  const { code, stdout } = await rig.bgjob(['kill', String(id)]);
  assert.equal(code, 0);
  assert.match(stdout, /^1 already lost .+; killed 1 process that it left\n$/);
  await untilGone(main!);
});

rigTest('the shim killed and the whole group of the job with it: still no code', async (rig) => {
  const puppet = await rig.puppet();
  const id = await runPuppet(rig, puppet);
  await killShim(rig, id);
  await slay(rig.shimRecord(id).main!);
  await assertLost(rig, id, SHIM_KILLED);
  await untilPublished(rig, id, 1);
});
