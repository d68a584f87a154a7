/** The suite's own check: what a test leaves is found and ended, and whoever leaves nothing is left alone. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { cannotMount } from './mounts.ts';
import { missing } from './needs.ts';
import { isRunning } from './processes.ts';
import { type Answer, type Rig, rigTest } from './rig.ts';

const SUITE = join(__dirname, 'rig.suite.fixture.js');
const suite = (rig: Rig, ...words: string[]): Promise<Answer> =>
  rig.start(process.execPath, [SUITE, ...words], { env: { TMPDIR: rig.dir } }).answer;
/** What never ends is found after this. */
const SOON = ['--left', '5'];
/** Without it nobody looks for processes, and that is said each time. */
const skip = missing('python3');
const line = (rig: Rig, text: string, ...options: string[]): Promise<Answer> =>
  suite(rig, ...options, '--', 'sh', '-c', text);

rigTest(
  'a process that cleared, closed and left everything is found and ended',
  async (rig) => {
    const hidden = 'cd / && env -i setsid sh -c "sleep 1000 </dev/null >/dev/null 2>&1 & echo \\$!"';
    const { code, stdout, stderr } = await line(rig, hidden, ...SOON);
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`^left running: ${stdout.trim()} sleep 1000\n$`));
    assert.equal(isRunning(Number(stdout)), false);
  },
  { skip },
);

rigTest(
  'a file that is left is named and removed, and so is the home of whoever runs the tests',
  async (rig) => {
    const file = await line(rig, 'mkdir $TMPDIR/deep && echo >$TMPDIR/deep/er');
    assert.equal(file.code, 1);
    assert.match(file.stderr, /^left behind: .*\/bgjob-suite-\d+-\w+\/deep\nleft behind: .*\/deep\/er\n$/);
    const home = await line(rig, 'mkdir -p $HOME/.bgjob/jobs');
    assert.deepEqual([home.code, home.stderr], [1, `a test used ${rig.dir}/.bgjob\n`]);
    // there is one now: a job in it is a test's if it works in the suite's folder
    const own = await line(
      rig,
      'mkdir -p $HOME/.bgjob/jobs/1 && echo /elsewhere >$HOME/.bgjob/jobs/1/spec.json',
    );
    assert.deepEqual([own.code, own.stderr], [0, '']);
    const stray = await line(
      rig,
      'mkdir $HOME/.bgjob/jobs/2 && echo $TMPDIR/x >$HOME/.bgjob/jobs/2/spec.json',
    );
    assert.deepEqual([stray.code, stray.stderr], [1, `a test used ${rig.dir}/.bgjob\n`]);
    fs.rmSync(`${rig.dir}/.bgjob`, { recursive: true });
    // a suite that was killed: its number is nobody's
    fs.mkdirSync(`${rig.dir}/bgjob-suite-4194999-abc/rig`, { recursive: true });
    const next = await line(rig, 'true');
    assert.equal(next.code, 0);
    assert.match(next.stderr, /^removed what a suite left that was killed: .*\/bgjob-suite-4194999-abc\n$/);
    assert.deepEqual(
      fs.readdirSync(rig.dir).filter((name) => name.startsWith('bgjob-suite')),
      [],
    );
  },
  { skip },
);

rigTest(
  'a mount that is left is told and taken away',
  async (rig) => {
    const left = await line(
      rig,
      'mkdir $TMPDIR/on && mount -t tmpfs -o size=64k none $TMPDIR/on && echo >$TMPDIR/on/x',
    );
    assert.equal(left.code, 1);
    assert.match(left.stderr, /^left behind: .*\/on\nleft behind: .*\/on\/x\n$/);
    assert.ok(!fs.readFileSync('/proc/mounts', 'utf8').includes(rig.dir));
    assert.deepEqual(fs.readdirSync(rig.dir).sort(), ['bin', 'project']);
  },
  { skip: skip || cannotMount() },
);

rigTest(
  'a test that leaves nothing passes, one that fails fails, and what ends by itself is waited for',
  async (rig) => {
    assert.deepEqual(await line(rig, '(sleep 0.2; true) & true'), { code: 0, stdout: '', stderr: '' });
    assert.equal((await line(rig, 'exit 7')).code, 7);
    assert.equal((await line(rig, 'kill -9 $$')).code, 137);
    // as npm test calls it
    const test = `${rig.dir}/leaking.test.mjs`;
    fs.writeFileSync(
      test,
      `import { test } from 'node:test';
     import { spawn } from 'node:child_process';
     test('leaks', () => spawn('sleep', ['1000'], { detached: true, stdio: 'ignore', cwd: '/', env: {} }).unref());`,
    );
    const leaking = await suite(rig, ...SOON, test);
    assert.equal(leaking.code, 1, leaking.stdout);
    assert.match(leaking.stdout, /^1 passed, 0 failed, 0 skipped$/m);
    assert.match(leaking.stderr, /^left running: \d+ sleep 1000$/m);
  },
  { skip },
);

rigTest('a file that does not end is ended, and fails by its name', async (rig) => {
  const hung = `${rig.dir}/hung.test.mjs`;
  const listening = `import { createServer } from 'node:net';
    import { test } from 'node:test';
    test('fine', () => void createServer().listen(0, '127.0.0.1'));`;
  fs.writeFileSync(hung, listening);
  // neither does one that computes for ever hold the suite
  const deaf = `${rig.dir}/deaf.test.mjs`;
  fs.writeFileSync(deaf, "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000);");
  const { code, stdout } = await suite(rig, ...SOON, '--limit', '5', hung, deaf);
  assert.equal(code, 1);
  for (const name of ['hung', 'deaf'])
    assert.match(
      stdout,
      new RegExp(`^ended after 5 s, because it did not end by itself: ${name}\\.test\\.mjs$`, 'm'),
    );
});

rigTest(
  'a test that fails while a server or a job of it runs does not keep its file running',
  async (rig) => {
    const { code, stdout, stderr } = await suite(rig, join(__dirname, 'rig.failing.fixture.js'));
    assert.equal(code, 1);
    assert.match(stdout, /^0 passed, 3 failed, 0 skipped$/m);
    // CI prints these lines once more
    assert.match(
      stdout,
      /^failed: rig\.failing\.fixture\.js: an assertion fails while a server listens\nfailed\| red$/m,
    );
    assert.match(stdout, /^failed: .*: its time is over while a job and a server run\nfailed\| /m);
    assert.doesNotMatch(stdout + stderr, /^(ended after|left running|left behind)/m);
  },
);
