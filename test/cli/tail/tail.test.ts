/** `bgjob tail` and `path`: what a job wrote, bounded, readable, to the byte. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { type Rig, rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';
import { sleepsOn } from '../../rig/waiters.ts';

/** A job that wrote this and ended. */
async function wrote(rig: Rig, output: string | Buffer): Promise<number> {
  fs.writeFileSync(`${rig.dir}/output`, output);
  const answer = await rig.bgjob(['run', '-w', '--', 'cat', `${rig.dir}/output`]);
  assert.equal(answer.code, 0);
  return Number.parseInt(answer.stdout, 10);
}
const tail = async (rig: Rig, ...args: string[]) => {
  const answer = await rig.bgjob(['tail', ...args]);
  assert.equal(answer.code, 0, answer.stderr);
  return answer;
};
const numbers = (from: number, to: number): string =>
  Array.from({ length: to - from + 1 }, (_, n) => `${from + n}\n`).join('');

rigTest('the last 40 lines, what is left out, and which bytes these are', async (rig) => {
  await wrote(rig, numbers(1, 100));
  const { stdout, stderr } = await tail(rig, '1');
  assert.equal(stdout, numbers(61, 100));
  const [all, footer, ...rest] = stderr.split('\n');
  assert.equal(all, '(not all of it; all: bgjob tail 1 --full)');
  assert.match(footer!, /^\[1 exited 0 after [\d.hms]+ \| bytes 171-292 of 292 \| cursor 292\]$/);
  assert.deepEqual(rest, ['']);
});

rigTest('-n, --head and --full', async (rig) => {
  await wrote(rig, numbers(1, 5000));
  assert.equal((await tail(rig, '-n', '3', '1')).stdout, numbers(4998, 5000));
  assert.equal((await tail(rig, '-n3', '1')).stdout, numbers(4998, 5000));
  assert.equal((await tail(rig, '-n', '0', '1')).stdout, '');
  assert.equal((await tail(rig, '-n', '4000', '1')).stdout, numbers(1001, 5000));
  const head = await tail(rig, '--head', '-n', '2', '1');
  assert.equal(head.stdout, '1\n2\n');
  assert.match(head.stderr, /\| bytes 0-4 of 23893 \| 23 KB remain \| cursor 4\]\n$/);
  assert.equal((await tail(rig, '--head', '1')).stdout, numbers(1, 40));
  const full = await tail(rig, '--full', '1');
  assert.equal(full.stdout, numbers(1, 5000));
  assert.match(full.stderr, /^\[1 exited 0 after [\d.hms]+ \| bytes 0-23893 of 23893 \| cursor 23893\]\n$/);
  assert.equal((await rig.bgjob(['tail', '-n', 'x', '1'])).code, 125);
});

rigTest('8 KiB at most, from the beginning of a line', async (rig) => {
  const line = (n: number) => `${String(n).padStart(3, '0')} ${'x'.repeat(395)}\n`;
  await wrote(rig, Array.from({ length: 60 }, (_, n) => line(n)).join(''));
  const { stdout } = await tail(rig, '1');
  assert.equal(stdout, Array.from({ length: 20 }, (_, n) => line(n + 40)).join(''));
});

rigTest('a long line is cut, and says by how much', async (rig) => {
  await wrote(rig, `${'x'.repeat(500)}\n${'y'.repeat(612)}\nshort\n`);
  const { stdout } = await tail(rig, '1');
  assert.equal(stdout, `${'x'.repeat(500)}\n${'y'.repeat(500)}…(+112)\nshort\n`);
  // a line longer than all bounds: its end, still cut
  await wrote(rig, 'z'.repeat(100_000));
  assert.equal((await tail(rig, '2')).stdout, `${'z'.repeat(500)}…(+7692)\n`);
});

rigTest('characters of many bytes are never cut in two', async (rig) => {
  for (const [n, text] of ['€', '日本', '😀x'].entries()) {
    await wrote(rig, text.repeat(5000));
    const { stdout } = await tail(rig, String(n + 1));
    assert.ok(stdout.includes(text));
    assert.ok(!stdout.includes('\ufffd'), stdout.slice(0, 40));
  }
});

rigTest('what steers a terminal does not get through; the bytes on disk are as they were', async (rig) => {
  const bytes = Buffer.from(
    ' 10%\r 50%\r100%\n\x1b[31mred\x1b[0m\n\x1b]0;title\x07shown\r\nbell\x07\nab\b\bcd\n\x1b[2J\x1b[Hclean\n\xc2\x9b31mc1\n',
    'latin1',
  );
  await wrote(rig, bytes);
  assert.equal((await tail(rig, '1')).stdout, '100%\nred\nshown\nbell\ncd\nclean\nc1\n');
  assert.equal((await tail(rig, '1', '--full')).stdout, '100%\nred\nshown\nbell\ncd\nclean\nc1\n');
  assert.deepEqual(fs.readFileSync(rig.file(1, 'out/log')), bytes);
  const same = await rig.bash('cmp <(bgjob tail 1 --raw --full 2>/dev/null) "$(bgjob path 1)"');
  assert.deepEqual([same.code, same.stdout], [0, '']);
});

rigTest('every byte comes back with --raw --full, and with --raw --follow', async (rig) => {
  const bytes = Buffer.alloc(
    3_000_001,
    Uint8Array.from({ length: 256 }, (_, n) => n),
  );
  await wrote(rig, bytes);
  for (const way of ['--full', '-f -n 10000000']) {
    const same = await rig.bash(`cmp <(bgjob tail 1 --raw ${way} 2>/dev/null) "$(bgjob path 1)"`);
    assert.deepEqual([same.code, same.stdout], [0, ''], way);
  }
});

rigTest('nothing written yet, and nothing at all, is one short line', async (rig) => {
  const puppet = await rig.puppet();
  await rig.run(['--', ...puppet.command]);
  await puppet.ready();
  await rig.untilState(1, 'running');
  const live = await tail(rig, '1');
  assert.equal(live.stdout, '');
  assert.match(live.stderr, /^\[1 running [\d.hms]+ \| no output yet \| cursor 0\]\n$/);
  await puppet.exit(2);
  await rig.bgjob(['wait', '1']);
  // how the job ended is not how tail ended
  const ended = await tail(rig, '1');
  assert.match(ended.stderr, /^\[1 exited 2 after [\d.hms]+ \| no output \| cursor 0\]\n$/);
});

rigTest('--follow: what is there, what comes, also an unfinished line, and the end', async (rig) => {
  const puppet = await rig.puppet();
  await rig.run(['--', ...puppet.command]);
  await puppet.print(numbers(1, 50));
  const call = rig.startBgjob(['tail', '-f', '-n', '2', '1']);
  await until(call.stdout, (text) => text === '49\n50\n');
  await puppet.print('Name? ');
  await until(call.stdout, (text) => text === '49\n50\nName? ');
  await puppet.print('Bob\n');
  await until(call.stdout, (text) => text === '49\n50\nName? Bob\n');
  await puppet.print('no newline at the end');
  await puppet.exit(1);
  const { code, stdout, stderr } = await call.answer;
  assert.equal(code, 0);
  assert.equal(stdout, '49\n50\nName? Bob\nno newline at the end\n');
  assert.match(stderr, /^\[1 exited 1 after [\d.hms]+ \| bytes 135-172 of 172 \| cursor 172\]\n$/);
});

rigTest('--follow that is interrupted: stdout is the log alone, and it says how to go on', async (rig) => {
  const puppet = await rig.puppet();
  await rig.run(['-n', 'web', '--', ...puppet.command]);
  await puppet.print('one\n');
  await rig.untilState(1, 'running');
  let size = 4;
  const ways: [options: string[], words: string][] = [
    [['-n', '0'], ''],
    [['-n', '0', '--raw'], '--raw '],
    [['--since', '8', '--grep', "t[w']o"], "--grep 't[w'\\'']o' "],
  ];
  for (const [options, words] of ways) {
    const from = options[0] === '--since' ? 8 : size;
    const call = rig.startBgjob(['tail', '-f', 'web', ...options]);
    // what comes after the beginning shows that it follows
    const before = from === size ? '' : 'two\n';
    await until(
      () => sleepsOn(call.child.pid!, rig.file(1, 'alive')),
      (sleeps) => sleeps,
      'somebody who follows',
    );
    await puppet.print('two\n');
    size += 4;
    await until(call.stdout, (text) => text === `${before}two\n`);
    call.child.kill('SIGINT');
    const { code, stdout, stderr } = await call.answer;
    assert.deepEqual([code, stdout], [130, `${before}two\n`]);
    const [footer, next, exit] = stderr.split('\n');
    assert.match(
      footer!,
      new RegExp(`^\\[web 1 running .* \\| bytes ${from}-${size} of ${size} \\| cursor ${size}\\]$`),
    );
    assert.equal(next, `still running; it goes on. Next: bgjob tail -f ${words}web --since ${size}`);
    assert.equal(exit, '[bgjob] exit code 130');
  }
  await puppet.exit(0);
});

rigTest('a log of 10 GiB, most of it a hole, costs nothing to look at', async (rig) => {
  const puppet = await rig.puppet();
  await rig.run(['--', ...puppet.command]);
  await puppet.ready();
  const log = (await rig.bgjob(['path', '1'])).stdout.trim();
  fs.truncateSync(log, 10 * 2 ** 30);
  await puppet.print('\nthe end\n');
  const { stdout, stderr } = await tail(rig, '-n', '1', '1');
  assert.equal(stdout, 'the end\n');
  assert.match(stderr, /bytes 10737418241-10737418249 of 10737418249/);
  const follow = rig.startBgjob(['tail', '-f', '-n', '1', '1']);
  await until(follow.stdout, (text) => text === 'the end\n');
  await puppet.exit(1);
  const wait = await rig.bgjob(['wait', '1']);
  assert.match(wait.stdout, /\n\| the end\n$/);
  assert.equal((await follow.answer).code, 0);
});

rigTest('path is the log, for other programs', async (rig) => {
  const id = await wrote(rig, 'hello\n');
  assert.deepEqual(await rig.bgjob(['path', '1']), {
    code: 0,
    stdout: `${rig.file(id, 'out/log')}\n`,
    stderr: '',
  });
  assert.equal((await rig.bash('cat "$(bgjob path @last)"')).stdout, 'hello\n');
  for (const verb of ['tail', 'path', 'show', 'status'])
    assert.equal((await rig.bgjob([verb, '9'])).code, 125);
});
