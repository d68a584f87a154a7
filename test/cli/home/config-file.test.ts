/**
 * config.json in the home: the command line before the environment before the file; a broken one stops `run`
 * and nothing that must work.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { type Rig, rigTest } from '../../rig/rig.ts';

function write(rig: Rig, config: object | string): void {
  fs.mkdirSync(rig.home, { recursive: true, mode: 0o700 });
  const text = typeof config === 'string' ? config : JSON.stringify(config);
  fs.writeFileSync(join(rig.home, 'config.json'), text);
}
const spec = (rig: Rig, id: number): any => JSON.parse(fs.readFileSync(rig.file(id, 'spec.json'), 'utf8'));

rigTest('before the first job: a home that holds nothing but it; and what a job is given', async (rig) => {
  write(rig, { grace: '7s', maxLog: '64M', notify: 'failure', retention: { keep: 3 } });
  await rig.runOut(['--', 'true']);
  await rig.runOut(['--grace', '1s', '--max-log', '1M', '--notify=never', '--', 'true']);
  const parts = ({ graceMs, maxLogBytes, notify }: any) => [graceMs, maxLogBytes, notify?.when ?? null];
  assert.deepEqual(parts(spec(rig, 1)), [7000, 64 * 2 ** 20, 'failure']);
  assert.deepEqual(parts(spec(rig, 2)), [1000, 2 ** 20, null]);
  // jobs of a batch are many, and of a schedule nobody is there
  const batch = await rig.bgjob(['run', '--batch', '-', '--wait'], { input: 'true\n' });
  assert.equal(batch.code, 0);
  assert.deepEqual(parts(spec(rig, 3)), [7000, 64 * 2 ** 20, null]);
  // what runs keeps what it was given
  write(rig, {});
  await rig.bgjob(['restart', '-w', '1']);
  assert.deepEqual(parts(spec(rig, 4)), [7000, 64 * 2 ** 20, 'failure']);
});

rigTest('the queue of a batch, the longest wait, what gc keeps', async (rig) => {
  write(rig, { queue: 'builds', maxWait: '50ms', retention: { keep: 1 } });
  const added = await rig.bgjob(['run', '--batch', '-'], { input: 'true\n' });
  assert.match(added.stderr, /^\(no -Q: the jobs wait in queue builds\)\n/);
  assert.equal((await rig.show(1)).queue, 'builds');
  const named = await rig.bgjob(['run', '-Q', 'own', '--batch', '-'], { input: 'true\n' });
  assert.deepEqual([named.code, named.stderr], [0, '']);
  assert.equal((await rig.bgjob(['wait', '1', '2', '--timeout', '1h'])).code, 0);
  // a job without -Q is in none
  const puppet = await rig.puppet();
  await rig.run(['--', ...puppet.command]);
  await puppet.ready();
  assert.equal((await rig.show(3)).queue, null);
  assert.equal((await rig.bgjob(['wait', '3'])).code, 75);
  assert.equal((await rig.bgjob(['tail', '-f', '3'])).code, 75);
  const late = rig.startBgjob(['wait', '3'], { env: { BGJOB_MAX_WAIT: '1h' } });
  await puppet.exit(6);
  assert.equal((await late.answer).code, 6);
  for (const id of [1, 2, 3]) await rig.untilLeft(id);
  assert.equal((await rig.json(['gc', '--dry-run', '--keep', '2']))[0].removed.length, 1);
  assert.equal((await rig.json(['gc', '--dry-run']))[0].removed.length, 2);
});

rigTest('the gc that runs by itself keeps to it, and with a broken file to nothing', async (rig) => {
  write(rig, { retention: { keep: 1 } });
  const due = () => fs.utimesSync(join(rig.home, 'cache', 'gc'), 1, 1);
  const jobs = () => fs.readdirSync(join(rig.home, 'jobs')).sort();
  await rig.runOut(['--', 'true']);
  await rig.runOut(['--', 'true']);
  const puppet = await rig.puppet();
  await rig.run(['--', ...puppet.command]);
  await puppet.ready();
  write(rig, { retention: { keeep: 1 } });
  due();
  await puppet.exit(0);
  await rig.bgjob(['wait', '3']);
  await rig.untilLeft(3);
  assert.deepEqual(jobs(), ['1', '2', '3']);
  write(rig, { retention: { keep: 1 } });
  due();
  await rig.runOut(['--', 'true']);
  assert.deepEqual(jobs(), ['4']);
});

rigTest(
  'a broken one: run refuses and makes nothing; ls, tail, wait and kill work; doctor names it',
  async (rig) => {
    const puppet = await rig.puppet();
    await rig.run(['-n', 'web', '--', ...puppet.command]);
    await puppet.ready();
    write(rig, { grce: '7s' });
    const file = join(rig.home, 'config.json');
    for (const args of [
      ['run', '--', 'true'],
      ['run', '--wait', '--', 'true'],
      ['run', '--batch', '-'],
      ['cron', 'add', '@daily', '--', 'true'],
      ['gc'],
    ]) {
      const { code, stdout, stderr } = await rig.bgjob(args, { input: 'true\n' });
      assert.deepEqual([code, stdout], [125, ''], args.join(' '));
      assert.equal(
        stderr,
        `bgjob: ${file}: "grce" is not a key of this file\n  hint: did you mean "grace"? the keys are: $schema, grace, maxLog, memory, notify, tell, queue, maxWait, retention, targets\n[bgjob] exit code 125\n`,
      );
    }
    assert.deepEqual(fs.readdirSync(join(rig.home, 'jobs')), ['1']);
    assert.deepEqual(await rig.json(['run', '--', 'true']), []);
    const ls = await rig.bgjob(['ls', '-q']);
    assert.deepEqual([ls.code, ls.stdout, ls.stderr], [0, '1\n', '']);
    const warning = `warning: ${file}: "grce" is not a key of this file; this command ignores the file (bgjob doctor)\n`;
    const wait = await rig.bgjob(['wait', 'web', '--until-idle', '1ms']);
    assert.deepEqual([wait.code, wait.stderr.startsWith(warning)], [0, true]);
    // asked for nothing that it could say
    assert.equal((await rig.bgjob(['wait', 'web', '--timeout', '1ms'])).stderr.includes('warning'), false);
    const tail = await rig.bgjob(['tail', 'web']);
    assert.deepEqual([tail.code, tail.stderr.split(warning).length], [0, 2]);
    const doctor = await rig.json(['doctor']);
    const [found] = doctor.filter(({ code }) => code === 'config-broken');
    assert.deepEqual([found.level, found.message.startsWith(file)], ['problem', true]);
    const kill = await rig.bgjob(['kill', 'web']);
    assert.deepEqual([kill.code, kill.stderr], [0, '']);
    assert.equal((await rig.bgjob(['gc', '--ended'])).code, 0);
  },
);
