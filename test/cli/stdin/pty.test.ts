/**
 * `run --pty`: a real terminal for the job, its own exit code in every case, and nothing of `script` in the
 * log.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { cannotUnshare, withFile } from '../../rig/namespaces.ts';
import { isRunning, letterOf } from '../../rig/processes.ts';
import { type Rig, rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';

/** What came from the terminal, with line ends as a program wrote them. */
const said = (rig: Rig, id: number): string =>
  fs.existsSync(rig.file(id, 'out/log')) ? rig.log(id).replaceAll('\r\n', '\n') : '';

/** The pids that stand in a line of the shim's record: the terminal's two. */
const recorded = (rig: Rig, id: number): { terminal: number; leader: number } => {
  const pids = fs
    .readFileSync(rig.file(id, 'shim'), 'latin1')
    .split('\n')
    .map((line) => Number.parseInt(line, 10));
  return { terminal: pids[4]!, leader: pids[5]! };
};

/** The same when they are written down: a job runs before. */
const untilRecorded = (rig: Rig, id: number) =>
  until(
    () => (fs.existsSync(rig.file(id, 'shim')) ? recorded(rig, id) : undefined),
    (pids) => pids !== undefined && pids.terminal > 0 && pids.leader > 0,
    `the terminal of job ${id}`,
  ) as Promise<{ terminal: number; leader: number }>;

const untilSaid = (rig: Rig, id: number, text: string) =>
  until(
    () => said(rig, id),
    (all) => all.includes(text),
    text,
  );

rigTest('all three are a terminal of 120 x 40, which the job controls', async (rig) => {
  const id = await rig.runOut([
    '--pty',
    'test -t 0 && test -t 1 && test -t 2 && stty size && : >/dev/tty && echo "$TERM"',
  ]);
  assert.equal(said(rig, id), '40 120\nxterm-256color\n');
  const script =
    'console.log([process.stdin, process.stdout, process.stderr].map((one) => one.isTTY).join())';
  const node = await rig.runOut(['--pty', '--', process.execPath, '-e', script]);
  assert.equal(said(rig, node), 'true,true,true\n');
});

rigTest("the size is that of the caller's terminal, whichever of its streams that is", async (rig) => {
  for (const streams of ['', '>id', '>id 2>&1', '</dev/null', '>id 2>&1 </dev/tty']) {
    const line = `stty columns 91 rows 33; bgjob run --pty -- stty size ${streams}`;
    const { code } = await rig.start('script', ['-qec', line, '/dev/null'], { env: { SHELL: '/bin/bash' } })
      .answer;
    assert.equal(code, 0);
  }
  await rig.bgjob(['wait', '1', '2', '3', '4', '5']);
  for (const id of [1, 2, 3, 4, 5]) assert.equal(said(rig, id), '33 91\n');
});

rigTest('the exit code is its own: exits, its own signals, what cannot be run', async (rig) => {
  for (const [line, code] of [
    ['exit 0', 0],
    ['exit 42', 42],
    ['exit 255', 255],
    ['kill -9 $$', 137],
    ['kill -TERM $$', 143],
    ['kill -INT $$', 130],
    ['kill -HUP $$', 129],
    ['kill -9 0', 137],
  ] as const) {
    const { code: got, stderr } = await rig.bgjob(['run', '--pty', '-w', line]);
    assert.equal(got, code, `${line}: ${stderr}`);
    assert.doesNotMatch(stderr, /\|/, 'no output');
  }
  assert.equal((await rig.bgjob(['run', '--pty', '--', './none'])).code, 127);
});

rigTest('the last output is in the log when the end is told', async (rig) => {
  for (let n = 0; n < 3; n++) {
    const { code, stdout, stderr } = await rig.bgjob(['run', '--pty', '-w', `seq 1 30000; echo last ${n}`]);
    assert.equal(code, 0);
    assert.match(stderr, new RegExp(`^\\| last ${n}$`, 'm'));
    const id = Number.parseInt(stdout, 10);
    assert.equal(said(rig, id), `${Array.from({ length: 30000 }, (_, i) => i + 1).join('\n')}\nlast ${n}\n`);
  }
  // and also if the job is gone before anybody has read a byte of it
  const puppet = await rig.puppet();
  const id = await rig.run(['--pty', '--', ...puppet.command]);
  const pid = await puppet.pid();
  const { terminal } = await untilRecorded(rig, id);
  process.kill(terminal, 'SIGSTOP');
  await until(
    () => letterOf(terminal),
    (letter) => letter === 'T',
    'a terminal that stands still',
  );
  await puppet.print('the very last\n');
  await puppet.exit(3);
  await until(
    () => isRunning(pid),
    (runs) => !runs,
    'the end of the job',
  );
  assert.equal((await rig.bgjob(['status', String(id)])).code, 75);
  assert.equal(said(rig, id), '');
  process.kill(terminal, 'SIGCONT');
  const { code, stdout } = await rig.bgjob(['wait', String(id)]);
  assert.deepEqual([code, stdout.split('\n')[1]], [3, '| the very last']);
  assert.equal(said(rig, id), 'the very last\n');
});

rigTest(
  'send types into it: prompts are answered, --eof is ^D, also in the middle of a line',
  async (rig) => {
    const id = await rig.run([
      '-n',
      'ask',
      '--pty',
      '--',
      'bash',
      '-c',
      'read -p "name? " x; echo "hello $x"; cat; echo over',
    ]);
    await untilSaid(rig, id, 'name? ');
    assert.equal((await rig.bgjob(['send', 'ask', 'joe'])).stdout, 'ask 1 sent 1 line (4 bytes)\n');
    await untilSaid(rig, id, 'hello joe\n');
    await rig.bgjob(['send', 'ask', '--no-newline', 'part', '--eof']);
    assert.equal((await rig.bgjob(['wait', 'ask'])).code, 0);
    assert.match(said(rig, id), /name\? joe\nhello joe\npart(part)?.*over\n$/s);
    const raw = await rig.run([
      '-n',
      'raw',
      '--pty',
      '--',
      'bash',
      '-c',
      'stty raw -echo; echo go; head -c 2 | od -An -c',
    ]);
    await untilSaid(rig, raw, 'go');
    await rig.bgjob(['send', 'raw', 'y']);
    await rig.bgjob(['wait', 'raw']);
    assert.match(said(rig, raw), /y +\\r/, 'Enter is what the key sends');
    const interrupted = await rig.run(['-n', 'int', '--pty', '--', 'sh', '-c', 'echo go; exec sleep 1000']);
    await untilSaid(rig, interrupted, 'go');
    await rig.bgjob(['send', 'int', '-'], { input: '\x03' });
    assert.equal((await rig.bgjob(['wait', 'int'])).code, 130);
  },
);

rigTest(
  'tail shows the prompt at which it waits, at once, and names it where nothing is new',
  async (rig) => {
    const id = await rig.run([
      '--pty',
      '--',
      'bash',
      '-c',
      'echo begin; read -p "Password: " x; echo "got $x"; read',
    ]);
    await until(
      () => said(rig, id),
      (text) => text.endsWith('Password: '),
      'its prompt',
    );
    // as a prompt of this very moment
    const now = () => fs.utimesSync(rig.file(id, 'out/log'), new Date(), new Date());
    for (const options of [['--since', '0'], ['--new'], ['-n', '1'], []]) {
      now();
      const { stdout } = await rig.bgjob(['tail', `${id}`, ...options]);
      assert.match(stdout, /Password: \n$/, options.join(' '));
    }
    const { stdout, stderr } = await rig.bgjob(['tail', `${id}`, '--new']);
    assert.equal(stdout, '');
    assert.match(
      stderr,
      /^\[1 running \S+ \| nothing new for \S+ \| its last line: "Password:" \| cursor \d+\]\n/,
    );
    await rig.bgjob(['send', `${id}`, 'hi']);
    await until(
      () => said(rig, id),
      (text) => text.endsWith('got hi\n'),
      'its answer',
    );
    assert.match((await rig.bgjob(['tail', `${id}`, '--new'])).stdout, /hi\ngot hi\n$/);
    assert.doesNotMatch((await rig.bgjob(['tail', `${id}`, '--new'])).stderr, /its last line/);
    await rig.bgjob(['kill', `${id}`]);
  },
);

rigTest('kill: every signal, stubborn jobs, -9; script is spared, and gone with it', async (rig) => {
  for (const [words, line, outcome] of [
    [[], 'sleep 1000 & echo go; exec sleep 1000', /killed \(TERM, .*: 2 processes/],
    [['-s', 'INT'], 'echo go; sleep 1000', /killed \(INT, /],
    [['-s', 'HUP'], 'echo go; sleep 1000', /killed \(HUP, /],
    [['-9'], 'echo go; sleep 1000', /killed \(KILL, /],
    [['--grace', '200ms'], "trap '' TERM HUP INT; echo go; while :; do sleep 0.1; done", /killed \(KILL, /],
    [[], "trap 'exit 7' TERM; echo go; while :; do sleep 0.1; done", /exited 7 \(after kill\)/],
  ] as const) {
    const id = await rig.run(['--pty', '--', 'sh', '-c', line]);
    await untilSaid(rig, id, 'go');
    const { terminal, leader } = await untilRecorded(rig, id);
    assert.ok(isRunning(terminal) && isRunning(leader));
    const { code, stdout } = await rig.bgjob(['kill', ...words, String(id)]);
    assert.equal(code, 0);
    assert.match(stdout, outcome);
    assert.doesNotMatch(said(rig, id), /Session|Script/);
    assert.ok(!isRunning(terminal) && !isRunning(leader));
  }
  // and at once, whatever has begun by then: at many instants in test/chaos/pty-kills
  const early = await rig.bash('bgjob kill $(bgjob run --pty --grace 1s -- sleep 1000)');
  assert.match(early.stdout, /^7 (killed \((TERM|KILL), .*|cancelled before it started)\n$/, early.stderr);
});

rigTest('limits: --timeout, --idle-timeout, --max-log', async (rig) => {
  const timed = await rig.bgjob(['run', '--pty', '-w', '--timeout', '300ms', 'echo text; sleep 1000']);
  assert.equal(timed.code, 124);
  const idle = await rig.bgjob(['run', '--pty', '-w', '--idle-timeout', '300ms', 'echo text; sleep 1000']);
  assert.equal(idle.code, 124);
  const large = await rig.bgjob(['run', '--pty', '-w', '--max-log', '128k', '--on-max-log', 'kill', 'yes']);
  assert.match(large.stderr, /killed SIGTERM \(--max-log 128k\)/);
});

rigTest('what daemonised in the terminal is stopped, too, without its environment', async (rig) => {
  const pidFile = join(rig.dir, 'pid');
  const id = await rig.run([
    '--pty',
    `env -i sh -c 'trap "" HUP; echo $$ >${pidFile}; exec sleep 1000' & sleep 1000`,
  ]);
  const pid = await until(
    () => (fs.existsSync(pidFile) ? Number(fs.readFileSync(pidFile, 'utf8')) : 0),
    (number) => number > 0,
  );
  assert.match((await rig.bgjob(['kill', String(id)])).stdout, /: [23] processes/);
  assert.ok(!isRunning(pid));
});

rigTest('its environment is exact: SHELL and odd names too', async (rig) => {
  const seen = async (...words: string[]) => {
    const { stdout, stderr, code } = await rig.start('env', [
      ...words,
      process.execPath,
      rig.program,
      'run',
      '--pty',
      '-w',
      '--',
      '/usr/bin/env',
    ]).answer;
    assert.equal(code, 0, stderr);
    const text = said(rig, Number.parseInt(stdout, 10));
    return new Map(
      text
        .trimEnd()
        .split('\n')
        .map((line) => [line.slice(0, line.indexOf('=', 1)), line.slice(line.indexOf('=', 1) + 1)]),
    );
  };
  const plain = ['-i', `BGJOB_HOME=${rig.home}`, `HOME=${rig.dir}`];
  const added = ['BGJOB_HOME', 'BGJOB_ID', 'BGJOB_TOKEN', 'HOME', 'PYTHONUNBUFFERED', 'TERM'];
  assert.deepEqual([...(await seen(...plain)).keys()].sort(), added);
  const more = await seen(
    ...plain,
    'SHELL=/none',
    'TERM=dumb',
    'a.b=1',
    'PWD=/x',
    'SHLVL=7',
    'n=2',
    'x=3',
    'BGJOB_ENV_R=4',
    'PS1=5',
  );
  assert.deepEqual(
    ['SHELL', 'TERM', 'a.b', 'PWD', 'SHLVL', 'n', 'x', 'BGJOB_ENV_R', 'PS1'].map((name) => more.get(name)),
    ['/none', 'dumb', '1', '/x', '7', '2', '3', '4', '5'],
  );
  assert.equal(more.size, added.length + 8);
});

rigTest('words arrive as they were typed', async (rig) => {
  const words = ['', '$x', '`exit 9`', "it's", 'a b', '\\', '%s', '!', '~', 'ü', '*', '-n'];
  const id = await rig.runOut(['--pty', '--', '/usr/bin/printf', '[%s]\n', ...words]);
  assert.equal(said(rig, id), words.map((word) => `[${word}]\n`).join(''));
});

rigTest('when somebody ends script nothing of what it says comes into the log', async (rig) => {
  const id = await rig.run(['--pty', 'echo text; sleep 1000']);
  await untilSaid(rig, id, 'text');
  const { terminal } = await untilRecorded(rig, id);
  process.kill(terminal, 'SIGTERM');
  await rig.bgjob(['wait', String(id)]);
  assert.equal((await rig.show(id)).state, 'lost');
  assert.equal(said(rig, id), 'text\n');
});

rigTest('it outlives the terminal of its launcher', async (rig) => {
  const line =
    'bgjob run -n t --pty "echo go; read x; echo got \\$x" && until [ -s "$BGJOB_HOME/jobs/1/out/log" ]; do sleep 0.05; done';
  await rig.start('script', ['-qec', line, '/dev/null'], { env: { SHELL: '/bin/bash' } }).answer;
  assert.equal((await rig.bgjob(['send', 't', 'still'])).code, 0);
  assert.equal((await rig.bgjob(['wait', 't'])).code, 0);
  assert.match(said(rig, 1), /got still\n$/);
});

rigTest('what does not go with it is refused', async (rig) => {
  for (const [options, says] of [
    [['--split'], /--pty and --split cannot be used together: a terminal has one output/],
    [['--stdin', '-'], /--pty: the job reads its terminal.*\n {2}hint: bgjob send REF TEXT/],
    [['--stdin', 'null'], /--pty: the job reads its terminal/],
  ] as const) {
    const { code, stderr } = await rig.bgjob(['run', '--pty', ...options, '--', 'true']);
    assert.equal(code, 125);
    assert.match(stderr, says);
  }
  const long = await rig.bgjob(['run', '--pty', '--', 'echo', 'x'.repeat(40_000)]);
  assert.match(long.stderr, /a command may have 30000 characters\n {2}hint: a script may be longer/);
  assert.ok(!fs.existsSync(rig.home));
});

rigTest(
  'without script: a clear error before anything is made',
  async (rig) => {
    const nothing = join(rig.dir, 'nothing');
    fs.writeFileSync(nothing, '', { mode: 0o600 });
    const [program, ...words] = withFile('/usr/bin/script', nothing);
    const { code, stderr } = await rig.start(program!, [...words, 'bgjob', 'run', '--pty', '--', 'true'])
      .answer;
    assert.equal(code, 125);
    assert.match(stderr, /script is not there .*: run --pty does not work\n {2}hint: install bsdutils/);
    assert.ok(!fs.existsSync(rig.home));
  },
  { skip: cannotUnshare() },
);
