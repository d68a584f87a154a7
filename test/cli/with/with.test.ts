/** `with`: a server, tests in the foreground when it is ready, and the exit code of the tests. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import * as fs from 'node:fs';
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type Answer, type Rig, rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';

const SERVER = ['sh', '-c', 'echo ready; exec sleep 1000'];
const web = (server: string[], tests: string[], ...options: string[]): string[] => [
  ...['with', '-n', 'web', '--until', 'ready', ...options],
  ...['--', ...server, '--', ...tests],
];
const sh = (line: string): string[] => ['sh', '-c', line];
/** What a call printed on stderr, without times. */
const told = ({ stderr }: Answer): string => stderr.replace(/\d+(\.\d+)?(ms|s)\b/g, 'T');

async function noneLives(rig: Rig): Promise<void> {
  const live = await rig.bgjob(['ls', '-q', '--state', 'starting,running,stopping']);
  assert.deepEqual([live.code, live.stdout], [0, '']);
}

rigTest(
  'with: the tests have the streams of the call, and stdout for themselves; then all is stopped',
  async (rig) => {
    const line = 'cat; echo err >&2; echo "$BGJOB_WITH_ID $(printenv BGJOB_ID) $OWN"; bgjob ls -q';
    const answer = await rig.bgjob(web(SERVER, sh(line)), { input: 'in\n', env: { OWN: 'mine' } });
    assert.deepEqual([answer.code, answer.stdout], [0, 'in\n1  mine\n1\n']);
    assert.equal(told(answer), 'web 1 ready: it printed "ready"\nerr\nweb 1 killed (TERM, T): 1 process\n');
    await noneLives(rig);
    // its end is seen
    assert.equal((await rig.bgjob(['ls', '--unseen'])).stdout.includes('web'), false);
  },
);

rigTest(
  'with: the exit code is that of the tests, and a failure names the log of the server',
  async (rig) => {
    const failed = await rig.bgjob(web(SERVER, sh('exit 7')));
    assert.equal(failed.code, 7);
    assert.match(failed.stderr, /^\(the log of the server: bgjob tail web\)$/m);
    assert.match(failed.stderr, /\[tests\] exit code 7\n$/);
    const killed = await rig.bgjob(web(SERVER, sh('kill -SEGV $$')));
    assert.equal(killed.code, 139);
    for (const [tests, code] of [
      [['nosuch'], 127],
      [['/etc'], 126],
    ] as const) {
      const { code: got, stdout, stderr } = await rig.bgjob(web(SERVER, [...tests]));
      assert.deepEqual([got, stdout], [code, '']);
      assert.match(stderr, /^bgjob: (nosuch|\/etc): .*\nweb \d killed/m);
    }
    await noneLives(rig);
  },
);

rigTest('with: a server that ends first, never is ready, or fails', async (rig) => {
  const never = sh('echo never-run > ran');
  const early = await rig.bgjob(web(sh('echo trouble; exit 3'), never));
  assert.equal(early.code, 3);
  assert.match(told(early), /^web 1 exited 3 after T\n\| trouble\n {2}hint: bgjob tail web\n\[job\]/);
  const zero = await rig.bgjob(web(['true'], never));
  assert.equal(zero.code, 1);
  assert.match(zero.stderr, /the job ended before the condition was met/);
  const late = await rig.bgjob(web(sh('echo slow; exec sleep 1000'), never, '--ready-within', '1s'));
  assert.equal(late.code, 75);
  assert.match(
    told(late),
    // on a slow machine the time is over before its first word, or before its start
    /^web 3 is not ready after T: the tests do not run\n(\| slow\n)?(.*\n)?web 3 (killed|cancelled)/,
  );
  const broken = await rig.bgjob(web(sh('echo EADDRINUSE; exec sleep 1000'), never, '--fail-on', 'EADDR'));
  assert.equal(broken.code, 1);
  assert.match(
    broken.stderr,
    /^web 4 failed: it printed "EADDRINUSE"\n\| EADDRINUSE\n.*hint: bgjob tail web\nweb 4 killed/m,
  );
  assert.equal(fs.existsSync(join(rig.project, 'ran')), false);
  await noneLives(rig);
});

rigTest('with: the server ends while the tests run: they go on, and their code counts', async (rig) => {
  const server = sh('echo $$ > server; echo ready; exec sleep 1000');
  const line = 'kill -KILL $(cat server); until test -e on; do sleep 0.05; done; exit 4';
  const call = rig.startBgjob(web(server, sh(line)));
  await until(call.stderr, (text) =>
    /\(the server ended: web 1 exited 137 .* after .*; the tests go on\)/.test(text),
  );
  fs.writeFileSync(join(rig.project, 'on'), '');
  assert.equal((await call.answer).code, 4);
});

rigTest('with: a shell line as the server, which may have a -- of its own; two servers', async (rig) => {
  const shown = await rig.bgjob([
    'with',
    '--until',
    'a b',
    'printf "%s " a b; sleep 1000 # -- c',
    '--',
    'echo',
    '--',
    'x',
  ]);
  assert.deepEqual([shown.code, shown.stdout], [0, '-- x\n']);
  const inner = [
    'bgjob',
    ...web(SERVER, sh('bgjob ls -q --state starting,running; exit 5')).map((word) =>
      word === 'web' ? 'db' : word,
    ),
  ];
  const two = await rig.bgjob(web(SERVER, inner));
  assert.deepEqual([two.code, two.stdout.trim().split('\n').length], [5, 2]);
  await noneLives(rig);
});

rigTest('with: a wrong call is refused, with the call that is meant', async (rig) => {
  const refused: [args: string[], why: RegExp][] = [
    [
      ['--until', 'x'],
      /needs the command of a server.*\n.*hint: bgjob with --until-port 3000 -- npm run dev -- npm test/,
    ],
    [
      ['--until', 'x', '--', 'npm', 'start'],
      /second command behind -- .*\n.*hint: bgjob with --until x -- npm start -- TESTS/,
    ],
    [['--until', 'x', '--', 'npm', 'start', '--'], /no command behind the last --/],
    [['npm', 'start', '--', 'npm', 'test'], /needs a condition/],
    [
      ['--until', 'x', '--', 'a', '--', '--port', '3', '--', 'npm', 'test'],
      /hint: bgjob with --until x 'a -- --port 3' -- npm test\n/,
    ],
    [['--json', '--until', 'x', '--', 'a', '--', 'b'], /stdout belongs to the tests/],
    [['--until', 'x', '-', '--', 'b'], /stdin belongs to the tests/],
    [['--queue', 'q', '--until', 'x', '--', 'a', '--', 'b'], /unknown option '--queue'/],
    [['--until', 'x', '--', 'nosuch', '--', 'b'], /nosuch: command not found/],
  ];
  for (const [args, why] of refused) {
    const { code, stdout, stderr } = await rig.bgjob(['with', ...args]);
    assert.equal(code, /not found/.test(stderr) ? 127 : 125, args.join(' '));
    assert.equal(stdout, '');
    assert.match(stderr, why, args.join(' '));
  }
  assert.equal((await rig.bgjob(['ls', '-q', '-n', '9'])).stdout, '');
});

rigTest(
  'with --reuse: a server that runs already is used, and goes on; a name that is taken is refused',
  async (rig) => {
    const puppet = await rig.puppet();
    await rig.run(['-n', 'web', '--', ...puppet.command]);
    await puppet.print('ready\n');
    await rig.untilState(1, 'running');
    const late = await rig.bgjob([
      ...['with', '-n', 'web', '--until', 'never', '--reuse', '--ready-within', '100ms'],
      ...['--', ...puppet.command, '--', 'true'],
    ]);
    assert.equal(late.code, 75);
    assert.match(told(late), /^web 1 is not ready after T: the tests do not run\n\| ready\n/m);
    const used = await rig.bgjob(web(puppet.command, ['true'], '--reuse'));
    assert.equal(used.code, 0);
    assert.match(used.stderr, /^\(web 1 runs already: it is used, and not stopped at the end\)\nweb 1 ready/);
    assert.equal((await rig.bgjob(web(SERVER, ['true']))).code, 125);
    assert.equal((await rig.show(1)).state, 'running');
    const replaced = await rig.bgjob(web(SERVER, ['true'], '--replace'));
    assert.equal(replaced.code, 0, replaced.stderr);
    assert.equal((await rig.show(1)).state, 'killed');
    const own = await rig.bgjob(web(SERVER, ['true'], '--reuse'));
    assert.equal(own.code, 0);
    await noneLives(rig);
  },
);

rigTest('with at BGJOB_MAX_WAIT: tests and server are stopped, 75; in a job it is no limit', async (rig) => {
  const env = { BGJOB_MAX_WAIT: '3s' };
  const tests = sh('sleep 1000 & echo $! > pid; wait');
  const answer = await rig.bgjob(web(SERVER, tests), { env });
  assert.equal(answer.code, 75);
  assert.match(
    answer.stderr,
    /time of this call is over \(BGJOB_MAX_WAIT\).* Next: bgjob run --wait -- bgjob with -n web --until ready -- sh -c|web 1 is not ready/,
  );
  await noneLives(rig);
  const inside = web(SERVER, sh('sleep 4; exit 6'));
  const job = await rig.bgjob(['run', '--wait=1h', '--', 'bgjob', ...inside], { env });
  assert.equal(job.code, 6, job.stderr);
  await noneLives(rig);
});

rigTest('with: a port of this machine in --until-url must be free, as that of --until-port', async (rig) => {
  const other = http.createServer((_, response) => response.end()).listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  for (const host of ['localhost', '127.0.0.1', '[::1]']) {
    const url = ['--until-url', `http://${host}:${port}/`];
    const { code, stderr } = await rig.bgjob(['with', ...url, '--', ...SERVER, '--', 'echo', 'never']);
    assert.equal(code, 125, host);
    assert.match(stderr, new RegExp(`^bgjob: port ${port} is taken by pid ${process.pid} `));
  }
  other.close();
  assert.equal((await rig.bgjob(['ls', '-aq'])).stdout, '');
});
