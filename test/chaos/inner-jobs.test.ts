/** A job that was started inside a job is a job of its own: `kill` of the outer one spares it, and its code stays right. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { isRunning } from '../rig/processes.ts';
import { type Rig, rigTest } from '../rig/rig.ts';
import { until } from '../rig/until.ts';
import { readJson, slay } from './death.ts';

/** Starts an outer job that runs `bgjob run OPTIONS -- puppet`, and returns when the inner one is published. */
async function runNested(rig: Rig, inner: string[], home = rig.home) {
  const puppet = await rig.puppet();
  const words = [...inner, '--', ...puppet.command].map((word) => `'${word}'`).join(' ');
  const prefix = home === rig.home ? '' : `BGJOB_HOME='${home}' `;
  const outer = await rig.run([`${prefix}bgjob run ${words}; sleep 1000`]);
  await puppet.ready();
  const id = home === rig.home ? 2 : 1;
  const state = join(home, 'jobs', String(id), 'state.json');
  await until(
    () => readJson(state),
    (found) => found?.status.phase === 'running',
    'the inner job',
  );
  return { puppet, outer, id, env: { BGJOB_HOME: home } };
}

for (const options of [['--wait'], ['-f'], []]) {
  const how = `run ${options.join(' ')}`.trim();
  rigTest(`kill of a job spares the one that it started by ${how}`, async (rig) => {
    const { puppet, outer, id } = await runNested(rig, options);
    const killed = await rig.bgjob(['kill', String(outer)]);
    assert.equal(killed.code, 0, killed.stderr);
    assert.match(killed.stdout, /^1 killed \(TERM, /);
    const shown = await rig.show(id);
    assert.equal(shown.state, 'running');
    assert.equal(shown.parent, outer);
    assert.equal(isRunning(shown.supervisor.pid), true);
    await puppet.print('unharmed\n');
    await puppet.exit(23);
    const wait = await rig.bgjob(['wait', String(id)]);
    assert.equal(wait.code, 23);
    assert.match(wait.stdout, /unharmed/);
    assert.equal(readJson(rig.file(id, 'state.json')).generation, 1, 'its supervisor was not touched');
  });
}

rigTest('kill of a job spares the one that it started in another home', async (rig) => {
  const other = join(rig.dir, 'other');
  const { puppet, outer, id, env } = await runNested(rig, ['--wait'], other);
  assert.equal((await rig.bgjob(['kill', '--now', String(outer)])).code, 0);
  assert.equal((await rig.bgjob(['status', String(id)], { env })).code, 75);
  await puppet.exit(24);
  assert.equal((await rig.bgjob(['wait', String(id)], { env })).code, 24);
});

rigTest('kill of a job spares an inner one that an adopter keeps', async (rig) => {
  const { puppet, outer, id } = await runNested(rig, ['--wait']);
  await slay(rig.ownerPid(id));
  await until(
    () => readJson(rig.file(id, 'state.json')),
    (state) => state.generation === 2,
    'the adopter of the inner job',
  );
  assert.equal((await rig.bgjob(['kill', '--now', String(outer)])).code, 0);
  assert.equal((await rig.show(id)).state, 'running');
  await puppet.exit(25);
  assert.equal((await rig.bgjob(['wait', String(id)])).code, 25);
  assert.equal(readJson(rig.file(id, 'state.json')).generation, 2);
});

rigTest('kill of the inner job leaves the outer one alone, and tells it', async (rig) => {
  const puppet = await rig.puppet();
  const words = puppet.command.map((word) => `'${word}'`).join(' ');
  const outer = await rig.run([`bgjob run --wait -- ${words}; echo "inner: $?"; exit 5`]);
  await puppet.ready();
  assert.equal((await rig.bgjob(['kill', '2'])).code, 0);
  assert.equal((await rig.bgjob(['wait', String(outer)])).code, 5);
  assert.match(rig.log(outer), /inner: 143\n$/);
});

rigTest('an inner job that hides its marker is still not the outer one', async (rig) => {
  const outer = await rig.run([
    `bgjob run --wait -- env -i /bin/sh -c 'echo $$ >"${rig.dir}/bare"; exec sleep 1000'; sleep 1000`,
  ]);
  const bare = await until(
    () => (fs.existsSync(`${rig.dir}/bare`) ? Number(fs.readFileSync(`${rig.dir}/bare`, 'utf8')) : 0),
    (pid) => pid > 0,
    'the inner process',
  );
  assert.equal((await rig.bgjob(['kill', String(outer)])).code, 0);
  assert.equal(isRunning(bare), true);
  assert.equal((await rig.bgjob(['status', '2'])).code, 75);
  assert.match((await rig.bgjob(['kill', '2'])).stdout, /^2 killed \(TERM, /);
  assert.equal(isRunning(bare), false);
});
