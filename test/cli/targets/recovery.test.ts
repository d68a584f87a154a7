/** Jobs on a target outlive their service, its shell, and a restart of this machine. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { pass, seededChance } from '../../chaos/death.ts';
import { isRunning } from '../../rig/processes.ts';
import type { Rig } from '../../rig/rig.ts';
import { type Box, boxTest, untilClean } from '../../rig/target.ts';
import { until } from '../../rig/until.ts';

/** A job there that ends when the test says so: it waits for a file, and notes each of its starts. */
function gated(box: Box, name: string, code: number): string[] {
  const [starts, gate] = [join(box.home, `${name}.starts`), join(box.home, `${name}.gate`)];
  const wait = `while [ ! -e ${gate} ]; do sleep 0.05; done`;
  return ['sh', '-c', `echo x >>${starts}; echo one; ${wait}; echo two; exit ${code}`];
}
const open = (box: Box, name: string) => fs.writeFileSync(join(box.home, `${name}.gate`), '');
const starts = (box: Box, name: string) => fs.readFileSync(join(box.home, `${name}.starts`), 'utf8');

/** Ends all processes of the service, as a power cut does. */
async function slayService(rig: Rig, box: Box): Promise<void> {
  const service = await box.service();
  if (!service) return;
  const { id } = service;
  const { shim, watcher } = await rig.shimOf(id);
  // the watcher first: it starts an adopter
  for (const pid of [watcher, rig.ownerPid(id), shim]) if (isRunning(pid)) process.kill(pid, 'SIGKILL');
  while (await box.killService());
}

boxTest('a service that is killed loses nothing: wait goes on, the code is true', async (rig, box) => {
  const id = await rig.run(['--on', 'box', '--', ...gated(box, 'a', 6)]);
  await rig.untilState(id, 'running');
  const wait = rig.startBgjob(['wait', String(id)]);
  await slayService(rig, box);
  assert.match((await rig.bgjob(['status', String(id)])).stdout, /^1 running/);
  open(box, 'a');
  assert.equal((await wait.answer).code, 6);
  assert.equal(rig.log(id), 'one\ntwo\n');
  assert.equal(starts(box, 'a'), 'x\n');
  await untilClean(box);
});

boxTest('a wait that begins after the service has ended starts it again', async (rig, box) => {
  const id = await rig.run(['--on', 'box', '--', ...gated(box, 'a', 6)]);
  await rig.untilState(id, 'running');
  await box.end();
  open(box, 'a');
  assert.equal((await rig.bgjob(['wait', String(id)])).code, 6);
  const next = await rig.run(['--on', 'box', '--', ...gated(box, 'b', 0)]);
  await rig.untilState(next, 'running');
  await box.end();
  open(box, 'b');
  assert.equal((await rig.bgjob(['wait', String(next), '--until', 'two'])).code, 0);
});

boxTest(
  'after a restart of this machine the jobs go on there, and are found again here',
  async (rig, box) => {
    const id = await rig.run(['--on', 'box', '--', ...gated(box, 'a', 6)]);
    await rig.untilState(id, 'running');
    await slayService(rig, box);
    // as if all of it had been written before the last start of the machine
    const bootId = '00000000-0000-4000-8000-000000000000';
    const edit = (path: string, change: (record: any) => void) => {
      const { checksum: _, ...record } = JSON.parse(fs.readFileSync(path, 'utf8'));
      change(record);
      fs.writeFileSync(path, JSON.stringify(record));
    };
    const jobs = fs.readdirSync(join(rig.home, 'jobs')).map(Number);
    for (const one of jobs) {
      edit(rig.file(one, 'spec.json'), (spec) => Object.assign(spec, { bootId }));
      for (const name of fs.readdirSync(rig.file(one, '.')).filter((file) => file.startsWith('owner.')))
        edit(rig.file(one, name), ({ identity }) => Object.assign(identity, { bootId }));
    }
    const [key] = fs.readdirSync(join(rig.home, 'targets'));
    edit(join(rig.home, 'targets', key!, 'record.json'), ({ added }) =>
      Object.assign(added, { bootId, world: 'another' }),
    );
    const status = await rig.bgjob(['status', String(id)]);
    assert.match(status.stdout, /^1 running \(its service does not run/);
    open(box, 'a');
    assert.equal((await rig.bgjob(['wait', String(id)])).code, 6);
    assert.equal(rig.log(id), 'one\ntwo\n');
    assert.equal(starts(box, 'a'), 'x\n');
  },
);

boxTest(
  'a service that is killed at random points: each job runs once, each code is true',
  async (rig, box) => {
    const next = seededChance('kills of the service');
    const jobs: { id: number; name: string; code: number }[] = [];
    let isOver = false;
    const kills = (async () => {
      while (!isOver) {
        await box.killService();
        await pass(next() * 1500);
      }
    })();
    for (let n = 0; n < 6; n++) {
      const [name, code] = [`job${n}`, Math.floor(next() * 100)];
      const queue = n % 2 === 0 ? [] : ['-Q', 'far', '--slots', '2'];
      const id = await rig.run(['--on', 'box', ...queue, '--', ...gated(box, name, code)]);
      jobs.push({ id, name, code });
      open(box, name);
    }
    const cut = until(
      () => jobs.filter(({ name }) => fs.existsSync(join(box.home, `${name}.starts`))).length,
      (count) => count > 2,
      'some have started',
    );
    await cut;
    isOver = true;
    await kills;
    for (const { id, name, code } of jobs) {
      assert.equal((await rig.bgjob(['wait', String(id)])).code, code, `job ${id}`);
      assert.equal(rig.log(id), 'one\ntwo\n');
      assert.equal(starts(box, name), 'x\n', 'it ran once');
    }
  },
);

boxTest(
  'a job that waits when all of its service is killed is started after the next command',
  async (rig, box) => {
    const id = await rig.run(['--on', 'box', '--delay', '1s', '--', ...gated(box, 'a', 3)]);
    await slayService(rig, box);
    open(box, 'a');
    await rig.bgjob(['ls']);
    // no call waits for it
    await rig.untilState(id, 'exited');
    assert.equal((await rig.show(id)).exitCode, 3);
  },
);
