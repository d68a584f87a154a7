/**
 * Damage to what a job of a queue is started with: that job fails, its log and `show` say why, and the queue
 * goes on.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { findings } from '../../rig/doctor.ts';
import { type Rig, rigTest } from '../../rig/rig.ts';

const owners = (rig: Rig, id: number): string[] =>
  fs.readdirSync(rig.file(id, '.')).filter((name) => name.startsWith('owner.'));

/** Adds jobs to a queue that is paused: nothing of them is read before it goes on. */
async function addPaused(rig: Rig, count: number, options: string[] = [], command = 'echo "ran $MARK"') {
  await rig.bgjob(['queue', 'set', 'q', '--slots', '1']);
  await rig.bgjob(['queue', 'pause', 'q']);
  const ids: number[] = [];
  const env = { MARK: 'here' };
  for (let n = 0; n < count; n++) ids.push(await rig.run(['-Q', 'q', ...options, command], { env }));
  return ids;
}

/** Lets the queue go on, and waits for the ends of these; `show` of each. */
async function goOn(rig: Rig, ids: number[]): Promise<any[]> {
  await rig.bgjob(['queue', 'resume', 'q']);
  await rig.bgjob(['wait', ...ids.map(String)]);
  const [queue] = await rig.json(['queue']);
  assert.deepEqual([queue.waiting, queue.state], [0, 'idle']);
  return Promise.all(ids.map((id) => rig.show(id)));
}

const DAMAGES: Record<string, (path: string, text: string) => void> = {
  'a character of a value': (path, text) => fs.writeFileSync(path, text.replace('MARK=here', 'MARK=hers')),
  'cut off': (path, text) => fs.writeFileSync(path, text.slice(0, text.length / 2)),
  empty: (path) => fs.writeFileSync(path, ''),
  'not JSON': (path, text) => fs.writeFileSync(path, `${text}x`),
  null: (path) => fs.writeFileSync(path, 'null'),
  'no list': (path) => fs.writeFileSync(path, '{"v":1}'),
  'no texts': (path) => fs.writeFileSync(path, '["A=1",2]'),
  'bytes that are no UTF-8': (path, text) =>
    fs.writeFileSync(path, Buffer.from(text.replace('MARK=here', 'MARK=h\xffre'), 'latin1')),
  'a FIFO': (path) => {
    fs.unlinkSync(path);
    assert.equal(spawnSync('mkfifo', [path]).status, 0);
  },
  'a folder': (path) => {
    fs.unlinkSync(path);
    fs.mkdirSync(path);
  },
  'not there': (path) => fs.unlinkSync(path),
};

rigTest('env.json: the job fails with the reason, and those around it run', async (rig) => {
  rig.damaged = true;
  const damages = Object.entries(DAMAGES);
  const ids = await addPaused(rig, damages.length + 2);
  for (const [n, [, damage]] of damages.entries()) {
    const path = rig.file(ids[n + 1]!, 'env.json');
    damage(path, fs.readFileSync(path, 'latin1'));
  }
  const told = (await findings(rig)).filter(({ code }) => code === 'job-unreadable');
  // one that is gone is no record that cannot be read
  assert.deepEqual(
    told.map(({ job }) => job!).sort((a, b) => a - b),
    ids.slice(1, -2),
  );
  for (const { message } of told) assert.match(message, /env\.json: /);
  const jobs = await goOn(rig, ids);
  for (const [n, job] of jobs.entries()) {
    if (n === 0 || n === jobs.length - 1) {
      assert.deepEqual([job.state, rig.log(job.id)], ['exited', 'ran here\n']);
      continue;
    }
    const what = damages[n - 1]![0];
    assert.deepEqual([job.state, job.exitCode, job.startedAt], ['start-failed', 125, null], what);
    assert.match(job.reason, /^its environment cannot be read: /, what);
    assert.match(rig.log(job.id), /^\[bgjob: could not be started: its environment cannot be read: .*\]\n$/);
    assert.deepEqual(owners(rig, job.id), ['owner.1'], what);
  }
});

rigTest('--retry: a damaged environment uses the attempts up, and no more', async (rig) => {
  rig.damaged = true;
  const [id, after] = await addPaused(rig, 2, ['--retry', '2', '--backoff', '0']);
  fs.writeFileSync(rig.file(id!, 'env.json'), 'damaged');
  const [job, other] = await goOn(rig, [id!, after!]);
  assert.deepEqual([job.state, job.attempts, other.state], ['start-failed', 3, 'exited']);
  assert.equal(owners(rig, id!).length, 3);
});

rigTest('the environment of a batch: all of it fails, another job runs', async (rig) => {
  rig.damaged = true;
  const [alone] = await addPaused(rig, 1);
  await rig.bgjob(['run', '--batch', '-', '-Q', 'q'], { input: 'echo one\necho two\n' });
  const queue = join(rig.home, 'queues', 'q');
  const shared = fs.readdirSync(queue).find((name) => /^env\.\d+$/.test(name))!;
  fs.writeFileSync(
    join(queue, shared),
    fs.readFileSync(join(queue, shared), 'utf8').replace('PATH=', 'PATH-'),
  );
  const [first, ...others] = await goOn(rig, [alone!, alone! + 1, alone! + 2]);
  assert.equal(first.state, 'exited');
  for (const job of others) {
    assert.equal(job.state, 'start-failed');
    assert.match(job.reason, new RegExp(`cannot be read: ${shared}: its checksum is wrong`));
  }
});

rigTest(
  'an environment of an earlier version, without a checksum, is taken; the checksum is no variable',
  async (rig) => {
    const [old, now] = await addPaused(rig, 2, [], 'env | grep -c BGJOB_SUM; echo "ran $MARK"');
    const path = rig.file(old!, 'env.json');
    const entries = JSON.parse(fs.readFileSync(path, 'utf8')) as string[];
    assert.match(entries.at(-1)!, /^BGJOB_SUM=/);
    fs.writeFileSync(path, JSON.stringify(entries.slice(0, -1)));
    for (const job of await goOn(rig, [old!, now!])) {
      assert.equal(job.state, 'exited');
      assert.equal(rig.log(job.id), '0\nran here\n');
    }
  },
);

rigTest('its stdin is a FIFO now: the job fails, and nobody hangs', async (rig) => {
  const [id, other] = await addPaused(rig, 2, ['--stdin', '-'], 'cat');
  fs.unlinkSync(rig.file(id!, 'input'));
  assert.equal(spawnSync('mkfifo', [rig.file(id!, 'input')]).status, 0);
  const [job, next] = await goOn(rig, [id!, other!]);
  assert.deepEqual([job.state, next.state], ['start-failed', 'exited']);
});

rigTest('three owners in a row that left no state: the job is not started again', async (rig) => {
  const ended = await rig.runOut(['--', 'true']);
  const [id, fewer, older, other] = await addPaused(rig, 4);
  for (const [job, count] of [
    [id!, 3],
    [fewer!, 2],
    [older!, 3],
  ] as const)
    for (let n = 1; n <= count; n++) fs.copyFileSync(rig.file(ended, 'owner.1'), rig.file(job, `owner.${n}`));
  // a supervisor of an earlier version says nothing of this one: it may have refused the format of the home
  const { knows: _, sum: __, ...record } = JSON.parse(fs.readFileSync(rig.file(older!, 'owner.1'), 'utf8'));
  for (const n of [1, 2, 3]) fs.writeFileSync(rig.file(older!, `owner.${n}`), JSON.stringify(record));
  const [job, ...others] = await goOn(rig, [id!, fewer!, older!, other!]);
  assert.deepEqual([job.state, job.exitCode, job.startedAt], ['start-failed', 125, null]);
  assert.match(job.reason, /^3 supervisors in a row ended before they started it/);
  assert.match(rig.log(id!), /could not be started: 3 supervisors in a row/);
  assert.deepEqual(
    others.map(({ state }) => state),
    ['exited', 'exited', 'exited'],
  );
  const told = (await findings(rig)).filter(({ code }) => code === 'supervisor-failed');
  assert.deepEqual(
    told.map((one) => one.job),
    [id],
  );
  const killed = await rig.bgjob(['kill', String(id)]);
  assert.equal(killed.code, 0, killed.stderr);
});
