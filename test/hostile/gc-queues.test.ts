/**
 * gc and queues: what is needed stays, what killed launchers left goes; an older bgjob refuses a home with
 * queues.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { manyCalls } from '../rig/manycalls.ts';
import { type Rig, rigTest } from '../rig/rig.ts';

/** A paused queue, so that what is added waits. */
async function pause(rig: Rig): Promise<string> {
  await rig.bgjob(['queue', 'set', 'api', '--slots', '1']);
  await rig.bgjob(['queue', 'pause', 'api']);
  return join(rig.home, 'queues/api');
}

/** As if it had been made long ago. */
const age = (path: string): void => fs.utimesSync(path, 1000, 1000);

rigTest('what waits, and for what it waits, is never removed; what is over is', async (rig) => {
  await pause(rig);
  for (let n = 1; n <= 3; n++) await rig.runOut(['--', 'true']);
  await rig.run(['-Q', 'api', '--after', '1', '--', 'true']);
  const many = ['2', ...Array.from({ length: 30 }, () => '1')].flatMap((id) => ['--after-any', id]);
  await rig.run(['-Q', 'api', ...many, '--', 'true']);
  const gc = await rig.bgjob(['gc', '--ended']);
  assert.match(gc.stdout, /^removed 1 job, .*; kept 2 ended, 2 live\n$/);
  assert.equal((await rig.bgjob(['status', '3'])).code, 125);
  await rig.bgjob(['queue', 'resume', 'api']);
  assert.equal((await rig.bgjob(['wait', '4', '5'])).code, 0);
  for (const id of [4, 5]) await rig.untilLeft(id);
  assert.match((await rig.bgjob(['gc', '--ended'])).stdout, /^removed 3 jobs, /);
  // an empty queue stays, and is still paused or not as it was said
  assert.match((await rig.bgjob(['queue'])).stdout, /^api +1 +0 +0 +idle/m);
});

rigTest(
  'markers without a job, batches that were never revealed, environments without a batch',
  async (rig) => {
    rig.damaged = true;
    const queue = await pause(rig);
    const id = await rig.run(['-Q', 'api', '--', 'true']);
    const own = fs.readdirSync(join(queue, 'waiting'));
    const stray = own[0]!.replace(/\.0*1\./, '.000000000000077.');
    const ended = await rig.run(['-Q', 'api', '--', 'true']);
    const late = fs.readdirSync(join(queue, 'waiting')).find((name) => !own.includes(name))!;
    await rig.bgjob(['kill', String(ended)]);
    for (const name of [stray, late]) fs.writeFileSync(join(queue, 'waiting', name), '');
    fs.mkdirSync(join(queue, 'new.40'), { mode: 0o700 });
    fs.writeFileSync(join(queue, 'new.40', stray), '');
    for (const name of ['env.40', 'env.41', 'slots.1.2.tmp']) fs.writeFileSync(join(queue, name), '[]');
    const made = () => fs.readdirSync(queue).filter((name) => /^(new|env|slots\.)/.test(name));
    // somebody may be at it
    await rig.bgjob(['gc']);
    assert.deepEqual(fs.readdirSync(join(queue, 'waiting')).sort(), [...own, late, stray].sort());
    assert.equal(made().length, 4);
    for (const name of [...made(), ...[stray, late, ...own].map((one) => `waiting/${one}`)])
      age(join(queue, name));
    await rig.bgjob(['gc']);
    assert.deepEqual(fs.readdirSync(join(queue, 'waiting')), own, 'that of the job that waits stays');
    assert.deepEqual(made(), ['env.40']);
    await rig.bgjob(['gc']);
    assert.deepEqual(made(), []);
    await rig.bgjob(['queue', 'resume', 'api']);
    assert.equal((await rig.bgjob(['wait', String(id)])).code, 0);
  },
);

rigTest('a queue whose remover was killed in between comes back, if it is needed', async (rig) => {
  const queue = await pause(rig);
  const id = await rig.run(['-Q', 'api', '--', 'true']);
  await rig.bgjob(['queue', 'set', 'unused', '--slots', '3']);
  const dead = rig.start('true', []);
  await dead.answer;
  const aside = (path: string) => fs.renameSync(path, `${path}~${dead.child.pid}`);
  for (const path of [queue, join(rig.home, 'queues/unused')]) aside(path);
  await rig.bgjob(['gc']);
  assert.deepEqual(fs.readdirSync(join(rig.home, 'queues')), ['api']);
  assert.equal((await rig.bgjob(['status', String(id)])).stdout, '1 queued (the queue api is paused)\n');
  // it was made anew meanwhile: both jobs are in it
  aside(queue);
  const other = await rig.run(['-Q', 'api', '--', 'true']);
  await rig.bgjob(['queue', 'resume', 'api']);
  assert.equal((await rig.bgjob(['queue', 'resume', 'api'])).code, 0);
  assert.equal((await rig.bgjob(['wait', String(id), String(other)])).code, 0);
});

rigTest('the first queue changes the format of the home, and nothing else does', async (rig) => {
  const format = () => fs.readFileSync(join(rig.home, 'format'), 'utf8');
  await rig.runOut(['-n', 'web', '--', 'true']);
  await rig.bgjob(['queue']);
  await rig.bgjob(['ls']);
  assert.equal(format(), '1\n');
  for (let n = 0; n < 2; n++) {
    await rig.runOut(['-Q', 'api', '--', 'true']);
    assert.equal(format(), '2\n');
  }
});

rigTest('a room of queues that is not ours is refused by its name', async (rig) => {
  rig.damaged = true;
  await rig.runOut(['--', 'true']);
  const outside = join(rig.dir, 'outside');
  fs.mkdirSync(join(outside, 'api/waiting'), { recursive: true });
  fs.symlinkSync(outside, join(rig.home, 'queues'));
  for (const { code, stderr } of await manyCalls(rig, [
    ['queue'],
    ['run', '-Q', 'api', '--', 'true'],
    ['ls'],
  ])) {
    assert.equal(code, 125);
    assert.match(stderr, /home\/queues is a symbolic link; it must be a directory that belongs to you/);
  }
  assert.deepEqual(fs.readdirSync(join(outside, 'api')), ['waiting']);
  assert.deepEqual(fs.readdirSync(join(outside, 'api/waiting')), []);
});
