/** `run --on-exit`: a line that is run once, after the end, whatever that is; it changes nothing else. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { Gate } from '../../rig/gate.ts';
import { isRunning, processesNaming } from '../../rig/processes.ts';
import { type Call, type Rig, ROOT, rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';

/** What became of the line, once that is written down. */
const untilHooked = (rig: Rig, id: number): Promise<any> =>
  rig.untilShown(
    id,
    (job) => job.onExit,
    (hook) => ['exited', 'failed'].includes(hook?.state),
    `the end of --on-exit of ${id}`,
  );
const output = (rig: Rig, id: number): string => fs.readFileSync(rig.file(id, 'on-exit.log'), 'utf8');

const TELL = 'echo "$BGJOB_ID|$BGJOB_NAME|$BGJOB_OUTCOME|$BGJOB_EXIT_CODE|$BGJOB_LOG"';

rigTest(
  'directory, environment and what it is told; its failure is shown and changes nothing',
  async (rig) => {
    const place = join(rig.project, 'place');
    fs.mkdirSync(place);
    const line = `${TELL}; pwd; echo $OWN $CALLERS; umask; cat; echo oops >&2; exit 9`;
    const args = ['run', '-w', '-n', 'web', '-C', place, '-e', 'OWN=1', '--on-exit', line, 'umask; exit 4'];
    const answer = await rig.bash(`umask 027; bgjob ${args.map((one) => `'${one}'`).join(' ')}`, {
      env: { CALLERS: '2' },
    });
    assert.equal(answer.code, 4);
    assert.deepEqual(await untilHooked(rig, 1), {
      ...{ command: line, state: 'exited', exitCode: 9, reason: null, log: rig.file(1, 'on-exit.log') },
    });
    assert.equal(output(rig, 1), `1|web|exited|4|${rig.file(1, 'out/log')}\n${place}\n1 2\n0027\noops\n`);
    assert.match(
      (await rig.bgjob(['show', 'web'])).stdout,
      /^on exit .*: exited 9 after [\d.hms]+ \(.*on-exit\.log\)$/m,
    );
    assert.equal((await rig.bgjob(['status', 'web'])).code, 4);
    assert.equal((await rig.bgjob(['ls'])).stdout.includes('exited 9'), false);
    assert.equal(fs.existsSync(rig.file(1, 'env.json')), false);
  },
);

rigTest('every way to end: killed, timed out, failed to start, cancelled, skipped', async (rig) => {
  const with_ = (...args: string[]) => ['--on-exit', TELL, ...args];
  const log = (id: number) => rig.file(id, 'out/log');
  await rig.run(with_('--', 'sleep', '1000'));
  await rig.untilState(1, 'running');
  assert.equal((await rig.bgjob(['kill', '1'])).code, 0);
  await rig.run(with_('--timeout', '50ms', '--', 'sleep', '1000'));
  const first = await rig.puppet();
  await rig.run(['-Q', 'api', '--', ...first.command]);
  await rig.run(with_('-Q', 'api', '--', 'true'));
  await rig.run(with_('--after', '4', '-n', 'dep', '--', 'true'));
  await first.ready();
  // killed with a pipe that is read to its end: the line does not hold it
  const killed = await rig.bash('bgjob kill 4 | cat');
  assert.match(killed.stdout, /^4 cancelled before it started\n$/);
  await rig.bgjob(['wait', '5', '2']);
  const place = join(rig.project, 'place');
  fs.mkdirSync(place);
  await rig.run(with_('-Q', 'api', '-C', place, '--', 'true'));
  fs.rmdirSync(place);
  await first.exit(0);
  await rig.bgjob(['wait', '6']);
  const told = [];
  for (const id of [1, 2, 4, 5]) {
    await untilHooked(rig, id);
    told.push(output(rig, id));
  }
  assert.deepEqual(told, [
    `1||killed|143|${log(1)}\n`,
    `2||timed-out|124|${log(2)}\n`,
    `4||cancelled|1|${log(4)}\n`,
    `5|dep|skipped|1|${log(5)}\n`,
  ]);
  // its directory is gone: that is told, and nothing else
  const hook = await untilHooked(rig, 6);
  assert.deepEqual(
    [hook.state, hook.exitCode, hook.reason],
    ['failed', null, 'it could not be started (ENOENT)'],
  );
  for (const id of [1, 2, 4, 5, 6]) assert.equal(fs.existsSync(rig.file(id, 'env.json')), false, `${id}`);
});

rigTest('once, after the last attempt, when the queue has moved on', async (rig) => {
  const next = await rig.puppet();
  const gate = new Gate(rig);
  const line = `echo $BGJOB_OUTCOME $BGJOB_EXIT_CODE; ${gate.line}`;
  await rig.run(['-Q', 'api', '--retry', '2', '--backoff', '10ms', '--on-exit', line, 'exit 5']);
  // not just the next in line: while the first one waits for its retry, its slot is another's
  await rig.run(['-Q', 'api', '--after-any', '1', '--', ...next.command]);
  assert.equal((await rig.bgjob(['wait', '1'])).code, 5);
  // its slot is free although the line runs
  await next.ready();
  const running = await rig.untilShown(
    1,
    (job) => job,
    (job) => job.onExit.state === 'runs',
    'the line',
  );
  assert.deepEqual([running.state, running.attempts, running.leftovers], ['exited', 3, 0]);
  assert.match(
    (await rig.bgjob(['show', '1'])).stdout,
    /^on exit .*: runs [\d.hms]+, pid \d+; one minute at most/m,
  );
  // neither kill nor gc touch what runs
  assert.match((await rig.bgjob(['kill', '1'])).stdout, /^1 already exited 5 [\d.hms]+ ago\n$/);
  await rig.bgjob(['gc', '--ended']);
  assert.equal((await rig.show(1)).onExit.state, 'runs');
  gate.open();
  assert.equal((await untilHooked(rig, 1)).exitCode, 0);
  assert.equal(output(rig, 1), 'exited 5\n');
  await next.exit(0);
  await rig.runOut(['--', 'true']);
  await until(
    () => isRunning(Number.parseInt(fs.readlinkSync(rig.file(1, 'hooks')), 10)),
    (runs) => !runs,
    'the end of who ran the line',
  );
  await rig.bgjob(['gc', '--ended']);
  assert.ok(!fs.existsSync(rig.file(1, '.')), 'gc takes it then');
});

rigTest('a batch: for each of its jobs, also those that are cancelled', async (rig) => {
  const first = await rig.puppet();
  await rig.run(['-Q', 'b', '--', ...first.command]);
  const args = [
    'run',
    '-Q',
    'b',
    '--batch',
    '-',
    '-e',
    'OWN=x',
    '--on-exit',
    'echo $OWN $BGJOB_OUTCOME $BGJOB_EXIT_CODE',
  ];
  const added = await rig.bgjob(args, { input: 'true\nexit 3\nsleep 1000\nsleep 1000\n' });
  assert.equal(added.stdout, '2\n3\n4\n5\n');
  await first.ready();
  await rig.bgjob(['kill', '4']);
  await first.exit(0);
  await rig.bgjob(['wait', '2', '3']);
  // by then the environment of the batch is that of the jobs
  await rig.untilState(5, 'running');
  await rig.bgjob(['kill', '5']);
  const told = [];
  for (const id of [2, 3, 4, 5]) {
    await untilHooked(rig, id);
    told.push(output(rig, id));
    assert.equal(fs.existsSync(rig.file(id, 'env.json')), false);
  }
  assert.deepEqual(told, ['x exited 0\n', 'x exited 3\n', 'x cancelled 1\n', 'x killed 143\n']);
});

rigTest(
  'jobs that it starts are jobs of their own; a restart takes it along; --keep-env stays',
  async (rig) => {
    await rig.run(['-n', 'a', '--keep-env', '--on-exit', 'bgjob run -n b -- echo next', 'echo one']);
    await rig.bgjob(['wait', 'a']);
    assert.equal((await untilHooked(rig, 1)).exitCode, 0);
    assert.equal(output(rig, 1), '2\n');
    assert.equal((await rig.bgjob(['wait', 'b'])).code, 0);
    const b = await rig.show(2);
    assert.deepEqual([b.parent, b.onExit], [1, null]);
    assert.equal(fs.existsSync(rig.file(1, 'env.json')), true);
    await rig.bgjob(['restart', '-w', 'a']);
    assert.equal((await untilHooked(rig, 3)).exitCode, 0);
    await rig.bgjob(['wait', 'b']);
  },
);

rigTest('what is no line is refused before anything is made', async (rig) => {
  for (const [line, says] of [
    ['', /--on-exit: there is nothing to run/],
    ['echo "', /--on-exit: the shell refuses it: /],
  ] as const) {
    const { code, stdout, stderr } = await rig.bgjob(['run', '--on-exit', line, '--', 'true']);
    assert.deepEqual([code, stdout], [125, '']);
    assert.match(stderr, says);
  }
  assert.equal(fs.existsSync(join(rig.home, 'jobs', '1')), false);
});

rigTest('one minute, then its whole tree is killed', async (rig) => {
  const stubborn = 'setsid sleep 1001 & env -i setsid sleep 1002 & trap "" TERM; sleep 1003; echo never';
  // what it leaves in the background has the same minute
  const leaving = 'sleep 1004 & exit 0';
  const lines = [await runLine(rig, stubborn), await runLine(rig, leaving)];
  assert.equal((await untilHooked(rig, lines[1]!.id)).exitCode, 0);
  const sleeping = () => processesNaming(rig.dir).filter(({ command }) => /^sleep 100\d$/.test(command));
  const pids = (await until(sleeping, (found) => found.length === 4, 'all of them')).map(({ pid }) => pid);
  assert.equal((await rig.show(lines[0]!.id)).onExit.state, 'runs', 'before its minute is over');
  for (const { passMinute } of lines) passMinute();
  const hook = await untilHooked(rig, lines[0]!.id);
  assert.deepEqual([hook.state, hook.exitCode, hook.reason], ['failed', null, 'its minute was over']);
  await until(
    () => pids.filter(isRunning),
    (left) => left.length === 0,
    'the end of all',
  );
  assert.equal(output(rig, lines[0]!.id), '');
  for (const { call } of lines) assert.equal((await call.answer).code, 0);
});

/**
 * A job whose line is run by a process with a clock of ours: its minute has passed when we say so. Until then that of the program is
 * kept away by a claim.
 */
async function runLine(rig: Rig, line: string): Promise<{ id: number; call: Call; passMinute(): void }> {
  const puppet = await rig.puppet();
  const id = await rig.run(['--on-exit', line, '--', ...puppet.command]);
  await puppet.ready();
  fs.symlinkSync('1.1.nobody', rig.file(id, 'hooks'));
  await puppet.exit(0);
  await rig.bgjob(['wait', String(id)]);
  await rig.untilLeft(id);
  fs.unlinkSync(rig.file(id, 'hooks'));
  const clock = join(rig.dir, 'clock.js');
  fs.writeFileSync(clock, CLOCK);
  const supervisor = join(ROOT, 'dist', 'supervisor.js');
  // 3 and 4 are what whoever starts it held
  const script = 'exec "$@" 3</dev/null 4</dev/null';
  const words = [
    '-c',
    script,
    'sh',
    process.execPath,
    '--require',
    clock,
    supervisor,
    rig.home,
    String(id),
    '--hook',
  ];
  const call = rig.start('sh', words);
  return { id, call, passMinute: () => call.child.kill('SIGUSR2') };
}

/** On SIGUSR2 a minute has passed: for timers of one minute, and for the monotonic clock. */
const CLOCK = `
const { setTimeout: later } = globalThis;
const { bigint } = process.hrtime;
const due = [];
let passed = 0n;
globalThis.setTimeout = (act, ms, ...words) => {
  if (ms === 60_000) due.push(() => act(...words));
  return later(act, ms, ...words);
};
process.hrtime.bigint = () => bigint() + passed;
process.on('SIGUSR2', () => {
  passed += 60_000_000_000n;
  for (const act of due.splice(0)) act();
});
`;
