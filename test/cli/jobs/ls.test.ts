/** `bgjob ls` and `show`: which jobs, in which words. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { type Rig, rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';

/** The ids that `ls -q ARGS` prints. */
const ids = async (rig: Rig, args: string[] = [], cwd = rig.project): Promise<string> =>
  (await rig.bgjob(['ls', '-q', ...args], { cwd })).stdout.trim().replaceAll('\n', ' ');

rigTest('before the first job there is nothing, and no home is made', async (rig) => {
  const { code, stdout, stderr } = await rig.bgjob(['ls']);
  assert.deepEqual([code, stdout], [0, '']);
  assert.match(stderr, /^no jobs yet: bgjob run -- command\n$/);
  for (const option of ['-q', '--json'])
    assert.deepEqual(await rig.bgjob(['ls', option]), { code: 0, stdout: '', stderr: '' });
  assert.ok(!fs.existsSync(rig.home));
});

rigTest('one line per job, the newest first, plain text in columns', async (rig) => {
  const puppet = await rig.puppet();
  await rig.bgjob(['run', '-w', '--', 'sh', '-c', 'exit 3']);
  await rig.run(['--', ...puppet.command]);
  await puppet.print('x\n');
  await rig.untilState(2, 'running');
  const { stdout, stderr } = await rig.bgjob(['ls']);
  const [head, live, ended, ...rest] = stdout.split('\n');
  assert.match(head!, /^ID {2}NAME {2}STATE {5}AGE +TOOK +IDLE +COMMAND$/);
  assert.match(live!, /^2 {3}- {5}running {3}[\d.hms]+ +[\d.hms]+ +[\d.hms]+ +\/.*puppet\.fixture\.js \d+$/);
  assert.match(ended!, /^1 {3}- {5}exited 3 {2}[\d.hms]+ +[\d.hms]+ +- +sh -c 'exit 3'$/);
  assert.deepEqual([rest, stderr], [[''], '']);
  await puppet.exit(0);
});

rigTest('no colour and no escape sequence reaches a pipe, whatever the command was', async (rig) => {
  await rig.bgjob(['run', '-w', '--', 'printf', '\x1b[31m\x07', 'two\nlines', '\u202e']);
  const { stdout } = await rig.bgjob(['ls'], { env: { TERM: 'xterm-256color' } });
  assert.equal(stdout.split('\n').length, 3);
  assert.match(stdout, /printf '\\x1b\[31m\\x07' 'two\\nlines' '\\u202e'/);
  const coloured = await rig.bgjob(['ls'], { env: { FORCE_COLOR: '1' } });
  assert.ok(coloured.stdout.includes('\x1b['), 'unless it is asked for');
  const both = await rig.bgjob(['ls'], { env: { FORCE_COLOR: '1', NO_COLOR: '1' } });
  assert.ok(!both.stdout.includes('\x1b['));
});

rigTest(
  'a project is the nearest folder with .git; in a plain folder the jobs of those above are found too',
  async (rig) => {
    const sub = `${rig.project}/src/deep`;
    const nested = `${rig.project}/vendor/lib`;
    const other = `${rig.dir}/other`;
    for (const dir of [sub, `${nested}/.git`, `${other}/.git`]) fs.mkdirSync(dir, { recursive: true });
    const puppets = [];
    for (const cwd of [rig.project, sub, nested, other]) {
      const puppet = await rig.puppet();
      puppets.push(puppet);
      await rig.run(['--', ...puppet.command], { cwd });
    }
    assert.equal(await ids(rig), '2 1');
    assert.equal(await ids(rig, [], sub), '2 1');
    assert.equal(await ids(rig, [], nested), '3');
    assert.equal(await ids(rig, [], other), '4');
    assert.equal(await ids(rig, ['-a'], other), '4 3 2 1');
    assert.equal((await rig.bgjob(['ls'], { cwd: other })).stderr, '(3 jobs of other projects: -a)\n');
    assert.equal((await rig.show(2)).project, rig.project);
    // without .git the directory itself is the project
    fs.mkdirSync(`${rig.dir}/plain/below`, { recursive: true });
    await rig.bgjob(['run', '-w', '--', 'true'], { cwd: `${rig.dir}/plain` });
    assert.equal(await ids(rig, [], `${rig.dir}/plain/below`), '5');
    assert.equal(await ids(rig, [], `${rig.dir}/bin`), '');
    assert.match((await rig.bgjob(['ls'], { cwd: `${rig.dir}/bin` })).stderr, /^no jobs here\n\(5 jobs of/);
    for (const puppet of puppets) await puppet.exit(0);
  },
);

rigTest('20 that ended; -n for more, and a line that says so', async (rig) => {
  const input = 'true\n'.repeat(23);
  assert.equal(
    (await rig.bgjob(['run', '-Q', 'q', '--slots', '4', '-w', '--batch', '-'], { input })).code,
    0,
  );
  // an end that its supervisor has not published yet is shown beside these 20
  await until(
    () => fs.readdirSync(`${rig.home}/ended`).length,
    (count) => count === 23,
    'the markers of all ends',
  );
  const listed = await rig.bgjob(['ls']);
  assert.equal(listed.stdout.trim().split('\n').length, 21);
  assert.match(listed.stderr, /^\(3 jobs older: -n 23\)\n$/);
  const more = await rig.bgjob(['ls', '-n', '23']);
  assert.equal(more.stdout.trim().split('\n').length, 24);
  assert.equal(more.stderr, '');
  const few = await rig.bgjob(['ls', '-n', '2']);
  assert.equal(few.stderr, '(21 jobs older: -n 23)\n');
  assert.equal((await rig.bgjob(['ls', '-n', '2', '--tag', 'x'])).stderr, `no such jobs here\n${few.stderr}`);
  // no older job runs, and the newest of a name is looked for anyway
  for (const filter of [
    ['--state', 'running'],
    ['--name', 'web'],
  ])
    assert.equal((await rig.bgjob(['ls', '-n', '2', ...filter])).stderr, 'no such jobs here\n');
  assert.equal((await ids(rig, ['-n', '2'])).split(' ').length, 2);
  assert.equal(await ids(rig, ['-n', '0']), '');
});

rigTest('--state and --tag choose; a word that is none is refused', async (rig) => {
  const puppet = await rig.puppet();
  await rig.bgjob(['run', '-w', '-t', 'ci', '--', 'true']);
  await rig.bgjob(['run', '-w', '-t', 'ci,fast', '--timeout', '20ms', '--', 'sleep', '1000']);
  await rig.run(['-t', 'ci', '-t', 'slow', '--', ...puppet.command]);
  await puppet.ready();
  await rig.untilState(3, 'running');
  assert.equal(await ids(rig, ['--state', 'exited']), '1');
  assert.equal(await ids(rig, ['--state', 'exited,running']), '3 1');
  assert.equal(await ids(rig, ['--state', 'timed-out', '--state', 'running']), '3 2');
  assert.equal(await ids(rig, ['--tag', 'ci']), '3 2 1');
  assert.equal(await ids(rig, ['--tag', 'ci', '--tag', 'fast']), '2');
  assert.equal(await ids(rig, ['--tag', 'none']), '');
  const bad = await rig.bgjob(['ls', '--state', 'done']);
  assert.equal(bad.code, 125);
  assert.match(bad.stderr, /--state: "done" is none of queued, starting, running, /);
  assert.equal((await rig.bgjob(['ls', 'extra'])).code, 125);
  await puppet.exit(0);
});

rigTest('show tells everything about one job', async (rig) => {
  const puppet = await rig.puppet();
  await rig.run(['-t', 'web', '--timeout', '1h', '--grace', '7s', '--', ...puppet.command]);
  const { port } = await puppet.order({ do: 'listen' });
  await puppet.print('12345');
  await rig.untilState(1, 'running');
  const { code, stdout, stderr } = await rig.bgjob(['show', '1']);
  assert.deepEqual([code, stderr], [0, '']);
  const facts = Object.fromEntries(
    stdout.split('\n').map((line) => [line.slice(0, 11).trim(), line.slice(11)]),
  );
  assert.equal(facts['job'], '1');
  assert.equal(facts['state'], 'running');
  assert.equal(facts['cwd'], rig.project);
  assert.equal(facts['tags'], 'web');
  assert.equal(facts['ports'], String(port));
  assert.equal(facts['limits'], '--timeout 1h --grace 7s --max-log 1G');
  assert.equal(facts['process'], `${await puppet.pid()} (supervisor ${rig.ownerPid(1)})`);
  assert.equal(facts['log'], `${rig.file(1, 'out/log')} (5 B)`);
  await rig.bgjob(['kill', '1']);
  const ended = (await rig.bgjob(['show', '1'])).stdout;
  assert.match(ended, /^state +killed SIGTERM$/m);
  assert.match(ended, /^because +kill \(SIGTERM\)$/m);
  assert.ok(!/^(process|ports|left) /m.test(ended));
});
