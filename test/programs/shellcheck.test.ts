/** The shell texts of supervisors and of agents' hosts: shellcheck and each supported shell find no fault in them. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { missing } from '../rig/needs.ts';
import { ROOT } from '../rig/rig.ts';

const DIR = join(ROOT, 'src');
const TEXTS = ['engine/shim', 'engine/targets/far', 'cli/hook'].flatMap((folder) =>
  fs
    .readdirSync(join(DIR, folder))
    .filter((name) => name.endsWith('.sh'))
    .map((name) => `${folder}/${name}`),
);

test('shellcheck has nothing to say', { skip: missing('shellcheck') }, () => {
  assert.deepEqual(TEXTS.sort(), [
    'cli/hook/hook.sh',
    'engine/shim/batch-shim.sh',
    'engine/shim/pty-leader.sh',
    'engine/shim/shim.sh',
    'engine/targets/far/control.sh',
    'engine/targets/far/processes.sh',
    'engine/targets/far/shim.sh',
    'engine/targets/far/slurm.sh',
  ]);
  // SC3013: `test -nt` is not in POSIX of 2017; programs/hook-shells tries it in each shell
  const { status, stdout, stderr } = spawnSync('shellcheck', ['--exclude=SC3013', ...TEXTS], {
    cwd: DIR,
    encoding: 'utf8',
  });
  assert.equal(status, 0, stdout + stderr);
});

for (const [shell = '', ...args] of [['dash'], ['bash', '--posix'], ['busybox', 'sh']])
  test(`${shell} can parse them`, { skip: missing(shell) }, () => {
    for (const text of TEXTS) {
      const { status, stderr } = spawnSync(shell, [...args, '-n', text], { cwd: DIR, encoding: 'utf8' });
      assert.deepEqual([status, stderr], [0, ''], text);
    }
  });
