/** `pkill`, a closed terminal, a job that signals its parent: what can be caught ends none of ours, and no code is lost. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { isRunning, parentOf } from '../rig/processes.ts';
import { rigTest } from '../rig/rig.ts';
import { killOwner, readJson, runPuppet, untilPublished } from './death.ts';

const CAUGHT = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGUSR1', 'SIGUSR2'] as const;

rigTest('signals to the supervisor mean nothing without a request', async (rig) => {
  const puppet = await rig.puppet();
  const id = await runPuppet(rig, puppet);
  const owner = rig.ownerPid(id);
  for (const signal of [...CAUGHT, 'SIGPIPE', 'SIGURG'] as const) process.kill(owner, signal);
  await puppet.print('still there\n');
  assert.equal((await rig.bgjob(['status', String(id)])).code, 75);
  assert.equal(isRunning(owner), true);
  await puppet.exit(12);
  assert.equal((await rig.bgjob(['wait', String(id)])).code, 12);
  assert.equal(readJson(rig.file(id, 'state.json')).generation, 1);
});

rigTest('signals to an adopter mean nothing without a request', async (rig) => {
  const puppet = await rig.puppet();
  const id = await runPuppet(rig, puppet);
  const adopter = await killOwner(rig, id);
  for (const signal of [...CAUGHT, 'SIGPIPE', 'SIGURG'] as const) process.kill(adopter, signal);
  assert.equal((await rig.bgjob(['status', String(id)])).code, 75);
  assert.equal(isRunning(adopter), true);
  await puppet.exit(13);
  assert.equal((await rig.bgjob(['wait', String(id)])).code, 13);
  assert.equal(readJson(rig.file(id, 'state.json')).generation, 2);
});

rigTest('signals to shim and watcher mean nothing', async (rig) => {
  const puppet = await rig.puppet();
  const id = await runPuppet(rig, puppet);
  const { shim, watcher } = rig.shimRecord(id);
  for (const signal of [...CAUGHT, 'SIGALRM', 'SIGPIPE', 'SIGURG'] as const) process.kill(shim!, signal);
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGURG'] as const)
    process.kill(watcher!, signal);
  // the watcher does its work after all that
  assert.equal(parentOf(await killOwner(rig, id)), watcher);
  assert.equal(isRunning(shim!), true);
  await puppet.exit(14);
  assert.equal((await rig.bgjob(['wait', String(id)])).code, 14);
});

rigTest('a supervisor killed by a signal that nobody catches is replaced like any other', async (rig) => {
  const puppet = await rig.puppet();
  const id = await runPuppet(rig, puppet);
  process.kill(rig.ownerPid(id), 'SIGALRM');
  await untilPublished(rig, id, 2);
  await puppet.exit(15);
  assert.equal((await rig.bgjob(['wait', String(id)])).code, 15);
});

rigTest('a job that signals its parent and its group', async (rig) => {
  const line = 'kill -TERM $PPID; kill -HUP $PPID; kill -INT $PPID; exit 16';
  const parent = await rig.run(['--', '/bin/sh', '-c', line]);
  assert.equal((await rig.bgjob(['wait', String(parent)])).code, 16);
  const group = await rig.run(['--', '/bin/sh', '-c', 'kill -9 0; exit 17']);
  const end = (await rig.json(['wait', String(group)]))[0];
  assert.equal(end.exitCode, 137);
  assert.equal(end.signalGuess, 'SIGKILL');
  assert.equal(end.signal, null, 'not ours');
});

rigTest('a job that kills its shim is lost when it ends', async (rig) => {
  const id = await rig.run(['--', '/bin/sh', '-c', 'kill -9 $PPID; echo on; exit 18']);
  const end = (await rig.json(['wait', String(id)]))[0];
  assert.equal(end.state, 'lost');
  assert.equal(end.exitCode, null);
  assert.deepEqual(end.tail, ['on']);
});

rigTest('what pkill and killall compare names neither node nor the command of the job', async (rig) => {
  const puppet = await rig.puppet();
  const id = await runPuppet(rig, puppet);
  const { shim, watcher } = rig.shimRecord(id);
  const adopter = await killOwner(rig, id);
  const shown = (pid: number) =>
    execFileSync('ps', ['-ww', '-o', 'comm=,args=', '-p', String(pid)], { encoding: 'utf8' });
  for (const pid of [adopter, shim!, watcher!]) {
    assert.doesNotMatch(shown(pid), /node|supervisor/);
    for (const word of puppet.command) assert.ok(!shown(pid).includes(word), `${shown(pid)}: ${word}`);
  }
  await puppet.exit(0);
  assert.equal((await rig.bgjob(['wait', String(id)])).code, 0);
});
