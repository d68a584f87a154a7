/** `bgjob move`: the order in which jobs that wait are started. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { type Rig, rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';

/** A paused queue with `count` jobs that write their number into a file when they run. */
async function fill(rig: Rig, count: number): Promise<void> {
  await rig.bgjob(['queue', 'set', 'api', '--slots', '1']);
  await rig.bgjob(['queue', 'pause', 'api']);
  const input = Array.from({ length: count }, (_, n) => `echo ${n + 1} >>order\n`).join('');
  assert.equal((await rig.bgjob(['run', '-Q', 'api', '--batch', '-'], { input })).code, 0);
}

/** The order in which they ran. */
async function runAll(rig: Rig): Promise<string> {
  await rig.bgjob(['queue', 'resume', 'api']);
  await rig.bgjob(['wait', '--all']);
  return fs.readFileSync(join(rig.project, 'order'), 'utf8').trim().replaceAll('\n', ' ');
}

rigTest('to the front in the order named, to the end, among a priority; so they are started', async (rig) => {
  await fill(rig, 6);
  const first = await rig.bgjob(['move', '5', '3', '--first']);
  assert.deepEqual([first.code, first.stdout], [0, '5 is #1 in queue api\n3 is #2 in queue api\n']);
  const [last] = await rig.json(['move', '1', '--last']);
  assert.deepEqual(last, { v: 1, id: 1, queue: 'api', place: 6 });
  // before those of priority 0, behind what was moved to the front
  assert.equal((await rig.bgjob(['move', '6', '--priority', '9'])).stdout, '6 is #3 in queue api\n');
  // the latest to be moved comes first
  assert.equal((await rig.bgjob(['move', '4', '--first'])).stdout, '4 is #1 in queue api\n');
  assert.equal((await rig.bgjob(['ls', '-q', '--queue', 'api'])).stdout, '4\n5\n3\n6\n2\n1\n');
  assert.match((await rig.bgjob(['show', '4'])).stdout, /^priority +moved to the front$/m);
  assert.match((await rig.bgjob(['show', '1'])).stdout, /^priority +moved to the end$/m);
  assert.equal(await runAll(rig), '4 5 3 6 2 1');
});

rigTest('what has started or ended, or is in no queue, is not moved; then nothing is', async (rig) => {
  await fill(rig, 2);
  await rig.run(['--delay', '1h', '--', 'true']);
  await rig.runOut(['--', 'true']);
  for (const [id, message] of [
    ['3', /job 3 is in no queue: .* nothing was moved\n {2}hint: bgjob show 3/],
    ['4', /job 4 does not wait any more: it is exited; nothing was moved/],
    ['9', /no job "9"/],
  ] as const) {
    const { code, stdout, stderr } = await rig.bgjob(['move', '2', id, '--first']);
    assert.deepEqual([code, stdout], [125, '']);
    assert.match(stderr, message);
  }
  assert.match((await rig.bgjob(['move', '2'])).stderr, /move needs one of --first, --last, --priority N/);
  assert.match((await rig.bgjob(['move', '2', '--first', '--last'])).stderr, /move needs one of/);
  assert.match((await rig.bgjob(['move', '2', '--priority', '100000'])).stderr, /from -99999 to 99999/);
  await rig.bgjob(['kill', '3']);
  assert.equal(await runAll(rig), '1 2');
});

rigTest('a job that is moved while a supervisor looks for the next one is started', async (rig) => {
  const [first, second] = [await rig.puppet(), await rig.puppet()];
  for (const { command } of [first, second]) await rig.run(['-Q', 'api', '--', ...command]);
  await rig.run(['-Q', 'api', '--', '/bin/sh', '-c', 'echo 3 >>order']);
  // the list does not become empty
  await rig.run(['-Q', 'api', '--after', '3', '--', 'true']);
  await first.ready();
  await first.exit(0);
  await second.ready();
  // the supervisor has read the list by now. This is the instant between the rename of `move` and its stamp
  const waiting = join(rig.home, 'queues', 'api', 'waiting');
  const [name] = await until(
    () => fs.readdirSync(waiting).sort(),
    ({ length }) => length === 2,
    'that the second job has no entry any more',
  );
  fs.renameSync(join(waiting, name!), join(waiting, `400000${name!.slice(6)}`));
  await second.exit(0);
  const order = join(rig.project, 'order');
  await until(
    () => fs.existsSync(order) && fs.readFileSync(order, 'utf8') === '3\n',
    (hasRun) => hasRun,
    'the moved job',
  );
  await rig.bgjob(['wait', '--all']);
});
