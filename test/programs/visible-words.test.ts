/** What the words of a process tell, of each program that is executed on the way to a job: everybody can read them. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { cannotUnshare } from '../rig/namespaces.ts';
import { missing } from '../rig/needs.ts';
import { type Rig, rigTest } from '../rig/rig.ts';

const SECRET = 's3cret-of-the-caller';
/** None of them has a name that a shell takes, or keeps its value in one. */
const VARIABLES = {
  'npm_config_//registry.example.com/:_authToken': `${SECRET}-npm`,
  'a.b': `${SECRET}-dot`,
  PS4: `${SECRET}-ps4`,
  LD_AUDIT_TOKEN: `${SECRET}-ld`,
  'BASH_FUNC_token%%': `() { echo ${SECRET}-function; }`,
  shim_token: `${SECRET}-shim`,
  BGJOB_ENV_TOKEN: `${SECRET}-own`,
  OLDPWD: `/${SECRET}-oldpwd`,
  PLAIN: `${SECRET}-plain`,
};

/** The words of all programs that `bgjob ARGS` and its job execute, up to the end of all of them. */
async function executed(rig: Rig, ...args: string[]): Promise<string> {
  const trace = join(rig.dir, 'trace');
  const words = ['-f', '-qq', '-s', '100000', '-e', 'trace=execve', '-o', trace];
  const traced = [...words, process.execPath, '--', rig.program, ...args];
  const { code, stderr } = await rig.start('strace', traced, { env: VARIABLES }).answer;
  assert.equal(code, 0, stderr);
  return fs.readFileSync(trace, 'latin1');
}

for (const [what, options] of [
  ['a job', []],
  // then the shell's own variables are set right on the way, too
  ['a job in another directory', ['-C', '/']],
  ['a job in a terminal', ['--pty']],
  ['a job that waited in a queue', ['-Q', 'api']],
] as const)
  rigTest(
    `${what}: no program on the way to it is told a variable in its words`,
    async (rig) => {
      const out = join(rig.dir, 'out');
      const calls = await executed(rig, 'run', '-w', ...options, '--', 'sh', '-c', `env -0 >${out}`);
      assert.match(calls, /execve\("[^"]*\/env", \["[^"]*env", "-S", /);
      assert.ok(
        !calls.includes(SECRET),
        calls.split('\n').find((line) => line.includes(SECRET)),
      );
      const own = await executed(rig, 'run', '-w', ...options, '--', 'env', '-0');
      assert.ok(
        !own.includes(SECRET),
        own.split('\n').find((line) => line.includes(SECRET)),
      );
      const seen = rig.log(2).split('\0');
      for (const [name, value] of Object.entries(VARIABLES))
        assert.ok(seen.includes(`${name}=${value}`), name);
    },
    { skip: missing('strace', 'script') },
  );

rigTest(
  'where env is that of busybox, which finds no value by a name, all arrive as well',
  async (rig) => {
    const script = 'mount --bind "$(command -v busybox)" /usr/bin/env && exec "$@"';
    const variables = Object.entries(VARIABLES).flatMap(([name, value]) => ['-e', `${name}=${value}`]);
    const call = [rig.program, 'run', '-w', ...variables, '--', '/bin/cat', '/proc/self/environ'];
    const words = ['--mount', 'sh', '-c', script, 'sh', process.execPath, '--', ...call];
    const { code, stderr } = await rig.start('unshare', words).answer;
    assert.equal(code, 0, stderr);
    const seen = rig.log(1).split('\0');
    for (const [name, value] of Object.entries(VARIABLES)) assert.ok(seen.includes(`${name}=${value}`), name);
  },
  { skip: missing('busybox') || cannotUnshare() },
);

rigTest(
  'where env is that of busybox, large functions arrive: nothing is carried twice',
  async (rig) => {
    const script = 'mount --bind "$(command -v busybox)" /usr/bin/env && exec "$@"';
    const names = Array.from({ length: 12 }, (_, n) => `BASH_FUNC_f${n}%%`);
    const env = Object.fromEntries(names.map((name) => [name, `() { : ${'x'.repeat(100_000)};}`]));
    // with -e: the sh of this call would drop variables of such names
    const options = Object.entries(env).flatMap(([name, value]) => ['-e', `${name}=${value}`]);
    const call = [rig.program, 'run', '-w', ...options, '--', '/bin/cat', '/proc/self/environ'];
    const words = ['--mount', 'sh', '-c', script, 'sh', process.execPath, '--', ...call];
    const { code, stderr } = await rig.start('unshare', words).answer;
    assert.equal(code, 0, stderr);
    const seen = new Set(rig.log(1).split('\0'));
    for (const [name, value] of Object.entries(env)) assert.ok(seen.has(`${name}=${value}`), name);
  },
  { skip: missing('busybox') || cannotUnshare() },
);
