/**
 * `run --batch`: a job for each line, in order, all of them or none; and what is said of lines that cannot be
 * jobs.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { answersOf } from '../../rig/inprocess.ts';
import { type Rig, rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';

const listed = (rig: Rig): string[] => {
  const jobs = `${rig.home}/jobs`;
  return fs.existsSync(jobs) ? fs.readdirSync(jobs) : [];
};

function file(rig: Rig, text: string | Buffer, name = 'lines'): string {
  fs.writeFileSync(`${rig.project}/${name}`, text);
  return name;
}

rigTest(
  'each line is a job, its shell line; the ids come in order, and the first failure counts',
  async (rig) => {
    const name = file(
      rig,
      '\ufeff# what there is to do\r\necho one; exit 3\r\n\r\nfalse | true\r\necho three',
    );
    const { code, stdout, stderr } = await rig.bgjob([
      'run',
      '-Q',
      'q',
      '-t',
      'x',
      '--batch',
      name,
      '--wait',
    ]);
    assert.equal(code, 3);
    assert.equal(stdout, '1\n2\n3\n');
    assert.match(
      stderr,
      /^1 exited 3 after .*\n\| one\n2 exited 1 after .*\n3 exited 0 after .*\n1 done, 2 failed:\n {2}1 echo one; exit 3\n {2}2 false \| true\nrun them again: bgjob restart 1 2\n\[job\] exit code 3\n$/,
    );
    assert.equal(rig.log(3), 'three\n');
    const jobs = await rig.json(['ls', '-a']);
    assert.deepEqual(jobs.map(({ id, command, tags }) => [id, command.at(-1), tags[0]]).sort(), [
      [1, 'echo one; exit 3', 'x'],
      [2, 'false | true', 'x'],
      [3, 'echo three', 'x'],
    ]);
  },
);

rigTest('it reads stdin, pipes and descriptors; options hold for all lines', async (rig) => {
  const input = 'pwd; echo $A\n-x || echo none\n';
  const args = ['run', '-Q', 'q', '-C', rig.dir, '-e', 'A=b c', '--no-pipefail', '--batch', '-', '-w'];
  const { code, stdout } = await rig.bgjob(args, { input });
  assert.equal(code, 0, stdout);
  assert.equal(rig.log(1), `${rig.dir}\nb c\n`);
  assert.match(rig.log(2), /none\n$/);
  const pipe = await rig.bash('bgjob run -Q q -w --batch <(printf "echo a\\nfalse | true\\n") --no-pipefail');
  assert.equal(pipe.code, 0, pipe.stderr);
  assert.equal(pipe.stdout, '3\n4\n');
  assert.match(pipe.stderr, /^3 exited 0 .*\n4 exited 0 /);
});

rigTest('without -Q the queue is default, and that is said once', async (rig) => {
  const { stdout, stderr } = await rig.bgjob(['run', '-w', '--batch', '-'], { input: 'true\ntrue\n' });
  assert.equal(stdout, '1\n2\n');
  assert.match(stderr, /^\(no -Q: the jobs wait in queue default\)\n1 exited 0 .*\n2 exited 0 .*\n2 done\n$/);
  assert.deepEqual(fs.readdirSync(`${rig.home}/queues`), ['default']);
});

const WRONG = Buffer.concat([
  Buffer.from('true\necho "a\n# no\nbgjob-nothing x\nif true; then echo; fi\n(echo\nb'),
  Buffer.from([0xff, 10]),
  Buffer.from(`a\0b\necho ${'x'.repeat(140_000)}\n/etc x\ntrue`),
]);
const REASONS =
  '  lines:2: unexpected EOF while looking for matching `"\'\n' +
  '  lines:4: bgjob-nothing: command not found\n' +
  '  lines:6: syntax error: unexpected end of file\n' +
  '  lines:7: it is not UTF-8\n' +
  '  lines:8: it holds a NUL byte\n' +
  '  lines:9: it has 140005 bytes, but a command may have 131071: a script can be longer\n' +
  '  lines:10: /etc: is a directory\n';

rigTest('all bad lines are told in one failure, and nothing is added', async (rig) => {
  const name = file(rig, WRONG);
  const { code, stdout, stderr } = await rig.bgjob(['run', '-Q', 'q', '--batch', name]);
  assert.deepEqual([code, stdout], [125, '']);
  assert.equal(
    stderr,
    `bgjob: 7 bad lines, nothing was added\n${REASONS}  hint: --skip-bad adds the other 3 lines\n[bgjob] exit code 125\n`,
  );
  assert.deepEqual(listed(rig), []);
  const { error } = JSON.parse((await rig.bgjob(['run', '--json', '--batch', name])).stderr);
  assert.equal(error.code, 'bad-lines');
  assert.ok(error.message.includes('lines:10: /etc: is a directory'));
});

rigTest('--skip-bad adds the rest and tells the same; where nothing is left it fails', async (rig) => {
  const name = file(rig, WRONG);
  const { code, stdout, stderr } = await rig.bgjob(['run', '-Q', 'q', '--skip-bad', '-w', '--batch', name]);
  assert.equal(code, 0);
  assert.equal(stdout, '1\n2\n3\n');
  const reasons = REASONS.replace('  lines', 'left out: lines').replaceAll('  lines', '          lines');
  assert.ok(stderr.startsWith(reasons), stderr);
  assert.match(stderr.slice(reasons.length), /^1 exited 0 .*\n2 exited 0 .*\n3 exited 0 .*\n3 done\n$/);
  const json = await rig.bgjob(['run', '-Q', 'q', '--json', '--skip-bad', '--batch', name]);
  assert.deepEqual(
    json.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).line),
    [1, 5, 11],
  );
  const warnings = json.stderr
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).warning);
  assert.deepEqual(
    warnings.map(({ code, line }) => `${code} ${line}`),
    [2, 4, 6, 7, 8, 9, 10].map((line) => `bad-line ${line}`),
  );
  const none = await rig.bgjob(['run', '--skip-bad', '--batch', '-'], { input: ')\n(\n' });
  assert.equal(none.code, 125);
  assert.match(none.stderr, /2 bad lines, and no good line is left\n {2}stdin:1: .*\n {2}stdin:2: /);
  await rig.bgjob(['wait', '4', '5', '6']);
});

rigTest('of many bad lines the first ten are told', async (rig) => {
  const { stderr } = await rig.bgjob(['run', '--batch', '-'], { input: 'bgjob-nothing\n'.repeat(500) });
  assert.match(stderr, /^bgjob: 500 bad lines, and no good line is left\n/);
  assert.match(stderr, / {2}stdin:10: .*\n {2}and 490 more\n\[bgjob\]/);
  assert.equal(stderr.split('\n').length, 14);
});

rigTest('a warning is told once for each kind, with its line and how many more', async (rig) => {
  const input = `${'true &\n'.repeat(3)}true | tail\ntrue\ntrue &\nnohup true\n`;
  const { stderr } = await rig.bgjob(['run', '-Q', 'q', '-w', '--batch', '-'], { input });
  const [first, second, third, ...rest] = stderr.split('\n');
  assert.match(first!, /^warning: stdin:1: the trailing & .* \(and 3 more such lines\)$/);
  assert.match(second!, /^warning: stdin:4: \| tail .*tail$/);
  assert.match(third!, /^warning: stdin:7: nohup /);
  assert.match(rest.join('\n'), /^(\d exited 0 .*\n){7}7 done\n$/);
});

rigTest('what does not go with many jobs is refused', async (rig) => {
  const name = file(rig, 'true\n');
  fs.writeFileSync(`${rig.project}/empty`, '\n# nothing\n');
  fs.writeFileSync(`${rig.project}/utf16`, Buffer.from('\ufefftrue\n', 'utf16le'));
  const refusals: [args: string[], says: RegExp][] = [
    [['--batch', name, '--', 'make'], /from the lines of a file, but "make" was given, too/],
    [['--batch', name, 'make'], /from the lines of a file/],
    [['--batch', name, '-n', 'web'], /--name is for one job/],
    [['--batch', name, '--reuse'], /--reuse is for one job/],
    [['--batch', name, '--replace'], /--replace is for one job/],
    [['--batch', name, '-f'], /--follow is for one job/],
    [['--batch', name, '--until', 'x'], /conditions such as --until are for one job/],
    [['--batch', name, '-Q', '12'], /"12" is not a name/],
    [['--skip-bad', '--', 'true'], /--skip-bad needs --batch/],
    [['--batch', 'missing'], /cannot read missing: no such file/],
    [['--batch', '.'], /cannot read \.: it is a directory/],
    [['--batch', ''], /the path is empty/],
    [['--batch', 'empty'], /there is nothing to run in empty/],
    [['--batch', '/dev/null'], /there is nothing to run/],
    [['--batch', 'utf16'], /utf16 is UTF-16\n {2}hint: iconv/],
    [[], /run needs .*--batch/],
  ];
  const questions = refusals.map(([args]) => ({ args: ['run', ...args] }));
  for (const [n, { code, stdout, stderr }] of (await answersOf(rig, questions)).entries()) {
    const [args, says] = refusals[n]!;
    assert.deepEqual([code, stdout], [125, ''], args.join(' '));
    assert.match(stderr, says);
  }
  assert.deepEqual(listed(rig), []);
});

rigTest('--slots sets how many run at once, --wait=DUR is a deadline', async (rig) => {
  // each that runs waits until the gate is open: as many as may run have come there by then
  const line = 'echo + >>n; until [ -e gate ]; do sleep 0.02; done; echo - >>n\n';
  const call = rig.startBgjob(['run', '-Q', 'q', '--slots', '3', '-w', '--batch', '-'], {
    input: line.repeat(15),
  });
  const path = `${rig.project}/n`;
  const signs = () => (fs.existsSync(path) ? fs.readFileSync(path, 'utf8').trim().split('\n') : []);
  await until(signs, ({ length }) => length === 3, 'three that run');
  assert.equal((await rig.json(['ls', '--state', 'queued'])).length, 12);
  fs.writeFileSync(`${rig.project}/gate`, '');
  assert.equal((await call.answer).code, 0);
  let running = 0;
  for (const sign of signs()) {
    running += sign === '+' ? 1 : -1;
    assert.ok(running <= 3, signs().join(''));
  }
  assert.deepEqual([running, signs().length], [0, 30]);
  const puppet = await rig.puppet();
  const input = `${puppet.command.map((word) => `'${word}'`).join(' ')}\n${'true\n'.repeat(2)}`;
  const late = await rig.bgjob(['run', '-Q', 'slow', '--wait=300ms', '--batch', '-'], { input });
  assert.equal(late.code, 75);
  assert.equal(late.stdout, '16\n17\n18\n');
  assert.match(late.stderr, /Next: bgjob wait --batch 16\n\[bgjob\] exit code 75\n$/);
  await puppet.exit(0);
  assert.equal((await rig.bgjob(['wait', '16', '17', '18'])).code, 0);
});

rigTest(
  'a line may have a name, which is that of its job; one that a live job has is refused with all',
  async (rig) => {
    const puppet = await rig.puppet();
    const command = puppet.command.map((word) => `'${word}'`).join(' ');
    const input = `web: ${command}\nlint: test "$BGJOB_ID" = 2\nfalse\n`;
    const added = await rig.json(['run', '-Q', 'q', '--slots', '2', '--batch', '-'], { input });
    assert.deepEqual(
      added.map(({ id, name }) => [id, name]),
      [
        [1, 'web'],
        [2, 'lint'],
        [3, null],
      ],
    );
    assert.match((await rig.bgjob(['wait', 'lint'])).stdout, /^lint 2 exited 0 /);
    await rig.untilState(1, 'running');
    const before = listed(rig);
    const taken = await rig.bgjob(['run', '-Q', 'q', '--batch', '-'], {
      input: 'true\nlint: true\nweb: true\n',
    });
    assert.equal(taken.code, 125);
    assert.match(
      taken.stderr,
      /^bgjob: web is running as job 1: only one job of a name can run; nothing was added\n {2}hint: bgjob wait 1, bgjob kill 1, or another name\n/,
    );
    assert.deepEqual(listed(rig), before, 'all or nothing');
    assert.match((await rig.bgjob(['status', 'lint'])).stdout, /^lint 2 exited 0 /, 'its name is as before');
    const twice = await rig.bgjob(['run', '-Q', 'q', '--batch', '-'], { input: 'a: true\na: false\n' });
    assert.equal(twice.code, 125);
    assert.match(twice.stderr, /stdin:2: line 1 has the name a, too: only one job of a name can run/);
    const again = await rig.bgjob(['run', '-Q', 'q', '--wait', '--batch', '-'], {
      input: 'lint: exit 3\ntrue\n',
    });
    assert.match(again.stderr, /\n1 done, 1 failed: lint \d+ exit 3\nrun it again: /);
    await puppet.exit(0);
  },
);
