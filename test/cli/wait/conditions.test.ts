/** `wait --until…` and `run --until…`: what came true, what ended first, and what cannot be. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { Gate } from '../../rig/gate.ts';
import { answersOf } from '../../rig/inprocess.ts';
import type { Puppet } from '../../rig/puppet.ts';
import { type Rig, rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';
import { sleepsOn } from '../../rig/waiters.ts';

async function puppetJob(rig: Rig, ...options: string[]): Promise<Puppet> {
  const puppet = await rig.puppet();
  await rig.run([...options, '--', ...puppet.command]);
  await puppet.ready();
  return puppet;
}

rigTest('--until: a line that comes, one that was there before, and the one after a cursor', async (rig) => {
  const puppet = await puppetJob(rig, '-n', 'web');
  const waiting = rig.bgjob(['wait', 'web', '--until', 'ready in \\d+ ms']);
  await puppet.print('starting\n\x1b[32mready\x1b[0m in 812 ms\n');
  const met = await waiting;
  assert.deepEqual([met.code, met.stdout], [0, 'web 1 ready: it printed "ready in 812 ms"\n']);
  const before = await rig.bgjob(['wait', 'web', '--until', '^ready']);
  assert.equal(before.stdout, met.stdout, 'also when it was there before the wait began');
  const cursor = /--since (\d+)/.exec(before.stderr)![1]!;
  const next = rig.bgjob(['wait', 'web', '--until', '^ready', '--since', cursor]);
  await puppet.print('other\nready again\n');
  assert.match((await next).stdout, /ready: it printed "ready again"\n$/);
  await puppet.exit(0);
});

rigTest('--until sees an unfinished last line: a prompt has no newline', async (rig) => {
  const puppet = await puppetJob(rig);
  const waiting = rig.bgjob(['wait', '1', '--until', 'Continue\\? \\[y/N\\] $']);
  await puppet.print('Continue? [y/N] ');
  assert.match((await waiting).stdout, /^1 ready: it printed "Continue\? \[y\/N\] "\n$/);
  await puppet.exit(0);
});

rigTest('a job that ends first ends the wait: with its code, or 1 where that was 0', async (rig) => {
  for (const [id, code, expected] of [
    [1, 3, 3],
    [2, 0, 1],
  ] as const) {
    const puppet = await puppetJob(rig);
    const waiting = rig.bgjob(['wait', String(id), '--until', 'never']);
    await puppet.print('last words\n');
    await puppet.exit(code);
    const { code: got, stdout } = await waiting;
    assert.equal(got, expected);
    assert.match(stdout, new RegExp(`^${id} exited ${code} after .*\\n\\| last words\\n$`));
    const [told] = await rig.json(['wait', String(id), '--until', 'never']);
    assert.deepEqual(
      [told.code, told.by, told.exitCode, told.tail],
      [expected, code === 0 ? 'bgjob' : 'job', code, ['last words']],
    );
  }
  assert.match(
    (await rig.bgjob(['wait', '2', '--until', 'never'])).stderr,
    /the job ended before the condition was met/,
  );
});

rigTest('a match in the last instant of a job is a match', async (rig) => {
  // many more in test/chaos/lastinstants.ts
  for (let n = 1; n <= 2; n++) {
    const answer = await rig.bgjob(['run', '--until', 'done', '--', 'sh', '-c', 'printf done']);
    assert.equal(answer.code, 0, answer.stderr);
    assert.equal(answer.stdout, `${n}\n`);
    assert.match(answer.stderr, new RegExp(`^${n} ready: it printed "done"\\n`));
  }
});

rigTest('--fail-on gives up with 1 at once; the job goes on', async (rig) => {
  const puppet = await puppetJob(rig);
  const waiting = rig.bgjob(['wait', '1', '--until', 'ready', '--fail-on', 'rror:']);
  await puppet.print('Error: no config\nready\n');
  const { code, stdout, stderr } = await waiting;
  assert.deepEqual([code, stdout], [1, '1 failed: it printed "Error: no config"\n']);
  assert.match(stderr, /^the job still runs; to stop it: bgjob kill 1$/m);
  assert.match(stderr, /\[bgjob\] exit code 1/);
  const both = await rig.bgjob(['wait', '1', '--until', 'no config', '--fail-on', 'rror:']);
  assert.equal(both.code, 1, 'a line that is both is a failure');
  await puppet.exit(0);
});

rigTest('--fail-on alone waits for the end, whose code counts', async (rig) => {
  const good = await rig.bgjob(['run', '--fail-on', 'rror:', '--', 'echo', 'no problems found']);
  assert.deepEqual([good.code, /^1 exited 0 after /.test(good.stderr)], [0, true], good.stderr);
  const bad = await rig.bgjob(['run', '--fail-on', 'rror:', 'echo error: x; sleep 1000']);
  assert.deepEqual([bad.code, /2 failed: it printed "error: x"/.test(bad.stderr)], [1, true], bad.stderr);
  await rig.bgjob(['kill', '--now', '2']);
  const [missed] = await rig.json(['wait', '1', '--until', 'never']);
  assert.deepEqual([missed.state, missed.exitCode, missed.code, missed.by], ['exited', 0, 1, 'bgjob']);
});

rigTest('the first of several conditions decides', async (rig) => {
  const puppet = await puppetJob(rig);
  const file = join(rig.project, 'built');
  const waiting = rig.bgjob(['wait', '1', '--until', 'never', '--until-port', '1', '--until-file', 'built']);
  fs.writeFileSync(file, '');
  assert.match((await waiting).stdout, /^1 ready: .*built/);
  await puppet.print('one\ntwo\n');
  const words = await rig.bgjob(['wait', '1', '--until', 'two', '--until', 'one']);
  assert.match(words.stdout, /ready: it printed "one"/, 'the order is that of the log');
  await puppet.exit(0);
});

rigTest('the deadline: 75, and how to go on, with the same conditions', async (rig) => {
  const puppet = await puppetJob(rig, '-n', 'web');
  await rig.untilState(1, 'running');
  const answer = await rig.bgjob([
    'wait',
    'web',
    '--until',
    "it's up",
    '--until-port',
    '1',
    '--timeout',
    '50ms',
  ]);
  assert.equal(answer.code, 75);
  assert.match(answer.stdout, /^web 1 running/);
  assert.match(answer.stderr, /Next: bgjob wait web --until 'it'\\''s up' --until-port 1/);
  const limited = await rig.bgjob(['wait', 'web', '--until', 'x'], { env: { BGJOB_MAX_WAIT: '50ms' } });
  assert.equal(limited.code, 75);
  await puppet.exit(0);
});

rigTest('a signal to the waiter is not one to the job', async (rig) => {
  const puppet = await puppetJob(rig);
  const call = rig.startBgjob(['wait', '1', '--until', 'never']);
  // its handlers are there when it has opened the job's FIFO
  await until(
    () => sleepsOn(call.child.pid!, rig.file(1, 'alive')),
    (sleeps) => sleeps,
    'the waiter waits',
  );
  call.child.kill('SIGINT');
  assert.equal((await call.answer).code, 130);
  await rig.untilState(1, 'running');
  await puppet.exit(0);
});

rigTest(
  'a pattern that does not compile is refused with its position, before anything is started',
  async (rig) => {
    for (const option of ['--until', '--fail-on']) {
      const answer = await rig.bgjob(['run', option, 'ready (in', '--', 'true']);
      assert.deepEqual([answer.code, answer.stdout], [125, '']);
      assert.match(answer.stderr, new RegExp(`${option}: .*at character 7`));
    }
    assert.equal(fs.existsSync(rig.home), false);
    assert.match((await rig.bgjob(['run', '--until', '', '--', 'true'])).stderr, /--until: .*empty/);
  },
);

rigTest(
  'a catastrophic pattern neither hangs the waiter nor keeps another condition from coming true',
  async (rig) => {
    const puppet = await puppetJob(rig);
    await puppet.print(`${'a'.repeat(40)}!\n`);
    const alone = await rig.bgjob(['wait', '1', '--until', '(a+)+$']);
    assert.equal(alone.code, 125);
    assert.match(alone.stderr, /byte 0/);
    assert.match(alone.stderr, /aaaa/);
    fs.writeFileSync(join(rig.project, 'there'), '');
    const other = await rig.bgjob(['wait', '1', '--until', '(a+)+$', '--until-file', 'there']);
    assert.deepEqual([other.code, /^1 ready: /.test(other.stdout)], [0, true]);
    await puppet.exit(0);
  },
);

rigTest('a catastrophic pattern on a mebibyte without a newline, while a port comes true', async (rig) => {
  const puppet = await puppetJob(rig);
  await puppet.print(`${'a'.repeat(2 ** 20 - 1)}!`);
  const { port } = await puppet.order({ do: 'listen' });
  const answer = await rig.bgjob(['wait', '1', '--until', '(a+)+$', '--until-port', String(port)]);
  assert.match(answer.stdout, new RegExp(`^1 ready: it listens on port ${port} `));
  const alone = await rig.bgjob(['wait', '1', '--until', '(a+)+$']);
  assert.equal(alone.code, 125, alone.stdout);
  await puppet.exit(0);
});

rigTest('--until-idle: silence before the wait counts', async (rig) => {
  const puppet = await puppetJob(rig);
  await puppet.print('a word\n');
  const answer = await rig.bgjob(['wait', '1', '--until-idle', '300ms']);
  assert.deepEqual([answer.code, /^1 ready: /.test(answer.stdout)], [0, true]);
  await puppet.exit(0);
});

rigTest('conditions are for one job; what belongs to another option needs it', async (rig) => {
  await rig.run(['--', 'true']);
  await rig.run(['--', 'true']);
  const refused: [words: string[], why: RegExp][] = [
    [['wait', '1', '2', '--until', 'x'], /need exactly one REF/],
    [['wait', '1', '--any', '--until', 'x'], /need exactly one REF/],
    [['wait', '1', '--since', '5'], /--since needs --until or --fail-on/],
    [['wait', '1', '--until', 'x', '--since', '99999'], /beyond/],
    [['wait', '1', '--until', 'x', '--since', '-5'], /since/],
    [['wait', '1', '--until-port', '0'], /not a port from 1 to 65535/],
    [['wait', '1', '--until-port', '65536'], /not a port/],
    [['wait', '1', '--until-port', 'http'], /not a port/],
    [['wait', '1', '--any-owner'], /--any-owner needs --until-port/],
    [['wait', '1', '--insecure'], /--insecure needs --until-url/],
    [['wait', '1', '--until-url', 'ftp://x'], /--until-url/],
    [['wait', '1', '--until-file', ''], /--until-file/],
    [['run', '--follow', '--until', 'x', '--', 'true'], /cannot be used together/],
  ];
  const answers = await answersOf(
    rig,
    refused.map(([args]) => ({ args })),
  );
  for (const [n, answer] of answers.entries()) {
    const [words, why] = refused[n]!;
    assert.equal(answer.code, 125, words.join(' '));
    assert.match(answer.stderr, why, words.join(' '));
  }
  await rig.bgjob(['wait', '1', '2']);
});

rigTest('conditions in JSON: what came true, and the job', async (rig) => {
  const puppet = await puppetJob(rig, '-n', 'web');
  await puppet.print('ready\n');
  await rig.untilState(1, 'running');
  const [matched] = await rig.json(['wait', 'web', '--until', 'ready']);
  assert.deepEqual(matched.log, {
    path: rig.file(1, 'out/log'),
    bytes: 6,
    trimmedBytes: 0,
    emptiedBytes: 0,
    cursor: 6,
  });
  const { state, result, condition, from, to, line, cursor, code, by } = matched;
  assert.deepEqual(
    { state, result, condition, from, to, line, cursor, code, by },
    {
      state: 'running',
      result: 'matched',
      condition: 'match',
      from: 0,
      to: 6,
      line: 'ready',
      cursor: 6,
      code: 0,
      by: 'bgjob',
    },
  );
  const [failed] = await rig.json(['wait', 'web', '--fail-on', 'ready']);
  assert.deepEqual([failed.result, failed.condition, failed.code], ['failed', 'fail', 1]);
  await puppet.exit(0);
});

rigTest('with --split, a line of stderr counts too', async (rig) => {
  const puppet = await puppetJob(rig, '--split');
  const waiting = rig.bgjob(['wait', '1', '--until', 'listening']);
  await puppet.order({ do: 'error', text: 'listening on 3000\n' });
  assert.match((await waiting).stdout, /^1 ready: it printed "listening on 3000" on stderr\n$/);
  await puppet.exit(0);
});

rigTest('a line that is not finished yet is no line that ends there', async (rig) => {
  const puppet = await puppetJob(rig);
  const waiting = rig.startBgjob(['wait', '1', '--until', 'ready$']);
  await puppet.print('not ready');
  // a waiter that was here first has seen it by then, too
  const prompt = await rig.bgjob(['wait', '1', '--until', 'not re']);
  assert.equal(prompt.code, 0, 'an unfinished line counts');
  await puppet.print(' by far\nready\n');
  assert.equal((await waiting.answer).stdout, '1 ready: it printed "ready"\n');
  await puppet.print('ready');
  await puppet.exit(0);
  const last = await rig.bgjob(['wait', '1', '--until', '^ready$', '--since', '23']);
  assert.equal(last.stdout, '1 ready: it printed "ready"\n', 'the end of the job ends a line');
});

rigTest(
  'what a failed attempt wrote says nothing of the next, nor does the line between them',
  async (rig) => {
    const [begin, end] = [new Gate(rig, 'begin'), new Gate(rig, 'end')];
    // the first attempt says that it is ready, and fails; the second one waits before it says so
    const first = 'if [ ! -e second ]; then echo ready; echo no port >&2; touch second; exit 5; fi';
    const line = `${first}; echo begun; ${begin.line}; echo "ready now"; ${end.line}`;
    const options = ['--queue', 'q', '--retry', '1', '--backoff', '10ms'];
    const id = await rig.run([...options, line]);
    const failing = rig.startBgjob(['wait', String(id), '--until', 'never', '--fail-on', 'attempt|exited']);
    await until(
      () => rig.log(id),
      (text) => text.endsWith('begun\n'),
      'the second attempt',
    );
    const failed = rig.startBgjob(['wait', String(id), '--until', 'never', '--fail-on', 'no port|attempt']);
    const waiting = rig.startBgjob(['wait', String(id), '--until', 'ready']);
    for (const call of [failing, failed, waiting])
      await until(
        () => {
          assert.equal(call.stdout(), '', 'it waits');
          return sleepsOn(call.child.pid!, rig.file(id, 'alive'));
        },
        (sleeps) => sleeps,
        'the waiter waits',
      );
    const before = await rig.bgjob(['wait', String(id), '--until', 'ready', '--since', '0']);
    assert.equal(before.stdout, `${id} ready: it printed "ready"\n`, 'asked for');
    begin.open();
    assert.match((await waiting.answer).stdout, /ready: it printed "ready now"\n$/);
    end.open();
    for (const call of [failing, failed]) {
      const { code, stdout } = await call.answer;
      assert.equal(code, 1, stdout);
      assert.doesNotMatch(stdout, /failed: it printed/);
    }
    assert.match((await rig.bgjob(['wait', String(id), '--until', 'ready'])).stdout, /"ready now"/);
  },
);
