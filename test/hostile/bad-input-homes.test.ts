/**
 * BGJOB_HOME and the other variables that bgjob reads: whatever they hold, it works or says why, and nothing
 * else is touched.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { readJson, slay } from '../chaos/death.ts';
import { answersOf } from '../rig/inprocess.ts';
import { assertRefused, pathsIn } from '../rig/refusal.ts';
import { type Rig, rigTest } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

/** Everything that names the home on its way: records, the shim's words, the adopter's call. */
async function worksIn(rig: Rig, home: string): Promise<void> {
  const env = { BGJOB_HOME: home };
  const what = JSON.stringify(home);
  const run = await rig.bgjob(['run', '-n', 'job', '-w', 'printf %s "$BGJOB_HOME"; exit 3'], { env });
  assert.equal(run.code, 3, `${what}: ${run.stdout}${run.stderr}`);
  const path = await rig.bgjob(['path', 'job'], { env });
  assert.equal(fs.readFileSync(path.stdout.slice(0, -1), 'utf8'), fs.realpathSync(home), what);
  const live = await rig.bgjob(['run', '--', 'sleep', '1000'], { env });
  // its adopter is started with the home as a word of sh
  assert.equal(live.stdout, '2\n', what);
  const state = () => readJson(`${home}/jobs/2/state.json`);
  await until(state, (found) => found?.status.phase === 'running', `${what}: running`);
  await slay(readJson(`${home}/jobs/2/owner.1`).identity.pid);
  await until(state, (found) => found?.generation === 2, `${what}: its adopter`);
  const killed = await rig.bgjob(['kill', '2'], { env });
  assert.match(killed.stdout, /^2 killed \(TERM, /, `${what}: ${killed.stderr}`);
  for (const verb of [['ls'], ['show', 'job'], ['gc', '--ended']])
    assert.equal((await rig.bgjob(verb, { env })).code, 0, `${verb}: ${what}`);
}

rigTest('a home may be called anything', async (rig) => {
  const names = [`new\nline sp ace qu'o"te $(touch hijacked)\`touch hijacked\` * é \\`, '-a=b'];
  for (const name of names) await worksIn(rig, `${rig.dir}/${name}`);
  assert.deepEqual(fs.readdirSync(rig.project), ['.git']);
});

rigTest('a home may be as long as a path may be, or it is refused', async (rig) => {
  const pathOf = (length: number): string => {
    let path = rig.dir;
    while (path.length < length)
      path += `/${'l'.repeat(Math.min(200, Math.max(1, length - path.length - 1)))}`;
    return path;
  };
  await worksIn(rig, pathOf(3900));
  const long = [3950, 4050, 4090, 5000].map(pathOf);
  long.push(`${rig.dir}/${'n'.repeat(256)}`);
  const calls = [['run', 'true'], ['ls']];
  const questions = long.flatMap((path) => calls.map((args) => ({ args, env: { BGJOB_HOME: path } })));
  for (const answer of await answersOf(rig, questions))
    assertRefused(answer, 125, /: the name is too long\n/);
  for (const path of long) assert.ok(!fs.existsSync(path));
});

rigTest('a relative home is of the working directory, an empty one is the default', async (rig) => {
  assert.equal((await rig.bgjob(['run', '-w', 'true'], { env: { BGJOB_HOME: 'rel' } })).code, 0);
  assert.ok(fs.existsSync(`${rig.project}/rel/jobs/1`));
  assert.equal((await rig.bgjob(['run', '-w', 'true'], { env: { BGJOB_HOME: '' } })).code, 0);
  assert.ok(fs.existsSync(`${rig.dir}/.bgjob/jobs/1`), 'HOME/.bgjob');
});

rigTest('a directory that holds other things is no home: gc empties trash and cache', async (rig) => {
  for (const name of ['trash', 'cache', 'letters']) fs.mkdirSync(`${rig.project}/${name}`);
  fs.writeFileSync(`${rig.project}/trash/precious`, 'x');
  const before = pathsIn(rig.project);
  const homes = ['.', rig.project, '/', '/tmp', `${rig.dir}/project/../project/`];
  const asked = homes.flatMap((home) =>
    [['run', 'true'], ['ls'], ['gc', '--ended']].map((args) => ({ args, env: { BGJOB_HOME: home } })),
  );
  for (const [n, answer] of (await answersOf(rig, asked)).entries()) {
    if (asked[n]!.args[0] !== 'run') continue;
    assertRefused(answer, 125, /holds files that are not bgjob's|other users can write/, homes[n / 3]);
    assert.match(answer.stderr, /\n {2}hint: (export BGJOB_HOME=\/.*\.bgjob|chmod .*)\n/);
  }
  assert.deepEqual(pathsIn(rig.project), before);
  // what a launcher left that was killed while it made one, and a file system's own folder
  const half = `${rig.dir}/half`;
  for (const name of ['', '/jobs', '/trash', '/lost+found']) fs.mkdirSync(half + name);
  fs.writeFileSync(`${half}/token.123.0.tmp`, '');
  await worksIn(rig, half);
});

rigTest('variables that mean nothing change nothing, or are refused by name', async (rig) => {
  await rig.runOut(['true']);
  const waiting = [
    ['wait', '1'],
    ['run', '-w', 'true'],
    ['tail', '-f', '1'],
  ];
  const durations = ['never', '5 m', '99999999999d', '\n'].flatMap((value) =>
    waiting.map((args) => ({ args, env: { BGJOB_MAX_WAIT: value } })),
  );
  for (const [n, answer] of (await answersOf(rig, durations)).entries())
    assertRefused(
      answer,
      125,
      /^bgjob: BGJOB_MAX_WAIT: ".*" is (not a duration|too long)/,
      JSON.stringify(durations[n]),
    );
  assert.equal((await rig.bgjob(['wait', '1'], { env: { BGJOB_MAX_WAIT: '' } })).code, 0);
  const plain = (await rig.bgjob(['ls', '-q'])).stdout;
  // LANG is not among them: Node itself crashes over 157 characters of it
  const names = ['COLUMNS', 'LINES', 'TERM', 'NO_COLOR', 'TZ', 'PWD', 'BGJOB_ID', 'HOME', 'TMPDIR'];
  const values = ['', '-1', 'x'.repeat(100_000)];
  const one = values.flatMap((value) =>
    names.map((name) => ({ args: ['ls', '-q'], env: { [name]: value } })),
  );
  const unchanged = { code: 0, stdout: plain, stderr: '' };
  for (const [n, answer] of (await answersOf(rig, one)).entries())
    assert.deepEqual(answer, unchanged, JSON.stringify(one[n]).slice(0, 60));
  // all of them at once, and Node itself sees them when it starts
  for (const value of values) {
    const env = Object.fromEntries(names.map((name) => [name, value]));
    assert.deepEqual(await rig.bgjob(['ls', '-q'], { env }), unchanged, value.slice(0, 10));
  }
  const show = await rig.bgjob(['run', '-w', 'true'], {
    env: { BGJOB_ID: '-1', COLUMNS: '-5', PWD: '/gone' },
  });
  assert.equal(show.code, 0, show.stderr);
  assert.equal((await rig.show(2)).parent, null);
  // no variable at all but the home
  const bare = await rig.start('env', [
    '-i',
    `BGJOB_HOME=${rig.home}`,
    process.execPath,
    '--',
    `${process.cwd()}/bin/bgjob`,
    'ls',
    '-q',
  ]).answer;
  assert.equal(bare.code, 0, bare.stderr);
});
