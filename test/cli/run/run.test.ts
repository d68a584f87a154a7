/** `bgjob run`: what is run, where, for how long, and what the caller is told. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { rigTest } from '../../rig/rig.ts';
import { waiterOf } from '../../rig/waiters.ts';

rigTest('a job that the test commands: its output, its end and its code', async (rig) => {
  const puppet = await rig.puppet();
  const id = await rig.run(['--', ...puppet.command]);
  await puppet.print('hello\n');
  await puppet.exit(7);
  const wait = await rig.bgjob(['wait', String(id)]);
  assert.equal(wait.code, 7);
  assert.match(wait.stdout, /^1 exited 7 after [\d.hms]+\n\| hello\n$/);
  assert.equal(rig.log(id), 'hello\n');
});

rigTest('run answers with the id alone, at once, and says nothing else', async (rig) => {
  const puppet = await rig.puppet();
  const first = await rig.bgjob(['run', '--', ...puppet.command]);
  assert.deepEqual(first, { code: 0, stdout: '1\n', stderr: '' });
  // without `--` words are words all the same
  const second = await rig.bgjob(['run', ...puppet.command]);
  assert.deepEqual(second, { code: 0, stdout: '2\n', stderr: '' });
});

rigTest('words reach the program as they are', async (rig) => {
  const words = [
    '',
    'two words',
    '$HOME `id` $(id)',
    '*',
    "it's",
    '"',
    '\\n',
    'line\nbreak',
    '日本語',
    '-n',
    '--',
  ];
  const id = await rig.run(['-w', '--', 'printf', '<%s>', ...words]);
  assert.equal(rig.log(id), words.map((word) => `<${word}>`).join(''));
});

rigTest('every exit code comes back as it is, with what it may mean above 128', async (rig) => {
  const codes = [0, 1, 2, 42, 75, 99, 124, 125, 126, 127, 128, 129, 130, 137, 141, 143, 200, 254, 255];
  const answers = await Promise.all(
    codes.map((code) => rig.bgjob(['run', '-w', '--', 'sh', '-c', `exit ${code}`])),
  );
  assert.deepEqual(
    answers.map(({ code }) => code),
    codes,
  );
  for (const { code, stdout, stderr } of answers) {
    assert.match(stdout, /^\d+\n$/);
    const last = code === 0 ? '' : `\\[job\\] exit code ${code}\\n`;
    assert.match(stderr, new RegExp(`^\\d+ exited ${code}\\b.*\\n${last}$`));
  }
  const text = (code: number) => answers[codes.indexOf(code)]!.stderr;
  assert.match(text(137), /exited 137 \(SIGKILL, or the program chose 137\) after/);
  assert.match(text(141), /exited 141 \(SIGPIPE, or the program chose 141\) after/);
  assert.match(text(200), /exited 200 after/);
});

rigTest('a death by signal is not claimed to be a kill of ours', async (rig) => {
  const puppet = await rig.puppet();
  const id = await rig.run(['--', ...puppet.command]);
  await puppet.order({ do: 'die', signal: 'SIGKILL' });
  const { code, stdout } = await rig.bgjob(['wait', String(id)]);
  assert.equal(code, 137);
  assert.match(stdout, /exited 137 \(SIGKILL, or the program chose 137\)/);
  assert.match(
    (await rig.bgjob(['show', '1'])).stdout,
    /^state +exited 137 \(SIGKILL, or the program chose 137\)$/m,
  );
  // a cell of a table has little room
  assert.match((await rig.bgjob(['ls'])).stdout, /^1 +- +exited 137 \(SIGKILL\?\) /m);
});

rigTest('one single word is a shell line, under pipefail unless told otherwise', async (rig) => {
  const code = async (...args: string[]) => (await rig.bgjob(['run', '-w', ...args])).code;
  assert.equal(await code('false | true'), 1);
  assert.equal(await code('--no-pipefail', 'false | true'), 0);
  assert.equal(await code('exit 3'), 3);
  assert.equal(await code('echo $((40 + 2)) > answer; [[ $(<answer) == 42 ]]'), 0);
  // behind `--` a word is a program, whatever it holds
  const refused = await rig.bgjob(['run', '--', 'echo hi']);
  assert.equal(refused.code, 127);
  const pipe = await rig.bgjob(['run', '-w', 'yes | head -1']);
  assert.equal(pipe.code, 141);
  assert.match(pipe.stderr, /exited 141 \(a reader closed the pipe early; --no-pipefail\) after/);
  assert.match(pipe.stderr, /\n\| y\n/);
  const plain = await rig.bgjob(['run', '-w', '--no-pipefail', 'yes | head -1']);
  assert.equal(plain.code, 0);
});

rigTest('a shell line may call functions that the caller exported', async (rig) => {
  const line = `greet() { echo "hello $1"; }; export -f greet; bgjob run -w 'greet you'`;
  assert.equal((await rig.bash(line)).code, 0);
  assert.equal(rig.log(1), 'hello you\n');
});

rigTest('options end where the command begins, and --wait takes a value only with =', async (rig) => {
  const log = async (args: string[]) => {
    const { code, stdout } = await rig.bgjob(['run', ...args]);
    assert.equal(code, 0, stdout);
    return rig.log(Number.parseInt(stdout, 10));
  };
  assert.equal(await log(['--wait', 'echo', 'test', '--wait', '-t', 'x']), 'test --wait -t x\n');
  assert.equal(await log(['-w', 'echo', '10s']), '10s\n');
  assert.equal(await log(['--wait=60s', 'echo', '-w']), '-w\n');
  assert.equal(await log(['-w=60s', 'echo', '=']), '=\n');
  assert.equal(await log(['-wt', 'fast', '--tag=slow', 'echo', '--']), '--\n');
  assert.deepEqual((await rig.show(5)).tags, ['fast', 'slow']);
});

rigTest('a duration behind --wait is taken for the command, and the hint says so', async (rig) => {
  const { code, stderr } = await rig.bgjob(['run', '--wait', '10s', '--', 'make']);
  assert.equal(code, 127);
  assert.match(stderr, /^bgjob: 10s: command not found\n {2}hint: bgjob run --wait=10s -- command\n/);
  assert.ok(!(await rig.bgjob(['run', '10s', 'make'])).stderr.includes('hint'));
});

rigTest('-C runs it there, and PWD agrees', async (rig) => {
  fs.mkdirSync(`${rig.project}/a b`);
  fs.symlinkSync('a b', `${rig.project}/link`);
  for (const [n, dir] of ['a b', 'link', `${rig.project}/a b`].entries()) {
    await rig.bgjob(['run', '-w', '-C', dir, 'pwd -P; echo "$PWD"']);
    assert.equal(rig.log(n + 1), `${rig.project}/a b\n${rig.project}/a b\n`);
  }
  // the command is looked for there, too
  fs.writeFileSync(`${rig.project}/a b/tool`, '#!/bin/sh\necho tool\n', { mode: 0o755 });
  await rig.bgjob(['run', '-w', '-C', 'a b', './tool']);
  assert.equal(rig.log(4), 'tool\n');
});

rigTest('--wait=DUR and BGJOB_MAX_WAIT end the waiting, never the job', async (rig) => {
  const puppet = await rig.puppet();
  const first = await rig.bgjob(['run', '--wait=500ms', '--', ...puppet.command]);
  assert.equal(first.code, 75);
  assert.equal(first.stdout, '1\n');
  assert.match(first.stderr, /^1 (starting|running [\d.hms]+), no output yet\n/);
  assert.match(first.stderr, /Next: bgjob wait 1\n\[bgjob\] exit code 75\n$/);
  await puppet.exit(5);
  assert.equal((await rig.bgjob(['wait', '1'], { env: { BGJOB_MAX_WAIT: '1h' } })).code, 5);

  const other = await rig.puppet();
  const env = { BGJOB_MAX_WAIT: '10ms' };
  assert.equal((await rig.bgjob(['run', '-w', '--', ...other.command], { env })).code, 75);
  assert.equal((await rig.bgjob(['wait', '2'], { env })).code, 75);
  assert.equal((await rig.bgjob(['tail', '-f', '2'], { env })).code, 75);
  // its own deadline comes first
  const patient = rig.startBgjob(['wait', '--timeout', '1h', '2'], { env: { BGJOB_MAX_WAIT: '1ms' } });
  await waiterOf(rig, 2);
  await other.exit(6);
  assert.equal((await patient.answer).code, 6);
});

rigTest('--follow shows the output as it comes, then how it ended', async (rig) => {
  const puppet = await rig.puppet();
  const call = rig.startBgjob(['run', '-f', '--', ...puppet.command]);
  await puppet.print('one\n');
  await puppet.order({ do: 'error', text: 'two\n' });
  await puppet.exit(3);
  const { code, stdout, stderr } = await call.answer;
  assert.equal(code, 3);
  assert.equal(stdout, 'one\ntwo\n');
  assert.match(stderr, /^1\n1 exited 3 after [\d.hms]+\n\[job\] exit code 3\n$/);
});
