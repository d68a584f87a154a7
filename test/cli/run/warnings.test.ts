/** `run` warns about a shell line that takes something away from its own job, and starts it all the same. */
import assert from 'node:assert/strict';
import { rigTest } from '../../rig/rig.ts';

rigTest('a warning goes to stderr, the id alone to stdout, and the job starts', async (rig) => {
  const { code, stdout, stderr } = await rig.bgjob(['run', 'seq 9 | tail -n 2']);
  assert.deepEqual([code, stdout], [0, '1\n']);
  assert.match(stderr, /^warning: \| tail keeps only the last lines: .*\n$/);
  assert.equal((await rig.bgjob(['wait', '1'])).code, 0);
  assert.equal(rig.log(1), '8\n9\n');
  const words = await rig.bgjob(['run', '-w', '--', 'nohup', 'true']);
  assert.match(
    words.stderr,
    /^warning: nohup is not needed: a job outlives its shell\n2 exited 0 after .*\n$/,
  );
  // what was typed for a script is its own
  const script = await rig.bgjob(['run', '-w', '-'], { input: 'true | tail\n' });
  assert.match(script.stderr, /^3 exited 0 after .*\n$/);
  const refused = await rig.bgjob(['run', '-C', '/nowhere', 'true | tail']);
  assert.ok(!refused.stderr.includes('warning'), refused.stderr);
});

rigTest('with --json a warning is an object on stderr', async (rig) => {
  const { code, stdout, stderr } = await rig.bgjob(['run', '--json', 'echo hi > x.txt']);
  assert.equal(code, 0);
  assert.equal(JSON.parse(stdout).id, 1);
  const { v, warning } = JSON.parse(stderr);
  assert.deepEqual([v, warning.code], [1, 'file']);
  assert.match(warning.message, /x\.txt/);
  await rig.bgjob(['wait', '1']);
});

rigTest('setsid and & really hide the exit code that the warning speaks of', async (rig) => {
  for (const line of ['setsid sh -c "exit 3"', 'cd /; setsid sh -c "exit 3"', 'sh -c "exit 3" &']) {
    const { code, stderr } = await rig.bgjob(['run', '-w', line]);
    assert.equal(code, 0, line);
    assert.match(stderr, /^warning: .* bgjob does not see its end and exit code/, line);
  }
  for (const line of ['setsid -w sh -c "exit 3"', 'setsid sh -c "exit 3" | cat']) {
    const { code, stderr } = await rig.bgjob(['run', '-w', line]);
    assert.deepEqual([code, stderr.includes('warning')], [3, false], line);
  }
});

rigTest(
  'help and version in the forms that are typed, and an example where words are missing',
  async (rig) => {
    const { stdout: help } = await rig.bgjob(['help', 'run']);
    assert.match(help, /^bgjob run /);
    for (const flag of ['-h', '--help']) assert.equal((await rig.bgjob([flag, 'run'])).stdout, help);
    const { stdout: general } = await rig.bgjob(['help']);
    assert.equal((await rig.bgjob(['-h'])).stdout, general);
    assert.match((await rig.bgjob(['version'])).stdout, /^\d+\.\d+\.\d+\S*\n$/);
    assert.match((await rig.bgjob(['run'])).stderr, /\n {2}hint: bgjob run -- npm test\n/);
  },
);

rigTest('run - with --follow and with --json', async (rig) => {
  const followed = await rig.bgjob(['run', '--follow', '-'], { input: 'echo one\nexit 3\n' });
  assert.equal(followed.code, 3);
  assert.equal(followed.stdout, 'one\n');
  assert.match(followed.stderr, /^1\n1 exited 3 /);
  const { stdout } = await rig.bgjob(['run', '--json', '-w', '-'], { input: 'echo two\n' });
  const [begun, ended] = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual([begun.id, ended.state, ended.tail], [2, 'exited', ['two']]);
});
