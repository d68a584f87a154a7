/** `kill` after the supervisor was killed: polite, at once, and of what the job left behind. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { isRunning } from '../rig/processes.ts';
import { rigTest } from '../rig/rig.ts';
import { until } from '../rig/until.ts';
import { killOwner, readJson, runPuppet, untilEndPublished, untilPublished } from './death.ts';

rigTest('kill of an adopted job: TERM is enough', async (rig) => {
  const puppet = await rig.puppet();
  const id = await runPuppet(rig, puppet);
  const child = await puppet.fork({ daemon: true });
  await killOwner(rig, id);
  const { code, stdout } = await rig.bgjob(['kill', String(id)]);
  assert.equal(code, 0);
  assert.match(stdout, /^1 killed \(TERM, [\d.]+s\): 2 processes\n$/);
  assert.equal(isRunning(child), false);
  assert.equal((await rig.bgjob(['status', String(id)])).code, 143);
  const state = readJson(rig.file(id, 'state.json'));
  assert.equal(state.generation, 2, 'the adopter ended it, not the killer by itself');
  assert.equal(state.status.stop.by, 'kill');
});

rigTest('kill of an adopted job that ignores TERM: KILL after the grace', async (rig) => {
  const puppet = await rig.puppet();
  const id = await runPuppet(rig, puppet);
  await puppet.ignore('SIGTERM');
  const stubborn = await puppet.fork({ daemon: true, ignoring: ['TERM'] });
  await killOwner(rig, id);
  const { code, stdout } = await rig.bgjob(['kill', '--grace', '200ms', String(id)]);
  assert.equal(code, 0);
  assert.match(stdout, /^1 killed \(KILL, [\d.]+s\): 2 processes\n$/);
  assert.equal(isRunning(stubborn), false);
  assert.equal((await rig.bgjob(['status', String(id)])).code, 137);
});

rigTest('kill --now of an adopted job, by the adopter of its adopter', async (rig) => {
  const puppet = await rig.puppet();
  const id = await runPuppet(rig, puppet);
  await killOwner(rig, id);
  await killOwner(rig, id, 3);
  const { code, stdout } = await rig.bgjob(['kill', '--now', String(id)]);
  assert.equal(code, 0);
  assert.match(stdout, /^1 killed \(KILL, [\d.]+s\): 1 process\n$/);
  const state = await untilEndPublished(rig, id, 3);
  assert.equal(state.status.outcome.code, 137);
});

rigTest('what an adopted job left is shown, and swept by kill', async (rig) => {
  const puppet = await rig.puppet();
  const id = await runPuppet(rig, puppet);
  await killOwner(rig, id);
  const daemon = await puppet.fork({ daemon: true });
  // neither marker nor log: only the adopter, who saw the session until the end, can know it
  const bare = await puppet.fork({ bare: true });
  await puppet.exit(0);
  const wait = await rig.bgjob(['wait', String(id)]);
  assert.equal(wait.code, 0);
  assert.match(wait.stdout, /^1 exited 0, \d left after/);
  const state = await untilLeft(rig.file(id, 'state.json'));
  assert.deepEqual(state.left.map(({ pid }: { pid: number }) => pid).sort(), [daemon, bare].sort());
  assert.equal((await rig.show(id)).leftovers, 2);
  const { code, stdout } = await rig.bgjob(['kill', String(id)]);
  assert.equal(code, 0);
  assert.match(stdout, /^1 already exited 0 [\d.]+s ago; killed 2 processes that it left\n$/);
  assert.equal(isRunning(daemon), false);
  assert.equal(isRunning(bare), false);
});

async function untilLeft(path: string): Promise<any> {
  return until(
    () => readJson(path),
    (state) => state?.left.length > 0,
    'what was left is written down',
  );
}

rigTest('a kill that was asked for while nobody was in charge is carried out by the adopter', async (rig) => {
  const puppet = await rig.puppet();
  const id = await runPuppet(rig, puppet);
  const before = rig.ownerPid(id);
  process.kill(before, 'SIGSTOP');
  const kill = rig.startBgjob(['kill', String(id)]);
  await until(
    () => fs.existsSync(rig.file(id, 'stop.term')),
    (there) => there,
    'the request',
  );
  process.kill(before, 'SIGKILL');
  const { code, stdout } = await kill.answer;
  assert.equal(code, 0);
  // The kill lets the old owner go on, which may have claimed the first signal before it died: then KILL comes
  // after the grace. The signal is missing where the adopter needs ten seconds to boot.
  assert.match(stdout, /^1 killed \(/);
  await untilPublished(rig, id, 2);
});
