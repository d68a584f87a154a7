/** What other tools taught people to type, and what would be a trap. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { rigTest } from '../../rig/rig.ts';

rigTest('kill -9 and kill -INT mean what they mean to kill(1)', async (rig) => {
  await rig.run(['--', 'sleep', '1000']);
  await rig.untilState(1, 'running');
  assert.match((await rig.bgjob(['kill', '-9', '1'])).stdout, /^1 killed \(KILL, /);
  await rig.run(['--', 'sleep', '1000']);
  await rig.untilState(2, 'running');
  assert.match((await rig.bgjob(['kill', '-INT', '@last'])).stdout, /^2 killed \(INT, /);
  const wrong = await rig.bgjob(['kill', '-NOPE', '1']);
  assert.deepEqual([wrong.code, /"NOPE" is not a signal/.test(wrong.stderr)], [125, true]);
});

rigTest('tail -2 means what it means to tail(1)', async (rig) => {
  await rig.bgjob(['run', '--wait', 'seq 5']);
  assert.equal((await rig.bgjob(['tail', '-2', '1'])).stdout, '4\n5\n');
});

rigTest('a limit of 0 is refused: it would stop the job at once', async (rig) => {
  for (const option of ['--timeout', '--idle-timeout']) {
    const answer = await rig.bgjob(['run', option, '0', '--', 'true']);
    assert.deepEqual([answer.code, answer.stdout], [125, '']);
    assert.match(answer.stderr, /leave it out for no limit/);
  }
  assert.equal(fs.existsSync(rig.home), false);
});

rigTest('the inner form of --wait=DUR is no option', async (rig) => {
  const answer = await rig.bgjob(['run', '--wait-value=10s', '--', 'true']);
  assert.deepEqual([answer.code, answer.stdout], [125, '']);
  assert.match(answer.stderr, /unknown option '--wait-value=10s'/);
});

rigTest('wait --all does not wait for what runs in a directory around the project', async (rig) => {
  const puppet = await rig.puppet();
  await rig.run(['--', ...puppet.command], { cwd: rig.dir });
  await puppet.ready();
  const answer = await rig.bgjob(['wait', '--all']);
  assert.deepEqual([answer.code, answer.stdout], [125, '']);
  await puppet.exit(0);
  assert.equal((await rig.bgjob(['wait', '1'])).code, 0);
});

rigTest('tail --follow --json ends with the job itself', async (rig) => {
  await rig.bgjob(['run', '--wait', 'echo out; exit 3']);
  const objects = await rig.json(['tail', '--follow', '1']);
  assert.deepEqual(objects.at(0).lines, ['out']);
  assert.deepEqual([objects.at(-1).state, objects.at(-1).exitCode], ['exited', 3]);
});

rigTest('a state that was written in another place is that of its own job', async (rig) => {
  rig.damaged = true;
  await rig.bgjob(['run', '--wait', 'exit 1']);
  await rig.bgjob(['run', '--wait', 'exit 2']);
  // an ended state brings its spec along: it must be of this very job
  fs.copyFileSync(rig.file(1, 'state.json'), rig.file(2, 'state.json'));
  const job = await rig.show(2);
  assert.deepEqual(job.command.at(-1), 'exit 2');
  assert.ok(fs.existsSync(join(rig.home, 'jobs', '2')));
});
