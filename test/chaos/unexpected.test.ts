/**
 * Errors of a supervisor that nobody expected, planted into a program that is built for this: the job ends
 * with the reason, or goes on
 * without its limits; never a loop, and the other jobs of the queue run.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Rig, withRig } from '../rig/rig.ts';
import { TEST_MS, until } from '../rig/until.ts';
import { withChanges } from './catching.ts';
import { PLANTS } from './plants.ts';

/** The reported error: what was thrown, and where in our sources. */
const PLANTED = /^TypeError: planted \(src\/supervisor\/(start|adopt|after-end)\.ts:\d+\)$/;

const owners = (rig: Rig, id: number): number =>
  fs.readdirSync(rig.file(id, '.')).filter((name) => name.startsWith('owner.')).length;

/** A job, a planted one and another in a queue with one slot. */
async function amongOthers(rig: Rig, plant: string): Promise<any[]> {
  const words = [['true'], ['echo', `plant-${plant}`], ['true']];
  await rig.bgjob(['queue', 'set', 'q', '--slots', '1']);
  await rig.bgjob(['queue', 'pause', 'q']);
  const ids: number[] = [];
  for (const command of words) ids.push(await rig.run(['-Q', 'q', '--', ...command]));
  await rig.bgjob(['queue', 'resume', 'q']);
  await rig.bgjob(['wait', ...ids.map(String)]);
  const [before, job, after] = await Promise.all(ids.map((id) => rig.show(id)));
  assert.deepEqual([before.state, after.state], ['exited', 'exited']);
  return job;
}

async function doctorTold(rig: Rig): Promise<(number | null)[]> {
  const told = await rig.json(['doctor']);
  return told.filter(({ code }) => code === 'supervisor-failed').map(({ job }) => job);
}

const SCENES: Record<string, (rig: Rig) => Promise<void>> = {
  'at the start': async (rig) => {
    const id = await rig.run(['--', 'echo', 'plant-start']);
    assert.equal((await rig.bgjob(['wait', String(id)])).code, 125);
    const { state, reason, supervisor } = await rig.show(id);
    assert.match(supervisor.error, PLANTED);
    const text = `unexpected error of its supervisor: ${supervisor.error}`;
    assert.deepEqual([state, reason], ['start-failed', text]);
    assert.equal(rig.log(id), `[bgjob: could not be started: ${text}]\n`);
    assert.deepEqual(await doctorTold(rig), [id]);
  },
  'at the start, in a queue': async (rig) => {
    const job: any = await amongOthers(rig, 'start');
    assert.deepEqual([job.state, owners(rig, job.id)], ['start-failed', 1]);
  },
  'supervisors that die without a word, in a queue': async (rig) => {
    const job: any = await amongOthers(rig, 'death');
    assert.equal(job.state, 'start-failed');
    assert.match(job.reason, /^3 supervisors in a row ended before they started it/);
    // the last is of the process that gave up
    assert.equal(owners(rig, job.id), 4);
  },
  'in a timer: an adopter goes on': async (rig) => {
    const puppet = await rig.puppet();
    const id = await rig.run(['--', ...puppet.command, 'plant-timer']);
    await puppet.ready();
    await until(
      () => owners(rig, id),
      (count) => count === 2,
      'an adopter',
    );
    await rig.untilShown(id, (job) => job.supervisor.pid, Number.isInteger, 'an adopter that lives');
    await puppet.exit(7);
    assert.equal((await rig.bgjob(['wait', String(id)])).code, 7);
    const { error } = (await rig.show(id)).supervisor;
    assert.match(error, PLANTED);
    const lines = rig.log(id).split('\n');
    assert.ok(lines.includes(`[bgjob: unexpected error of its supervisor: ${error}]`), rig.log(id));
  },
  'in a timer, and in the adoption: nobody comes after': async (rig) => {
    const puppet = await rig.puppet();
    const id = await rig.run(['--', ...puppet.command, 'plant-timer', 'plant-adopt']);
    await puppet.ready();
    const { watcher } = await rig.shimOf(id);
    await until(
      () => fs.existsSync(`/proc/${watcher}`) && !/\) Z /.test(readStat(watcher)),
      (lives) => !lives,
      'the end of the watcher',
    );
    assert.equal(owners(rig, id), 2);
    assert.equal((await rig.show(id)).state, 'running');
    await puppet.exit(7);
    assert.equal((await rig.bgjob(['wait', String(id)])).code, 7, 'the shim has written it down');
    assert.deepEqual(await doctorTold(rig), [id]);
  },
  'after the end': async (rig) => {
    const job: any = await amongOthers(rig, 'leave');
    assert.deepEqual([job.state, job.exitCode, owners(rig, job.id)], ['exited', 0, 1]);
    assert.match((await rig.show(job.id)).supervisor.error, PLANTED);
  },
};

const readStat = (pid: number): string => {
  try {
    return fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return ') Z ';
  }
};

test('an unexpected error of a supervisor', { timeout: TEST_MS }, async (t) => {
  await withChanges(PLANTS, async (dir) => {
    for (const [name, scene] of Object.entries(SCENES))
      await t.test(name, () => withRig(scene, join(dir, 'bin', 'bgjob')));
  });
});
