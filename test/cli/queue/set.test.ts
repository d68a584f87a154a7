/** `bgjob set`: limits of a job that waits or runs, and the priority of one that waits. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { withChecksum } from '../../../src/base/checksum.ts';
import { type Rig, rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';

const show = async (rig: Rig, id: number) => (await rig.json(['show', String(id)]))[0];
const formatOf = (rig: Rig): string => fs.readFileSync(join(rig.home, 'format'), 'utf8');
const read = (rig: Rig, id: number, name: string) => JSON.parse(fs.readFileSync(rig.file(id, name), 'utf8'));

/** A running job. */
async function running(rig: Rig, words: string[] = []): Promise<number> {
  const id = await rig.run([...words, '--', 'sleep', '1000']);
  await rig.untilState(id, 'running');
  return id;
}

rigTest(
  'a running job: its limit counts from its start, and one that is over ends it as timed out',
  async (rig) => {
    const id = await running(rig, ['-n', 'train', '--timeout', '1h']);
    const spec = fs.readFileSync(rig.file(id, 'spec.json'), 'utf8');
    const longer = await rig.bgjob(['set', 'train', '--timeout', '2h', '--grace', '1s']);
    assert.deepEqual([longer.code, longer.stderr], [0, '']);
    assert.match(longer.stdout, /^train 1 has --timeout 2h \((2h|1h59m) left\), --grace 1s\n$/);
    assert.equal((await rig.bgjob(['set', '1', '--timeout', 'none'])).stdout, 'train 1 has no --timeout\n');
    assert.match((await rig.bgjob(['show', '1'])).stdout, /^limits +--grace 1s/m);
    const [json] = await rig.json(['set', '1', '--idle-timeout', '3h']);
    assert.deepEqual(
      [json.result, json.timeoutMs, json.idleTimeoutMs, json.graceMs, json.code],
      ['set', null, 10_800_000, 1000, 0],
    );
    assert.equal(fs.readFileSync(rig.file(id, 'spec.json'), 'utf8'), spec, 'the spec never changes');
    assert.equal((await rig.json(['ls']))[0].idleTimeoutMs, 10_800_000);
    const over = await rig.bgjob(['set', '1', '--timeout', '1ms']);
    assert.match(over.stdout, /^train 1 has --timeout \S+ \(over: the job is stopped\)\n$/);
    assert.equal(over.code, 0);
    assert.equal((await rig.bgjob(['wait', '1'])).code, 124);
    const ended = await show(rig, id);
    assert.deepEqual([ended.state, ended.timeoutMs], ['timed-out', 1]);
    assert.equal(read(rig, id, 'state.json').spec.timeoutMs, 1, 'and so a restart has it');
  },
);

rigTest('a restart has what show says; so has an adopter, and the next attempt', async (rig) => {
  const id = await running(rig);
  await rig.bgjob(['set', String(id), '--timeout', '3h', '--grace', '0s']);
  const before = rig.ownerPid(id);
  process.kill(before, 'SIGKILL');
  await until(
    () => rig.ownerPid(id),
    (pid) => pid !== before,
    'an adopter',
  );
  // the adopter obeys the next one as well
  const idle = await rig.bgjob(['set', String(id), '--idle-timeout', '4h']);
  assert.equal(idle.code, 0, idle.stderr);
  const { timeoutMs, idleTimeoutMs, graceMs } = await show(rig, id);
  assert.deepEqual([timeoutMs, idleTimeoutMs, graceMs], [10_800_000, 14_400_000, 0]);
  const again = Number((await rig.bgjob(['restart', String(id)])).stdout);
  assert.equal((await show(rig, again)).timeoutMs, 10_800_000);
  await rig.bgjob(['kill', String(again)]);

  // an adopter ends the job at a limit that was set before
  const late = await running(rig, ['--timeout', '1h']);
  const owner = rig.ownerPid(late);
  process.kill(owner, 'SIGSTOP');
  const call = rig.bgjob(['set', String(late), '--timeout', '1ms']);
  await until(
    () => fs.existsSync(rig.file(late, 'set.1')),
    (exists) => exists,
    'the request',
  );
  process.kill(owner, 'SIGKILL');
  const called = await call;
  assert.equal(called.code, 0, called.stderr);
  assert.equal((await rig.bgjob(['wait', String(late)])).code, 124);

  const retried = await rig.run(['--retry', '1', '--backoff', '0', '--', 'sleep', '1000']);
  await rig.untilState(retried, 'running');
  await rig.bgjob(['set', String(retried), '--timeout', '1ms']);
  assert.equal((await rig.bgjob(['wait', String(retried)])).code, 124);
  const twice = await show(rig, retried);
  assert.deepEqual([twice.attempts, twice.state, twice.timeoutMs], [2, 'timed-out', 1]);
});

rigTest('pauses do not count; a paused job is changed, too', async (rig) => {
  const id = await running(rig, ['--timeout', '1h']);
  assert.equal((await rig.bgjob(['pause', String(id)])).code, 0);
  const { stdout } = await rig.bgjob(['set', String(id), '--timeout', '2h']);
  assert.match(stdout, /^1 has --timeout 2h \((2h|1h59m) left\)\n$/);
  const over = await rig.bgjob(['set', String(id), '--timeout', '1ms']);
  assert.equal(over.stdout, '1 has --timeout 0s (over: the job is stopped when it is resumed)\n');
  assert.equal((await show(rig, id)).state, 'paused');
  assert.equal((await rig.bgjob(['resume', String(id)])).code, 0);
  assert.equal((await rig.bgjob(['wait', String(id)])).code, 124);
});

rigTest('a job that waits: its place changes at once, its limit counts from its start', async (rig) => {
  await rig.bgjob(['queue', 'set', 'api', '--slots', '1']);
  await rig.bgjob(['queue', 'pause', 'api']);
  for (const _ of [1, 2, 3, 4]) await rig.run(['-Q', 'api', '--', 'sh', '-c', 'echo $BGJOB_ID >>order']);
  const first = await rig.bgjob(['set', '4', '2', '--priority', '5']);
  assert.equal(first.stdout, '4 has --priority 5\n2 has --priority 5\n');
  assert.equal(formatOf(rig), '2\n', 'an older bgjob still reads this home');
  assert.equal((await rig.bgjob(['ls', '-q', '--queue', 'api'])).stdout, '2\n4\n1\n3\n');
  assert.match((await rig.bgjob(['show', '4'])).stdout, /^priority +5$/m);
  assert.equal((await show(rig, 4)).priority, 5);
  await rig.bgjob(['move', '3', '--priority', '9']);
  assert.equal((await show(rig, 3)).priority, 9, 'move says the same');
  const limited = await rig.bgjob(['set', '1', '--timeout', '2h', '--priority', '7']);
  assert.equal(limited.stdout, '1 has --timeout 2h (from its start), --priority 7\n');
  assert.equal((await rig.bgjob(['ls', '-q', '--queue', 'api'])).stdout, '3\n1\n2\n4\n');
  await rig.bgjob(['queue', 'resume', 'api']);
  assert.equal((await rig.bgjob(['wait', '--queue', 'api'])).code, 0);
  assert.equal(fs.readFileSync(join(rig.project, 'order'), 'utf8'), '3\n1\n2\n4\n');
  assert.equal((await show(rig, 1)).timeoutMs, 7_200_000);
  assert.deepEqual(fs.readdirSync(join(rig.home, 'queues', 'api', 'changed')), []);
});

rigTest('an attempt later has the new limit; its entry is where no older bgjob looks', async (rig) => {
  const line = 'until [ -e go ]; do sleep 0.02; done; exit 3';
  const id = await rig.run(['-Q', 'api', '--retry', '1', '--backoff', '1h', line]);
  await rig.untilState(id, 'running');
  assert.equal(formatOf(rig), '2\n');
  assert.equal((await rig.bgjob(['set', String(id), '--timeout', '5h'])).code, 0);
  assert.equal(formatOf(rig), '6\n');
  fs.writeFileSync(join(rig.project, 'go'), '');
  await rig.untilState(id, 'queued');
  const queue = join(rig.home, 'queues', 'api');
  assert.deepEqual(fs.readdirSync(join(queue, 'waiting')), []);
  assert.match(fs.readdirSync(join(queue, 'changed'))[0]!, /^500000\.0*1\./);
  assert.equal((await rig.bgjob(['set', String(id), '--priority', '4'])).code, 0);
  assert.match(fs.readdirSync(join(queue, 'changed'))[0]!, /^499996\.0*1\./);
  const { priority, timeoutMs, attempts } = await show(rig, id);
  assert.deepEqual([priority, timeoutMs, attempts], [4, 18_000_000, 2]);
  assert.equal((await rig.bgjob(['ls', '-q', '--queue', 'api'])).stdout, '1\n');
  assert.equal((await rig.bgjob(['kill', String(id)])).code, 0);
  assert.deepEqual(fs.readdirSync(join(queue, 'changed')), []);
  assert.equal((await rig.bgjob(['queue', 'remove', 'api'])).code, 0);
});

rigTest('set: if one job cannot be changed, the call is refused and changes none', async (rig) => {
  const id = await running(rig, ['-Q', 'api']);
  const waiting = await rig.run(['-Q', 'api', '--', 'true']);
  const alone = await rig.run(['--delay', '1h', '--', 'true']);
  const over = await rig.runOut(['--', 'true']);
  for (const [words, message] of [
    [
      [waiting, id, '--priority', '3'],
      /job 1 was not changed: it has started, and a priority is for a job that waits/,
    ],
    [[alone, '--priority', '3'], /job 3 was not changed: it is in no queue/],
    [[waiting, over, '--timeout', '1h'], /job 4 was not changed: it exited 0\n {2}hint: bgjob restart 4/],
    [
      [waiting],
      /set needs one of --timeout, --idle-timeout, --grace, --priority\n {2}hint: bgjob set 2 --timeout 2h/,
    ],
    [[waiting, '--timeout', '0'], /--timeout: 0 would stop the job at once; none means no limit/],
    [[waiting, '--timeout', 'soon'], /--timeout: "?soon/],
    [[waiting, '--priority', '100000'], /from -99999 to 99999/],
    [[99, '--timeout', '1h'], /no job "99"/],
  ] as const) {
    const { code, stdout, stderr } = await rig.bgjob(['set', ...words.map(String)]);
    assert.deepEqual([code, stdout], [125, ''], String(message));
    assert.match(stderr, message);
  }
  assert.deepEqual(
    [(await show(rig, waiting)).priority, (await show(rig, waiting)).timeoutMs, formatOf(rig)],
    [0, null, '2\n'],
  );
  await rig.bgjob(['kill', '--all']);
});

rigTest('set: a supervisor of an older version does not know set: the call is refused', async (rig) => {
  const id = await running(rig);
  const owner = read(rig, id, 'owner.1');
  const { sum: _, ...rest } = owner;
  const older = { ...rest, knows: rest.knows.filter((word: string) => word !== 'settings') };
  fs.writeFileSync(rig.file(id, 'owner.1'), withChecksum(older));
  const { code, stdout, stderr } = await rig.bgjob(['set', String(id), '--timeout', '1ms']);
  assert.deepEqual([code, stdout], [125, '']);
  assert.match(
    stderr,
    /job 1 was not changed: its supervisor is of an older bgjob, which cannot change limits/,
  );
  assert.equal(fs.existsSync(rig.file(id, 'set.1')), false);
  assert.equal((await show(rig, id)).timeoutMs, null);
  await rig.bgjob(['kill', String(id)]);
});

rigTest('set: a supervisor that does not answer: the limit is as before, then and later', async (rig) => {
  const id = await running(rig, ['--timeout', '1h']);
  const owner = rig.ownerPid(id);
  process.kill(owner, 'SIGSTOP');
  const { code, stderr } = await rig.bgjob(['set', String(id), '--timeout', '1ms']);
  assert.equal(code, 125);
  assert.match(stderr, /job 1 was not changed: its supervisor does not answer/);
  assert.equal((await show(rig, id)).timeoutMs, 3_600_000);
  process.kill(owner, 'SIGCONT');
  // the next one is answered, so the one before was read, too
  assert.equal((await rig.bgjob(['set', String(id), '--grace', '2s'])).code, 0);
  assert.deepEqual([(await show(rig, id)).state, (await show(rig, id)).timeoutMs], ['running', 3_600_000]);
  await rig.bgjob(['kill', String(id)]);
});

rigTest(
  'set is killed at any step: either it counts or it does not, and the job is not lost',
  async (rig) => {
    await rig.bgjob(['queue', 'set', 'api', '--slots', '1']);
    await rig.bgjob(['queue', 'pause', 'api']);
    const ids: number[] = [];
    for (const _ of [1, 2, 3, 4, 5, 6]) ids.push(await rig.run(['-Q', 'api', '--', 'sh', '-c', 'exit 7']));
    for (const [n, id] of ids.entries()) {
      const call = rig.start('bgjob', ['set', String(id), '--timeout', '9h', '--priority', '3']);
      // a fact between two steps, for half of the calls
      if (n % 2 === 0)
        await until(
          () => fs.existsSync(rig.file(id, 'set.1')),
          (exists) => exists || call.child.exitCode !== null,
          'the first record',
        );
      call.child.kill('SIGKILL');
      await call.answer;
    }
    const listed = (await rig.bgjob(['ls', '-q', '--queue', 'api'])).stdout.trim().split('\n');
    assert.deepEqual(listed.map(Number).sort(), ids, 'each waits once');
    for (const id of ids) assert.ok([null, 32_400_000].includes((await show(rig, id)).timeoutMs));
    await rig.bgjob(['queue', 'resume', 'api']);
    assert.equal((await rig.bgjob(['wait', ...ids.map(String)])).code, 7);
  },
);
