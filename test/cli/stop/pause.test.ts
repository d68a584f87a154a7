/**
 * `bgjob pause` and `bgjob resume`: everything of the job stands still and goes on, and nothing else does.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { observe } from '../../../src/engine/observe/observe.ts';
import { pauseJob } from '../../../src/engine/stop/pause-job.ts';
import { openHome } from '../../../src/job/home/home.ts';
import { Cleaner } from '../../rig/cleaner.ts';
import { isRunning, letterOf, parentOf } from '../../rig/processes.ts';
import { rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';

const EMPTY: string[] = [];

/** The number of the system call, and its flags: the parent waits until the child has its program. */
const CLONE = process.arch === 'arm64' ? 220 : 56;
const CLONE_VFORK = 0x4000;
const SIGCHLD = 17;

rigTest('every process stands still, however it daemonised, and goes on; nothing else does', async (rig) => {
  const puppet = await rig.puppet();
  const other = await rig.puppet();
  await rig.run(['-n', 'web', '--', ...puppet.command]);
  await rig.run(['--', ...other.command]);
  const bare = await puppet.fork({ bare: true });
  const pids = [await puppet.pid(), await puppet.fork(), await puppet.fork({ daemon: true }), bare];
  const { shim, watcher } = await rig.shimOf(1);
  const strangers = [await other.pid(), rig.ownerPid(1), shim, watcher];
  const paused = await rig.bgjob(['pause', 'web']);
  assert.deepEqual(paused, { code: 0, stdout: 'web 1 paused: 4 processes\n', stderr: '' });
  assert.deepEqual(pids.map(letterOf), ['T', 'T', 'T', 'T']);
  assert.deepEqual(
    strangers.filter((pid) => letterOf(pid) === 'T'),
    EMPTY,
  );
  assert.equal((await rig.show(1)).state, 'paused');
  assert.match((await rig.bgjob(['ls'])).stdout, /^1 +web +paused /m);
  assert.match((await rig.bgjob(['ls', '-q', '--state', 'paused'])).stdout, /^1\n$/);
  const status = await rig.bgjob(['status', 'web']);
  assert.equal(status.code, 75);
  assert.match(status.stdout, /^web 1 paused [\d.hms]+\n$/);
  const again = await rig.bgjob(['pause', '1']);
  assert.equal(again.code, 0);
  assert.match(again.stdout, /^web 1 paused [\d.hms]+ already: 4 processes\n$/);
  const wait = await rig.bgjob(['wait', 'web', '--timeout', '200ms']);
  assert.equal(wait.code, 75);
  assert.match(wait.stdout, /^web 1 paused [\d.hms]+, no output yet\n$/);
  assert.match(wait.stderr, /^\(paused; to go on: bgjob resume 1\)\n/);
  const resumed = await rig.bgjob(['resume', 'web']);
  assert.deepEqual(resumed, { code: 0, stdout: 'web 1 resumed: 4 processes\n', stderr: '' });
  await puppet.print('on again\n');
  await until(
    () => pids.filter((pid) => letterOf(pid) === 'T'),
    (still) => still.length === 0,
  );
  const twice = await rig.bgjob(['resume', 'web']);
  assert.deepEqual([twice.code, twice.stdout], [0, 'web 1 is not paused: it is running\n']);
  await puppet.exit(3);
  await other.exit(0);
  assert.equal((await rig.bgjob(['wait', '1'])).code, 3);
  await rig.bgjob(['kill', '1']);
});

rigTest(
  'one that waits in the kernel for a child which was stopped before its exec stands still, too',
  async (rig) => {
    // as after vfork the parent waits until the child has opened a FIFO that nobody writes
    const fifo = `${rig.dir}/nobody`;
    assert.equal((await rig.bash(`mkfifo '${fifo}'`)).code, 0);
    const program =
      `$| = 1; print "on\\n"; if (syscall(${CLONE}, ${CLONE_VFORK} | ${SIGCHLD}, 0, 0, 0, 0) == 0) ` +
      `{ open(STDIN, '<', $ARGV[0]); exec '/bin/true' } print "over\\n"`;
    const id = await rig.run(['--', 'perl', '-e', program, fifo]);
    const { main } = await rig.shimOf(id);
    const children = () => fs.readdirSync('/proc').filter((name) => parentOf(Number(name)) === main);
    await until(
      () => [main, ...children()].map((pid) => letterOf(Number(pid))).join(' '),
      (letters) => letters === 'D S',
      'the wait for its child, which waits for a writer',
    );
    assert.deepEqual(await rig.bgjob(['pause', '1']), {
      code: 0,
      stdout: '1 paused: 2 processes\n',
      stderr: '',
    });
    assert.equal((await rig.bgjob(['resume', '1'])).code, 0);
    fs.closeSync(fs.openSync(fifo, 'w'));
    assert.equal((await rig.bgjob(['wait', '1'])).code, 0);
    assert.equal(rig.log(1), 'on\nover\n');
  },
);

rigTest('what forks all the time is caught, too', async (rig) => {
  await rig.run(['i=0; while :; do /bin/true & i=$((i+1)); [ $((i % 50)) -eq 0 ] && echo $i; done']);
  await until(
    () => rig.log(1),
    (text) => text.length > 0,
    'output',
  );
  const paused = await rig.bgjob(['pause', '1']);
  assert.equal(paused.code, 0, paused.stderr);
  const size = rig.log(1).length;
  assert.equal((await rig.bgjob(['wait', '1', '--timeout', '300ms'])).code, 75);
  assert.equal(rig.log(1).length, size, 'nothing ran meanwhile');
  await rig.bgjob(['resume', '1']);
  await until(
    () => rig.log(1).length,
    (now) => now > size,
    'more output',
  );
  assert.equal((await rig.bgjob(['kill', '--now', '1'])).code, 0);
});

rigTest('time limits count no paused time', async (rig) => {
  const limits = ['--timeout', '2200ms', '--idle-timeout', '2s'];
  await rig.run([...limits, '--', 'sleep', '1000']);
  const { code } = await rig.bgjob(['pause', '1']);
  // on a machine on which the pause comes later than the limit, test/unit/pausedlimits alone proves it
  if (code === 0) {
    assert.equal((await rig.bgjob(['wait', '1', '--timeout', '2300ms'])).code, 75);
    assert.equal((await rig.show(1)).state, 'paused');
    assert.equal((await rig.bgjob(['resume', '1'])).code, 0);
  }
  assert.equal((await rig.bgjob(['wait', '1'])).code, 124);
  const { durationMs } = await rig.show(1);
  assert.ok(durationMs >= (code === 0 ? 2000 + 2300 : 2000), `${durationMs}`);
});

rigTest('kill of a paused job: at once, and its handlers run', async (rig) => {
  await rig.run(['--grace', '1h', `trap 'echo cleaned; exit 7' TERM; echo up; while :; do sleep 0.05; done`]);
  await until(
    () => rig.log(1),
    (text) => text === 'up\n',
    'the trap',
  );
  await rig.bgjob(['pause', '1']);
  const killed = await rig.bgjob(['kill', '1']);
  assert.equal(killed.code, 0);
  assert.match(killed.stdout, /^1 exited 7 \(after kill\)/);
  assert.match(rig.log(1), /^up\n(Terminated\n)*cleaned\n$/);
});

rigTest('a stop that the supervisor reads first: pause does not say that it paused the job', async (rig) => {
  const cleaner = await Cleaner.start(rig, ['--grace', '1h']);
  const { id } = cleaner;
  await rig.untilState(id, 'running');
  process.kill(rig.ownerPid(id), 'SIGSTOP');
  const call = rig.bgjob(['pause', String(id)]);
  await until(
    () => fs.readdirSync(rig.file(id, '.')).some((name) => name.startsWith('hold.')),
    (asked) => asked,
    'the request',
  );
  // it continues the supervisor, which reads stops before pauses
  const kill = rig.bgjob(['kill', String(id)]);
  const { code, stdout, stderr } = await call;
  assert.deepEqual([code, stdout], [125, '']);
  assert.match(stderr, /^bgjob: job 1 was not paused: it is being stopped\n {2}hint: bgjob wait 1\n/);
  cleaner.letGo();
  assert.equal((await kill).code, 0);
});

rigTest('queued, ended, being stopped, unknown, elsewhere: refused, and told why', async (rig) => {
  const first = await rig.puppet();
  await rig.run(['-Q', 'api', '--', ...first.command]);
  await rig.run(['-Q', 'api', '--', 'true']);
  await first.ready();
  await rig.untilState(1, 'running');
  const paused = await rig.bgjob(['pause', '1']);
  assert.equal(paused.stdout, '1 paused: 1 process\n');
  // its slot is taken as before
  const queued = await rig.bgjob(['pause', '2']);
  assert.equal(queued.code, 125);
  assert.match(queued.stderr, /job 2 was not paused: it waits in its queue, and has not started\n {2}hint: /);
  assert.equal((await rig.show(2)).state, 'queued');
  assert.equal((await rig.bgjob(['resume', '2'])).code, 125);
  await rig.bgjob(['resume', '1']);
  await first.exit(0);
  await rig.bgjob(['wait', '1', '2']);
  for (const verb of ['pause', 'resume']) {
    const ended = await rig.bgjob([verb, '1']);
    assert.equal(ended.code, 125);
    assert.match(ended.stderr, /^bgjob: job 1 .*: it exited 0\n {2}hint: bgjob restart 1\n/);
    assert.equal((await rig.bgjob([verb, '99'])).code, 125);
  }
  const stubborn = await rig.puppet();
  const id = await rig.run(['-n', 'web', '--grace', '1h', '--', ...stubborn.command]);
  await stubborn.ignore('SIGTERM');
  const kill = rig.startBgjob(['kill', 'web']);
  await rig.untilState(id, 'stopping');
  const stopping = await rig.bgjob(['pause', 'web']);
  assert.equal(stopping.code, 125);
  assert.match(stopping.stderr, /it is being stopped/);
  const elsewhere = await rig.bgjob(['pause', 'web'], { cwd: rig.dir });
  assert.match(elsewhere.stderr, /no job "web"/);
  await rig.bgjob(['kill', '--now', 'web']);
  await kill.answer;
});

rigTest('stopped by somebody else is not paused; a paused one is let go on all the same', async (rig) => {
  const puppet = await rig.puppet();
  await rig.run(['--', ...puppet.command]);
  const pid = await puppet.pid();
  await rig.untilState(1, 'running');
  process.kill(pid, 'SIGSTOP');
  assert.equal((await rig.show(1)).state, 'running');
  const resume = await rig.bgjob(['resume', '1']);
  assert.match(resume.stdout, /^1 is not paused: it is running\n/);
  assert.equal(letterOf(pid), 'T', 'it is not ours to continue');
  assert.equal((await rig.bgjob(['pause', '1'])).stdout, '1 paused: 1 process\n');
  assert.equal((await rig.bgjob(['resume', '1'])).stdout, '1 resumed: 1 process\n');
  await puppet.exit(0);
});

rigTest('JSON, several at once, and the order of requests', async (rig) => {
  const puppets = [await rig.puppet(), await rig.puppet()];
  for (const { command } of puppets) await rig.run(['--', ...command]);
  for (const puppet of puppets) await puppet.ready();
  const paused = await rig.json(['pause', '1', '2']);
  const seen = paused.map(({ id, state, result, processes, code }) => [id, state, result, processes, code]);
  assert.deepEqual(seen.sort(), [
    [1, 'paused', 'paused', 1, 0],
    [2, 'paused', 'paused', 1, 0],
  ]);
  assert.equal(paused[0].reason, 'pause');
  const [one] = await rig.json(['resume', '1']);
  assert.deepEqual([one.state, one.result], ['running', 'resumed']);
  const [none] = await rig.json(['resume', '1']);
  assert.equal(none.result, 'already');
  for (let round = 0; round < 5; round++) {
    assert.equal((await rig.bgjob(['pause', '1'])).stdout, '1 paused: 1 process\n');
    assert.equal((await rig.bgjob(['resume', '1'])).stdout, '1 resumed: 1 process\n');
  }
  const all = await Promise.all([1, 2, 3, 4].map(() => rig.bgjob(['pause', '1'])));
  assert.deepEqual(
    all.map(({ code }) => code),
    [0, 0, 0, 0],
  );
  assert.equal(fs.readdirSync(rig.file(1, '.')).filter((name) => name.startsWith('hold.')).length, 1);
  await rig.bgjob(['resume', '1', '2']);
  for (const puppet of puppets) await puppet.exit(0);
});

rigTest('a job that goes on, and ends before it is looked at again, was resumed', async (rig) => {
  const puppet = await rig.puppet();
  await rig.run(['--', ...puppet.command]);
  await puppet.ready();
  assert.equal((await rig.bgjob(['pause', '1'])).code, 0);
  const opened = openHome(rig.home, false);
  assert.ok(opened.ok && opened.value);
  const before = observe(opened.value, 1);
  assert.ok(before?.kind === 'live');
  assert.equal((await rig.bgjob(['resume', '1'])).code, 0);
  await puppet.exit(3);
  assert.equal((await rig.bgjob(['wait', '1'])).code, 3);
  // as a call that was slow sees it
  const resumed = await pauseJob(opened.value, before, 'resume', 'resume');
  assert.ok(resumed.ok, JSON.stringify(resumed));
  assert.equal(resumed.value.view.kind, 'ended');
});

rigTest('a job that pauses itself goes on when somebody resumes it', async (rig) => {
  await rig.run(['bgjob pause "$BGJOB_ID"; echo back $?']);
  await rig.untilState(1, 'paused');
  const pids = [(await rig.shimOf(1)).main];
  await until(
    () => pids.map(letterOf),
    (letters) => letters.every((letter) => letter === 'T'),
  );
  assert.equal((await rig.bgjob(['resume', '1'])).code, 0);
  assert.equal((await rig.bgjob(['wait', '1'])).code, 0);
  assert.match(rig.log(1), /^1 paused(, and resumed again since)?: \d process(es)?\nback 0\n$/);
  assert.deepEqual(pids.filter(isRunning), EMPTY);
});
