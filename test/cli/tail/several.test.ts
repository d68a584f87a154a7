/** `tail` of several jobs: one after the other, or their lines as they come, each with the name of its job. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { missing } from '../../rig/needs.ts';
import type { Puppet } from '../../rig/puppet.ts';
import { type Rig, rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';

async function start(rig: Rig, name: string, ...options: string[]): Promise<Puppet> {
  const puppet = await rig.puppet();
  await rig.run(['-n', name, ...options, '--', ...puppet.command]);
  return puppet;
}

rigTest('without -f: one after the other, below the lines that tail(1) prints', async (rig) => {
  await rig.bgjob(['run', '-w', '-n', 'web', '--', 'printf', 'a\\nb\\n']);
  await rig.bgjob(['run', '-w', '--', 'echo', 'c']);
  const both = await rig.bgjob(['tail', 'web', '2', '-n1']);
  assert.equal(both.code, 0);
  assert.equal(both.stdout, '==> web (1) <==\nb\n\n==> 2 <==\nc\n');
  assert.match(both.stderr, /\[web 1 exited 0 .*\n\[2 exited 0 .*\n$/);
  const found = await rig.bgjob(['tail', 'web', '2', '--grep', '[bc]']);
  assert.equal(found.stdout, '==> web (1) <==\nb\n\n==> 2 <==\nc\n');
  assert.equal((await rig.bgjob(['tail', 'web', '2', '--grep', 'x'])).code, 1);
  const objects = await rig.json(['tail', 'web', '2']);
  assert.deepEqual(
    objects.map(({ id, lines }) => [id, lines]),
    [
      [1, ['a', 'b']],
      [2, ['c']],
    ],
  );
});

rigTest('options that contradict each other are refused, with a call that works', async (rig) => {
  await rig.bgjob(['run', '-w', '-n', 'web', '--', 'true']);
  await rig.bgjob(['run', '-w', '-n', 'api', '--', 'true']);
  for (const [words, told] of [
    [[], /tail needs REF\.\.\., or -f with --queue NAME or --all/],
    [['--all'], /--all goes with -f\n.*bgjob tail -f --all/],
    [['--queue', 'q'], /--queue q goes with -f\n.*bgjob tail -f --queue q/],
    [['-f', '--all', 'web'], /--queue and --all take no REF: "web"/],
    [['-f', '--all', '--queue', 'q'], /--all and --queue cannot be used together/],
    [['-f', 'web', '-a'], /-a goes with --queue or --all/],
    [['web', 'api', '--since', '3'], /--since CURSOR is a position in one log\n.*--since 5m/],
    [['-f', 'web', 'api', '--raw'], /--raw prints bytes without names/],
    [['-f', '--queue', 'q'], /no queue "q"/],
    [['web', 'nosuch'], /no job "nosuch"/],
    [['web', 'api', '--err'], /stderr/],
  ] as const) {
    const { code, stdout, stderr } = await rig.bgjob(['tail', ...words]);
    assert.deepEqual([code, stdout], [125, ''], words.join(' '));
    assert.match(stderr, told);
  }
});

rigTest('-f: each line whole, with its name; ends on stderr; exit code 0', async (rig) => {
  const [web, api] = [await start(rig, 'web'), await start(rig, 'backend')];
  await web.print('w1\nhalf');
  const call = rig.startBgjob(['tail', '-f', 'web', 'backend', '@last']);
  await until(call.stdout, (text) => text === 'web     | w1\n');
  await api.print('a1\n');
  await until(call.stdout, (text) => text.endsWith('backend | a1\n'));
  await web.print(' and half\n');
  await until(call.stdout, (text) => text.endsWith('web     | half and half\n'));
  await web.print('not ended');
  await web.exit(3);
  await until(call.stderr, (text) => text !== '');
  await api.print('a2\n');
  await until(call.stdout, (text) => text.endsWith('a2\n'));
  await api.exit(0);
  const { code, stdout, stderr } = await call.answer;
  assert.equal(code, 0);
  assert.equal(
    stdout,
    'web     | w1\nbackend | a1\nweb     | half and half\nweb     | not ended\nbackend | a2\n',
  );
  assert.match(stderr, /^web 1 exited 3 after \S+\nbackend 2 exited 0 after \S+\n$/);
});

rigTest('-f of a queue: jobs that are added join, also one that has ended by the next poll', async (rig) => {
  const first = await start(rig, 'first', '-Q', 'q');
  await start(rig, 'other');
  const call = rig.startBgjob(['tail', '-f', '-Q', 'q']);
  await first.print('1\n');
  await until(call.stdout, (text) => text === 'first | 1\n');
  const quick = await rig.run(['-n', 'quick', '-Q', 'q', '--', 'echo', '2']);
  await first.exit(0);
  const { code, stdout, stderr } = await call.answer;
  assert.equal(code, 0);
  assert.equal(stdout, 'first | 1\nquick | 2\n');
  assert.match(stderr, new RegExp(`^quick ${quick} joins \\(.*\\)$`, 'm'));
  assert.match(stderr, new RegExp(`^quick ${quick} exited 0`, 'm'));
  assert.doesNotMatch(stderr, /other/);
  const none = await rig.bgjob(['tail', '-f', '-Q', 'q']);
  assert.deepEqual(
    [none.code, none.stdout, none.stderr],
    [0, '', '(no live job in queue q in this project)\n'],
  );
});

rigTest('--all in a job leaves that job out; a log is not followed into itself', async (rig) => {
  const web = await start(rig, 'web');
  await rig.run(['-n', 'viewer', '--', rig.program, 'tail', '-f', '--all']);
  await web.print('hello\n');
  await until(
    () => fs.readFileSync(rig.file(2, 'out/log'), 'utf8'),
    (text) => text === 'web | hello\n',
  );
  const line = `bgjob tail -f web viewer >> '${rig.file(1, 'out/log')}'`;
  const { stderr } = await rig.start('sh', ['-c', line]).answer;
  assert.match(stderr, /the output of this call goes into the log of job 1/);
  await web.exit(0);
  assert.equal((await rig.bgjob(['wait', 'viewer'])).code, 0);
});

rigTest('a deadline and an interrupt say truthfully how to go on', async (rig) => {
  const [web, api] = [await start(rig, 'web'), await start(rig, 'api')];
  await web.print('1\n');
  const env = { BGJOB_MAX_WAIT: '1ms' };
  const late = await rig.bgjob(['tail', '-f', 'web', 'api'], { env });
  assert.equal(late.code, 75);
  assert.match(
    late.stderr,
    /prints the last lines of each again; with --new it goes on.*\nstill running; they go on\. Next: bgjob tail -f web api\n/,
  );
  const call = rig.startBgjob(['tail', '-f', '--new', '--all', '--full']);
  await until(call.stdout, (text) => text === 'web | 1\n');
  call.child.kill('SIGINT');
  const { code, stderr } = await call.answer;
  assert.equal(code, 130);
  assert.match(stderr, /^still running; they go on\. Next: bgjob tail -f --new --all$/m);
  await web.print('2\n');
  await web.exit(0);
  await api.exit(0);
  await rig.bgjob(['wait', 'web', 'api']);
  assert.equal((await rig.bgjob(['tail', '-f', '--new', 'web', 'api'])).stdout, 'web | 2\n');
});

rigTest('--grep, -t, --split and --json with several jobs', async (rig) => {
  await rig.bgjob(['run', '-w', '-n', 'web', '--split', '--', 'sh', '-c', 'echo a1; echo a2 >&2; echo b']);
  await rig.bgjob(['run', '-w', '-n', 'api', '--', 'printf', 'a3\\nb\\n']);
  const found = await rig.bgjob(['tail', '-f', 'web', 'api', '--grep', 'a']);
  assert.equal(found.code, 0);
  assert.equal(found.stdout, 'web     | a1\nweb err | a2\napi     | a3\n');
  const none = await rig.bgjob(['tail', '-f', 'web', 'api', '--grep', 'x']);
  assert.deepEqual([none.code, none.stdout], [1, '']);
  assert.match(
    (await rig.bgjob(['tail', '-f', 'web', 'api', '--grep', 'a', '--max', '2'])).stdout,
    /^[^\n]+\n[^\n]+\n$/,
  );
  const timed = await rig.bgjob(['tail', '-t', '-f', 'web', 'api', '-n1']);
  assert.match(timed.stdout, /^web {5}\| \d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}b\n/);
  const objects = await rig.json(['tail', '-f', 'web', 'api']);
  const pieces = objects.filter((one) => 'text' in one).map(({ id, stream, text }) => [id, stream, text]);
  assert.deepEqual(pieces, [
    [1, 'log', 'a1\nb\n'],
    [1, 'err', 'a2\n'],
    [2, 'log', 'a3\nb\n'],
  ]);
  assert.deepEqual(
    objects.filter((one) => 'tags' in one).map(({ id, state }) => [id, state]),
    [
      [1, 'exited'],
      [2, 'exited'],
    ],
  );
});

rigTest('a line says that the records of a job were removed meanwhile; the others go on', async (rig) => {
  const [web, api] = [await start(rig, 'web'), await start(rig, 'api')];
  const call = rig.startBgjob(['tail', '-f', 'web', 'api']);
  await web.print('1\n');
  await until(call.stdout, (text) => text === 'web | 1\n');
  await web.exit(0);
  await until(call.stderr, (text) => text.includes('web 1 exited 0'));
  await rig.bgjob(['gc', '--ended']);
  await api.print('2\n');
  await until(call.stdout, (text) => text === 'web | 1\napi | 2\n');
  await api.exit(0);
  assert.equal((await call.answer).code, 0);
});

rigTest(
  'on a terminal each name has a colour of its own, and an unfinished line is never continued by another job',
  async (rig) => {
    const [web, api] = [await start(rig, 'web'), await start(rig, 'api')];
    const env = { TERM: 'xterm', SHELL: '/bin/sh' };
    const call = rig.start('script', ['-qec', `bgjob tail -f web api`, '/dev/null'], { env });
    const plain = () => call.stdout().replaceAll(/\x1b\[[\d;]*m|\r/g, '');
    await web.print('Name? ');
    await until(plain, (text) => text === 'web | Name? ');
    await api.print('a\n');
    await until(plain, (text) => text === 'web | Name? \napi | a\n');
    await web.print('Bob\n');
    await until(plain, (text) => text.endsWith('web | Name? Bob\n'));
    const inks = [...call.stdout().matchAll(/\x1b\[38;5;(\d+)m(web|api) \|\x1b\[39m /g)].map(
      ([, ink, name]) => `${name} ${ink}`,
    );
    assert.equal(new Set(inks).size, 2, 'one colour for each');
    assert.equal(new Set(inks.map((one) => one.slice(4))).size, 2);
    await web.exit(0);
    await api.exit(0);
    await call.answer;
  },
  { skip: missing('script') },
);
