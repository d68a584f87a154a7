/** Commands, directories and words that `run` refuses, and that it leaves nothing behind when it does. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { assertRefused, pathsIn } from '../../rig/refusal.ts';
import { type CallOptions, type Rig, rigTest } from '../../rig/rig.ts';

/** `bgjob run ARGS` is refused with this code and message, and the home is as it was. */
async function refuses(
  rig: Rig,
  args: string[],
  code: number,
  message: RegExp,
  options: CallOptions = {},
): Promise<void> {
  const before = pathsIn(rig.home);
  assertRefused(await rig.bgjob(['run', ...args], options), code, message, args.join(' '));
  assert.deepEqual(pathsIn(rig.home), before);
}

rigTest('a command that is not found: 127', async (rig) => {
  await refuses(rig, ['--', 'no-such-program', '-x'], 127, /no-such-program: command not found/);
  await refuses(rig, ['--', './nothing'], 127, /\.\/nothing: command not found/);
  await refuses(rig, ['--', ''], 127, /"": command not found/);
  await refuses(rig, ['no-such-program --flag'], 127, /no-such-program: command not found/);
  await refuses(rig, ['--', 'sh'], 127, /sh: command not found/, { env: { PATH: '/nonexistent' } });
  await refuses(rig, ['-e', 'PATH=/nonexistent', '--', 'sh'], 127, /sh: command not found/);
});

rigTest('words that are a shell line: the hint names its form', async (rig) => {
  const hinted = async (words: string[], hint: string) => {
    const { code, stderr } = await rig.bgjob(['run', ...words]);
    assert.equal(code, 127, words.join(' '));
    assert.equal(stderr.split('\n')[1], `  hint: ${hint}`);
  };
  await hinted(['--', 'a && b'], "as a shell line: bgjob run 'a && b'");
  await hinted(['--', 'npm test'], "as a shell line: bgjob run 'npm test'");
  await hinted(['make -j4', 'all'], "as a shell line: bgjob run 'make -j4 all'");
  await hinted(['--', 'source', 'env/bin/activate'], "as a shell line: bgjob run 'source env/bin/activate'");
  await hinted(['--', 'A=b env | sort'], "as a shell line: bgjob run 'A=b env | sort'");
  await hinted(['--', 'A=b', 'env'], 'bgjob run -e A=b -- command');
  const { stderr } = await rig.bgjob(['cron', 'add', '@daily', '--', 'a && b']);
  assert.equal(stderr.split('\n')[1], "  hint: a shell line is one word without -- before it: 'a && b'");
});

rigTest('a command that cannot be executed: 126', async (rig) => {
  fs.writeFileSync(`${rig.project}/script`, '#!/bin/sh\n', { mode: 0o644 });
  await refuses(
    rig,
    ['--', './script'],
    126,
    /\.\/script: permission denied\n {2}hint: chmod \+x \.\/script/,
  );
  await refuses(rig, ['--', '/tmp'], 126, /\/tmp: is a directory/);
});

rigTest('a script whose #! line names no program that can be executed: the program is named', async (rig) => {
  const script = (name: string, text: string) =>
    fs.writeFileSync(`${rig.project}/${name}`, text, { mode: 0o755 });
  script('absent', '#!/nowhere/python -x\n');
  script('relative', '#!python\n');
  script('byenv', '#!/usr/bin/env no-such-program\n');
  script('split', '#!/usr/bin/env -S no-such-program -x\n');
  script('crlf', '#!/bin/sh\r\necho\r\n');
  script('envcrlf', '#!/usr/bin/env sh\r\n');
  script('folder', '#!/tmp\n');
  script('refused', '#!./plain\n');
  script('through', '#!./absent\n');
  fs.writeFileSync(`${rig.project}/plain`, '#!/bin/sh\n', { mode: 0o644 });
  const needs = (name: string, what: string, why: string) =>
    new RegExp(`^bgjob: ./${name}: its #! line needs ${what}: ${why}\\n`);
  await refuses(rig, ['--', './absent'], 127, needs('absent', '/nowhere/python', 'command not found'));
  await refuses(rig, ['./absent'], 127, needs('absent', '/nowhere/python', 'command not found'));
  await refuses(
    rig,
    ['--pty', '--', './absent'],
    127,
    needs('absent', '/nowhere/python', 'command not found'),
  );
  await refuses(rig, ['--', './relative'], 127, needs('relative', 'python', 'command not found'));
  await refuses(rig, ['--', './through'], 127, needs('through', '/nowhere/python', 'command not found'));
  for (const name of ['byenv', 'split'])
    await refuses(rig, ['--', `./${name}`], 127, needs(name, 'no-such-program', 'command not found'));
  await refuses(rig, ['--', './folder'], 126, needs('folder', '/tmp', 'is a directory'));
  await refuses(rig, ['--', './refused'], 126, needs('refused', './plain', 'permission denied'));
  for (const name of ['crlf', 'envcrlf'])
    await refuses(
      rig,
      ['--', `./${name}`],
      127,
      new RegExp(`./${name}: its #! line ends with a carriage return .*\\n {2}hint: sed .* ./${name}\\n`),
    );
  const stdin = { input: '#!/bin/sh\r\n' };
  await refuses(rig, ['-'], 127, /the script on stdin: its #! line ends with a carriage return/, stdin);
  const batch = await rig.bgjob(['run', '--batch', '-'], { input: 'true\n./byenv\n' });
  assert.match(batch.stderr, /stdin:2: \.\/byenv: its #! line needs no-such-program: command not found\n/);
  // the PATH that `env` searches is that of the job
  fs.mkdirSync(`${rig.project}/tools`);
  fs.copyFileSync('/bin/sh', `${rig.project}/tools/no-such-program`);
  const path = `PATH=${rig.project}/tools:/usr/bin:/bin`;
  assert.equal((await rig.bgjob(['run', '-w', '-e', path, '--', './byenv'])).code, 0);
  assert.equal((await rig.bgjob(['restart', '-w', '@last'])).code, 0);
  // what is no script for the kernel is left to the shell
  script('blank', '#! \nexit 3\n');
  assert.equal((await rig.bgjob(['run', '-w', '--', './blank'])).code, 3);
});

rigTest('what changed while a job waited: its end says what is there now', async (rig) => {
  const { project } = rig;
  fs.writeFileSync(`${project}/script`, '#!/bin/sh\n', { mode: 0o755 });
  fs.writeFileSync(`${project}/program`, '#!/bin/sh\n', { mode: 0o755 });
  fs.mkdirSync(`${project}/dir`);
  await rig.bgjob(['run', '-w', '-Q', 'q', '--', 'true']);
  await rig.bgjob(['queue', 'pause', 'q']);
  for (const words of [
    ['-C', 'dir', '--', 'true'],
    ['--', './script'],
    ['--', './program'],
  ])
    assert.equal((await rig.bgjob(['run', '-Q', 'q', ...words])).code, 0);
  fs.rmdirSync(`${project}/dir`);
  fs.writeFileSync(`${project}/dir`, '', { mode: 0o755 });
  fs.writeFileSync(`${project}/script`, '#!/nowhere/sh\n');
  fs.rmSync(`${project}/program`);
  fs.mkdirSync(`${project}/program`);
  await rig.bgjob(['queue', 'resume', 'q']);
  const ends: [id: string, code: number, why: RegExp][] = [
    ['2', 125, /start-failed \(cannot enter \S+\/dir: not a directory\)/],
    ['3', 127, /start-failed \(cannot execute \S+\/script: its #! line needs \/nowhere\/sh: no such file/],
    ['4', 126, /start-failed \(cannot execute \S+\/program: it is a directory\)/],
  ];
  for (const [id, code, why] of ends) {
    const waited = await rig.bgjob(['wait', id]);
    assert.equal(waited.code, code, waited.stderr);
    assert.match(waited.stderr + waited.stdout, why);
  }
  const again = await rig.bgjob(['restart', '2']);
  assert.match(again.stderr, /^bgjob: cannot enter \S+\/dir: not a directory\n/);
});

rigTest('a directory that cannot be entered: 125', async (rig) => {
  await refuses(
    rig,
    ['-C', 'nowhere', '--', 'true'],
    125,
    /cannot enter .*\/nowhere: no such file or directory/,
  );
  await refuses(rig, ['-C', '/etc/passwd', '--', 'true'], 125, /cannot enter \/etc\/passwd: not a directory/);
  const gone = await rig.bash('mkdir gone && cd gone && rmdir ../gone && bgjob run -- true');
  assert.equal(gone.code, 125);
  assert.match(gone.stderr, /cannot enter .*\/gone: no such file or directory/);
  const file = await rig.bash('mkdir gone && cd gone && rmdir ../gone && touch ../gone && bgjob run -- true');
  assert.match(file.stderr, /cannot enter .*\/gone: not a directory\n/);
  const other = await rig.bash(
    'rm gone; mkdir gone; cd gone; mv ../gone ../was; mkdir ../gone; rmdir ../was; bgjob run -- true',
  );
  assert.match(
    other.stderr,
    /gone: it was removed, and another one was made in its place\n {2}hint: cd .*gone\n/,
  );
  assert.equal(pathsIn(rig.home), undefined);
  // one whose path nobody can name, though its processes are in it
  const deep = 'for (1..25) { mkdir "d" x 200 or die; chdir "d" x 200 or die } exec @ARGV';
  for (const [words, code] of [
    [['run', '--', 'true'], 125],
    [['ls', '-a'], 0],
  ] as const) {
    const answer = await rig.start('perl', ['-e', deep, 'bgjob', ...words]).answer;
    // no path leads so deep for Node either
    await rig.bash('rm -rf d*');
    if (code === 0) assert.equal(answer.code, 0, answer.stderr);
    else assertRefused(answer, code, /cannot enter .*: its path is too long\n/);
  }
});

rigTest('words that mean nothing: 125', async (rig) => {
  await refuses(rig, [], 125, /run needs \[--\] command/);
  await refuses(rig, ['   '], 125, /the command is empty/);
  await refuses(rig, ['--frob', 'true'], 125, /unknown option '--frob'/);
  await refuses(rig, ['--wait=soon', 'true'], 125, /--wait: "soon" is not a duration/);
  await refuses(rig, ['-t', 'two words', 'true'], 125, /--tag: "two words" is not a label/);
  await refuses(rig, ['-w', 'true'], 125, /BGJOB_MAX_WAIT: "never" is not a duration/, {
    env: { BGJOB_MAX_WAIT: 'never' },
  });
});
