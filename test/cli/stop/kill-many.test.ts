/** `kill` of five and more jobs: one process stops all of them, and the owners record how they ended. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { identify } from '../../../src/engine/os/process-identity.ts';
import { isRunning } from '../../rig/processes.ts';
import { type Rig, rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';

/** Jobs that end by TERM, so that the call stops many. */
async function startPlain(rig: Rig, count: number): Promise<number[]> {
  const ids: number[] = [];
  for (let n = 0; n < count; n++) ids.push(await rig.run(['--', 'sleep', '1000']));
  for (const id of ids) {
    await rig.untilState(id, 'running');
    // a call leaves a job to its owner that has not recorded its main process
    await rig.shimOf(id);
  }
  return ids;
}

/** Who stopped the processes of a job: the request names its sweeper, if it has one. */
const sweeperOf = (rig: Rig, id: number): number | undefined =>
  JSON.parse(fs.readFileSync(rig.file(id, 'stop.term'), 'utf8')).sweeper?.pid;

rigTest('each job ends as it would alone, and nothing of it is left', async (rig) => {
  const plain = await startPlain(rig, 3);
  const deaf = await rig.puppet();
  plain.push(await rig.run(['--', ...deaf.command]));
  await deaf.ignore('SIGTERM');
  const loose = await rig.puppet();
  plain.push(await rig.run(['--', ...loose.command]));
  const left = [
    await deaf.fork({ daemon: true, ignoring: ['SIGTERM'] }),
    // its parent obeys TERM; then only the session of the main process shows whose it is
    await loose.fork({ bare: true, ignoring: ['SIGTERM'] }),
  ];
  for (const pid of left)
    await until(
      () => fs.readFileSync(`/proc/${pid}/comm`, 'latin1'),
      (name) => name === 'sleep\n',
    );
  const answers = await rig.json(['kill', '--grace', '500ms', ...plain.map(String)]);
  assert.deepEqual(left.filter(isRunning), []);
  const told = answers.map(({ id, state, exitCode, processes, forced }) => [
    id,
    state,
    exitCode,
    processes,
    forced,
  ]);
  assert.deepEqual(
    told.sort(([a], [b]) => a - b),
    [
      [1, 'killed', 143, 1, 0],
      [2, 'killed', 143, 1, 0],
      [3, 'killed', 143, 1, 0],
      [4, 'killed', 137, 2, 2],
      [5, 'killed', 143, 2, 1],
    ],
  );
  assert.ok(sweeperOf(rig, 1) !== undefined, 'the call stopped them itself');
  for (const id of plain) {
    assert.equal((await rig.bgjob(['wait', String(id)])).code, id === 4 ? 137 : 143);
    await rig.untilLeft(id);
  }
});

rigTest('a call that is killed in the grace: the owners go on, and no second signal is sent', async (rig) => {
  const plain = await startPlain(rig, 4);
  const waiting = 'while :; do read -t 1000 -u 3; done';
  const counting = `n=0; trap 'n=$((n+1)); echo got $n' TERM; exec 3<> <(:); echo ready; ${waiting}`;
  const id = await rig.run(['--', 'bash', '-c', counting]);
  await until(
    () => rig.log(id),
    (text) => text.includes('ready'),
  );
  // its first word may come before it is on record as running, and then its owner stops it
  await rig.untilState(id, 'running');
  await rig.shimOf(id);
  const call = rig.startBgjob(['kill', '--grace', '2s', ...[...plain, id].map(String)]);
  await until(
    () => rig.log(id),
    (text) => text.includes('got 1'),
  );
  assert.equal(sweeperOf(rig, id), call.child.pid);
  call.child.kill('SIGKILL');
  await call.answer;
  for (const one of plain) assert.equal((await rig.bgjob(['wait', String(one)])).code, 143);
  assert.equal((await rig.bgjob(['wait', String(id)])).code, 137);
  assert.equal((await rig.show(id)).forced, 1);
  assert.equal(rig.log(id), 'ready\ngot 1\n');
});

rigTest('a call that is killed: one owner takes its place, and stops all of them', async (rig) => {
  const ids = await startPlain(rig, 6);
  const call = spawn('sleep', ['1000'], { stdio: 'ignore' });
  const stop = { by: 'kill', cause: 'kill', signal: 'SIGTERM', graceMs: 60_000, at: Date.now() };
  const owners = ids.map((id) => JSON.parse(fs.readFileSync(rig.file(id, 'owner.1'), 'utf8')).identity.pid);
  for (const [n, id] of ids.entries()) {
    fs.writeFileSync(rig.file(id, 'stop.term'), JSON.stringify({ ...stop, sweeper: identify(call.pid!) }));
    // the last one is not told: the call was killed before that
    if (n < 5) process.kill(owners[n], 'SIGTERM');
  }
  for (const id of ids.slice(0, 5)) await rig.untilState(id, 'stopping');
  call.kill('SIGKILL');
  await once(call, 'exit');
  process.kill(owners[0], 'SIGTERM');
  for (const id of ids) assert.equal((await rig.bgjob(['wait', String(id)])).code, 143);
  const isSwept = (id: number): boolean => fs.existsSync(rig.file(id, 'stop.swept'));
  assert.deepEqual(ids.filter(isSwept), ids, 'no owner looked for the processes of its job by itself');
  const locks = () => fs.readdirSync(`${rig.home}/cache`).filter((name) => name.startsWith('kept.sweep'));
  await until(locks, (names) => names.length === 0);
});

rigTest('an owner that takes its place, and is killed: the next one does', async (rig) => {
  const ids = await startPlain(rig, 5);
  const deaf = await rig.puppet();
  const last = await rig.run(['--', ...deaf.command]);
  await deaf.ignore('SIGTERM');
  const call = spawn('sleep', ['1000'], { stdio: 'ignore' });
  const stop = { by: 'kill', cause: 'kill', signal: 'SIGTERM', graceMs: 3600_000, at: Date.now() };
  const ownerOf = (id: number): number =>
    JSON.parse(fs.readFileSync(rig.file(id, 'owner.1'), 'utf8')).identity.pid;
  for (const id of [...ids, last]) {
    fs.writeFileSync(rig.file(id, 'stop.term'), JSON.stringify({ ...stop, sweeper: identify(call.pid!) }));
    process.kill(ownerOf(id), 'SIGTERM');
    await rig.untilState(id, 'stopping');
  }
  call.kill('SIGKILL');
  await once(call, 'exit');
  process.kill(ownerOf(ids[0]!), 'SIGTERM');
  // it waits for the deaf one
  await until(
    () => fs.existsSync(rig.file(last, 'first.1')),
    (there) => there,
  );
  const [lock] = fs.readdirSync(`${rig.home}/cache`).filter((name) => name.startsWith('kept.sweep'));
  process.kill(Number(fs.readlinkSync(`${rig.home}/cache/${lock}`).split('.')[0]), 'SIGKILL');
  for (const id of ids) assert.equal((await rig.bgjob(['wait', String(id)])).code, 143);
  assert.equal((await rig.show(last)).state, 'stopping', 'its grace holds up no other job');
  assert.equal((await rig.bgjob(['kill', '--now', String(last)])).code, 0);
  assert.equal((await rig.bgjob(['wait', String(last)])).code, 137);
});

rigTest('two calls that are killed: one owner takes the place of both', async (rig) => {
  const ids = await startPlain(rig, 3);
  const deaf = await rig.puppet();
  const first = await rig.run(['--', ...deaf.command]);
  await deaf.ignore('SIGTERM');
  const stop = { by: 'kill', cause: 'kill', signal: 'SIGTERM', graceMs: 3600_000, at: Date.now() };
  const askAsKilled = async (jobs: number[]): Promise<void> => {
    const call = spawn('sleep', ['1000'], { stdio: 'ignore' });
    const sweeper = identify(call.pid!);
    call.kill('SIGKILL');
    await once(call, 'exit');
    for (const id of jobs) {
      fs.writeFileSync(rig.file(id, 'stop.term'), JSON.stringify({ ...stop, sweeper }));
      process.kill(JSON.parse(fs.readFileSync(rig.file(id, 'owner.1'), 'utf8')).identity.pid, 'SIGTERM');
    }
  };
  await askAsKilled([first]);
  await until(
    () => fs.existsSync(rig.file(first, 'first.1')),
    (there) => there,
  );
  await askAsKilled(ids);
  const isSwept = (id: number): boolean => fs.existsSync(rig.file(id, 'stop.swept'));
  const swept = () => ids.filter(isSwept);
  await until(swept, ({ length }) => length === ids.length, 'the jobs of the second call to be stopped');
  for (const id of ids) assert.equal((await rig.bgjob(['wait', String(id)])).code, 143);
  assert.equal((await rig.show(first)).state, 'stopping');
  assert.equal((await rig.bgjob(['kill', '--now', String(first)])).code, 0);
});

rigTest('a harder kill of one of them ends it at once', async (rig) => {
  const plain = await startPlain(rig, 4);
  const deaf = await rig.puppet();
  const id = await rig.run(['--', ...deaf.command]);
  await deaf.ignore('SIGTERM');
  const call = rig.startBgjob(['kill', '--grace', '1h', ...[...plain, id].map(String)]);
  await until(
    () => fs.existsSync(rig.file(id, 'first.1')),
    (there) => there,
  );
  assert.equal((await rig.bgjob(['kill', '--now', String(id)])).code, 0);
  assert.equal((await call.answer).code, 0);
  const { state, exitCode, signal } = await rig.show(id);
  assert.deepEqual([state, exitCode, signal], ['killed', 137, 'SIGKILL']);
});

for (const words of [['--now'], ['--grace', '0'], ['-s', 'INT', '--grace', '0']])
  rigTest(`${words.join(' ')}: each was killed, and did not end by itself`, async (rig) => {
    const ids = await startPlain(rig, 5);
    for (const answer of await rig.json(['kill', ...words, ...ids.map(String)])) {
      const { state, exitCode, signal, forced } = answer;
      assert.deepEqual([state, exitCode, signal, forced], ['killed', 137, 'SIGKILL', 0]);
    }
  });

rigTest('a job whose owner does not say that it waits for a sweeper is left to that owner', async (rig) => {
  const [first, ...others] = await startPlain(rig, 5);
  // as older versions write it
  const { sum: _, ...owner } = JSON.parse(fs.readFileSync(rig.file(first!, 'owner.1'), 'utf8'));
  fs.writeFileSync(rig.file(first!, 'owner.1'), JSON.stringify({ ...owner, knows: ['stdin', 'pty'] }));
  const answers = await rig.json(['kill', ...[first!, ...others].map(String)]);
  for (const { state, exitCode } of answers) assert.deepEqual([state, exitCode], ['killed', 143]);
  assert.equal(sweeperOf(rig, first!), undefined);
  for (const id of others) assert.ok(sweeperOf(rig, id) !== undefined);
});

rigTest('a job that stops itself among others is left to its owner', async (rig) => {
  await startPlain(rig, 4);
  const id = await rig.run(["bgjob kill 1 2 3 4 $BGJOB_ID; echo 'it lives'"]);
  for (const one of [1, 2, 3, 4, id]) await rig.untilState(one, 'killed', 'exited');
  assert.equal(sweeperOf(rig, id), undefined);
  assert.ok(!rig.log(id).includes('it lives'));
  // it comes last, so that the call tells of the others
  assert.match(rig.log(id), /^([1-4] killed \(TERM, .*\n){4}$/);
});

rigTest('the same from a process of it that does not carry its marker', async (rig) => {
  await startPlain(rig, 4);
  const clean = 'env -u BGJOB_ID -u BGJOB_TOKEN bgjob kill 1 2 3 4 $BGJOB_ID';
  const id = await rig.run([`${clean}; echo 'it lives'`]);
  for (const one of [1, 2, 3, 4, id]) await rig.untilState(one, 'killed', 'exited');
  assert.equal(sweeperOf(rig, id), undefined);
  assert.ok(!rig.log(id).includes('it lives'));
});
