/**
 * Arguments and environments up to the limits of the system, and beyond: exact, or told why; never silently
 * less.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { type Rig, rigTest } from '../rig/rig.ts';

/** The longest single string that Linux passes on, its NUL included. */
const LONGEST = 131_072;
/** Prints how many arguments it has, and a sum of them all. */
const SUM = ['sh', '-c', 'echo $# $(printf "%s\\n" "$@" | cksum)', 'sum'];

/** The job prints what the same command prints without bgjob. */
async function isExact(rig: Rig, command: string[], env: Record<string, string> = {}): Promise<void> {
  const [program = '', ...args] = command;
  const direct = spawnSync(program, args, { encoding: 'utf8', env: { ...process.env, ...env } });
  assert.equal(direct.status, 0);
  const { code, stdout, stderr } = await rig.bgjob(['run', '-w', '--', ...command], { env });
  assert.equal(code, 0, stderr);
  assert.equal(rig.log(Number.parseInt(stdout, 10)), direct.stdout);
}

rigTest('arguments of 100 KB, the longest there can be, and a thousand of them are exact', async (rig) => {
  await isExact(rig, [...SUM, 'x'.repeat(100_000), '']);
  await isExact(rig, [...SUM, 'é'.repeat((LONGEST - 2) / 2)]);
  await isExact(rig, [...SUM, ...Array.from({ length: 1000 }, (_, n) => `${n}\n${'y'.repeat(n)}`)]);
  // a shell line has no more room
  const line = `printf %s '${'z'.repeat(LONGEST - 100)}' | wc -c`;
  assert.equal((await rig.bgjob(['run', '-w', line])).code, 0);
  assert.equal(rig.log(4), `${LONGEST - 100}\n`);
  // and nobody who looks at such a job is drowned
  for (const verb of [['ls'], ['show', '4'], ['status', '4'], ['wait', '4']])
    assert.ok((await rig.bgjob(verb)).stdout.length < 3000, verb.join(' '));
  assert.equal((await rig.show(1)).command[4].length, 100_000);
});

rigTest('an environment of 2 MB is exact', async (rig) => {
  const env: Record<string, string> = {};
  for (let n = 0; n < 14; n++) env[`BIG_${n}`] = `${n}`.repeat(130_000 / `${n}`.length);
  const names = Object.keys(env).map((name) => `$${name}`);
  await isExact(rig, ['sh', '-c', `printf %s "${names.join(' ')}" | cksum`], env);
});

rigTest('a value that no program can be given: the job fails to start, and says why', async (rig) => {
  fs.writeFileSync(`${rig.dir}/vars`, `BIG=${'x'.repeat(200_000)}\n`);
  const shebang = `#!/bin/sh ${'x'.repeat(200_000)}\ntrue\n`;
  const calls: [args: string[], env: Record<string, string>, input: string][] = [
    [['--env-file', `${rig.dir}/vars`, '--', 'true'], {}, ''],
    [['-'], {}, shebang],
  ];
  for (const [n, [args, env, input]] of calls.entries()) {
    const { code, stdout, stderr } = await rig.bgjob(['run', '-w', ...args], { env, input });
    const why = 'could not be started: the command or the environment is too large';
    assert.deepEqual([code, stdout], [125, `${n + 1}\n`], stderr);
    assert.equal(stderr, `${n + 1} start-failed (${why})\n[bgjob] exit code 125\n`);
    assert.equal((await rig.show(n + 1)).reason, why);
  }
  // a name that no shell would pass on travels as the value of another one, and once only
  const env = { 'a-b': 'x'.repeat(LONGEST - 6) };
  assert.equal((await rig.bgjob(['run', '-w', '--', 'true'], { env })).code, 0);
});

rigTest('at the very limit of exec: exact, or a failure that says so, byte by byte', async (rig) => {
  // a smaller stack makes a smaller limit: a quarter of it, 512 KB, for all words and variables together
  const job = `sh -c 'printf %s "$*" | wc -c' x "$a" "$a" "$a" "$r"`;
  const line = (bytes: number) =>
    `ulimit -s 2048; a=$(printf %0131000d 0); r=$(printf %0${bytes}d 0); exec bgjob run -w -- ${job}`;
  const answers = { exact: 0, failed: 0, refused: 0 };
  const call = async (bytes: number): Promise<keyof typeof answers> => {
    const { code, stdout, stderr } = await rig.bash(line(bytes));
    const id = Number.parseInt(stdout, 10);
    if (stdout === '') {
      assert.match(stderr, /bgjob: Argument list too long/, 'bash itself could not call it');
      return 'refused';
    }
    if (code === 0) {
      assert.equal(rig.log(id), `${131_000 * 3 + bytes + 3}\n`);
      return 'exact';
    }
    // the shim, or env behind it, is where it did not fit
    assert.ok([125, 126].includes(code), `${code} ${stdout} ${stderr}`);
    assert.match(stderr + rig.log(id), /too large|Argument list too long/);
    return 'failed';
  };
  // the last size that is exact, by halves (how much the environment leaves is not known); then on, until
  // bash cannot call it
  let [exact, more] = [100_000, 131_000];
  while (more - exact > 150) {
    const middle = exact + Math.floor((more - exact) / 300) * 150;
    const answer = await call(middle);
    answers[answer]++;
    if (answer === 'exact') exact = middle;
    else more = middle;
  }
  for (let [bytes, last] = [exact, '']; last !== 'refused'; bytes += 300) {
    const answer = await call(bytes);
    answers[answer]++;
    last = answer;
    assert.ok(bytes < 131_000, `no limit was found: ${JSON.stringify(answers)}`);
  }
  assert.ok(answers.exact > 0);
  console.log(JSON.stringify(answers));
});
