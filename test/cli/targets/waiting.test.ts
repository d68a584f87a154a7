/** A job whose turn comes while its target is not reached: it waits, unless the user just started it. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { readJson } from '../../chaos/death.ts';
import { bearer, send } from '../../rig/http.ts';
import { isRunning } from '../../rig/processes.ts';
import type { Rig } from '../../rig/rig.ts';
import { boxTest, untilClean } from '../../rig/target.ts';
import { addTrigger, removeTriggers } from '../../rig/triggers.ts';
import { until } from '../../rig/until.ts';

async function untilHeld(rig: Rig, id: number): Promise<void> {
  const text = await until(
    async () => (await rig.bgjob(['status', String(id)])).stdout,
    // at first it may be the connection that broke
    (said) => /does not answer: .*not accept ssh|start-failed/.test(said),
    'the target was tried',
  );
  assert.match(text, /^\d+ queued \(box does not answer: .*not accept ssh/);
}

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
  const gate = join(rig.dir, 'gate');
  const held = `while [ ! -e ${gate} ]; do sleep 0.05; done`;
  const script = `[ -e ${mark} ] && exit 0; touch ${mark}; ${held}; exit 1`;
  const words = ['--on', 'box', '-Q', 'far', '--retry', '1', '--backoff', '10ms', '--', 'sh', '-c', script];
  const id = await rig.run(words);
  await until(
    () => fs.existsSync(mark),
    (begun) => begun,
    'the first attempt',
  );
  // the second attempt begins when the target is cut, and not before
  await rig.bgjob(['queue', 'pause', 'far']);
  fs.writeFileSync(gate, '');
  await until(
    async () => (await rig.show(id)).attempts,
    (count) => count === 2,
    'the first attempt has failed',
  );
  box.cut();
  await rig.bgjob(['queue', 'resume', 'far']);
  await untilHeld(rig, id);
  box.mend();
  await rig.bgjob(['targets', 'box']);
  assert.equal((await rig.bgjob(['wait', String(id)])).code, 0);
});

boxTest('the next attempt begins after the backoff', async (rig) => {
  const words = ['--on', 'box', '--retry', '3', '--backoff', '10ms', '--', 'sh', '-c', 'exit 6'];
  const id = await rig.run(words);
  assert.equal((await rig.bgjob(['wait', String(id)])).code, 6);
  const { attempts, status } = readJson(rig.file(id, 'state.json'));
  const begun = [...attempts.slice(1), status].map(({ startedAt }: { startedAt: number }) => startedAt);
  const pauses = begun.map((at: number, n: number) => at - attempts[n].endedAt);
  // a service that is not woken looks for jobs that wait each ten seconds: then no pause is shorter
  assert.equal(pauses.length, 3);
  assert.ok(Math.min(...pauses) < 9000, `${pauses}`);
});

boxTest('a service that is killed while jobs wait for the target loses none', async (rig, box) => {
  box.cut();
  const id = await rig.run(['--on', 'box', '-Q', 'far', '--', 'sh', '-c', 'exit 3']);
  await untilHeld(rig, id);
  assert.ok(await box.killService());
  box.mend();
  assert.equal((await rig.bgjob(['wait', String(id)])).code, 3);
});

boxTest('a job there knows its id', async (rig) => {
  const id = await rig.run(['--on', 'box', '--', 'sh', '-c', 'echo "$BGJOB_ID <$BGJOB_HOME>"']);
  await rig.bgjob(['wait', String(id)]);
  assert.equal(rig.log(id), `${id} <>\n`);
});

boxTest('kill counts what was stopped, and stops what an ended job left there', async (rig, box) => {
  const pid = join(box.home, 'pid');
  const script = `setsid sh -c 'echo $$ >${pid}; exec sleep 1000' & while [ ! -s ${pid} ]; do sleep 0.05; done`;
  const id = await rig.run(['--on', 'box', '--', 'sh', '-c', script]);
  await rig.bgjob(['wait', String(id)]);
  await untilClean(box);
  const left = Number(fs.readFileSync(pid, 'utf8'));
  assert.ok(isRunning(left));
  const killed = await rig.bgjob(['kill', String(id)]);
  assert.match(killed.stdout, /already exited 0 .*; killed 1 process that it left/);
  assert.ok(!isRunning(left));
  assert.match((await rig.bgjob(['kill', String(id)])).stdout, /already exited 0 [^;]*$/);
  assert.deepEqual(box.left(), []);
  box.cut();
  const cut = await rig.bgjob(['kill', String(id)]);
  assert.deepEqual([cut.code, /does not accept ssh/.test(cut.stderr)], [125, true]);
});

boxTest('a job has no end here before its output is here', async (rig, box) => {
  const gate = join(box.home, 'gate');
  const script = `while [ ! -e ${gate} ]; do sleep 0.05; done; echo one; echo two; exit 4`;
  const id = await rig.run(['--on', 'box', '--', 'sh', '-c', script]);
  await rig.untilState(id, 'running');
  const log = rig.file(id, 'out/log');
  // output and end come in one piece
  box.cut();
  fs.writeFileSync(gate, '');
  await until(
    () => box.left().some((name) => /\/end\/[^/]+-1$/.test(name)),
    (isThere) => isThere,
    'it has ended there',
  );
  fs.rmSync(log, { force: true });
  // as on a full disk
  fs.mkdirSync(log);
  box.mend();
  const wait = rig.startBgjob(['wait', String(id)]);
  // its end comes after both
  assert.equal((await rig.bgjob(['run', '--on', 'box', '--wait', '--', 'true'])).code, 0);
  assert.equal((await rig.show(id)).state, 'running');
  fs.rmdirSync(log);
  assert.equal((await wait.answer).code, 4);
  assert.equal(rig.log(id), 'one\ntwo\n');
});

boxTest('the payload of a trigger is the input of its job there', async (rig) => {
  const script = 'cat "$BGJOB_PAYLOAD"; echo " $BGJOB_TRIGGER"';
  const added = await rig.bgjob(['trigger', 'add', 'note', '--on', 'box', '--', 'true']);
  assert.match(added.stderr, /^\(on box: when it is called you may not be .* key without a passphrase\)$/m);
  assert.match(added.stderr, /^runs true on box in \/\S+$/m);
  const { url, secret } = await addTrigger(rig, ['hook', '--on', 'box', '--', 'sh', '-c', script]);
  const { status, json } = await send(url, { headers: bearer(secret), body: '{"a":1}' });
  assert.equal(status, 202);
  await rig.bgjob(['wait', String(json.id)]);
  assert.equal(rig.log(json.id), '{"a":1} hook\n');
  await removeTriggers(rig);
});

boxTest('kill says what it could not see there', async (rig, box) => {
  box.hideProc();
  const id = await rig.run(['--on', 'box', '--', 'sleep', '1000']);
  await rig.untilState(id, 'running');
  const killed = await rig.bgjob(['kill', String(id)]);
  assert.match(killed.stdout, /killed \(TERM, .*: 1 process$/m);
  assert.match(killed.stderr, /gpu1 does not show the environment of processes/);
  const next = await rig.run(['--on', 'box', '--', 'sleep', '1000']);
  await rig.untilState(next, 'running');
  const [object] = await rig.json(['kill', String(next)]);
  assert.deepEqual([object.processes, object.unseen], [1, 'environments']);
});
