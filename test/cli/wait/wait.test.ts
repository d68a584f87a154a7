/** `bgjob wait` and `status`: whose code, when, and what is said. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';
import { waiterOf } from '../../rig/waiters.ts';

const exits = (rig: { run(args: string[]): Promise<number> }, code: number) =>
  rig.run(['--', 'sh', '-c', `echo out ${code}; exit ${code}`]);

rigTest("several jobs: a line for each, the first failure's code in the order given", async (rig) => {
  for (const code of [0, 4, 5]) await exits(rig, code);
  const all = await rig.bgjob(['wait', '1', '3', '2']);
  assert.equal(all.code, 5);
  for (const line of [/^1 exited 0 after/m, /^2 exited 4 after/m, /^3 exited 5 after/m])
    assert.match(all.stdout, line);
  assert.match(all.stdout, /3 exited 5 after .*\n\| out 5\n/);
  assert.ok(!all.stdout.includes('out 0'), 'a success is one line');
  assert.match(all.stderr, /^\[job\] exit code 5\n$/);
  assert.equal((await rig.bgjob(['wait', '1', '2', '3'])).code, 4);
  assert.deepEqual((await rig.bgjob(['wait', '1', '1'])).stdout.split('\n').length, 2, 'told once');
});

rigTest('a job that fails first does not decide the code of wait: the order given does', async (rig) => {
  const [one, two] = [await rig.puppet(), await rig.puppet()];
  for (const { command } of [one, two]) await rig.run(['--', ...command]);
  const wait = rig.startBgjob(['wait', '1', '2']);
  await two.exit(5);
  await until(wait.stdout, (text) => text.startsWith('2 exited 5'), 'the end of the second');
  await one.exit(4);
  assert.equal((await wait.answer).code, 4);
});

rigTest('--any returns with the first that ends, --fail-fast with the first that fails', async (rig) => {
  const [one, two, three] = [await rig.puppet(), await rig.puppet(), await rig.puppet()];
  for (const { command } of [one, two, three]) await rig.run(['--', ...command]);
  const any = rig.startBgjob(['wait', '1', '2', '3', '--any']);
  await two.exit(0);
  const first = await any.answer;
  assert.equal(first.code, 0);
  assert.match(first.stdout, /^2 exited 0 after [\d.hms]+\n$/);

  const fast = rig.startBgjob(['wait', '--fail-fast', '1', '2', '3']);
  await until(fast.stdout, (text) => text.startsWith('2 exited 0'));
  await three.exit(8);
  const failed = await fast.answer;
  assert.equal(failed.code, 8);
  assert.match(failed.stdout, /^2 exited 0 after .*\n3 exited 8 after [\d.hms]+\n$/);
  // the first one was never touched
  assert.equal((await rig.bgjob(['status', '1'])).code, 75);
  await one.exit(0);
});

rigTest('two ends are printed in their order, also if the call hears of the later one first', async (rig) => {
  for (const [words, expected, told] of [
    [[], 5, ['4', '5']],
    [['--any'], 4, ['4']],
    [['--fail-fast'], 4, ['4']],
  ] as const) {
    const [one, two] = [await rig.puppet(), await rig.puppet()];
    const first = await rig.run(['--', ...one.command]);
    const second = await rig.run(['--', ...two.command]);
    const wait = rig.startBgjob(['wait', String(second), String(first), ...words]);
    await waiterOf(rig, first);
    await waiterOf(rig, second);
    // as a watcher that ends late
    const alive = fs.openSync(rig.file(first, 'alive'), fs.constants.O_RDWR | fs.constants.O_NONBLOCK);
    await one.exit(4);
    await rig.untilState(first, 'exited');
    await two.exit(5);
    const { code, stdout } = await wait.answer;
    fs.closeSync(alive);
    const ends = [...stdout.matchAll(/^\d+ exited (\d)/gm)].map(([, status]) => status);
    assert.deepEqual([code, ends], [expected, told], words.join());
  }
});

rigTest('--timeout: 75, what still runs, and how to go on', async (rig) => {
  const puppet = await rig.puppet();
  await rig.run(['--', 'true']);
  await rig.run(['--', ...puppet.command]);
  await puppet.ready();
  await rig.untilState(1, 'exited');
  await rig.untilState(2, 'running');
  const { code, stdout, stderr } = await rig.bgjob(['wait', '1', '2', '--timeout', '100ms']);
  assert.equal(code, 75);
  assert.match(stdout, /^1 exited 0 after .*\n2 running [\d.hms]+, no output yet\n$/);
  assert.equal(stderr, 'still running; it goes on. Next: bgjob wait 1 2\n[bgjob] exit code 75\n');
  assert.equal((await rig.bgjob(['wait', '2', '--timeout', '0'])).code, 75);
  await puppet.exit(1);
  // no patience is enough for what has ended
  await rig.untilState(2, 'exited');
  assert.equal((await rig.bgjob(['wait', '2', '--timeout', '0'])).code, 1);
});

rigTest('--all: every job of this project, and 125 when it never had one', async (rig) => {
  const none = await rig.bgjob(['wait', '--all']);
  assert.equal(none.code, 125);
  assert.match(none.stderr, /no job of this project to wait for\n {2}hint: bgjob ls -a/);
  const [mine, other] = [await rig.puppet(), await rig.puppet()];
  await rig.run(['--', 'false']);
  await rig.bgjob(['wait', '1']);
  await rig.run(['--', ...mine.command]);
  await rig.run(['--', ...other.command], { cwd: `${rig.dir}/bin` });
  const all = rig.startBgjob(['wait', '--all']);
  assert.equal(await waiterOf(rig, 2), all.child.pid);
  await mine.exit(6);
  const { code, stdout } = await all.answer;
  assert.equal(code, 1);
  assert.match(stdout, /^1 exited 1 after [\d.hms]+\n2 exited 6 after [\d.hms]+\n$/);
  assert.equal((await rig.bgjob(['wait', '--all'])).code, 1);
  await other.exit(0);
});

rigTest('of a failure the last 20 lines are shown, and where the rest is', async (rig) => {
  await rig.run(['--', 'sh', '-c', 'seq 30; exit 2']);
  const { stdout, stderr } = await rig.bgjob(['wait', '1']);
  const lines = Array.from({ length: 20 }, (_, n) => `| ${n + 11}\n`).join('');
  assert.match(stdout, /^1 exited 2 after/);
  assert.ok(stdout.endsWith(lines), stdout);
  assert.equal(stderr, '(the last 20 lines; all: bgjob tail 1 --full)\n[job] exit code 2\n');
});

rigTest('the lines around the first failing line come before the last ones', async (rig) => {
  const script = "seq 300; echo 'not ok 301 - parses a tree'; seq 302 600; exit 1";
  await rig.run(['--', 'sh', '-c', script]);
  const { stdout, stderr } = await rig.bgjob(['wait', '1']);
  const shown = (from: number, to: number) =>
    Array.from({ length: to - from + 1 }, (_, n) => `| ${from + n}\n`).join('');
  const around = `${shown(299, 300)}| not ok 301 - parses a tree\n${shown(302, 313)}`;
  assert.equal(stdout.slice(stdout.indexOf('\n') + 1), `${around}[… 1.1 KB …]\n${shown(596, 600)}`);
  assert.equal(
    stderr,
    '(what looks like the first failure, and the last 5 lines; all: bgjob tail 1 --full)\n' +
      '[job] exit code 1\n',
  );
  const [{ tail, firstFailure }] = await rig.json(['wait', '1']);
  assert.deepEqual([tail.length, tail.at(-1)], [20, '600'], 'the end of the log, as before');
  assert.deepEqual(firstFailure.lines, around.trimEnd().replaceAll('| ', '').split('\n'));
  const { stdout: again } = await rig.bgjob(['tail', '1', '--since', String(firstFailure.cursor), '-n', '1']);
  assert.equal(again, '299\n');
});

rigTest('a failing line near the end is shown once, with all between', async (rig) => {
  await rig.run(['--', 'sh', '-c', "seq 300; echo 'error: x'; seq 302 325; exit 1"]);
  const { stdout } = await rig.bgjob(['wait', '1']);
  assert.equal(stdout.match(/error: x/g)!.length, 1);
  const lines = stdout.split('\n').slice(1, -1);
  assert.deepEqual(new Set(lines).size, lines.length, 'no line twice');
  await rig.run(['--', 'sh', '-c', "seq 300; echo 'error: x'; seq 302 318; exit 1"]);
  assert.match((await rig.bgjob(['wait', '2'])).stderr, /^\(the last 20 lines;/, 'it is one of them');
});

rigTest('a wrong guess does not hide the last line that says what failed', async (rig) => {
  const script = "echo 'Error: a cold cache'; seq 300; echo 'TypeError: the real one'; seq 302 310; exit 1";
  await rig.run(['--', 'sh', '-c', script]);
  const { stdout, stderr } = await rig.bgjob(['wait', '1']);
  assert.match(stdout, /\n\| Error: a cold cache\n[^…]*\[…[^…]*…\]\n\| TypeError: the real one\n\| 302\n/);
  assert.equal(stdout.match(/^\| /gm)!.length, 20);
  assert.match(stderr, /and the last 10 lines;/);
  await rig.run(['--', 'sh', '-c', "echo 'Error: 1'; seq 300; printf %05000d 0; exit 1"]);
  const long = await rig.bgjob(['wait', '2']);
  assert.match(long.stdout, /\n\| Error: 1\n/);
  assert.match(long.stderr, /^\(what looks like the first failure, and the end of the last line; all: /);
  // too far from the end
  await rig.run(['--', 'sh', '-c', "echo 'Error: 1'; seq 300; echo 'Error: 2'; seq 302 317; exit 1"]);
  assert.match((await rig.bgjob(['wait', '3'])).stderr, /and the last 5 lines;/);
});

rigTest('the signs of test runners are known', async (rig) => {
  for (const line of ['✖ adds (1.5ms)', '  ● tree › parses', '❌ adds'])
    await rig.run(['--', 'sh', '-c', `seq 300; echo "$0"; seq 302 600; exit 1`, line]);
  for (const [n, line] of ['✖ adds (1.5ms)', '  ● tree › parses', '❌ adds'].entries())
    assert.match(
      (await rig.bgjob(['wait', String(n + 1)])).stdout,
      new RegExp(`^\\| ${line.replace(/[()]/g, '.')}$`, 'm'),
    );
});

rigTest('the end alone of a job that passed or was stopped, whatever its log says', async (rig) => {
  await rig.run([
    '--',
    'sh',
    '-c',
    "trap 'exit 3' TERM; echo 'error: x'; seq 300; while :; do sleep 1; done",
  ]);
  await rig.run(['--', 'sh', '-c', "echo 'error: x'; seq 300"]);
  await rig.bgjob(['wait', '1', '--until', '^300$']);
  await rig.bgjob(['kill', '1']);
  for (const id of ['1', '2']) {
    const [{ firstFailure }] = await rig.json(['wait', id]);
    assert.equal(firstFailure, null);
  }
  assert.doesNotMatch((await rig.bgjob(['wait', '1'])).stdout, /error: x/);
});

rigTest('a job that is not there is never 0', async (rig) => {
  const empty = await rig.bgjob(['wait', '7']);
  assert.equal(empty.code, 125);
  assert.match(empty.stderr, /^bgjob: no job "7"\n {2}hint: .*\n\[bgjob\] exit code 125\n$/);
  await exits(rig, 0);
  for (const reference of ['99', '0', '-1x', 'web', '@first', '../1', '1.5', '']) {
    const { code, stdout } = await rig.bgjob(['wait', '--', reference]);
    assert.deepEqual([code, stdout], [125, ''], reference);
  }
  const both = await rig.bgjob(['wait', '1', '99']);
  assert.equal(both.code, 125);
  assert.match(both.stderr, /no job "99"; newest: #1 \(\w+( 0)?\)\n {2}hint: bgjob ls\n/);
  const nothing = await rig.bgjob(['wait']);
  assert.match(nothing.stderr, /wait needs REF\.\.\., --all, --queue NAME, --session or --batch ID/);
  assert.equal(nothing.code, 125);
});

rigTest('@last is the newest job of this project', async (rig) => {
  const elsewhere = await rig.bgjob(['wait', '@last']);
  assert.equal(elsewhere.code, 125);
  await exits(rig, 3);
  await exits(rig, 4);
  const other = { cwd: `${rig.dir}/bin` };
  await rig.run(['--', 'sh', '-c', 'exit 9'], other);
  assert.equal((await rig.bgjob(['wait', '@last'])).code, 4);
  assert.equal((await rig.bgjob(['wait', '@last'], other)).code, 9);
});

rigTest('status is one line and the code of wait, without waiting', async (rig) => {
  const puppet = await rig.puppet();
  const id = await rig.run(['--', ...puppet.command]);
  await puppet.ready();
  await rig.untilState(id, 'running');
  const running = await rig.bgjob(['status', '1']);
  assert.equal(running.code, 75);
  assert.match(running.stdout, /^1 running [\d.hms]+\n$/);
  assert.equal(running.stderr, '[bgjob] exit code 75\n');
  await puppet.print('something\n');
  await puppet.exit(12);
  await rig.bgjob(['wait', '1']);
  const ended = await rig.bgjob(['status', '1']);
  assert.equal(ended.code, 12);
  assert.match(ended.stdout, /^1 exited 12 after [\d.hms]+, ended [\d.hms]+ ago\n$/);
  assert.equal(ended.stderr, '[job] exit code 12\n');
});
