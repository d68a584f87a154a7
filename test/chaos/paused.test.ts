/** Pauses, and owners that die or stand still around them: what is paused stays paused, and can go on. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { letterOf } from '../rig/processes.ts';
import { type Rig, rigTest } from '../rig/rig.ts';
import { rounds } from '../rig/rounds.ts';
import { until } from '../rig/until.ts';
import {
  amend,
  betweenOwners,
  inParallel,
  killIfItIsStillThat,
  killOwner,
  longMs,
  ownerOf,
  pass,
  readJson,
  runPuppet,
  seededChance,
  slay,
  startEarlier,
} from './death.ts';

const isStopped = (pid: number): boolean => letterOf(pid) === 'T';

rigTest('the supervisor is killed while the job is paused: still paused, resume works', async (rig) => {
  const puppet = await rig.puppet();
  const id = await runPuppet(rig, puppet);
  const pids = [await puppet.pid(), await puppet.fork({ daemon: true })];
  assert.equal((await rig.bgjob(['pause', '1'])).code, 0);
  await killOwner(rig, id);
  await killOwner(rig, id, 3);
  assert.equal((await rig.show(id)).state, 'paused');
  assert.deepEqual(pids.map(isStopped), [true, true]);
  assert.equal((await rig.bgjob(['resume', '1'])).stdout, '1 resumed: 2 processes\n');
  await puppet.print('on\n');
  assert.equal((await rig.bgjob(['pause', '1'])).stdout, '1 paused: 2 processes\n');
  assert.match((await rig.bgjob(['kill', '1'])).stdout, /^1 killed \(TERM, [\d.]+s\): 2 processes\n$/);
});

rigTest('an adopter gives no second helping, and does not count the pause', async (rig) => {
  const limitMs = longMs();
  await rig.run(['--timeout', `${limitMs}ms`, '--', 'sleep', '1000']);
  await rig.untilState(1, 'running');
  await rig.bgjob(['pause', '1']);
  const holdingOf = () => readJson(rig.file(1, 'state.json')).status.holding;
  // as if it had been paused for all of its limit, and more
  await betweenOwners(rig, 1, 2, () => {
    startEarlier(rig, 1, limitMs);
    amend(rig.file(1, 'state.json'), ({ status }) => {
      status.holding.since.at -= limitMs;
      status.holding.since.monotonicMs -= limitMs;
    });
  });
  assert.equal((await rig.show(1)).state, 'paused');
  await rig.bgjob(['resume', '1']);
  assert.equal((await rig.show(1)).state, 'running');
  const { pausedMs } = holdingOf();
  assert.ok(pausedMs >= limitMs, `${pausedMs}`);
  // and now as if it had run for as long as it may
  await betweenOwners(rig, 1, 3, () =>
    amend(rig.file(1, 'state.json'), ({ status }) => (status.holding.pausedMs -= limitMs)),
  );
  assert.equal((await rig.bgjob(['wait', '1'])).code, 124);
  const { durationMs } = await rig.show(1);
  assert.ok(durationMs >= limitMs, `${durationMs} of ${limitMs}`);
});

rigTest('a supervisor that stands still: no answer, nothing paused, also not later', async (rig) => {
  const puppet = await rig.puppet();
  const id = await runPuppet(rig, puppet);
  const owner = rig.ownerPid(id);
  process.kill(owner, 'SIGSTOP');
  const { code, stdout, stderr } = await rig.bgjob(['pause', '1']);
  assert.deepEqual([code, stdout], [125, '']);
  assert.match(stderr, /job 1 was not paused: its supervisor does not answer/);
  process.kill(owner, 'SIGCONT');
  // whoever asks now is answered after what lies there
  await until(
    () => readJson(rig.file(id, 'state.json')).status.holding?.request ?? 0,
    (request) => request === 2,
    'the answer to what was taken back',
  );
  assert.equal((await rig.show(id)).state, 'running');
  assert.equal(isStopped(await puppet.pid()), false);
  await puppet.exit(0);
});

rigTest('asked while nobody is in charge: the adopter does it', async (rig) => {
  const puppet = await rig.puppet();
  const id = await runPuppet(rig, puppet);
  const pid = await puppet.pid();
  const before = rig.ownerPid(id);
  process.kill(before, 'SIGSTOP');
  const pause = rig.startBgjob(['pause', String(id)]);
  await until(
    () => fs.existsSync(rig.file(id, 'hold.1')),
    (there) => there,
    'the request',
  );
  await slay(before);
  assert.equal((await pause.answer).stdout, '1 paused: 1 process\n');
  assert.equal(isStopped(pid), true);
  await rig.bgjob(['kill', '1']);
});

rigTest(
  'supervisor and shim are killed while it is paused: lost, and its rest can be killed',
  async (rig) => {
    const puppet = await rig.puppet();
    const id = await runPuppet(rig, puppet);
    const pid = await puppet.pid();
    await rig.bgjob(['pause', '1']);
    const { shim, watcher } = rig.shimRecord(id);
    for (const one of [watcher!, rig.ownerPid(id), shim!]) await slay(one);
    assert.equal((await rig.show(id)).state, 'lost');
    assert.equal(isStopped(pid), true);
    const { code, stdout } = await rig.bgjob(['kill', '1']);
    assert.equal(code, 0);
    assert.match(stdout, /killed 1 process that it left/);
  },
);

/** One job: pauses and resumes in turn while its owner is killed at some instant; in the end it stands as was asked last. */
async function round(rig: Rig, n: number, chance: () => number): Promise<void> {
  const id = await rig.run(['--', '/bin/sh', '-c', `sh -c 'while :; do sleep 0.02; done' & wait; exit ${n}`]);
  await rig.untilState(id, 'running');
  const verbs = n % 2 === 0 ? ['pause', 'resume', 'pause'] : ['pause', 'resume'];
  const kills = (async () => {
    for (let left = 2; left > 0; left--) {
      await pass(chance() * 250);
      // it may be being replaced just now
      killIfItIsStillThat(ownerOf(rig, id));
    }
  })();
  for (const verb of verbs) {
    const { code, stderr } = await rig.bgjob([verb, String(id)]);
    assert.equal(code, 0, `${verb} ${id}: ${stderr}`);
  }
  await kills;
  const wanted = verbs.at(-1) === 'pause' ? 'paused' : 'running';
  await rig.untilState(id, wanted);
  await until(
    () => letterOf(rig.shimRecord(id).main!) === 'T',
    (stopped) => stopped === (wanted === 'paused'),
    `job ${id} ${wanted} in truth`,
  );
  const { code, stdout } = await rig.bgjob(['kill', String(id)]);
  assert.equal(code, 0, stdout);
  assert.equal((await rig.show(id)).reason, 'kill (SIGTERM)');
}

rigTest('owners killed at any instant around pauses', async (rig) => {
  const chance = seededChance('paused');
  await inParallel(rounds(4, 24), 3, (n) => round(rig, n, chance));
});
