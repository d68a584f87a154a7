/** `with`: however the call ends, its tests and its server end. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { seededChance } from '../../chaos/death.ts';
import { missing } from '../../rig/needs.ts';
import { isRunning, processesNaming } from '../../rig/processes.ts';
import { type Call, type Rig, rigTest } from '../../rig/rig.ts';
import { IS_WHOLE, someOf } from '../../rig/rounds.ts';
import { until } from '../../rig/until.ts';

/** A server with two processes, and tests with two, one without their variables; each writes down its pids. */
const CALL = [
  ...['with', '-n', 'web', '--until', 'ready', '--grace', '1s', '--'],
  ...['sh', '-c', 'sleep 1000 & echo "$$ $!" > server.new; mv server.new server; echo ready; wait'],
  ...[
    '--',
    'sh',
    '-c',
    'env -i sleep 1000 > /dev/null 2>&1 & echo "$$ $!" > tests.new; mv tests.new tests; wait',
  ],
];
const CALL_LINE = `exec bgjob ${CALL.map((word) => `'${word}'`).join(' ')}`;

/** The options and the command of a server that says when it is ready. */
const UNTIL_UP = ['--until', 'up', '--', 'sh', '-c', 'echo up; exec sleep 1000'];
const SERVER_ONLY = ['--', 'sh', '-c', 'echo ready; exec sleep 1000'];

function pidsIn(rig: Rig, name: string): number[] {
  const path = join(rig.project, name);
  return fs.existsSync(path) ? fs.readFileSync(path, 'utf8').trim().split(' ').map(Number) : [];
}

/** Waits until the tests run; the pids of all four. */
async function untilTested(rig: Rig): Promise<number[]> {
  await until(
    () => pidsIn(rig, 'tests'),
    (pids) => pids.length === 2,
    'the tests',
  );
  return [...pidsIn(rig, 'server'), ...pidsIn(rig, 'tests')];
}

const noneOf = (pids: number[]) =>
  until(
    () => pids.filter(isRunning),
    (left) => left.length === 0,
    `the end of ${pids}`,
  );

/** Waits until nothing that the call started is left, its guard included. */
const untilAllGone = (rig: Rig) =>
  until(
    () => processesNaming(rig.dir),
    (found) => found.length === 0,
    'nothing left',
  );

async function started(rig: Rig): Promise<{ call: Call; pids: number[] }> {
  const call = rig.startBgjob(CALL);
  return { call, pids: await untilTested(rig) };
}

for (const [signal, code] of [
  ['SIGTERM', 143],
  ['SIGHUP', 129],
  ['SIGKILL', 137],
] as const)
  rigTest(`with, ended by ${signal}: tests and server end, with all their processes`, async (rig) => {
    const { call, pids } = await started(rig);
    call.child.kill(signal);
    assert.equal((await call.answer).code, code);
    // the call itself returns when all have ended; for a killed one its guard ends them
    if (signal !== 'SIGKILL') assert.deepEqual(pids.filter(isRunning), []);
    await noneOf(pids);
    await untilAllGone(rig);
    assert.equal((await rig.show(1)).reason, 'with (SIGTERM)');
  });

rigTest('with, SIGINT: the tests end in their own way, then the server is stopped', async (rig) => {
  // in a group of its own, as a shell makes it: the signal goes to call and tests
  const tests = 'env -i sleep 1000 > /dev/null 2>&1 & echo "$$ $!" > tests.new';
  const handled = CALL_LINE.replace(tests, () => `trap "exit 9" INT; ${tests}`);
  for (const [line, code] of [
    [CALL_LINE, 130],
    [handled, 9],
  ] as const) {
    fs.rmSync(join(rig.project, 'tests'), { force: true });
    const call = rig.start('setsid', ['-w', 'bash', '-c', line]);
    const pids = await untilTested(rig);
    const group = Number(fs.readFileSync(`/proc/${pids[2]}/stat`, 'utf8').split(') ')[1]!.split(' ')[2]);
    process.kill(-group, 'SIGINT');
    await noneOf(pids.slice(0, 3));
    // sh starts a background process with SIGINT ignored, and it has not the variables of the tests: it is left
    process.kill(pids[3]!);
    const { code: got, stderr } = await call.answer;
    assert.equal(got, code, stderr);
    assert.match(stderr, /^web \d killed \(TERM/m);
    await noneOf(pids);
  }
});

rigTest('with: the signal comes while the server is not ready', async (rig) => {
  const words = [...CALL];
  words[words.indexOf('ready')] = 'never';
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
    ['SIGKILL', 137],
  ] as const) {
    fs.rmSync(join(rig.project, 'server'), { force: true });
    const call = rig.startBgjob(words);
    await until(
      () => pidsIn(rig, 'server'),
      (pids) => pids.length === 2,
      'the server',
    );
    call.child.kill(signal);
    assert.equal((await call.answer).code, code, signal);
    await noneOf(pidsIn(rig, 'server'));
    await untilAllGone(rig);
  }
  assert.equal(fs.existsSync(join(rig.project, 'tests')), false);
});

rigTest('with, killed by KILL at any instant: nothing is left running', async (rig) => {
  const chance = seededChance('with, killed');
  // each instant of the start, then some that the machine chooses
  const instants: (() => boolean)[] = [
    () => fs.existsSync(join(rig.home, 'jobs')),
    // before it has an owner a job counts as lost only after 30 s, and the guard waits for that
    ...[...(IS_WHOLE ? ['spec.json', 'alive'] : []), 'owner.1', 'state.json', 'shim'].map(
      (name) => () => fs.existsSync(rig.file(nextId, name)),
    ),
    () => pidsIn(rig, 'server').length > 0,
    ...Array.from({ length: 6 }, () => {
      const afterMs = chance() * 1500;
      return () => Date.now() - begun > afterMs;
    }),
  ];
  let nextId = 1;
  let begun = 0;
  for (const isDue of someOf(instants, 5, chance)) {
    for (const name of ['server', 'tests']) fs.rmSync(join(rig.project, name), { force: true });
    const call = rig.startBgjob(CALL);
    begun = Date.now();
    await until(isDue, (due) => due, 'the instant');
    call.child.kill('SIGKILL');
    await call.answer;
    await untilAllGone(rig);
    await noneOf([...pidsIn(rig, 'server'), ...pidsIn(rig, 'tests')]);
    const ids = fs.existsSync(join(rig.home, 'jobs'))
      ? fs.readdirSync(join(rig.home, 'jobs')).map(Number)
      : [0];
    nextId = Math.max(0, ...ids) + 1;
  }
});

rigTest('with, killed while it stops the server', async (rig) => {
  const words = [...CALL.slice(0, -1), ': > tests'];
  words[words.indexOf('sh') + 2] = `trap '' TERM; echo $$ > server; echo ready; while :; do sleep 1; done`;
  words[words.indexOf('--grace') + 1] = '5s';
  const call = rig.startBgjob(words);
  await until(
    () =>
      fs.existsSync(join(rig.home, 'jobs', '1', 'state.json')) &&
      fs.readFileSync(rig.file(1, 'state.json'), 'utf8'),
    (text) => text !== false && text.includes('stopping'),
    'the stop',
  );
  call.child.kill('SIGKILL');
  await call.answer;
  await noneOf(pidsIn(rig, 'server'));
  await untilAllGone(rig);
});

rigTest(
  'with in a job that is killed at once: its server ends, too, and so does that of a nested call',
  async (rig) => {
    const inner = CALL.map((word) => (word === 'web' ? 'db' : word));
    const outer = ['with', '-n', 'outer', ...UNTIL_UP, '--', 'bgjob', ...inner];
    await rig.run(['-n', 'ci', '--', 'bgjob', ...outer]);
    const pids = await untilTested(rig);
    await rig.bgjob(['kill', '--now', 'ci']);
    await noneOf(pids);
    await untilAllGone(rig);
  },
);

rigTest('with: the home is moved while the tests run', async (rig) => {
  const { call, pids } = await started(rig);
  const moved = `${rig.home}.moved`;
  fs.renameSync(rig.home, moved);
  process.kill(pids[2]!, 'SIGTERM');
  await noneOf(pids.slice(0, 3));
  process.kill(pids[3]!);
  const { code, stderr } = await call.answer;
  assert.equal(code, 143);
  assert.match(stderr, /^web 1 killed \(TERM/m);
  await noneOf(pids);
  await untilAllGone(rig);
});

rigTest(
  'with: the terminal is closed',
  async (rig) => {
    // script ends its terminal when it is killed
    const call = rig.start('script', ['-qec', CALL_LINE, '/dev/null'], { env: { SHELL: '/bin/bash' } });
    const pids = await untilTested(rig);
    call.child.kill('SIGKILL');
    await call.answer;
    await noneOf(pids);
    await untilAllGone(rig);
  },
  { skip: missing('script') },
);

rigTest(
  'with: what the tests leave in the background is ended; jobs that they started go on',
  async (rig) => {
    const job = ['bgjob', 'run', '-n', 'other', ...UNTIL_UP];
    // the job runs when the tests end
    const line = 'exec > out 2>&1; sleep 1000 & a=$!; setsid sleep 1000 & echo "$a $!" > left; "$@"; exit 4';
    const tests = ['sh', '-c', line, 'sh', ...job];
    const answer = await rig.bgjob(['with', '--until', 'ready', ...SERVER_ONLY, '--', ...tests]);
    assert.equal(answer.code, 4, answer.stderr);
    assert.match(answer.stderr, /^\(killed 2 processes that the tests left\)$/m);
    assert.deepEqual(pidsIn(rig, 'left').filter(isRunning), []);
    // its first word may come before the state that says so
    await rig.untilState(2, 'running');
    await rig.bgjob(['kill', '2']);
  },
);
