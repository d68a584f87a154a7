/**
 * Under the limits of a shell (`ulimit`): a job is started and ends as ever, or is refused with a reason, and
 * nothing is left.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { readJson, untilIdle } from '../chaos/death.ts';
import { pathsIn } from '../rig/mounts.ts';
import { isRunning } from '../rig/processes.ts';
import { type Answer, BGJOB, type Rig, rigTest } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

/** A call under a limit; its output goes into pipes, which no limit of file sizes concerns. */
const under = (rig: Rig, limit: string, args: string[]): Promise<Answer> =>
  rig.start('bash', ['-c', `ulimit ${limit} && exec "$@"`, 'bash', process.execPath, '--', BGJOB, ...args])
    .answer;

const traces = (rig: Rig) => pathsIn(rig.home)!.filter((path) => !path.startsWith('cache/fifo.'));

rigTest('ulimit -f: a file that may not be written is a refusal, and leaves nothing', async (rig) => {
  assert.equal((await rig.bgjob(['run', '-w', '--', 'true'])).code, 0);
  let started = 0;
  for (const limit of [0, 1, 2, 3, 4, 16]) {
    await untilIdle(rig);
    const before = traces(rig);
    const { code, stdout, stderr } = await under(rig, `-f ${limit}`, [
      'run',
      '--wait',
      '--',
      'sh',
      '-c',
      'exit 3',
    ]);
    if (code === 3) {
      started++;
      continue;
    }
    assert.deepEqual([code, stdout], [125, ''], `${limit}: ${stderr}`);
    assert.match(stderr, /^bgjob: cannot .*: the file would be larger than the limit \(ulimit -f\)\n/);
    await untilIdle(rig);
    assert.deepEqual(traces(rig), before);
  }
  assert.ok(started >= 1 && started <= 4, `${started} were started`);
  assert.equal(fs.readdirSync(`${rig.home}/jobs`).length, started + 1, 'what was refused is not there');
});

rigTest('ulimit -n: every command works, or names the limit', async (rig) => {
  assert.equal((await rig.bgjob(['run', '-w', '-n', 'first', '--', 'echo', 'said'])).code, 0);
  const runs: Record<number, string> = {};
  const known = fs.readdirSync(`${rig.home}/jobs`);
  // below 20 Node itself may not start, and nothing of ours can say so
  for (const limit of [19, 20, 21, 22, 23, 24, 26, 28, 32, 64]) {
    const { code, stdout, stderr } = await under(rig, `-n ${limit}`, [
      'run',
      '--wait',
      '--',
      'sh',
      '-c',
      'exit 3',
    ]);
    runs[limit] = String(code);
    const added = fs.readdirSync(`${rig.home}/jobs`).filter((id) => !known.includes(id));
    known.push(...added);
    if (limit < 20 && code !== 125) continue;
    const given = /^\d+$/m.exec(stdout)?.[0];
    // what was refused has left nothing: to take it back needs a descriptor, too
    assert.deepEqual(added, given === undefined ? [] : [given], `${limit}`);
    if (code === 3) continue;
    assert.equal(code, 125, `${limit}: ${stderr}`);
    assert.match(stdout + stderr, /too many open files \(ulimit -n\)/, `${limit}`);
  }
  assert.equal(runs[64], '3');
  assert.equal(runs[32], '3');
  for (const limit of [24, 64])
    for (const args of [
      ['ls', '-a'],
      ['show', 'first'],
      ['status', 'first'],
      ['tail', 'first'],
      ['wait', 'first'],
      ['kill', 'first'],
      ['gc'],
    ]) {
      const { code, stderr } = await under(rig, `-n ${limit}`, args);
      assert.equal(code, 0, `${limit} ${args[0]}: ${stderr}`);
    }
});

rigTest('ulimit -n: a call says that of the limit, never anything of a job', async (rig) => {
  const puppets = await Promise.all([...'123456789'].map(() => rig.run(['--', 'sleep', '600'])));
  assert.equal(puppets.length, 9);
  assert.equal((await rig.bgjob(['run', '-n', 'ended', '-w', '--', 'sh', '-c', 'exit 3'])).code, 3);
  for (let limit = 19; limit <= 32; limit++)
    for (const args of [
      ['wait', '1', '--timeout', '10ms'],
      ['wait', '--all', '--timeout', '10ms'],
      ['wait', 'ended'],
      ['status', '1'],
      ['ls', '-a'],
      ['show', '1'],
      ['tail', '1'],
    ]) {
      const { code, stdout, stderr } = await under(rig, `-n ${limit}`, args);
      const what = `${limit} ${args.join(' ')}: ${code}\n${stdout}${stderr}`;
      assert.doesNotMatch(stdout + stderr, /unreadable|lost|bug in bgjob/, what);
      if (/too many open files/.test(stderr)) assert.equal(code, 125, what);
      else assert.ok([0, 3, 75].includes(code), what);
    }
  assert.equal((await rig.bgjob(['kill', '--all'])).code, 0);
});

rigTest('ulimit -n 64: limits, stop and adoption hold under it', async (rig) => {
  const started = await under(rig, '-n 64', [
    'run',
    '--timeout',
    '2s',
    '--max-log',
    '64k',
    '--',
    'sh',
    '-c',
    'seq 100000; sleep 600',
  ]);
  assert.equal(started.code, 0, started.stderr);
  await until(
    () => readJson(rig.file(1, 'state.json')),
    (state) => state !== undefined,
    'a supervisor that has begun',
  );
  // on a slow machine it may have ended already, by the same limit
  if (isRunning(rig.ownerPid(1))) process.kill(rig.ownerPid(1), 'SIGKILL');
  assert.equal((await rig.bgjob(['wait', '1'])).code, 124);
});
