/** The table of variables: the docs have the same rows; the flags of make; the variables of git. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { GIT_LOCAL, VARIABLE_RULES, withoutJobserver } from '../../../../src/engine/launch/variable-rules.ts';
import { ROOT } from '../../../rig/rig.ts';

test('docs/configuration.md has the rows of the table in code, with their reasons', () => {
  const page = fs.readFileSync(join(ROOT, 'docs', 'configuration.md'), 'utf8');
  const section = page.split('### Variables that bgjob changes\n')[1]!.split('\n### ')[0]!;
  const rows = [...section.matchAll(/^\| (.*) \| .* \| (.*) \|$/gm)].slice(1);
  const shown = rows.map(([, names, why]) => [names, why]);
  const ruled = VARIABLE_RULES.map(({ names, why }) => [
    names === GIT_LOCAL
      ? 'those of `git rev-parse --local-env-vars`'
      : names.map((name) => `\`${name}\``).join(', '),
    why === null ? '-' : `\`${why}\``,
  ]);
  assert.deepEqual(shown, ruled);
});

test('all local variables of this git are known', () => {
  const printed = spawnSync('git', ['rev-parse', '--local-env-vars'], { encoding: 'utf8' }).stdout;
  const unknown = printed
    .trim()
    .split('\n')
    .filter((name) => !(GIT_LOCAL as readonly string[]).includes(name));
  assert.deepEqual(unknown, []);
});

test('the jobserver goes, other flags and variables stay, and a MAKEFLAGS without one is untouched', () => {
  for (const [given, expected] of [
    // as make 4.3 and 4.4 write them
    [' -j2 --jobserver-auth=3,4', undefined],
    ['-j2 --jobserver-auth=3,4', undefined],
    ['k -j2 --jobserver-auth=3,4 -- CFLAGS=-O9', 'k -- CFLAGS=-O9'],
    [' -j8 --jobserver-auth=fifo:/tmp/GMfifo12 --sync-mutex=fnm:/tmp/GmAb -Otarget', ' -Otarget'],
    [
      ' -Iinc -j2 -l3.5 --jobserver-auth=3,4 --eval=V:=1\\ -j5 -- A=x\\ -j9\\ --jobserver-auth=3,4 B=1',
      ' -Iinc -l3.5 --eval=V:=1\\ -j5 -- A=x\\ -j9\\ --jobserver-auth=3,4 B=1',
    ],
    // make 3.81, and cargo
    [' --jobserver-fds=3,4 -j', undefined],
    ['-j --jobserver-fds=3,4 --jobserver-auth=3,4', undefined],
    ['-j8', '-j8'],
    ['  k  -j ', '  k  -j '],
    [' -- A=--jobserver-auth=3,4 -j2', ' -- A=--jobserver-auth=3,4 -j2'],
    ['w', 'w'],
  ] as const)
    assert.equal(withoutJobserver(given), expected, given);
});
