/** A job whose turn comes while its target is not reached: it waits, unless the user just started it. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import type { Rig } from '../../rig/rig.ts';
import { boxTest, untilClean } from '../../rig/target.ts';
import { until } from '../../rig/until.ts';

const untilHeld = (rig: Rig, id: number) =>
  until(
    async () => (await rig.bgjob(['status', String(id)])).stdout,
    (text) => /^\d+ queued \(box does not answer: .*not accept ssh/.test(text),
    'it waits, with the reason',
  );

boxTest('jobs that wait go on waiting while the target is not reached', async (rig, box) => {
  box.cut();
  const queued = await rig.run(['--on', 'box', '-Q', 'far', '--', 'sh', '-c', 'exit 3']);
  const delayed = await rig.run(['--on', 'box', '--delay', '0.1s', '--', 'sh', '-c', 'exit 4']);
  const after = await rig.run(['--on', 'box', '--after', String(queued), '--', 'sh', '-c', 'exit 5']);
  for (const id of [queued, delayed]) await untilHeld(rig, id);
  assert.match((await rig.bgjob(['ls'])).stdout, /queued \(silent/);
  // a job that is just started says it at once, and the others go on waiting
  const plain = await rig.bgjob(['run', '--on', 'box', '--wait', '--', 'true']);
  assert.equal(plain.code, 125);
  assert.match(plain.stderr, /Connection refused/);
  for (const id of [queued, delayed, after]) assert.equal((await rig.show(id)).state, 'queued');
  const far = await rig.json(['targets']);
  assert.deepEqual([far[0].jobs, far[0].silentSince !== null], [3, true]);
  const doctor = await rig.bgjob(['doctor']);
  assert.match(doctor.stdout + doctor.stderr, /target box does not answer.*3 jobs/);
  box.mend();
  // a check that succeeds is also a reason to try again
  assert.equal((await rig.bgjob(['targets', 'box'])).code, 0);
  assert.equal((await rig.bgjob(['wait', String(delayed)])).code, 4);
  assert.equal((await rig.bgjob(['wait', String(queued)])).code, 3);
  assert.equal((await rig.bgjob(['wait', String(after), '--ended'])).code, 0);
  assert.equal((await rig.show(after)).state, 'skipped');
  await untilClean(box);
});

boxTest(
  'local jobs of a mixed queue go on meanwhile; a waiting job is cancelled at once',
  async (rig, box) => {
    box.cut();
    const far = await rig.run(['--on', 'box', '-Q', 'mixed', '--slots', '1', '--', 'true']);
    await untilHeld(rig, far);
    const here = await rig.run(['-Q', 'mixed', '--', 'sh', '-c', 'exit 6']);
    assert.equal((await rig.bgjob(['wait', String(here)])).code, 6);
    const other = await rig.run(['--on', 'box', '-Q', 'mixed', '--', 'true']);
    const killed = await rig.bgjob(['kill', String(far)]);
    assert.match(killed.stdout, /cancelled before it started/);
    box.mend();
    await rig.bgjob(['targets', 'box']);
    assert.equal((await rig.bgjob(['wait', String(other)])).code, 0);
  },
);

boxTest('an attempt after the first waits for the target, and is not used up', async (rig, box) => {
  const mark = join(rig.dir, 'mark');
  const script = `[ -e ${mark} ] && exit 0; touch ${mark}; exit 1`;
  const id = await rig.run(['--on', 'box', '--retry', '1', '--backoff', '3s', '--', 'sh', '-c', script]);
  await until(
    async () => (await rig.show(id)).attempts,
    (count) => count === 2,
    'the first attempt has failed',
  );
  box.cut();
  await untilHeld(rig, id);
  box.mend();
  await rig.bgjob(['targets', 'box']);
  assert.equal((await rig.bgjob(['wait', String(id)])).code, 0);
});

boxTest('a service that is killed while jobs wait for the target loses none', async (rig, box) => {
  box.cut();
  const id = await rig.run(['--on', 'box', '-Q', 'far', '--', 'sh', '-c', 'exit 3']);
  await untilHeld(rig, id);
  assert.ok(await box.killService());
  box.mend();
  assert.equal((await rig.bgjob(['wait', String(id)])).code, 3);
});

boxTest('a job there knows its id, and the payload of its trigger', async (rig) => {
  const id = await rig.run(['--on', 'box', '--', 'sh', '-c', 'echo "$BGJOB_ID ${BGJOB_HOME-none}"']);
  await rig.bgjob(['wait', String(id)]);
  assert.equal(rig.log(id), `${id} none\n`);
});

boxTest('kill counts what was stopped, and stops what an ended job left there', async (rig, box) => {
  const pid = join(box.home, 'pid');
  const script = `setsid sh -c 'echo $$ >${pid}; exec sleep 1000' & while [ ! -s ${pid} ]; do sleep 0.05; done`;
  const id = await rig.run(['--on', 'box', '--', 'sh', '-c', script]);
  await rig.bgjob(['wait', String(id)]);
  await untilClean(box);
  const left = Number(fs.readFileSync(pid, 'utf8'));
  process.kill(left, 0);
  const killed = await rig.bgjob(['kill', String(id)]);
  assert.match(killed.stdout, /already exited 0 .*; killed 1 process that it left/);
  assert.throws(() => process.kill(left, 0), /ESRCH/);
  assert.match((await rig.bgjob(['kill', String(id)])).stdout, /already exited 0 [^;]*$/);
  assert.deepEqual(box.left(), []);
  box.cut();
  const cut = await rig.bgjob(['kill', String(id)]);
  assert.deepEqual([cut.code, /does not accept ssh/.test(cut.stderr)], [125, true]);
});
