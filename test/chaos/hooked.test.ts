/** `--on-exit` when supervisors are killed at any instant: it runs, and never twice. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { processesNaming } from '../rig/processes.ts';
import { type Rig, rigTest } from '../rig/rig.ts';
import { rounds } from '../rig/rounds.ts';
import { until } from '../rig/until.ts';
import {
  inParallel,
  killIfItIsStillThat,
  killOwner,
  ownerOf,
  pass,
  seededChance,
  slay,
  untilIdle,
  untilShown,
} from './death.ts';

const linesOf = (path: string): string[] =>
  fs.existsSync(path) ? fs.readFileSync(path, 'utf8').trim().split('\n') : [];

/** Every run of the line of a job, as it wrote them down. */
const runsOf = (rig: Rig, id: number): string[] => linesOf(join(rig.dir, `hooked.${id}`));
const NOTE = (rig: Rig) => `echo "$BGJOB_OUTCOME $BGJOB_EXIT_CODE" >>'${rig.dir}'/hooked.$BGJOB_ID`;

const untilDone = (rig: Rig, id: number): Promise<any> =>
  untilShown(
    rig,
    id,
    ({ onExit }) => ['exited', 'failed', 'unseen', 'not-run'].includes(onExit.state),
    `--on-exit of ${id}`,
  ).then(({ onExit }) => onExit.state);

rigTest('the adopter, and the adopter of the adopter, run it', async (rig) => {
  const gate = join(rig.dir, 'gate');
  const id = await rig.run(['--on-exit', NOTE(rig), `until [ -e '${gate}' ]; do sleep 0.02; done; exit 6`]);
  await rig.untilState(id, 'running');
  await killOwner(rig, id);
  await killOwner(rig, id, 3);
  fs.writeFileSync(gate, '');
  assert.equal((await rig.bgjob(['wait', String(id)])).code, 6);
  assert.equal(await untilDone(rig, id), 'exited');
  assert.deepEqual(runsOf(rig, id), ['exited 6']);
  assert.equal(fs.existsSync(rig.file(id, 'env.json')), false);
});

rigTest('supervisors killed around the end: once each', async (rig) => {
  const chance = seededChance('hooked');
  const runs: number[] = [];
  const count = rounds(12, 60);
  await inParallel(count, 4, async (n) => {
    const queue = n % 3 === 0 ? ['-Q', `q${n}`] : [];
    const id = await rig.run([
      ...queue,
      '--on-exit',
      NOTE(rig),
      '--',
      '/bin/sh',
      '-c',
      `sleep 0.1; exit ${n}`,
    ]);
    await rig.untilState(id, 'running', 'exited');
    const owner = ownerOf(rig, id);
    // most of these fall between the end and the last word of the supervisor
    await until(
      () => fs.readFileSync(rig.file(id, 'exit.1'), 'utf8').trim(),
      (text) => text !== '',
      'the status',
    );
    await pass(chance() * 12);
    // it may have left
    killIfItIsStillThat(owner);
    assert.equal((await rig.bgjob(['wait', String(id)])).code, n);
    assert.equal(await untilDone(rig, id), 'exited', `job ${id}`);
    assert.deepEqual(runsOf(rig, id), [`exited ${n}`]);
    runs.push(id);
  });
  assert.equal(runs.length, count);
  // whoever could run it once more has left
  await untilIdle(rig);
  for (const id of runs) assert.equal(runsOf(rig, id).length, 1, `job ${id}`);
});

rigTest('who runs it is killed: nobody saw its end, and nobody runs it again', async (rig) => {
  const line = `${NOTE(rig)}; exec sleep 1000`;
  const id = await rig.runOut(['--on-exit', line, '--', 'true']);
  await until(
    () => runsOf(rig, id).length,
    (count) => count === 1,
    'the line',
  );
  const [pid] = fs.readlinkSync(rig.file(id, 'hooks')).split('.');
  process.kill(Number(pid), 'SIGKILL');
  assert.equal(await untilDone(rig, id), 'unseen');
  for (const verb of ['ls', 'show', 'wait', 'gc'])
    await rig.bgjob(verb === 'ls' || verb === 'gc' ? [verb] : [verb, String(id)]);
  assert.equal(runsOf(rig, id).length, 1);
  assert.match(
    (await rig.bgjob(['show', String(id)])).stdout,
    /^on exit .*: it ran, but its end was not recorded$/m,
  );
  const sleeping = () => processesNaming(rig.dir).filter(({ command }) => command === 'sleep 1000');
  for (const { pid } of await until(sleeping, (found) => found.length === 1, 'its sleep')) await slay(pid);
});

rigTest('all of its processes are killed at once: lost, and not run later', async (rig) => {
  const id = await rig.run(['--on-exit', NOTE(rig), '--', 'sleep', '1000']);
  await rig.untilState(id, 'running');
  const { shim, watcher, main } = await rig.shimOf(id);
  for (const pid of [watcher, rig.ownerPid(id), shim, main]) process.kill(pid, 'SIGKILL');
  await rig.untilState(id, 'lost');
  assert.equal(await untilDone(rig, id), 'not-run');
  assert.deepEqual(runsOf(rig, id), []);
});

rigTest('the shim is killed alone: its owner tells that it is lost, and runs the line', async (rig) => {
  const id = await rig.run(['--on-exit', NOTE(rig), '--', 'sleep', '1000']);
  await rig.untilState(id, 'running');
  const { shim, main } = await rig.shimOf(id);
  process.kill(shim!, 'SIGKILL');
  process.kill(main!, 'SIGKILL');
  await rig.untilState(id, 'lost');
  assert.equal(await untilDone(rig, id), 'exited');
  assert.deepEqual(runsOf(rig, id), ['lost 125']);
});
