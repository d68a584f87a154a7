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
