/** run --split: what comes on stderr is seen wherever the output of a job is shown. */
import assert from 'node:assert/strict';
import { rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';

const FAILS = ['--', 'sh', '-c', 'echo to stdout; echo to stderr >&2; exit 3'];

rigTest('the last lines of a failure are those of both', async (rig) => {
  const waited = await rig.bgjob(['run', '--split', '--wait', ...FAILS]);
  assert.equal(waited.stdout, '1\n');
  const BOTH = /^1 exited 3 after .*\n\| to stdout\nstderr:\n\| to stderr\n/;
  assert.match(waited.stderr, BOTH);
  const again = await rig.bgjob(['wait', '1']);
  assert.match(again.stdout, BOTH);
  const [, ended] = await rig.json(['run', '--json', '--split', '--wait', ...FAILS]);
  assert.deepEqual([ended.tail, ended.stderrTail], [['to stdout'], ['to stderr']]);
  assert.deepEqual(ended.stderr, {
    path: rig.file(2, 'out/err'),
    bytes: 10,
    trimmedBytes: 0,
    emptiedBytes: 0,
  });
  // nothing on stdout: the answer is not empty
  const alone = await rig.bgjob(['run', '--split', '--wait', '--', 'sh', '-c', 'seq 100 >&2; exit 1']);
  assert.match(
    alone.stderr,
    /^3 exited 1 .*\nstderr:\n\| 61\n(\| \d+\n){38}\| 100\n\(the last 40 lines of stderr; /,
  );
  assert.match(alone.stderr, / all: bgjob tail 3 --err --full\)\n/);
});

rigTest('without --split there is nothing new', async (rig) => {
  const [, ended] = await rig.json(['run', '--json', '--wait', ...FAILS]);
  assert.deepEqual([ended.tail, ended.stderrTail], [['to stdout', 'to stderr'], []]);
  assert.equal(ended.stderr, null);
  assert.equal((await rig.bgjob(['tail', '1'])).stderr.split('\n').length, 2);
});

rigTest('run -f: stdout to stdout, stderr to stderr, each as it comes', async (rig) => {
  const puppet = await rig.puppet();
  const call = rig.startBgjob(['run', '--split', '-f', '--', ...puppet.command]);
  await puppet.order({ do: 'error', text: 'first\n' });
  await until(call.stderr, (text) => text === '1\nfirst\n');
  await puppet.print('second\n');
  await until(call.stdout, (text) => text === 'second\n');
  await puppet.order({ do: 'error', text: 'third' });
  await puppet.exit(4);
  const { code, stdout, stderr } = await call.answer;
  assert.deepEqual([code, stdout], [4, 'second\n']);
  assert.match(stderr, /^1\nfirst\nthird\n1 exited 4 after .*\n\[job\] exit code 4\n$/);
  const objects = await rig.json(['run', '--json', '--split', '-f', ...FAILS]);
  const texts = objects.filter(({ text }) => text !== undefined).map(({ stream, text }) => [stream, text]);
  assert.deepEqual(texts.sort(), [
    ['err', 'to stderr\n'],
    ['log', 'to stdout\n'],
  ]);
});

rigTest('run -f ends with the reader of stdout, whatever flows on stderr', async (rig) => {
  const puppet = await rig.puppet();
  const call = rig.startBgjob(['run', '--split', '-f', '--', ...puppet.command]);
  call.child.stdout!.destroy();
  await puppet.order({ do: 'error', text: 'first\n' });
  await until(call.stderr, (text) => text === '1\nfirst\n');
  await puppet.print('to nobody\n');
  assert.equal((await call.answer).code, 141);
  await puppet.exit(0);
  await rig.bgjob(['wait', '1']);
});

rigTest('what still runs is not silent while its stderr flows', async (rig) => {
  const puppet = await rig.puppet();
  await rig.run(['--split', '--', ...puppet.command]);
  await puppet.order({ do: 'error', text: 'compiling\n' });
  await rig.untilState(1, 'running');
  const late = await rig.bgjob(['wait', '1', '--timeout', '1ms']);
  assert.match(late.stdout, /^1 running .*, last output .* ago: "compiling"\n$/);
  const [object] = await rig.json(['wait', '1', '--timeout', '1ms']);
  assert.equal(object.lastOutput.text, 'compiling');
  const seen = await rig.bgjob(['tail', '1']);
  assert.deepEqual([seen.code, seen.stdout], [0, '']);
  assert.match(
    seen.stderr,
    /^\(stderr: 10 B: bgjob tail 1 --err\)\n\[1 running .* \| no output on stdout yet \| cursor 0\]\n$/,
  );
  assert.match(
    (await rig.bgjob(['tail', '1', '--err'])).stderr,
    /^\[1 running .* \| stderr bytes 0-10 of 10 /,
  );
  await puppet.print('done\n');
  const later = await rig.bgjob(['wait', '1', '--timeout', '1ms']);
  assert.match(later.stdout, /ago: "done"\n$/);
  for (const words of [['ls'], ['show', '1'], ['status', '1']])
    assert.equal((await rig.json(words))[0].stderr.path, rig.file(1, 'out/err'), words[0]);
  assert.equal((await rig.json(['ls']))[0].stderr.bytes, 10);
  await puppet.exit(0);
  await rig.bgjob(['wait', '1']);
});

rigTest('a question on stderr is one', async (rig) => {
  const { stderr } = await rig.bgjob(['run', '--split', '-w', 'printf "Overwrite? " >&2']);
  assert.match(stderr, /^\| Overwrite\? \n\(the last line looks like a question: /m);
});

rigTest('tail --grep looks at both, and counts what it shows of both together', async (rig) => {
  await rig.bgjob(['run', '--split', '-w', 'echo x1; echo y; echo x2; echo x3 >&2; echo x4 >&2']);
  const both = await rig.bgjob(['tail', '1', '--grep', 'x']);
  assert.deepEqual([both.code, both.stdout], [0, 'x1\nx2\nx3\nx4\n']);
  assert.match(
    both.stderr,
    /^\[1 exited .* \| bytes 0-8 of 8 .*\]\nstderr:\n\[1 .* \| stderr bytes 0-6 of 6 .*\]\n$/,
  );
  const three = await rig.bgjob(['tail', '1', '--grep', 'x', '--max', '3']);
  assert.equal(three.stdout, 'x1\nx2\nx3\n');
  assert.match(three.stderr, /\n\(1 of 2 lines that match; more: --max N, or --err --since 3\)\n/);
  const later = await rig.bgjob(['tail', '1', '--err', '--grep', 'x', '--since', '3']);
  assert.equal(later.stdout, 'x4\n');
  assert.equal((await rig.bgjob(['tail', '1', '--grep', 'x3'])).code, 0);
  assert.equal((await rig.bgjob(['tail', '1', '--grep', 'nothing'])).code, 1);
  // a cursor is one of stdout
  const since = await rig.bgjob(['tail', '1', '--grep', 'x', '--since', '3']);
  assert.equal(since.stdout, 'x2\n');
  assert.match(since.stderr, /^\(stderr: 6 B: bgjob tail 1 --err\)\n/);
  // each has a cursor of its own
  assert.equal((await rig.bgjob(['tail', '1', '--grep', 'x', '--new'])).stdout, both.stdout);
  assert.equal((await rig.bgjob(['tail', '1', '--grep', 'x', '--new'])).stdout, '');
  const objects = await rig.json(['tail', '1', '--grep', 'x[14]']);
  assert.deepEqual(
    objects.map(({ stream, line, matches }) => [stream, line ?? matches]),
    [
      ['log', 'x1'],
      ['log', 1],
      ['err', 'x4'],
      ['err', 1],
    ],
  );
});

rigTest('tail -f --grep shows what comes on either, and ends with --max or the job', async (rig) => {
  const puppet = await rig.puppet();
  await rig.run(['--split', '--', ...puppet.command]);
  await puppet.ready();
  const all = rig.startBgjob(['tail', '-f', '1', '--grep', 'x']);
  const two = rig.startBgjob(['tail', '-f', '1', '--grep', 'x', '--max', '2']);
  await puppet.order({ do: 'error', text: 'x1\n' });
  for (const { stdout } of [all, two]) await until(stdout, (text) => text === 'x1\n');
  await puppet.print('x2\ny\n');
  const first = await two.answer;
  assert.deepEqual([first.code, first.stdout], [0, 'x1\nx2\n']);
  await until(all.stdout, (text) => text === 'x1\nx2\n');
  await puppet.order({ do: 'error', text: 'x3\n' });
  await puppet.exit(5);
  const { code, stdout, stderr } = await all.answer;
  assert.deepEqual([code, stdout], [0, 'x1\nx2\nx3\n']);
  assert.match(stderr, /^\[1 exited 5 .* \| bytes 0-5 of 5 .*\]\n\[1 .* \| stderr bytes 0-6 of 6 .*\]\n$/);
});

rigTest('wait --until: the next match is told by a cursor only where that is one', async (rig) => {
  await rig.bgjob(['run', '--split', '-w', 'echo out; echo err >&2']);
  const out = await rig.bgjob(['wait', '1', '--until', 'out']);
  assert.match(out.stderr, /\(the next one: --since 4\)/);
  const err = await rig.bgjob(['wait', '1', '--until', 'err']);
  assert.deepEqual([err.code, err.stdout, err.stderr], [0, '1 ready: it printed "err" on stderr\n', '']);
});
