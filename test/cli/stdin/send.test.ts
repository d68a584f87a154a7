/** `send`: whole lines, end of file, and a true report where a job does not take them. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { readJson } from '../../chaos/death.ts';
import { type Rig, rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';

/** Returns the number of bytes that the FIFO had. */
function readSome(fd: number, bytes: Buffer): number {
  try {
    return fs.readSync(fd, bytes);
  } catch {
    return 0;
  }
}

const hold = (rig: Rig, ...command: string[]) => rig.run(['-n', 'job', '--stdin', 'hold', '--', ...command]);

rigTest('each text is a line; at once after run; --no-newline, -, --eof', async (rig) => {
  const sent = await rig.bash("bgjob run -n job --stdin hold -- cat && bgjob send job one 'two words' '' ü");
  assert.deepEqual(sent, { code: 0, stdout: '1\njob 1 sent 4 lines (18 bytes)\n', stderr: '' });
  await rig.bgjob(['send', 'job', '--no-newline', 'a', 'b']);
  await rig.bgjob(['send', 'job', '-'], { input: 'c\nwithout an end' });
  await rig.bgjob(['send', 'job', '--', '-', '--eof']);
  assert.equal((await rig.bgjob(['send', 'job', '--eof'])).stdout, 'job 1 sent end of file\n');
  assert.match((await rig.bgjob(['wait', 'job'])).stdout, /^job 1 exited 0/);
  assert.equal(rig.log(1), 'one\ntwo words\n\nü\na\nbc\nwithout an end-\n--eof\n');
});

rigTest('--json; a text and its end in one call', async (rig) => {
  const id = await hold(rig, 'cat');
  const [{ at, ...object }] = await rig.json(['send', 'job', 'x', '--eof']);
  assert.deepEqual(object, { v: 1, id, name: 'job', lines: 1, bytes: 2, eof: true });
  assert.ok(Date.parse(at) > 0);
  await rig.bgjob(['wait', 'job']);
  const { code, stderr } = await rig.bgjob(['send', 'job', 'x', '--json']);
  assert.deepEqual([code, JSON.parse(stderr).error.code], [125, 'not-sent']);
});

rigTest('--eof comes to a holder that has not opened its FIFO yet', async (rig) => {
  const id = await hold(rig, 'cat');
  await rig.bgjob(['send', 'job', 'first']);
  await until(
    () => rig.log(id),
    (log) => log === 'first\n',
    'a job that reads',
  );
  // the holder reads another FIFO: no process reads this one
  const fifo = rig.file(id, 'stdin.end');
  fs.renameSync(fifo, `${fifo}.of-the-holder`);
  execFileSync('mkfifo', ['-m', '600', fifo]);
  const call = rig.startBgjob(['send', 'job', 'last', '--eof']);
  await until(
    () => rig.log(id),
    (log) => log === 'first\nlast\n',
    'the text',
  );
  const reader = fs.openSync(fifo, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  const byte = Buffer.alloc(1);
  await until(
    () => call.child.exitCode !== null || readSome(reader, byte) === 1,
    Boolean,
    'the end of file, or of the call',
  );
  assert.equal(byte.toString(), '\n', 'the call ended, and the holder was not told');
  fs.closeSync(reader);
  assert.equal((await call.answer).code, 0);
  fs.renameSync(`${fifo}.of-the-holder`, fifo);
  await rig.bgjob(['send', 'job', '--eof']);
  assert.equal((await rig.bgjob(['wait', 'job'])).code, 0);
});

rigTest('a job that does not read takes 64 KiB; then 75, and whole lines were sent', async (rig) => {
  const id = await hold(rig, 'sh', '-c', 'while ! [ -e go ]; do sleep 0.02; done; cat');
  const lines = Array.from({ length: 2000 }, (_, n) => `${n} `.padEnd(79, 'x'));
  const text = lines.map((line) => `${line}\n`).join('');
  const full = await rig.bgjob(['send', 'job', '-'], { input: text });
  assert.equal(full.code, 75, full.stderr);
  const [, count, bytes] = /the pipe is full; (\d+) lines \((\d+) bytes\) had been sent/.exec(full.stderr)!;
  assert.equal(Number(bytes), Number(count) * 80);
  assert.match(full.stderr, /hint: when it reads again, send only the rest/);
  // as that says
  fs.writeFileSync(join(rig.project, 'go'), '');
  const rest = text.slice(Number(bytes));
  assert.equal((await rig.bgjob(['send', 'job', '-', '--eof'], { input: rest })).code, 0);
  await rig.bgjob(['wait', 'job']);
  assert.equal(rig.log(id), text);
});

rigTest(
  'a line longer than a pipe: in full to a reader; to none 125, and how much of it was written',
  async (rig) => {
    const long = `${'y'.repeat(300_000)}\n`;
    const id = await hold(rig, 'cat');
    assert.equal((await rig.bgjob(['send', 'job', '-', '--eof'], { input: long })).code, 0);
    await rig.bgjob(['wait', 'job']);
    assert.equal(rig.log(id), long);
    await hold(rig, 'sleep', '1000');
    const half = await rig.bgjob(['send', 'job', '-'], { input: long });
    assert.equal(half.code, 125);
    assert.match(half.stderr, /the pipe is full; the first 65536 bytes of a line had been sent/);
    await rig.bgjob(['kill', 'job']);
  },
);

rigTest('lines of many senders at once are never mixed', async (rig) => {
  const id = await hold(rig, 'cat');
  const texts = Array.from({ length: 8 }, (_, n) => String(n).repeat(4000));
  await Promise.all(texts.map((text) => rig.bgjob(['send', 'job', text, text, text])));
  await rig.bgjob(['send', 'job', '--eof']);
  await rig.bgjob(['wait', 'job']);
  const lines = rig.log(id).trimEnd().split('\n');
  assert.deepEqual(lines.sort(), texts.flatMap((text) => [text, text, text]).sort());
});

rigTest('who does not read is told: not held, ended, closed, queued, after --eof', async (rig) => {
  const refused = async (reference: string, says: RegExp, code = 125) => {
    for (const words of [['text'], ['--eof']]) {
      const answer = await rig.bgjob(['send', reference, ...words]);
      assert.deepEqual([answer.code, answer.stdout], [code, '']);
      assert.match(answer.stderr, says);
      assert.match(answer.stderr, /\n {2}hint: /);
    }
  };
  const plain = await rig.run(['--', 'sleep', '1000']);
  await refused(String(plain), /job 1 has no input: it was started without --stdin hold and without --pty/);
  const closed = await hold(rig, 'sh', '-c', 'exec <&-; echo closed; exec sleep 1000');
  await until(
    () => rig.log(closed),
    (text) => text === 'closed\n',
    'the end of its stdin',
  );
  await refused('job', /job 2 has closed its stdin; nothing was sent/);
  await rig.bgjob(['kill', 'job']);
  await refused('job', /job 2 was killed \(SIGTERM\); nothing was sent/);
  await rig.run(['-Q', 'a', '--', 'sleep', '1000']);
  const queued = await rig.run(['-Q', 'a', '--stdin', 'hold', '--', 'cat']);
  await refused(String(queued), new RegExp(`job ${queued} waits in its queue; nothing was sent`), 75);
  const deaf = await hold(rig, 'sh', '-c', 'cat; exec sleep 1000');
  assert.equal((await rig.bgjob(['send', 'job', 'x', '--eof'])).code, 0);
  await refused('job', /the stdin of job \d+ was ended before \(send --eof\)/);
  await until(
    () => rig.log(deaf),
    (text) => text === 'x\n',
    'what was sent',
  );
  await refused('none', /no job "none"/);
  assert.equal(closed, 2);
  await rig.bgjob(['kill', '1', '3', '4', 'job']);
});

rigTest('a job that has recorded itself, and not opened its stdin yet, has not closed it', async (rig) => {
  // as the shell that becomes the job: it has the record open until it has opened its stdin
  const own = '$BGJOB_HOME/jobs/$BGJOB_ID';
  const script = `exec 7<>"${own}/shim" <&-; echo apart; read _ <gate; exec <"${own}/stdin" 7>&-; exec cat`;
  assert.equal((await rig.bash('mkfifo gate')).code, 0);
  const id = await hold(rig, 'sh', '-c', script);
  await until(
    () => rig.log(id),
    (text) => text === 'apart\n',
    'a job without stdin',
  );
  const call = rig.startBgjob(['send', 'job', 'text', '--eof']);
  // it waits, however often it has looked
  const begun = performance.now();
  await until(
    () => call.child.exitCode !== null || performance.now() - begun > 3000,
    (is) => is,
  );
  assert.equal(call.child.exitCode, null, call.stderr());
  await rig.bash('echo >gate');
  assert.deepEqual(await call.answer, {
    ...{ code: 0, stdout: 'job 1 sent 1 line (5 bytes), then end of file\n', stderr: '' },
  });
  assert.equal((await rig.bgjob(['wait', 'job'])).code, 0);
  assert.equal(rig.log(id), 'apart\ntext\n');
});

rigTest('what makes no sense is refused', async (rig) => {
  await hold(rig, 'cat');
  for (const [words, says] of [
    [['job'], /send needs a text, or --eof/],
    [['job', '--eof', '--no-newline'], /--no-newline needs a TEXT/],
    [['job', '--no-newline', '-'], /--no-newline needs a TEXT/],
  ] as const) {
    const { code, stderr } = await rig.bgjob(['send', ...words]);
    assert.equal(code, 125);
    assert.match(stderr, says);
  }
  await rig.bgjob(['kill', 'job']);
});

rigTest('a name of another project is never written to', async (rig) => {
  const other = join(rig.dir, 'other');
  fs.mkdirSync(join(other, '.git'), { recursive: true });
  const id = await hold(rig, 'cat');
  const { code, stderr } = await rig.bgjob(['send', 'job', 'x'], { cwd: other });
  assert.equal(code, 125);
  assert.match(stderr, /no job "job"/);
  await rig.bgjob(['send', 'job', '--eof']);
  await rig.bgjob(['wait', 'job']);
  assert.equal(rig.log(id), '');
});

rigTest('a retry reads what is sent to it, and nothing of the attempt before', async (rig) => {
  const id = await rig.run([
    '-n',
    'job',
    '--retry',
    '1',
    '--backoff',
    '0s',
    '--stdin',
    'hold',
    '--',
    'sh',
    '-c',
    'read a; echo "got $a"; exit 3',
  ]);
  assert.equal((await rig.bgjob(['send', 'job', 'one', 'too early'])).code, 0);
  await until(
    () => readJson(rig.file(id, 'state.json')),
    (state) => state.attempt === 2 && state.status.phase === 'running',
    'the second attempt',
  );
  assert.equal((await rig.bgjob(['send', 'job', 'two'])).code, 0);
  assert.equal((await rig.bgjob(['wait', 'job'])).code, 3);
  assert.match(rig.log(id), /^got one\n\[bgjob: attempt 2 of 2, .*\]\ngot two\n$/);
});
