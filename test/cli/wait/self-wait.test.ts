/** A call in a job that waits for that very job, for one that started it, or for a slot that it holds itself. */
import assert from 'node:assert/strict';
import { rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';

rigTest('a job that waits for itself is refused, by id, by name and as one of its queue', async (rig) => {
  const calls = ['bgjob wait $BGJOB_ID', 'bgjob wait me', 'bgjob wait --queue q', 'bgjob wait --ended me'];
  const id = await rig.run([
    '-n',
    'me',
    '-Q',
    'q',
    '--',
    'sh',
    '-c',
    `${calls.join('; echo $?; ')}; echo $?`,
  ]);
  await rig.untilState(id, 'exited');
  const log = rig.log(id);
  assert.equal(log.match(/^125$/gm)?.length, calls.length, log);
  assert.equal(
    log.match(/this call runs in job 1, which would wait for its own end/g)?.length,
    calls.length,
    log,
  );
  assert.match(log, /hint: bgjob wait --all leaves it out/);
});

rigTest('not refused: its own port or line, the first of several, and outside of this home', async (rig) => {
  const puppet = await rig.puppet();
  const line = [
    'bgjob wait me --until hello; echo a $?',
    `bgjob run -n other -- sh -c 'exit 3' && bgjob wait me other --any; echo b $?`,
    'BGJOB_TOKEN=none bgjob wait me --timeout 0; echo c $?',
  ];
  const id = await rig.run(['-n', 'me', '--', 'sh', '-c', `echo hello; ${line.join('; ')}`]);
  await rig.untilState(id, 'exited');
  const log = rig.log(id);
  for (const answer of ['a 0', 'b 3', 'c 75']) assert.match(log, new RegExp(`^${answer}$`, 'm'));
  puppet.close();
});

rigTest('for one that started it: one note, and it ends', async (rig) => {
  const inner = "bgjob run -n child -- sh -c 'bgjob wait parent; echo code $?'";
  const parent = await rig.run(['-n', 'parent', '--', 'sh', '-c', `${inner}; exit 4`]);
  await rig.untilState(parent, 'exited');
  await rig.untilState(2, 'exited');
  const log = rig.log(2);
  assert.match(log, /^code 4$/m);
  // the parent may have ended before it was asked for
  if (!log.startsWith('parent 1 exited'))
    assert.match(log, /^\(1 started job 2, in which this call runs: if it waits for 2, neither ends\)$/m);
});

rigTest('behind the slot that it holds itself: one note for wait, run --wait and a batch', async (rig) => {
  const puppet = await rig.puppet();
  const calls = [
    'bgjob run -n next -Q q -- true; bgjob wait next --timeout 0',
    'bgjob run -Q q --wait=0s -- true',
    'printf "true\\ntrue\\n" | bgjob run -Q q --wait=0s --batch -',
  ];
  const id = await rig.run(['-Q', 'q', '--', 'sh', '-c', calls.join('; ')]);
  await rig.untilState(id, 'exited');
  const note = /^\(queue q is full: job 1, in which this call runs, holds the slot that is waited for;.*$/gm;
  const log = rig.log(id);
  assert.equal(log.match(note)?.length, calls.length, log);
  // what was waited for starts when it has ended
  await until(
    () => rig.bgjob(['wait', '2', '3', '4', '5']),
    ({ code }) => code === 0,
    'the others',
  );
  puppet.close();
});

rigTest('a job of another home started nothing here: its number leaves nothing out', async (rig) => {
  // job 1 of this home failed; job 1 of the other home asks
  await rig.runOut(['--', 'sh', '-c', 'exit 4']);
  const other = { env: { BGJOB_HOME: `${rig.dir}/other` } };
  const line = `BGJOB_HOME='${rig.home}' bgjob run --wait -- sh -c 'bgjob wait --all; echo code $?'`;
  const { code, stdout, stderr } = await rig.bgjob(['run', '--wait', '--', 'sh', '-c', line], other);
  assert.equal(code, 0, stdout + stderr);
  assert.equal((await rig.show(2)).parent, null);
  assert.match(rig.log(2), /^1 exited 4 after .*\n(.*\n)*code 4$/m);
});
