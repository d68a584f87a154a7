/** What a job does to its caller, and a caller's death to its job: nothing. */
import assert from 'node:assert/strict';
import { LOCKING, locksAreFree } from '../../rig/callerlocks.ts';
import { missing } from '../../rig/needs.ts';
import { BGJOB, type Call, type Rig, rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';
import { sleepsOn } from '../../rig/waiters.ts';

/**
 * Lines of a shell whose pipe is read to its end while the job goes on; a leaked descriptor would keep it
 * open.
 */
const PIPES = [
  'bgjob run -- sleep 1000 | cat',
  'bgjob run -- sleep 1000 2>&1 | cat',
  'bgjob run -- sleep 1000 63>&1 | cat',
  'bgjob run -- sleep 1000 251>&1 | cat',
  'bgjob run -- sleep 1000 3>&1 9>&1 10>&1 63>&1 251>&1 | cat',
  'exec 63>&1 200>&2; bgjob run -- sleep 1000',
  "bgjob run 'sleep 1000' 251>&1 | cat",
  'echo $(bgjob run -- sleep 1000 63>&1)',
  'cat <(bgjob run -- sleep 1000)',
  'bgjob run -- sleep 1000 > >(cat)',
  'yes | bgjob run -- sleep 1000',
  'bgjob run --keep-env -- sleep 1000 63>&1 | cat',
  // the waiter itself may read and write; only what it started may not live on
  '(bgjob run --wait=1ms -- sleep 1000; true) 63>&1 | head -1',
];

rigTest(
  'whatever descriptor the caller has open, its reader sees the end while the job runs',
  async (rig) => {
    const ids = await Promise.all(
      PIPES.map(async (line) => {
        const { code, stdout } = await rig.bash(line);
        assert.equal(code, 0, line);
        assert.match(stdout, /^\d+\n$/, line);
        return stdout.trim();
      }),
    );
    const running = await rig.bgjob(['ls', '-q', '--state', 'running,starting']);
    assert.equal(running.stdout.trim().split('\n').length, PIPES.length);
    assert.equal((await rig.bgjob(['kill', '--now', ...ids])).code, 0);
  },
);

rigTest("a caller's lock is free when the caller has ended", async (rig) => {
  const puppet = await rig.puppet();
  const line = `exec 200>lock; flock -n 200; bgjob run -- ${puppet.command.join(' ')}`;
  assert.equal((await rig.bash(line)).code, 0);
  await puppet.ready();
  assert.equal((await rig.bash('flock -n lock true')).code, 0);
  // and it was a lock that counts
  assert.equal((await rig.bash('exec 200>lock; flock -n 200; flock -n lock true')).code, 1);
});

rigTest(
  'a lock on any descriptor is free, whoever the caller is: a pipe, a terminal',
  (rig) =>
    locksAreFree(rig, [
      `id=$(bash -c '${LOCKING}'); echo $id`,
      `bash -c '${LOCKING}' 2>&1 | cat`,
      `script -qec "bash -c '${LOCKING}'" /dev/null </dev/null`,
      `ssh() { bash -c "$*" </dev/null 2>&1 | cat; }; ssh '${LOCKING}'`,
    ]),
  { skip: missing('script') },
);

rigTest("the caller's process group is killed: the job goes on and keeps its code", async (rig) => {
  const puppet = await rig.puppet();
  const line = `bgjob run -- ${puppet.command.join(' ')}; sleep 1000`;
  const caller = rig.start('setsid', ['bash', '-c', line]);
  await until(caller.stdout, (text) => text === '1\n');
  process.kill(-caller.child.pid!, 'SIGKILL');
  assert.equal((await caller.answer).code, 137);
  await puppet.print('still here\n');
  await puppet.exit(9);
  const { code, stdout } = await rig.bgjob(['wait', '1']);
  assert.equal(code, 9);
  assert.match(stdout, /\| still here\n$/);
});

/** Resolves when the call waits for the job: its handlers are set before it opens the FIFO. */
async function untilWaiting(rig: Rig, call: Call, id: number): Promise<void> {
  await until(call.stdout, (text) => text !== '', `${id} was printed`);
  await untilHolding(rig, call, id);
}
const untilHolding = (rig: Rig, { child }: Call, id: number) =>
  until(
    () => sleepsOn(child.pid!, rig.file(id, 'alive')),
    (sleeps) => sleeps,
    `a waiter on ${id}`,
  );

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  rigTest(`${signal} to the group of who waits never touches the job`, async (rig) => {
    const puppet = await rig.puppet();
    const bgjob = (...args: string[]) => rig.start('setsid', [process.execPath, '--', BGJOB, ...args]);
    const run = bgjob('run', '-w', '--', ...puppet.command);
    await puppet.print('hello\n');
    await untilWaiting(rig, run, 1);
    const wait = bgjob('wait', '1');
    await untilHolding(rig, wait, 1);
    const tail = bgjob('tail', '-f', '1');
    await untilWaiting(rig, tail, 1);

    const other = await rig.puppet();
    const follow = bgjob('run', '-f', '--', ...other.command);
    await other.print('other\n');
    await until(follow.stdout, (text) => text === 'other\n');
    await untilHolding(rig, follow, 2);
    // the output may come before the state that says so
    for (const id of [1, 2]) await rig.untilState(id, 'running');

    for (const [call, id] of [
      [run, 1],
      [wait, 1],
      [tail, 1],
      [follow, 2],
    ] as const) {
      process.kill(-call.child.pid!, signal);
      const { stderr, stdout, ...answer } = await call.answer;
      assert.equal(answer.code, code);
      assert.equal(call.child.signalCode, signal, 'it dies of it, after its last words');
      if (call === tail) {
        // its stdout is the log alone
        assert.equal(stdout, 'hello\n');
        assert.match(
          stderr,
          /\| cursor 6\]\nstill running; it goes on\. Next: bgjob tail -f 1 --since 6\n\[bgjob\] exit code \d+\n$/,
        );
        continue;
      }
      assert.match(call === wait ? stdout : stderr, new RegExp(`(^|\\n)${id} running [\\d.hms]+, .*\\n`));
      assert.match(stderr, new RegExp(`Next: bgjob wait ${id}\\n\\[bgjob\\] exit code ${code}\\n$`));
    }
    await puppet.exit(4);
    await other.exit(5);
    assert.equal((await rig.bgjob(['wait', '1'])).code, 4);
    assert.equal((await rig.bgjob(['wait', '2'])).code, 5);
  });
}

rigTest('a terminal that is closed (SIGHUP to its session) leaves the job running', async (rig) => {
  const puppet = await rig.puppet();
  const run = rig.start('setsid', [process.execPath, '--', BGJOB, 'run', '-w', '--', ...puppet.command]);
  await puppet.ready();
  await untilWaiting(rig, run, 1);
  process.kill(-run.child.pid!, 'SIGHUP');
  assert.equal((await run.answer).code, 129);
  await puppet.exit(3);
  assert.equal((await rig.bgjob(['wait', '1'])).code, 3);
});

rigTest('a reader that is gone never makes a failure a success', async (rig) => {
  await rig.bgjob(['run', '-w', '--', 'sh', '-c', 'seq 1000; exit 3']);
  const unread = (...args: string[]) => {
    const call = rig.startBgjob(args);
    call.child.stdout!.destroy();
    return call.answer;
  };
  for (const args of [
    ['wait', '1'],
    ['wait', '1', '--json'],
    ['status', '1'],
    ['run', '-w', '--', 'sh', '-c', 'exit 3'],
  ])
    assert.equal((await unread(...args)).code, 3, args.join(' '));
  for (const args of [['ls'], ['tail', '1', '--full'], ['tail', '1', '-f'], ['show', '1']])
    assert.equal((await unread(...args)).code, 0, args.join(' '));
  // following ends, because nobody is there; the job does not
  const puppet = await rig.puppet();
  const follow = unread('run', '-f', '--', ...puppet.command);
  await puppet.print('to nobody\n');
  const { code, stderr } = await follow;
  assert.equal(code, 141);
  assert.match(stderr, /no reader any more; the job still runs: bgjob wait 3\n\[bgjob\] exit code 141\n$/);
  await puppet.exit(6);
  assert.equal((await rig.bgjob(['wait', '3'])).code, 6);
});

rigTest('a reader that closes early is no error, and no end of the job', async (rig) => {
  const puppet = await rig.puppet();
  await rig.run(['--', 'true']);
  const id = await rig.run(['--', ...puppet.command]);
  const listed = await rig.bash(`bgjob ls --json | head -1 >/dev/null; echo \${PIPESTATUS[*]}`);
  assert.equal(listed.stdout, '0 0\n');
  assert.equal(listed.stderr, '');
  const follow = rig.start('bash', ['-c', `bgjob tail -f ${id} | head -1; echo \${PIPESTATUS[0]}`]);
  await puppet.print('first\n');
  await until(follow.stdout, (text) => text === 'first\n');
  await puppet.print('second\n');
  assert.equal((await follow.answer).stdout, 'first\n0\n');
  await puppet.exit(0);
});
