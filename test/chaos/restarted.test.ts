/** After a restart of the machine no recorded pid means anything; and what another machine wrote is not ours to judge. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { isRunning } from '../rig/processes.ts';
import { type Rig, rigTest } from '../rig/rig.ts';
import { until } from '../rig/until.ts';
import { readJson, runPuppet, slay } from './death.ts';

const OTHER_BOOT = '00000000-0000-4000-8000-000000000000';
const RESTARTED = 'the machine was restarted';

function edit(path: string, change: (record: any) => void): void {
  const record = readJson(path);
  change(record);
  fs.writeFileSync(path, JSON.stringify(record));
}

/** As if everything of this job had been written before the last start of the machine. */
function ageByOneBoot(rig: Rig, id: number, changes: { machine?: string } = {}): void {
  edit(rig.file(id, 'spec.json'), (spec) => Object.assign(spec, { bootId: OTHER_BOOT, ...changes }));
  for (const name of fs.readdirSync(rig.file(id, '.')).filter((one) => one.startsWith('owner.')))
    edit(rig.file(id, name), ({ identity }) => Object.assign(identity, { bootId: OTHER_BOOT, ...changes }));
}

rigTest('a job that was running when the machine was restarted is lost, and says why', async (rig) => {
  const puppet = await rig.puppet();
  const id = await runPuppet(rig, puppet);
  const { shim, watcher, main } = rig.shimRecord(id);
  for (const pid of [watcher!, rig.ownerPid(id), shim!, main!]) await slay(pid);
  ageByOneBoot(rig, id);
  const status = await rig.bgjob(['status', String(id)]);
  assert.equal(status.code, 125);
  assert.ok(status.stdout.startsWith(`1 lost (${RESTARTED})`), status.stdout);
  assert.equal((await rig.bgjob(['wait', String(id)])).code, 125);
  const kill = await rig.bgjob(['kill', String(id)]);
  assert.equal(kill.code, 0);
  assert.match(kill.stdout, /^1 already lost \(the machine was restarted\)\n$/);
});

rigTest('nobody is signalled who has a pid of the job after the restart', async (rig) => {
  const puppet = await rig.puppet();
  const id = await runPuppet(rig, puppet);
  const { shim, watcher, main } = rig.shimRecord(id);
  for (const pid of [watcher!, rig.ownerPid(id), shim!, main!]) await slay(pid);
  // the same pids and the same starts, counted from another boot: only that tells the two apart
  const next = await rig.puppet();
  const other = await runPuppet(rig, next);
  fs.copyFileSync(rig.file(other, 'shim'), rig.file(id, 'shim'));
  fs.copyFileSync(rig.file(other, 'owner.1'), rig.file(id, 'owner.1'));
  ageByOneBoot(rig, id);
  assert.equal((await rig.show(id)).reason, RESTARTED);
  assert.equal((await rig.bgjob(['kill', '--now', String(id)])).code, 0);
  assert.equal((await rig.bgjob(['status', String(other)])).code, 75);
  await next.exit(6);
  assert.equal((await rig.bgjob(['wait', String(other)])).code, 6);
});

rigTest('a status that the shim wrote just before the restart is kept', async (rig) => {
  const puppet = await rig.puppet();
  const id = await runPuppet(rig, puppet);
  await slay(rig.shimRecord(id).watcher!);
  await slay(rig.ownerPid(id));
  await puppet.exit(7);
  await until(
    () => isRunning(rig.shimRecord(id).shim!),
    (running) => !running,
    'the end of the shim',
  );
  ageByOneBoot(rig, id);
  assert.equal((await rig.bgjob(['wait', String(id)])).code, 7);
});

rigTest('a launch that the restart cut off is lost at once', async (rig) => {
  const id = await rig.run(['--', 'true']);
  await rig.bgjob(['wait', String(id)]);
  const dir = rig.file(2, '.');
  fs.mkdirSync(dir, { mode: 0o700 });
  const spec = { ...readJson(rig.file(id, 'spec.json')), id: 2 };
  fs.writeFileSync(rig.file(2, 'spec.json'), JSON.stringify(spec));
  assert.equal((await rig.show(2)).state, 'starting', 'of this boot, and fresh');
  edit(rig.file(2, 'spec.json'), (record) => (record.createdMonotonicMs -= 31_000));
  assert.equal((await rig.show(2)).state, 'lost', 'of this boot, and too old');
  edit(rig.file(2, 'spec.json'), (record) => Object.assign(record, spec, { bootId: OTHER_BOOT }));
  assert.equal((await rig.show(2)).reason, RESTARTED);
});

rigTest('a job of another machine is elsewhere, and never touched', async (rig) => {
  const puppet = await rig.puppet();
  const id = await runPuppet(rig, puppet);
  const main = rig.shimRecord(id).main!;
  ageByOneBoot(rig, id, { machine: 'another' });
  const status = await rig.bgjob(['status', String(id)]);
  assert.equal(status.code, 125);
  assert.match(status.stdout, /^1 elsewhere \(another\)/);
  assert.equal((await rig.bgjob(['wait', String(id)])).code, 125);
  const kill = await rig.bgjob(['kill', String(id)]);
  assert.equal(kill.code, 125);
  assert.match(kill.stderr, /belongs to another machine \(another\); nothing was done/);
  assert.equal(isRunning(main), true);
  assert.equal(fs.existsSync(rig.file(id, 'stop.term')), false);
  // nor is it collected; a newer job, because the newest never is
  await rig.bgjob(['wait', String(await rig.run(['--', 'true']))]);
  assert.equal((await rig.bgjob(['gc', '--ended'])).code, 0);
  assert.equal((await rig.show(id)).state, 'elsewhere');
  await puppet.exit(0);
});
