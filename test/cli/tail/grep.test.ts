/** `tail --grep`, and reads from a cursor: what matches, what is new, where the next read goes on. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import type { Puppet } from '../../rig/puppet.ts';
import { type Rig, rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';

/** A job that wrote this and ended. */
async function wrote(rig: Rig, text: string): Promise<void> {
  await rig.bgjob(['run', '--wait', '-e', `TEXT=${text}`, '--', 'sh', '-c', 'printf %s "$TEXT"']);
}

async function puppetJob(rig: Rig): Promise<Puppet> {
  const puppet = await rig.puppet();
  await rig.run(['--', ...puppet.command]);
  await puppet.ready();
  return puppet;
}

const LINES = ['one', 'two', 'FAIL three', 'four', 'five', 'six', 'FAIL seven', 'FAIL eight', 'nine', 'ten'];

rigTest('--grep: the lines that match, with lines around them, each once', async (rig) => {
  await wrote(rig, `${LINES.join('\n')}\n`);
  const grep = async (...words: string[]) => (await rig.bgjob(['tail', '1', '--grep', ...words])).stdout;
  assert.equal(await grep('FAIL'), 'FAIL three\nFAIL seven\nFAIL eight\n');
  assert.equal(
    await grep('FAIL', '-C', '1'),
    'two\nFAIL three\nfour\n--\nsix\nFAIL seven\nFAIL eight\nnine\n',
  );
  assert.equal(await grep('FAIL', '-C2'), `${LINES.join('\n')}\n`);
  assert.equal(await grep('^(one|ten)$', '-C', '1'), 'one\ntwo\n--\nnine\nten\n');
  assert.equal(await grep('(?i)fail E'), 'FAIL eight\n');
});

rigTest('--grep is 1 where nothing matches, and says so', async (rig) => {
  await wrote(rig, 'one\n');
  const none = await rig.bgjob(['tail', '1', '--grep', 'two']);
  assert.deepEqual([none.code, none.stdout], [1, '']);
  assert.match(none.stderr, /^\(no line matches "two"\)$/m);
  const empty = await rig.bgjob(['tail', '1', '--grep', '(']);
  assert.equal(empty.code, 125);
  assert.match(empty.stderr, /--grep: at character 1: unterminated group/);
});

rigTest('--max bounds the matches, and the cursor leads to the rest', async (rig) => {
  await wrote(rig, Array.from({ length: 500 }, (_, n) => `line ${n}\n`).join(''));
  const first = await rig.bgjob(['tail', '1', '--grep', '7$', '--max', '3']);
  assert.equal(first.stdout, 'line 7\nline 17\nline 27\n');
  assert.match(first.stderr, /\(3 of 50 lines that match/);
  const cursor = /cursor (\d+)\]/.exec(first.stderr)![1]!;
  const rest = await rig.bgjob(['tail', '1', '--grep', '7$', '--max', '2', '--since', cursor]);
  assert.equal(rest.stdout, 'line 37\nline 47\n');
  const bounded = await rig.bgjob(['tail', '1', '--grep', 'line']);
  assert.equal(bounded.stdout.split('\n').length - 1, 40, 'bounded by itself');
  assert.match(bounded.stderr, /\(40 of 500 lines that match/);
});

rigTest('--grep in JSON: an object per line, and one for the whole', async (rig) => {
  await wrote(rig, `${LINES.join('\n')}\n`);
  const objects = await rig.json(['tail', '1', '--grep', 'three', '-C', '1']);
  assert.deepEqual(
    objects.slice(0, 3).map(({ from, to, match, line }) => [from, to, match, line]),
    [
      [4, 8, false, 'two'],
      [8, 19, true, 'FAIL three'],
      [19, 24, false, 'four'],
    ],
  );
  const { matches, shown, cursor } = objects[3];
  assert.deepEqual([objects.length, matches, shown, cursor], [4, 1, 1, 64]);
});

rigTest(
  '-f --grep: each match as its line is whole, until the job ends; 1 if there was none',
  async (rig) => {
    const puppet = await puppetJob(rig);
    await puppet.print('ERROR before\nfine\n');
    const call = rig.startBgjob(['tail', '-f', '1', '--grep', 'ERROR', '-C', '1']);
    const shows = (text: string) =>
      until(call.stdout, (shown) => shown === text, `${JSON.stringify(text)} on stdout`);
    await shows('ERROR before\nfine\n');
    await puppet.print('a\nb\nERROR again');
    await puppet.print(' and again\n');
    await shows('ERROR before\nfine\n--\nb\nERROR again and again\n');
    await puppet.print('c\nd\n');
    await shows('ERROR before\nfine\n--\nb\nERROR again and again\nc\n');
    await puppet.exit(0);
    assert.equal((await call.answer).code, 0);
    assert.equal((await rig.bgjob(['tail', '-f', '1', '--grep', 'never'])).code, 1);
  },
);

rigTest('-f --grep --max ends with the last match that was asked for', async (rig) => {
  const puppet = await puppetJob(rig);
  const call = rig.startBgjob(['tail', '-f', '1', '--grep', 'ready', '--max', '2']);
  await puppet.print('ready 1\nother\nready 2\nready 3\n');
  const { code, stdout } = await call.answer;
  assert.deepEqual([code, stdout], [0, 'ready 1\nready 2\n']);
  await puppet.exit(0);
});

rigTest('--since CURSOR goes forward, whole lines at a time, and says what remains', async (rig) => {
  await wrote(rig, Array.from({ length: 100 }, (_, n) => `line ${n}\n`).join(''));
  const first = await rig.bgjob(['tail', '1', '--since', '0']);
  assert.equal(first.stdout.split('\n').length - 1, 40);
  assert.match(
    first.stderr,
    /^\[1 exited 0 after .* \| bytes 0-310 of 790 \| 480 B remain \| cursor 310\]\n$/,
  );
  const second = await rig.bgjob(['tail', '1', '--since', '310', '-n', '1']);
  assert.equal(second.stdout, 'line 40\n');
  const end = await rig.bgjob(['tail', '1', '--since', '790']);
  assert.deepEqual([end.code, end.stdout], [0, '']);
  assert.match(end.stderr, /^\[1 exited 0 after .* \| nothing new \| cursor 790\]\n$/);
  const beyond = await rig.bgjob(['tail', '1', '--since', '791']);
  assert.deepEqual([beyond.code, /--since: 791 is beyond the 790 bytes/.test(beyond.stderr)], [125, true]);
  const wrong = await rig.bgjob(['tail', '1', '--since', 'yesterday']);
  assert.match(wrong.stderr, /neither a cursor such as 38122 nor a duration/);
});

rigTest('a line without its end is held back while it grows, and given when it settled', async (rig) => {
  const puppet = await puppetJob(rig);
  // how long ago the log was written is read from its time
  const written = (agoSeconds: number) => {
    const at = Date.now() / 1000 - agoSeconds;
    fs.utimesSync(rig.file(1, 'out/log'), at, at);
  };
  await puppet.print('whole\nhal');
  written(-1000);
  assert.equal((await rig.bgjob(['tail', '1', '--since', '0'])).stdout, 'whole\n');
  await puppet.print('f\n');
  assert.equal((await rig.bgjob(['tail', '1', '--since', '6'])).stdout, 'half\n');
  await puppet.print('Password: ');
  written(5);
  assert.equal((await rig.bgjob(['tail', '1', '--since', '11'])).stdout, 'Password: \n');
  await puppet.exit(0);
});

rigTest('what --grep, --new and --since do not go with is refused', async (rig) => {
  await wrote(rig, 'one\n');
  for (const words of [
    ['--since', '0', '--new'],
    ['--reader', 'x'],
    ['--new', '--reader', '../x'],
    ['--new', '--reader', ''],
    ['-C', '1'],
    ['--max', '1'],
    ['--head', '--since', '1'],
    ['--grep', 'x', '-n', '3'],
    ['--err'],
  ]) {
    const answer = await rig.bgjob(['tail', '1', ...words]);
    assert.deepEqual([answer.code, answer.stdout], [125, ''], words.join(' '));
  }
});

rigTest('-f --grep --max in JSON ends with the cursor, on stdout, and stderr is silent', async (rig) => {
  await wrote(rig, 'one\ntwo\ntwo again\n');
  const { code, stdout, stderr } = await rig.bgjob([
    'tail',
    '1',
    '-f',
    '--grep',
    'two',
    '--max',
    '1',
    '--json',
  ]);
  assert.deepEqual([code, stderr], [0, '']);
  const [match, end, ...rest] = stdout.trim().split('\n');
  assert.deepEqual([JSON.parse(match!).line, rest], ['two', []]);
  const { from, cursor, size, matches, shown } = JSON.parse(end!);
  assert.deepEqual(
    { from, cursor, size, matches, shown },
    { from: 0, cursor: 8, size: 18, matches: 1, shown: 1 },
  );
});
