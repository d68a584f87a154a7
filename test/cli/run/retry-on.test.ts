/** `run --retry-on CODES`: which failures are run again. */
import assert from 'node:assert/strict';
import { type Rig, rigTest } from '../../rig/rig.ts';

/** How often a job with these options ran, and how it ended. */
async function ran(rig: Rig, options: string[], line: string) {
  const id = await rig.run(['--retry', '2', '--backoff', '0', ...options, line]);
  await rig.bgjob(['wait', String(id)]);
  const [job] = await rig.json(['show', String(id)]);
  return { id, attempts: job.attempts, code: job.exitCode, notRetried: job.notRetried };
}

rigTest('only these exit codes are run again; log, show and JSON say why another one is not', async (rig) => {
  assert.equal((await ran(rig, ['--retry-on', '75,100-110'], 'exit 75')).attempts, 3);
  assert.equal((await ran(rig, ['--retry-on', '75, 100-110'], 'exit 110')).attempts, 3);
  const other = await ran(rig, ['--retry-on', '75,100-110'], 'echo no; exit 2');
  const why = 'exit 2 is not in --retry-on 75,100-110';
  assert.deepEqual(other, { id: other.id, attempts: 1, code: 2, notRetried: why });
  assert.equal(rig.log(other.id), `no\n[bgjob: not run again: ${why}]\n`);
  const { stdout } = await rig.bgjob(['show', String(other.id)]);
  assert.match(
    stdout,
    /^attempt +1 of 3\nretry on +exit 75,100-110\nno retry +exit 2 is not in --retry-on 75,100-110$/m,
  );
  // the first failure is in the list, the second one is not
  const second = await ran(rig, ['--retry-on', '75'], '[ -e once ] && exit 3; touch once; exit 75');
  assert.deepEqual([second.attempts, second.code], [2, 3]);
  // no retry is left: the list is not the reason
  assert.equal((await ran(rig, ['--retry-on', '4'], 'exit 4')).notRetried, null);
  assert.equal((await ran(rig, ['--retry-on', '4'], 'true')).notRetried, null);
  assert.equal((await rig.json(['show', String(other.id)]))[0].retryOn, '75,100-110');
});

rigTest('a signal is 128+n, a timeout is 124; a job that is killed is not run again', async (rig) => {
  assert.equal((await ran(rig, ['--retry-on', '143'], 'kill -TERM $$')).attempts, 3);
  assert.equal((await ran(rig, ['--retry-on', '1'], 'kill -TERM $$')).attempts, 1);
  assert.equal((await ran(rig, ['--retry-on', '124', '--timeout', '0.2s'], 'sleep 1000')).attempts, 3);
  const late = await ran(rig, ['--retry-on', '1-123', '--timeout', '0.2s'], 'sleep 1000');
  assert.deepEqual([late.attempts, late.notRetried], [1, 'exit 124 is not in --retry-on 1-123']);
  const id = await rig.run(['--retry', '2', '--retry-on', '143,137', 'sleep 1000']);
  await rig.untilState(id, 'running');
  await rig.bgjob(['kill', String(id)]);
  const [job] = await rig.json(['show', String(id)]);
  assert.deepEqual([job.state, job.attempts, job.notRetried], ['killed', 1, null]);
});

rigTest('a restart keeps the list, and so does each line of a batch', async (rig) => {
  const first = await ran(rig, ['--retry-on', '75'], 'exit 2');
  const again = Number((await rig.bgjob(['restart', String(first.id)])).stdout);
  await rig.bgjob(['wait', String(again)]);
  assert.match(rig.log(again), /not run again: exit 2/);
  const words = ['run', '--retry', '1', '--backoff', '0', '--retry-on', '75', '--batch', '-'];
  const { stdout } = await rig.bgjob(words, { input: "sh -c 'exit 75'\nsh -c 'exit 2'\n" });
  await rig.bgjob(['wait', '--queue', 'default']);
  const attempts = await rig.json(['show', stdout.split('\n')[0]!]);
  assert.equal(attempts[0].attempts, 2);
});

rigTest('--retry-on: a wrong list of exit codes is refused', async (rig) => {
  for (const [list, message] of [
    ['0', /--retry-on: "0" has 0, which is success: a success is not retried/],
    ['0-5', /"0-5" has 0/],
    ['256', /"256" is above 255, the highest exit code/],
    ['5-3', /"5-3" ends below its start/],
    ['', /an exit code is missing \(75,100-110\)/],
    ['75,', /an exit code is missing/],
    ['a', /"a" is not an exit code, nor a range of them/],
    ['-1', /"-1" is not an exit code/],
    ['1.5', /"1.5" is not an exit code/],
  ] as const) {
    const { code, stdout, stderr } = await rig.bgjob([
      'run',
      '--retry',
      '1',
      `--retry-on=${list}`,
      '--',
      'true',
    ]);
    assert.deepEqual([code, stdout], [125, ''], list);
    assert.match(stderr, message);
  }
  for (const words of [[], ['--retry', '0']]) {
    const { code, stderr } = await rig.bgjob(['run', ...words, '--retry-on', '75', '--', 'true']);
    assert.equal(code, 125);
    assert.match(
      stderr,
      /--retry-on needs --retry N\n {2}hint: bgjob run --retry 3 --retry-on 75,100-110 -- command/,
    );
  }
  assert.deepEqual(await rig.json(['ls', '-a']), []);
});
