/**
 * Two versions of bgjob in one home, as far as one of them can show it: a job that needs more than this one
 * knows is not started, and
 * a supervisor whose program was replaced takes no further job.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { type Rig, ROOT, rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';

const formatOf = (rig: Rig): string => fs.readFileSync(join(rig.home, 'format'), 'utf8');
const specOf = (rig: Rig, id: number) => JSON.parse(fs.readFileSync(rig.file(id, 'spec.json'), 'utf8'));

/** As if a newer bgjob had added it: with a key that this one does not know. */
function makeNewer(rig: Rig, id: number): void {
  const newer = {
    ...specOf(rig, id),
    sum: undefined,
    v: 2,
    needs: ['stdin', 'timeTravel'],
    timeTravel: true,
  };
  fs.writeFileSync(rig.file(id, 'spec.json'), JSON.stringify(newer));
}

rigTest('only what changes how a job is started makes a home that older versions refuse', async (rig) => {
  const plain = [
    '-Q',
    'q',
    '--retry',
    '1',
    '--split',
    '--max-log',
    '1M',
    '--timeout',
    '1h',
    '--priority',
    '3',
  ];
  await rig.run([...plain, '-n', 'named', '-t', 'tag', '-e', 'A=b', '--keep-env', '--', 'true']);
  await rig.run(['-Q', 'q', '--', 'true']);
  await rig.run(['--stdin', 'hold', '--on-exit', 'true', '--grace', '0s', '--', 'cat']);
  assert.equal(formatOf(rig), '2\n', 'a job that does not wait is started by the bgjob that adds it');
  for (const id of [1, 2, 3]) assert.deepEqual([specOf(rig, id).v, specOf(rig, id).needs], [1, []]);
  await rig.bgjob(['kill', '3']);

  fs.writeFileSync(join(rig.project, 'input'), 'some\n');
  const cases: [needs: string[], options: string[]][] = [
    [['stdin'], ['--stdin', 'input']],
    [['onExit'], ['--on-exit', 'true']],
    [['notify'], ['--notify']],
  ];
  for (const [needs, options] of cases) {
    const id = await rig.run(['-Q', 'q', ...options, '--', 'true']);
    assert.deepEqual([specOf(rig, id).v, specOf(rig, id).needs], [2, needs]);
    assert.equal(formatOf(rig), '3\n');
    assert.equal((await rig.bgjob(['wait', String(id)])).code, 0);
  }
});

rigTest('a batch whose jobs need something', async (rig) => {
  const call = await rig.bgjob(['run', '-Q', 'q', '--on-exit', 'true', '--batch', '-'], {
    input: 'true\ntrue\n',
  });
  assert.equal(call.code, 0, call.stderr);
  assert.equal(formatOf(rig), '3\n');
  assert.deepEqual(specOf(rig, 2).needs, ['onExit']);
  assert.equal((await rig.bgjob(['wait', '--queue', 'q'])).code, 0);
});

rigTest('a job of a newer bgjob waits and says why; those behind it do not wait for it', async (rig) => {
  await rig.bgjob(['queue', 'set', 'q', '--slots', '1']);
  await rig.bgjob(['queue', 'pause', 'q']);
  assert.equal(await rig.run(['-Q', 'q', '--stdin', '/dev/null', '--', 'true']), 1);
  assert.equal(await rig.run(['-Q', 'q', '--', 'sh', '-c', 'exit 6']), 2);
  makeNewer(rig, 1);
  await rig.bgjob(['queue', 'resume', 'q']);
  assert.equal((await rig.bgjob(['wait', '2'])).code, 6);
  const { state, reason } = await rig.show(1);
  assert.deepEqual(
    [state, reason],
    ['queued', 'waits for a newer bgjob: this one does not know --time-travel'],
  );
  assert.equal(fs.existsSync(rig.file(1, 'owner.1')), false);
  const restarted = await rig.bgjob(['restart', '1']);
  assert.notEqual(restarted.code, 0);
  // it can be cancelled all the same
  assert.equal((await rig.bgjob(['kill', '1'])).code, 0);
  assert.equal((await rig.show(1)).state, 'cancelled');
  const again = await rig.bgjob(['restart', '1']);
  assert.equal(again.code, 125);
  assert.match(
    again.stderr,
    /job 1 was added by a newer bgjob, and this version does not know all its options; nothing was done/,
  );
  assert.equal((await rig.json(['ls', '-a'])).length, 2);
});

rigTest('a supervisor takes the next job itself, but not when its program was replaced', async (rig) => {
  const place = join(rig.dir, 'installed');
  fs.cpSync(join(ROOT, 'dist'), join(place, 'dist'), { recursive: true });
  fs.cpSync(join(ROOT, 'bin'), join(place, 'bin'), { recursive: true });
  fs.copyFileSync(join(ROOT, 'package.json'), join(place, 'package.json'));
  const installed = (...args: string[]) =>
    rig.start(process.execPath, ['--', join(place, 'bin', 'bgjob'), ...args]).answer;
  const puppet = await rig.puppet();
  assert.equal((await installed('run', '-Q', 'q', '--', ...puppet.command)).stdout, '1\n');
  await puppet.ready();
  const second = await rig.puppet();
  assert.equal((await installed('run', '-Q', 'q', '--', ...second.command)).stdout, '2\n');
  assert.equal((await installed('run', '-Q', 'q', '--', 'true')).stdout, '3\n');
  await puppet.exit(0);
  await second.ready();
  assert.equal(rig.ownerPid(2), rig.ownerPid(1), 'the same process');

  // as an update does it: another file under the same name, and of the same size
  const supervisor = join(place, 'dist', 'supervisor.js');
  fs.copyFileSync(supervisor, `${supervisor}.new`);
  fs.renameSync(`${supervisor}.new`, supervisor);
  await second.exit(0);
  assert.equal((await rig.bgjob(['wait', '3'])).code, 0);
  assert.notEqual(rig.ownerPid(3), rig.ownerPid(2), 'a fresh process');
  await until(
    () => rig.ownerPid(3),
    (pid) => pid > 0,
    'an owner',
  );
});
