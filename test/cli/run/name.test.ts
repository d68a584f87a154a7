/** `run --name`: one live job of a name in a project, --reuse and --replace, and the name as a reference. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../rig/ports.ts';
import { isRunning, letterOf } from '../../rig/processes.ts';
import { type Rig, rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';

const named = (rig: Rig): string[] => {
  const names = join(rig.home, 'names');
  return fs.existsSync(names) ? fs.readdirSync(names) : [];
};

/** What a job has written so far. */
const written = (rig: Rig, id: number): string => (fs.existsSync(rig.file(id, 'out/log')) ? rig.log(id) : '');

/** A server on a fixed port; it ends with 9 if the port is taken. */
const server = (port: number): string[] => [
  process.execPath,
  '-e',
  `require('node:net').createServer().on('error', () => process.exit(9)).listen(${port}, '127.0.0.1', () => console.log('ready'))`,
];

rigTest('a name is taken while its job lives, and says by whom; afterwards it is free', async (rig) => {
  const puppet = await rig.puppet();
  assert.equal(await rig.run(['-n', 'web', '--', ...puppet.command]), 1);
  const { port } = await puppet.order({ do: 'listen' });
  await rig.untilState(1, 'running');
  const taken = await rig.bgjob(['run', '--name', 'web', '--', 'true']);
  assert.deepEqual([taken.code, taken.stdout], [125, '']);
  assert.match(taken.stderr, new RegExp(`^bgjob: web is running as job 1 \\([\\d.hms]+, port ${port}\\)\n`));
  assert.match(
    taken.stderr,
    /hint: --reuse uses that job, --replace stops it first; or choose another name\n/,
  );
  const [error] = (await rig.bgjob(['run', '-n', 'web', '--json', '--', 'true'])).stderr.trim().split('\n');
  assert.equal(JSON.parse(error!).error.code, 'name-taken');
  assert.deepEqual(fs.readdirSync(join(rig.home, 'jobs')), ['1'], 'a refusal leaves nothing');
  const wait = rig.bgjob(['wait', 'web']);
  assert.match((await rig.bgjob(['ls'])).stdout, /^1 {3}web {3}running /m);
  await puppet.exit(1);
  assert.match((await wait).stdout, /^web 1 exited 1 after /);
  assert.equal(await rig.run(['-n', 'web', '-w', '--', 'true']), 2);
  assert.match((await rig.bgjob(['status', 'web'])).stdout, /^web 2 exited 0 /);
});

rigTest('what is no name, and options without one, are refused before anything is made', async (rig) => {
  // all other texts: test/unit/parse-values
  for (const name of ['12', '../x', 'a'.repeat(65)]) {
    const { code, stderr } = await rig.bgjob(['run', `--name=${name}`, '--', 'true']);
    assert.equal(code, 125);
    assert.match(stderr, /is not a name: use letters, digits and \. _ - \(at most 64\)/);
  }
  for (const option of ['--reuse', '--replace']) {
    const { code, stderr } = await rig.bgjob(['run', option, '--', 'true']);
    assert.equal(code, 125);
    assert.match(
      stderr,
      new RegExp(`${option} needs --name\n {2}hint: bgjob run -n web ${option} -- command\n`),
    );
  }
  const both = await rig.bgjob(['run', '-n', 'a', '--reuse', '--replace', '--', 'true']);
  assert.match(both.stderr, /--reuse and --replace cannot be used together/);
  assert.ok(!fs.existsSync(rig.home));
});

rigTest(
  'a name means a job of this repository; one that exists only elsewhere is told with project and id',
  async (rig) => {
    const sub = join(rig.project, 'src/deep');
    const other = join(rig.dir, 'other');
    const worktree = join(rig.project, 'tree');
    for (const dir of [sub, join(other, '.git'), worktree]) fs.mkdirSync(dir, { recursive: true });
    fs.writeFileSync(join(worktree, '.git'), 'gitdir: …');
    const [one, two] = [await rig.puppet(), await rig.puppet()];
    await rig.run(['-n', 'web', '--', ...one.command], { cwd: sub });
    await rig.run(['-n', 'web', '--', ...two.command], { cwd: other });
    for (const id of [1, 2]) await rig.untilState(id, 'running');
    const status = async (cwd: string) => {
      const { stdout, stderr } = await rig.bgjob(['status', 'web'], { cwd });
      return stdout.replace(/ running.*\n/, '') + stderr.replace(/\[bgjob\] exit code 75\n/, '');
    };
    assert.equal(await status(rig.project), 'web 1');
    assert.equal(await status(sub), 'web 1');
    assert.equal(await status(other), 'web 2');
    await two.exit(0);
    await rig.bgjob(['wait', '2'], { cwd: other });
    // the live one first
    const told = (typed: string) =>
      `bgjob: no job "web" in this project; web #1 belongs to ${rig.project}; web #2 belongs to ${other}\n` +
      `  hint: ${typed} 1 · ${typed} 2\n`;
    const nowhere = join(rig.dir, 'bin');
    const verbs = [
      ...['wait', 'status', 'tail', 'show', 'path', 'kill', 'restart', 'pause', 'resume', 'move', 'send'],
    ];
    for (const verb of verbs)
      for (const cwd of [nowhere, worktree]) {
        const words = { move: ['move', 'web', '--first'], send: ['send', 'web', 'x'] }[verb] ?? [verb, 'web'];
        const { code, stdout, stderr } = await rig.bgjob(words, { cwd });
        assert.deepEqual(
          [code, stdout, stderr.slice(0, told(`bgjob ${verb}`).length)],
          [125, '', told(`bgjob ${verb}`)],
        );
      }
    const after = await rig.bgjob(['run', '--after', 'web', '--', 'true'], { cwd: nowhere });
    assert.ok(after.stderr.startsWith(told('bgjob run --after')), after.stderr);
    const last = await rig.bgjob(['wait', '@last'], { cwd: nowhere });
    assert.equal(last.code, 125);
    assert.ok(
      last.stderr.startsWith(
        `bgjob: no job "@last" in this project; web #1 belongs to ${rig.project}\n  hint: bgjob wait 1\n`,
      ),
    );
    assert.match((await rig.bgjob(['kill', 'web'], { cwd: other })).stdout, /^web 2 already exited 0 /);
    // a worktree is a project of its own
    await rig.bgjob(['run', '-w', '-n', 'web', '--', 'true'], { cwd: worktree });
    assert.equal((await status(worktree)).slice(0, 5), 'web 3');
    await one.print('alive\n');
    const unknown = await rig.bgjob(['wait', 'wbe']);
    assert.match(unknown.stderr, /no job "wbe"; newest: web #1 \(running\)\n/);
    assert.match((await rig.bgjob(['kill', 'web'], { cwd: sub })).stdout, /^web 1 killed/);
  },
);

rigTest(
  'this project is the same for every verb: in a plain folder also those above, from a repository none',
  async (rig) => {
    const [notes, deep, app] = ['notes', 'notes/deep', 'notes/app'].map((name) => join(rig.dir, name)) as [
      string,
      string,
      string,
    ];
    for (const dir of [deep, join(app, '.git')]) fs.mkdirSync(dir, { recursive: true });
    const puppets = [await rig.puppet(), await rig.puppet()];
    assert.equal(await rig.run(['-n', 'web', '--', ...puppets[0]!.command], { cwd: notes }), 1);
    await rig.untilState(1, 'running');
    for (const [cwd, isHere] of [
      [deep, true],
      [notes, true],
      [rig.dir, false],
      [app, false],
      [rig.project, false],
    ] as const) {
      const call = async (...words: string[]) => (await rig.bgjob(words, { cwd })).code;
      assert.equal(await call('status', 'web'), isHere ? 75 : 125, cwd);
      assert.equal(await call('status', '@last'), isHere ? 75 : 125, cwd);
      assert.equal(await call('pause', 'web'), isHere ? 0 : 125, cwd);
      assert.equal(await call('resume', 'web'), isHere ? 0 : 125, cwd);
      assert.equal(await call('wait', '--all', '--timeout', '0s'), isHere ? 75 : 125, cwd);
      assert.equal((await rig.bgjob(['ls', '-q'], { cwd })).stdout, isHere ? '1\n' : '', cwd);
      const completed = await rig.bgjob(['completion', 'words', '--', 'kill', ''], { cwd });
      assert.equal(/^web\t/m.test(completed.stdout), isHere, cwd);
    }
    const reused = await rig.bgjob(['run', '-n', 'web', '--reuse', '--', 'true'], { cwd: deep });
    assert.deepEqual([reused.code, reused.stdout], [0, '1\n']);
    const beside = await rig.bgjob(['run', '-w', '-n', 'web', '--reuse', '--', 'true'], { cwd: app });
    assert.match(beside.stderr + beside.stdout, /^2\n|web 2 exited 0/);
    const replaced = await rig.bgjob(['run', '-n', 'web', '--replace', '--', ...puppets[1]!.command], {
      cwd: deep,
    });
    assert.deepEqual([replaced.code, replaced.stdout], [0, '3\n']);
    assert.match(replaced.stderr, /^replaced web 1: /);
    // before its start it would be cancelled
    await rig.untilState(3, 'running');
    assert.match((await rig.bgjob(['status', '1'])).stdout, /^web 1 killed /);
    // the nearest one is meant
    assert.match((await rig.bgjob(['kill', 'web'], { cwd: deep })).stdout, /^web 3 killed /);
  },
);

rigTest(
  '--reuse: the live one, whatever it runs, and says if that is something else; else a new one',
  async (rig) => {
    const puppet = await rig.puppet();
    const args = ['-n', 'web', '--reuse', '--', ...puppet.command];
    assert.equal(await rig.run(args), 1);
    assert.deepEqual(await rig.bgjob(['run', ...args]), { code: 0, stdout: '1\n', stderr: '' });
    fs.mkdirSync(join(rig.project, 'sub'));
    const differs = await rig.bgjob(['run', '-n', 'web', '--reuse', 'sleep 1000'], {
      cwd: join(rig.project, 'sub'),
    });
    assert.deepEqual([differs.code, differs.stdout], [0, '1\n']);
    assert.match(differs.stderr, /^\(web 1 is not the same job: it runs .* and runs in .*\)\n$/);
    assert.deepEqual(await rig.json(['run', ...args.slice(0, 3), '--json', ...args.slice(3)]), [
      {
        v: 1,
        id: 1,
        name: 'web',
        reused: true,
        replaced: [],
        accepted: null,
        shell: null,
        log: { path: rig.file(1, 'out/log') },
      },
    ]);
    const waiting = rig.startBgjob(['run', '-w', ...args]);
    await until(waiting.stdout, (text) => text === '1\n');
    await puppet.exit(4);
    const { code, stdout } = await waiting.answer;
    assert.equal(code, 4, stdout);
    const fresh = await rig.bgjob(['run', '-w', '-n', 'web', '--reuse', 'exit 5']);
    assert.equal(fresh.stdout, '2\n');
    assert.match(fresh.stderr, /^web 2 exited 5 /);
  },
);

rigTest(
  '--replace: the old one and all of its own are gone and the port is free before the new one starts',
  async (rig) => {
    const port = await freePort();
    const args = ['-n', 'web', '--replace', '--', ...server(port)];
    const first = await rig.bgjob(['run', ...args]);
    assert.deepEqual([first.code, first.stdout, first.stderr], [0, '1\n', '']);
    for (let id = 1; id <= 3; id++) {
      await until(
        () => written(rig, id),
        (text) => text === 'ready\n',
        `server ${id}`,
      );
      const { main } = await rig.shimOf(id);
      const { code, stdout, stderr } = await rig.bgjob(['run', ...args]);
      assert.deepEqual([code, stdout], [0, `${id + 1}\n`]);
      assert.equal(stderr, `replaced web ${id}: killed 1 process, port ${port} free\n`);
      assert.ok(!isRunning(main));
      const job = await rig.show(id);
      assert.deepEqual([job.state, job.reason], ['killed', 'run --replace (SIGTERM)']);
    }
    await until(
      () => written(rig, 4),
      (text) => text === 'ready\n',
      'the last one found its port free',
    );
    assert.deepEqual(
      await rig.bgjob(['ls', '--unseen']),
      { code: 0, stdout: '', stderr: '' },
      'replacing told it',
    );
    await rig.bgjob(['kill', 'web']);
  },
);

rigTest('--replace: what an ended one left running goes too; who does not obey is killed', async (rig) => {
  const puppet = await rig.puppet();
  await rig.run(['-n', 'web', '--', ...puppet.command]);
  const left = [await puppet.fork({ daemon: true }), await puppet.fork()];
  await puppet.exit(0);
  await rig.bgjob(['wait', 'web']);
  const stubborn = await rig.puppet();
  const second = await rig.bgjob([
    'run',
    '-n',
    'web',
    '--replace',
    '--grace',
    '50ms',
    '--',
    ...stubborn.command,
  ]);
  assert.deepEqual([second.code, second.stderr], [0, 'replaced web 1: killed 2 processes that it left\n']);
  assert.deepEqual(left.filter(isRunning), []);
  await stubborn.ignore('SIGTERM');
  const third = await rig.bgjob(['run', '-n', 'web', '--replace', '-w', '--', 'true']);
  assert.deepEqual([third.code, third.stdout], [0, '3\n']);
  assert.match(
    third.stderr,
    /^replaced web 2: killed 1 process\n\(1 process did not end within 0\.05s after TERM.*\)\nweb 3 exited 0 /,
  );
  assert.equal((await rig.show(2)).signal, 'SIGKILL');
});

rigTest('--replace: a supervisor that somebody stopped goes on, and stops its job', async (rig) => {
  const puppet = await rig.puppet();
  await rig.run(['-n', 'web', '--', ...puppet.command]);
  await puppet.ready();
  const owner = rig.ownerPid(1);
  await rig.untilState(1, 'running');
  process.kill(owner, 'SIGSTOP');
  await until(
    () => letterOf(owner),
    (letter) => letter === 'T',
    'a supervisor that stands still',
  );
  const { code, stderr } = await rig.bgjob(['run', '-n', 'web', '--replace', '--', 'true']);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /^replaced web 1: killed 1 process\n/);
  const { state, signal, forced } = await rig.show(1);
  assert.deepEqual([state, signal, forced], ['killed', 'SIGTERM', 0]);
});

/** Shares its port: SO_REUSEPORT, which Node's own sockets have not everywhere yet. */
const REUSING = (port: number): string[] => [
  'perl',
  '-e',
  '$| = 1; ' +
    'socket(S, 2, 1, 0) && setsockopt(S, 1, 15, 1) && ' +
    `bind(S, pack('S n C4 x8', 2, ${port}, 127, 0, 0, 1)) && listen(S, 5) or die $!; ` +
    'print "ready\n"; sleep 1000',
];

rigTest('--replace: a port that somebody else keeps: 125 names it, and nothing is started', async (rig) => {
  const port = await freePort();
  const stranger = rig.start('perl', REUSING(port).slice(1));
  await until(stranger.stdout, (text) => text === 'ready\n');
  await rig.run(['-n', 'web', '--', ...REUSING(port)]);
  await until(
    () => written(rig, 1),
    (text) => text === 'ready\n',
    'the job shares the port',
  );
  const { code, stdout, stderr } = await rig.bgjob(['run', '-n', 'web', '--replace', '--', 'true']);
  assert.deepEqual([code, stdout], [125, '']);
  assert.match(
    stderr,
    new RegExp(`web 1 is stopped, but another process has its port ${port}; nothing was started`),
  );
  assert.deepEqual(fs.readdirSync(join(rig.home, 'jobs')), ['1']);
  stranger.child.kill();
  await stranger.answer;
});

rigTest('a job cannot replace itself', async (rig) => {
  const { stderr } = await rig.bgjob([
    'run',
    '-f',
    '-n',
    'web',
    'bgjob run -n web --replace -- true; exit $?',
  ]);
  assert.match(stderr, /^\[bgjob\] exit code 125$|\[job\] exit code 125/m);
  assert.match(rig.log(1), /web 1 cannot replace itself/);
});

rigTest('gc: a name is forgotten with its last job, and found as long as there is one', async (rig) => {
  for (let n = 0; n < 10; n++) await rig.bgjob(['run', '-w', '-n', 'web', '-t', `n${n}`, '--', 'true']);
  await rig.bgjob(['run', '-w', '--', 'true']);
  assert.equal(named(rig).length, 1);
  assert.match((await rig.bgjob(['status', 'web'])).stdout, /^web 10 /);
  // gc took the newer ones: an old one whose claim is long gone
  for (let id = 2; id <= 10; id++) fs.rmSync(rig.file(id, '.'), { recursive: true });
  assert.match((await rig.bgjob(['status', 'web'])).stdout, /^web 1 /);
  await rig.bgjob(['gc']);
  assert.match((await rig.bgjob(['status', 'web'])).stdout, /^web 1 /);
  await rig.bgjob(['gc', '--ended']);
  assert.deepEqual(named(rig), []);
  assert.match((await rig.bgjob(['status', 'web'])).stderr, /no job "web"/);
});
