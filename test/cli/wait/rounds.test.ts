/**
 * Rounds: `wait --queue` and `wait --all` say the same whenever they are asked, and count what had failed
 * before they were.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { withChecksum } from '../../../src/base/checksum.ts';
import { type Rig, rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';
import { waiterOf } from '../../rig/waiters.ts';

/** A job that has ended, and whose supervisor has. */
const ended = async (rig: Rig, code: number, args: string[] = [], cwd = rig.project): Promise<number> => {
  const id = await rig.run([...args, '--', 'sh', '-c', `exit ${code}`], { cwd });
  await rig.untilState(id, 'exited');
  await rig.untilLeft(id);
  return id;
};
const codeOf = async (rig: Rig, ...args: string[]): Promise<number> =>
  (await rig.bgjob(['wait', ...args])).code;

/** A second project. */
function makeProject(rig: Rig, name: string): string {
  const path = join(rig.dir, name);
  fs.mkdirSync(join(path, '.git'), { recursive: true });
  return path;
}

/** Whatever looks at jobs, or tidies up. */
async function lookAtAll(rig: Rig, ids: number[]): Promise<void> {
  for (const id of ids) for (const verb of ['tail', 'show']) await rig.bgjob([verb, String(id)]);
  await rig.bgjob(['ls', '--unseen']);
  const watch = rig.startBgjob(['watch', '--json']);
  await until(watch.stdout, (text) => text.includes('"ready"'), 'watch shows all');
  watch.child.kill('SIGTERM');
  await watch.answer;
}

rigTest('a failure that came before the call counts, and asked again the answer is the same', async (rig) => {
  const puppet = await rig.puppet();
  await ended(rig, 4, ['-Q', 'q']);
  await rig.run(['-Q', 'q', '--', ...puppet.command]);
  const wait = rig.startBgjob(['wait', '--queue', 'q']);
  await until(wait.stdout, (text) => text.startsWith('1 exited 4'), 'the end of before');
  await puppet.exit(5);
  const first = await wait.answer;
  assert.equal(first.code, 4);
  assert.match(first.stdout, /^1 exited 4 after .*\n2 exited 5 after .*\n$/);
  assert.equal(first.stderr, '[job] exit code 4\n');
  const again = await rig.bgjob(['wait', '--queue', 'q']);
  assert.deepEqual([again.code, again.stdout], [4, first.stdout]);
  assert.equal(
    again.stderr,
    '(nothing was added to queue q since: this is the last answer again)\n[job] exit code 4\n',
  );
  // of the whole project nobody was told yet
  assert.equal(await codeOf(rig, '--all'), 4);
});

rigTest(
  'what is added after the answer is the next round, and the failures of before are over',
  async (rig) => {
    await ended(rig, 4, ['-Q', 'q']);
    assert.equal(await codeOf(rig, '--queue', 'q'), 4);
    await ended(rig, 0, ['-Q', 'q']);
    const second = await rig.bgjob(['wait', '--queue', 'q']);
    assert.equal(second.code, 0);
    assert.match(second.stdout, /^2 exited 0 after [^\n]*\n$/);
    assert.equal(await codeOf(rig, '--queue', 'q'), 0);
    await ended(rig, 6, ['-Q', 'q']);
    assert.equal(await codeOf(rig, '--queue', 'q'), 6);
  },
);

rigTest(
  'twenty in a loop, and whatever looks at the jobs or removes them between: the same code',
  async (rig) => {
    const ids = [
      await ended(rig, 0),
      await ended(rig, 7, ['-Q', 'q']),
      await ended(rig, 8),
      await ended(rig, 0),
    ];
    await lookAtAll(rig, ids);
    for (let n = 0; n < 20; n++) {
      assert.equal(await codeOf(rig, '--all'), 7, `call ${n}`);
      if (n < 2) await lookAtAll(rig, ids);
      if (n === 2) await rig.bgjob(['gc', '--ended']);
    }
    assert.equal(await codeOf(rig, '--queue', 'q'), 7, 'gc before the first answer');
    await ended(rig, 0, ['-Q', 'q']);
    await rig.bgjob(['gc', '--ended']);
    // the highest id is never removed: one more, so that those of the queue are all gone
    await ended(rig, 0);
    await rig.bgjob(['gc', '--ended']);
    assert.equal(await codeOf(rig, '--queue', 'q'), 0);
    assert.equal(await codeOf(rig, '--all'), 0);
  },
);

rigTest(
  'gc before the first answer: a failure is told without its records, and a success is one',
  async (rig) => {
    await ended(rig, 3, ['-Q', 'q']);
    await ended(rig, 0, ['-Q', 'good']);
    await rig.bgjob(['tail', '1']);
    await ended(rig, 0);
    await rig.bgjob(['gc', '--ended']);
    assert.deepEqual(fs.readdirSync(join(rig.home, 'jobs')), ['3']);
    const failed = await rig.bgjob(['wait', '--queue', 'q']);
    assert.deepEqual(
      [failed.code, failed.stdout],
      [3, '1 ended with exit code 3 (gc removed its records)\n'],
    );
    assert.equal(await codeOf(rig, '--queue', 'q'), 3);
    const good = await rig.bgjob(['wait', '--queue', 'good']);
    assert.deepEqual([good.code, good.stdout], [0, '']);
    assert.match(
      good.stderr,
      /^\(nothing to wait for: gc removed the jobs that were added since; none of them failed\)\n/,
    );
    const objects = await rig.json(['wait', '--all']);
    assert.deepEqual(
      objects.map(({ id, result, code, counted }) => [id, result, code, counted]),
      [
        [1, 'removed', 3, true],
        [3, 'ended', 0, true],
      ],
    );
  },
);

rigTest('two callers at once answer for the same round', async (rig) => {
  const puppet = await rig.puppet();
  await ended(rig, 9, ['-Q', 'q']);
  const id = await rig.run(['-Q', 'q', '--', ...puppet.command]);
  const calls = [1, 2].map(() => rig.startBgjob(['wait', '--queue', 'q']));
  for (const call of calls) await until(call.stdout, (text) => text.startsWith('1 exited 9'), 'it has begun');
  await puppet.exit(0);
  const answers = await Promise.all(calls.map(({ answer }) => answer));
  assert.deepEqual(
    answers.map(({ code }) => code),
    [9, 9],
  );
  assert.equal(answers[0]!.stdout, answers[1]!.stdout);
  assert.equal(await codeOf(rig, '--queue', 'q'), 9);
  assert.equal(id, 2);
});

rigTest(
  'a caller that began earlier and ends later does not take back what another has answered',
  async (rig) => {
    const [first, second] = [await rig.puppet(), await rig.puppet()];
    await rig.bgjob(['queue', 'set', 'q', '--slots', '2']);
    await rig.run(['-Q', 'q', '--', ...first.command]);
    const early = rig.startBgjob(['wait', '--queue', 'q']);
    assert.equal(await waiterOf(rig, 1), early.child.pid);
    await rig.run(['-Q', 'q', '--', ...second.command]);
    const late = rig.startBgjob(['wait', '--queue', 'q']);
    assert.equal(await waiterOf(rig, 2), late.child.pid);
    // the early one sleeps while the other answers for both
    early.child.kill('SIGSTOP');
    await first.exit(0);
    await second.exit(2);
    assert.equal((await late.answer).code, 2);
    early.child.kill('SIGCONT');
    assert.equal((await early.answer).code, 0);
    assert.equal(await codeOf(rig, '--queue', 'q'), 2);
  },
);

rigTest(
  'no answer: after 75, a signal, a reader that is gone, and where --any or --fail-fast left some',
  async (rig) => {
    const puppet = await rig.puppet();
    await rig.bgjob(['queue', 'set', 'q', '--slots', '2']);
    await ended(rig, 4, ['-Q', 'q']);
    await rig.run(['-Q', 'q', '--', ...puppet.command]);
    const late = await rig.bgjob(['wait', '--queue', 'q', '--timeout', '0']);
    assert.equal(late.code, 75);
    assert.match(late.stderr, /Next: bgjob wait --queue q\n\[bgjob\] exit code 75\n$/);
    assert.equal(await codeOf(rig, '--queue', 'q', '--fail-fast'), 4);
    assert.equal(await codeOf(rig, '--queue', 'q', '--any'), 4);
    const stopped = rig.startBgjob(['wait', '--queue', 'q']);
    await until(stopped.stdout, (text) => text.startsWith('1 exited 4'), 'it has begun');
    stopped.child.kill('SIGTERM');
    assert.equal((await stopped.answer).code, 143);
    await puppet.exit(0);
    await rig.untilState(2, 'exited');
    // a pipe whose reader has ended
    const unread = await rig.bash('exec 3> >(exec true); wait $!; bgjob wait --queue q >&3');
    assert.equal(unread.code, 4);
    const full = await rig.bash('bgjob wait --queue q >/dev/full');
    assert.equal(full.code, 125);
    await ended(rig, 0, ['-Q', 'q']);
    assert.equal(await codeOf(rig, '--queue', 'q'), 4, 'still of the first round');
  },
);

rigTest('each project has rounds of its own, also in one queue; -a is one of all', async (rig) => {
  const other = makeProject(rig, 'other');
  await ended(rig, 3, ['-Q', 'q'], other);
  await ended(rig, 0, ['-Q', 'q']);
  assert.equal(await codeOf(rig, '--queue', 'q'), 0);
  const all = await rig.bgjob(['wait', '--queue', 'q', '-a']);
  assert.equal(all.code, 3);
  assert.match(all.stdout, /^1 exited 3 .*\n2 exited 0 /);
  assert.equal((await rig.bgjob(['wait', '--queue', 'q'], { cwd: other })).code, 3);
  assert.equal(await codeOf(rig, '--all'), 0);
  assert.equal(await codeOf(rig, '--all', '-a'), 3);
  assert.equal((await rig.bgjob(['wait', '--all'], { cwd: other })).code, 3);
  // in a wrong directory it is never 0
  const empty = makeProject(rig, 'empty');
  const lost = await rig.bgjob(['wait', '--queue', 'q'], { cwd: empty });
  assert.equal(lost.code, 125);
  assert.match(
    lost.stderr,
    /no job of this project to wait for in queue q\n {2}hint: bgjob wait --queue q -a\n/,
  );
  assert.equal((await rig.bgjob(['wait', '--all'], { cwd: empty })).code, 125);
  assert.equal(await codeOf(rig, '--queue', 'none'), 125);
  await rig.bgjob(['queue', 'set', 'unused', '--slots', '2']);
  assert.equal(await codeOf(rig, '--queue', 'unused'), 125);
  assert.match(
    (await rig.bgjob(['wait', '-a', '1'])).stderr,
    /-a goes with wait --all, --queue NAME or --session/,
  );
});

rigTest('a job that was restarted, or replaced, is told and does not count', async (rig) => {
  await ended(rig, 5, ['-Q', 'q']);
  const flag = join(rig.project, 'fixed');
  const flaky = await rig.run(['-Q', 'q', '--', 'sh', '-c', `test -e ${flag}`]);
  await rig.untilState(flaky, 'exited');
  fs.writeFileSync(flag, '');
  await rig.bgjob(['restart', String(flaky)]);
  await rig.bgjob(['restart', '1']);
  await ended(rig, 9, ['-n', 'test', '-Q', 'q']);
  await ended(rig, 0, ['-n', 'test', '-Q', 'q', '--replace']);
  const { code, stdout } = await rig.bgjob(['wait', '--queue', 'q']);
  assert.match(stdout, /^1 exited 5 after \S+ \(not counted: 4 took its place\)$/m);
  assert.match(stdout, /^2 exited 1 after \S+ \(not counted: 3 took its place\)$/m);
  assert.match(stdout, /^test 5 exited 9 after \S+ \(not counted: 6 took its place\)$/m);
  // the one that was run again failed again
  assert.equal(code, 5);
});

rigTest('--replace of one that runs, while somebody waits for both', async (rig) => {
  const [old, fresh] = [await rig.puppet(), await rig.puppet()];
  await rig.run(['-n', 'web', '--', ...old.command]);
  await old.ready();
  const wait = rig.startBgjob(['wait', '--all']);
  assert.equal(await waiterOf(rig, 1), wait.child.pid);
  await rig.run(['-n', 'web', '--replace', '--', ...fresh.command]);
  const { code, stdout } = await wait.answer;
  assert.equal(code, 0);
  assert.match(stdout, /^web 1 killed SIGTERM after \S+ \(not counted: (2|another job) took its place\)\n$/);
  await fresh.exit(6);
  assert.equal(await codeOf(rig, '--all'), 6);
});

rigTest('--all: what was stopped on request counts in a queue, and outside is left out', async (rig) => {
  for (const args of [[], ['-Q', 'q']]) {
    const puppet = await rig.puppet();
    const id = await rig.run([...args, '--', ...puppet.command]);
    await puppet.ready();
    await rig.bgjob(['kill', String(id)]);
    const { code, stdout, stderr } = await rig.bgjob(['wait', '--all']);
    if (args.length === 0) {
      assert.deepEqual([code, stdout], [0, '']);
      assert.match(stderr, /^\(nothing to wait for: 1 job left out, which was stopped on request/);
    } else {
      assert.equal(code, 143);
      assert.match(stdout, /^2 killed SIGTERM after [^(\n]*\n$/);
    }
  }
  // the same while somebody waits for it
  const puppet = await rig.puppet();
  await rig.run(['--', ...puppet.command]);
  await puppet.ready();
  const wait = rig.startBgjob(['wait', '--all']);
  assert.equal(await waiterOf(rig, 3), wait.child.pid);
  await rig.bgjob(['kill', '3']);
  const { code, stdout } = await wait.answer;
  assert.equal(code, 0);
  assert.match(stdout, /^3 killed SIGTERM after \S+ \(not counted: it was stopped on request\)\n$/);
});

rigTest(
  '--all: what a schedule started is waited for, and counts neither before its end nor after',
  async (rig) => {
    const puppet = await rig.puppet();
    await ended(rig, 0);
    await rig.bgjob(['cron', 'add', '0 0 29 2 *', '-n', 'night', '-Q', 'q', '--', ...puppet.command]);
    const [scheduler] = (await rig.json(['ls', '-a'])).filter(({ origin }) => origin?.kind === 'own');
    const started = Number((await rig.bgjob(['cron', 'run', 'night'])).stdout);
    await puppet.ready();
    const wait = rig.startBgjob(['wait', '--all']);
    assert.equal(await waiterOf(rig, started), wait.child.pid);
    await puppet.exit(3);
    const { code, stdout } = await wait.answer;
    assert.equal(code, 0);
    assert.match(stdout, /exited 3 after \S+ \(not counted: schedule night started it\)$/m);
    await ended(rig, 0);
    assert.equal(await codeOf(rig, '--all'), 0);
    assert.equal(await codeOf(rig, '--queue', 'q'), 3, 'in its queue it counts as any other');
    await rig.bgjob(['cron', 'rm', 'night']);
    await rig.untilState(scheduler.id, 'exited');
  },
);

rigTest('a home of before: what had ended is answered, what lived ends later and counts', async (rig) => {
  const puppet = await rig.puppet();
  await ended(rig, 4);
  await rig.run(['--', ...puppet.command]);
  await puppet.ready();
  await rig.untilState(2, 'running');
  // as it was left by a version that knows no rounds
  fs.rmSync(join(rig.home, 'rounds'), { recursive: true });
  await ended(rig, 0);
  await puppet.exit(6);
  await rig.untilState(2, 'exited');
  const { code, stdout } = await rig.bgjob(['wait', '--all']);
  assert.equal(code, 6);
  assert.match(stdout, /^2 exited 6 after .*\n3 exited 0 after .*\n$/);
  assert.equal(await codeOf(rig, '--all'), 6);
});

rigTest('an end of another day is told with its age', async (rig) => {
  await ended(rig, 3, ['-Q', 'q']);
  await ended(rig, 0, ['-Q', 'q']);
  const path = rig.file(1, 'state.json');
  const { sum: _, ...state } = JSON.parse(fs.readFileSync(path, 'utf8'));
  const day = 86_400_000;
  const [startedAt, endedAt] = [state.status.startedAt - 3 * day, state.status.endedAt - 3 * day];
  fs.writeFileSync(path, withChecksum({ ...state, status: { ...state.status, startedAt, endedAt } }));
  const { code, stdout } = await rig.bgjob(['wait', '--queue', 'q']);
  assert.equal(code, 3);
  assert.match(stdout, /^1 exited 3 after \S+, ended 3d\S* ago\n2 exited 0 after \S+\n$/);
});

rigTest(
  '--all leaves out the job in which it is called, and those that started it; they count later',
  async (rig) => {
    const line = 'bgjob run -n inner -- sh -c "exit 3" && bgjob wait --all; echo code $?; exit 8';
    const outer = await rig.run(['-n', 'outer', '--', 'sh', '-c', `sh -c '${line}'; exit 8`]);
    await rig.untilState(outer, 'exited');
    assert.match(rig.log(outer), /^inner 2 exited 3 after [^(\n]*\n(.*\n)*code 3$/m);
    const { code, stdout } = await rig.bgjob(['wait', '--all']);
    assert.equal(code, 8);
    assert.match(stdout, /^outer 1 exited 8 after /);
    assert.doesNotMatch(stdout, /^inner/m, 'that was answered for');
  },
);

rigTest(
  'a batch that is being added while another round is answered belongs to the next one',
  async (rig) => {
    // a directory without a record: an id that was taken, and whose job nobody sees yet
    const early = await ended(rig, 0, ['-Q', 'q']);
    await ended(rig, 3, ['-Q', 'q']);
    const aside = join(rig.dir, 'aside');
    fs.renameSync(rig.file(2, ''), aside);
    fs.mkdirSync(rig.file(2, ''), 0o700);
    await ended(rig, 0, ['-Q', 'q']);
    const first = await rig.bgjob(['wait', '--queue', 'q']);
    assert.deepEqual([first.code, first.stdout.match(/^\d/gm)], [0, [String(early), '3']]);
    fs.rmdirSync(rig.file(2, ''));
    fs.renameSync(aside, rig.file(2, ''));
    const second = await rig.bgjob(['wait', '--queue', 'q']);
    assert.deepEqual([second.code, second.stdout.match(/^\d/gm)], [3, ['2']]);
  },
);

rigTest('a queue that was removed and made again: what failed there before is not forgotten', async (rig) => {
  await ended(rig, 3, ['-Q', 'q']);
  await rig.bgjob(['queue', 'remove', 'q']);
  assert.equal(await codeOf(rig, '--queue', 'q'), 125);
  await ended(rig, 0, ['-Q', 'q']);
  assert.equal(await codeOf(rig, '--queue', 'q'), 3);
  await rig.bgjob(['queue', 'remove', 'q']);
  await ended(rig, 0, ['-Q', 'q']);
  // and what was answered is answered
  assert.equal(await codeOf(rig, '--queue', 'q'), 0);
});

rigTest('more than fifty jobs: the same code, and the same line to wait again', async (rig) => {
  const puppet = await rig.puppet();
  fs.writeFileSync(join(rig.project, 'lines'), `${'true\n'.repeat(30)}exit 6\n${'true\n'.repeat(30)}`);
  await rig.bgjob(['queue', 'set', 'q', '--slots', '4']);
  await rig.run(['-Q', 'q', '--', ...puppet.command]);
  assert.equal((await rig.bgjob(['run', '-Q', 'q', '--batch', 'lines'])).code, 0);
  assert.equal((await rig.bgjob(['wait', '--batch', '2'])).code, 6);
  const late = await rig.bgjob(['wait', '--queue', 'q', '--timeout', '0']);
  assert.equal(late.code, 75);
  assert.match(late.stderr, /Next: bgjob wait --queue q\n/);
  await puppet.exit(0);
  for (let n = 0; n < 3; n++) assert.equal(await codeOf(rig, '--queue', 'q'), 6);
});
