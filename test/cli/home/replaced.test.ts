/**
 * The home of a running job is removed, moved, or put back from a copy, and another one is made at its path.
 * The end of the job goes into
 * the directory where it began, or nowhere: never into another job of the same number.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { copyHome, readJson, runPuppet, slay, untilGone, untilPublished } from '../../chaos/death.ts';
import { cannotMount, succeeds } from '../../rig/mounts.ts';
import { multiply } from '../../rig/multiply.ts';
import { letterOf } from '../../rig/processes.ts';
import type { Puppet } from '../../rig/puppet.ts';
import { Rig, rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';
import { sleepsOn, waiterOf } from '../../rig/waiters.ts';

/** A job under way, with everything of ours that will write its end. */
async function begin(
  rig: Rig,
  adopted: boolean,
  options: readonly string[] = [],
): Promise<{ puppet: Puppet; ours: number[] }> {
  const puppet = await rig.puppet();
  assert.equal(await runPuppet(rig, puppet, [...options]), 1);
  const { shim, watcher } = await rig.shimOf(1);
  if (adopted) {
    await slay(rig.ownerPid(1));
    await untilPublished(rig, 1, 2);
  }
  return { puppet, ours: [shim, watcher, rig.ownerPid(1)] };
}

const untilOver = async (ours: number[]): Promise<void> => {
  for (const pid of ours) await untilGone(pid);
};

/** Every file of a job, with its bytes. */
const recordsOf = (home: string): string[] =>
  (fs.readdirSync(join(home, 'jobs/1'), { recursive: true }) as string[]).sort().map((name) => {
    const path = join(home, 'jobs/1', name);
    return `${name} ${fs.lstatSync(path).isFile() ? fs.readFileSync(path, 'latin1') : ''}`;
  });

const WAYS: Record<string, (rig: Rig) => void> = {
  'the home is removed': (rig) => fs.rmSync(rig.home, { recursive: true }),
  'what is in the home is removed': (rig) => {
    for (const name of fs.readdirSync(rig.home)) fs.rmSync(join(rig.home, name), { recursive: true });
  },
  'the home is moved': (rig) => fs.renameSync(rig.home, join(rig.dir, 'moved')),
};

for (const adopted of [false, true])
  for (const [way, act] of Object.entries(WAYS))
    rigTest(
      `${way} under a job${adopted ? ' that was adopted' : ''}: the new job of its number keeps its own result`,
      async (rig) => {
        const { puppet, ours } = await begin(rig, adopted, ['--max-log', '64k', '-n', 'old']);
        act(rig);
        assert.equal(await rig.runOut(['-n', 'new', '--', 'echo', 'new']), 1);
        const before = recordsOf(rig.home);
        await puppet.print('x'.repeat(200_000));
        await puppet.exit(3);
        await untilOver(ours);
        assert.deepEqual(recordsOf(rig.home), before);
        assert.match((await rig.bgjob(['status', '1'])).stdout, /^new 1 exited 0/);
        assert.deepEqual(fs.readdirSync(join(rig.home, 'live')), []);
        assert.equal(fs.readdirSync(join(rig.home, 'ended')).length, 1);
      },
    );

for (const adopted of [false, true])
  rigTest(
    `a home that is moved under a job${adopted ? ' that was adopted' : ''} has its end and its hook`,
    async (rig) => {
      const { puppet, ours } = await begin(rig, adopted, ['--on-exit', 'echo "$BGJOB_EXIT_CODE $BGJOB_LOG"']);
      const moved = join(rig.dir, 'moved');
      fs.renameSync(rig.home, moved);
      rig.home = moved;
      rig.env['BGJOB_HOME'] = moved;
      assert.match((await rig.bgjob(['status', '1'])).stdout, /^1 running/);
      await puppet.exit(3);
      const { code, stdout } = await rig.bgjob(['wait', '1']);
      assert.equal(code, 3);
      assert.match(stdout, /^1 exited 3/);
      await untilOver(ours);
      assert.equal(readJson(rig.file(1, 'state.json')).status.phase, 'ended');
      assert.deepEqual(fs.readdirSync(join(moved, 'live')), []);
      await until(
        () => readJson(rig.file(1, 'on-exit.json'))?.code,
        (status) => status === 0,
        'the end of --on-exit',
      );
      assert.equal(fs.readFileSync(rig.file(1, 'on-exit.log'), 'utf8'), `3 ${moved}/jobs/1/out/log\n`);
    },
  );

rigTest('the home is moved, and then the supervisor is killed: its adopter finds the job', async (rig) => {
  const { puppet, ours } = await begin(rig, false);
  const moved = join(rig.dir, 'moved');
  fs.renameSync(rig.home, moved);
  const path = rig.home;
  rig.env['BGJOB_HOME'] = moved;
  rig.home = moved;
  // a job of the same number stands at the old path, and runs
  const other = await rig.puppet();
  const command = ['run', '--', ...other.command];
  assert.equal((await rig.bgjob(command, { env: { BGJOB_HOME: path } })).stdout, '1\n');
  await other.ready();
  await until(
    () => readJson(join(path, 'jobs/1/state.json'))?.status.phase,
    (phase) => phase === 'running',
    'the state of the other',
  );
  await slay(ours[2]!);
  await untilPublished(rig, 1, 2);
  const ownersThere = fs.readdirSync(join(path, 'jobs/1')).filter((name) => name.startsWith('owner.'));
  assert.deepEqual(ownersThere, ['owner.1']);
  assert.equal((await rig.bgjob(['kill', '1'])).code, 0);
  assert.match((await rig.bgjob(['status', '1'])).stdout, /^1 killed/);
  const there = await rig.bgjob(['status', '1'], { env: { BGJOB_HOME: path } });
  assert.match(there.stdout, /^1 running/);
  await other.exit(0);
  assert.equal((await rig.bgjob(['wait', '1'], { env: { BGJOB_HOME: path } })).code, 0);
  await until(
    () => fs.readdirSync(join(path, 'live')),
    (live) => live.length === 0,
    'the end of the other',
  );
  await puppet.exit(0).catch(() => {});
});

rigTest('a home that is moved under a queue: a retry and the next job start there', async (rig) => {
  const puppet = await rig.puppet();
  const options = ['-Q', 'api', '--retry', '1', '--backoff', '0s'];
  assert.equal(await rig.run([...options, '--', 'sh', '-c', '"$@"; exit 3', 'sh', ...puppet.command]), 1);
  await puppet.ready();
  const next = await rig.run(['-Q', 'api', '--', 'echo', 'next']);
  await rig.shimOf(1);
  const moved = join(rig.dir, 'moved');
  fs.renameSync(rig.home, moved);
  rig.env['BGJOB_HOME'] = moved;
  rig.home = moved;
  await puppet.exit(0);
  assert.equal((await rig.bgjob(['wait', String(next)])).code, 0);
  // nobody leads it the second time: its connection goes with the test
  await until(
    () => readJson(rig.file(1, 'state.json'))?.attempt,
    (attempt) => attempt === 2,
    'the next attempt',
  );
  await rig.untilState(1, 'running');
  assert.equal((await rig.bgjob(['kill', '1'])).code, 0);
});

rigTest('a home that is moved away and back loses nothing of what ended meanwhile', async (rig) => {
  const { puppet, ours } = await begin(rig, false);
  const moved = join(rig.dir, 'moved');
  fs.renameSync(rig.home, moved);
  assert.equal((await rig.bgjob(['ls', '-q'])).stdout, '', 'it is away');
  await puppet.exit(7);
  await untilOver(ours);
  fs.renameSync(moved, rig.home);
  assert.match((await rig.bgjob(['status', '1'])).stdout, /^1 exited 7/);
});

rigTest(
  'the home is out of reach at the end: the end is written when it is back',
  async (rig) => {
    const outer = join(rig.dir, 'outer');
    fs.mkdirSync(outer);
    rig.home = join(outer, 'home');
    rig.env['BGJOB_HOME'] = rig.home;
    const { puppet, ours } = await begin(rig, false, ['-n', 'web']);
    // something else is mounted over it: its path leads nowhere, and it was not moved
    assert.ok(succeeds('mount', '-t', 'tmpfs', 'none', outer));
    try {
      await puppet.exit(7);
      // the shim has written the status; it leaves when the owner has tried to tell the end, and the watcher,
      // which also keeps the job alive
      await untilOver(ours.slice(0, 2));
    } finally {
      assert.ok(succeeds('umount', outer));
    }
    assert.equal(fs.readFileSync(rig.file(1, 'exit.1'), 'latin1').trim(), '7\n7');
    assert.match((await rig.bgjob(['status', 'web'])).stdout, /^web 1 exited 7/);
    await untilOver(ours);
    const { phase, outcome } = readJson(rig.file(1, 'state.json')).status;
    assert.deepEqual([phase, outcome.code], ['ended', 7]);
    assert.deepEqual(fs.readdirSync(join(rig.home, 'live')), []);
  },
  { skip: cannotMount() },
);

for (const [what, options] of [
  ['', []],
  // its status is recorded by the leader of the terminal, in the home that was removed
  [' of a terminal', ['--pty']],
] as const)
  rigTest(
    `a home that is put back from a copy: the job${what} is known to run, its name is taken, its end comes`,
    async (rig) => {
      const { puppet, ours } = await begin(rig, false, ['-n', 'web', ...options]);
      const { main } = await rig.shimOf(1);
      const copy = join(rig.dir, 'copy');
      await copyHome(rig, copy);
      // in the copy, beside the home
      const inCopy = { env: { BGJOB_HOME: copy } };
      const why = `this home is a copy of the one in which the job runs (its main process is ${main})`;
      assert.equal((await rig.bgjob(['status', 'web'], inCopy)).stdout, `1 unreadable (${why})\n`);
      assert.match((await rig.bgjob(['status', 'web'])).stdout, /^web 1 running/);
      // in its place
      fs.rmSync(rig.home, { recursive: true });
      fs.renameSync(copy, rig.home);
      assert.equal((await rig.bgjob(['status', 'web'])).stdout, `1 unreadable (${why})\n`);
      const second = await rig.bgjob(['run', '-n', 'web', '--', 'true']);
      assert.notEqual(second.code, 0, 'no second web');
      assert.match(second.stderr, /web/);
      await puppet.exit(4);
      await untilOver(ours);
      assert.match((await rig.bgjob(['status', 'web'])).stdout, /^web 1 exited 4/);
      assert.equal((await rig.bgjob(['run', '-n', 'web', '--wait', '--', 'true'])).code, 0);
    },
  );

rigTest('who waits for a job of a home that another one replaced is not told of the other', async (rig) => {
  const { puppet } = await begin(rig, false);
  const waiting = rig.startBgjob(['wait', '1']);
  const asleep = () => sleepsOn(waiting.child.pid!, rig.file(1, 'alive'));
  await until(asleep, Boolean, 'the waiter to wait');
  const moved = join(rig.dir, 'moved');
  fs.renameSync(rig.home, moved);
  assert.equal(await rig.runOut(['--', 'true']), 1);
  await puppet.exit(9);
  const { code, stdout } = await waiting.answer;
  assert.equal(code, 125);
  assert.doesNotMatch(stdout, /exited 0/);
});

rigTest('the same of so many jobs that they are waited for together', async (rig) => {
  await begin(rig, false, ['-Q', 'q']);
  await rig.bgjob(['run', '-Q', 'q', '--batch', '-'], { input: 'true\n'.repeat(60) });
  const other = new Rig();
  try {
    multiply(other.home, await other.runOut(['--', 'true']), 60, 0);
    const waiting = rig.startBgjob(['wait', ...Array.from({ length: 61 }, (_, n) => String(n + 1))]);
    const pid = await waiterOf(rig, 1);
    // it sees the one or the other, and never none
    process.kill(pid, 'SIGSTOP');
    await until(
      () => letterOf(pid),
      (letter) => letter === 'T',
      'the waiter to stand still',
    );
    fs.renameSync(rig.home, join(rig.dir, 'moved'));
    fs.renameSync(other.home, rig.home);
    process.kill(pid, 'SIGCONT');
    const { code, stdout } = await waiting.answer;
    assert.doesNotMatch(stdout, /exited 0/);
    assert.equal(code, 125, stdout);
  } finally {
    await other.close(false);
  }
  // the others need not run: on a slow machine that would take longer than the rig waits for their end
  const inMoved = { env: { BGJOB_HOME: join(rig.dir, 'moved') } };
  assert.equal((await rig.bgjob(['kill', '--all', '--now'], inMoved)).code, 0);
});

rigTest('a copy that nobody told of the end says so', async (rig) => {
  const { puppet, ours } = await begin(rig, false);
  const copy = join(rig.dir, 'copy');
  await copyHome(rig, copy);
  await puppet.exit(4);
  await untilOver(ours);
  const { stdout } = await rig.bgjob(['status', '1'], { env: { BGJOB_HOME: copy } });
  assert.match(stdout, /^1 lost \(this home is a copy, and the end of the job was not written into it\)/);
  assert.match((await rig.bgjob(['status', '1'])).stdout, /^1 exited 4/);
});

rigTest('a job of a copy has no process of the home that it was made of', async (rig) => {
  assert.equal(await rig.runOut(['--', 'true']), 1);
  const copy = join(rig.dir, 'copy');
  execFileSync('cp', ['-a', rig.home, copy]);
  const [mine, theirs] = [await rig.puppet(), await rig.puppet()];
  assert.equal(await runPuppet(rig, mine), 2);
  const inCopy = { env: { BGJOB_HOME: copy } };
  assert.equal((await rig.bgjob(['run', '--', ...theirs.command], inCopy)).stdout, '2\n');
  await theirs.ready();
  assert.equal((await rig.bgjob(['kill', '2'], inCopy)).code, 0);
  assert.match((await rig.bgjob(['status', '2'])).stdout, /^2 running/);
  await mine.exit(0);
  assert.equal((await rig.bgjob(['wait', '2'])).code, 0);
});
