/** `run --stdin`: what a job reads, and from when; watchers that quit at end of file stay alive with hold. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { isRunning } from '../../rig/processes.ts';
import { ROOT, rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';

/** Says what it reads, and then where the end was. */
const READER = ['--', '/bin/sh', '-c', 'cat; echo end'];

rigTest('null: a job reads end of file at once, asked for or not', async (rig) => {
  for (const options of [[], ['--stdin', 'null'], ['--stdin', '/dev/null']]) {
    const id = await rig.runOut([...options, ...READER], { input: 'not for the job\n' });
    assert.equal(rig.log(id), 'end\n');
  }
});

rigTest('FILE is read where it is, by the name it has for the caller; again by a retry', async (rig) => {
  fs.mkdirSync(join(rig.project, 'sub'));
  const file = join(rig.project, 'sub/words');
  fs.writeFileSync(file, 'one\ntwo\n');
  const id = await rig.runOut(['-C', '/', '--stdin', 'words', ...READER], { cwd: join(rig.project, 'sub') });
  assert.equal(rig.log(id), 'one\ntwo\nend\n');
  assert.ok(!fs.existsSync(rig.file(id, 'input')), 'not copied');
  // a queued job gets what there was when it was added
  const held = await rig.puppet();
  await rig.run(['-Q', 'a', '--', ...held.command]);
  const queued = await rig.run([
    '-Q',
    'a',
    '--retry',
    '1',
    '--backoff',
    '0s',
    '--stdin',
    file,
    '--',
    '/bin/sh',
    '-c',
    'cat; exit 3',
  ]);
  fs.writeFileSync(file, 'changed\n');
  assert.equal(fs.statSync(rig.file(queued, 'input')).mode & 0o777, 0o600);
  await held.exit(0);
  assert.equal((await rig.bgjob(['wait', String(queued)])).code, 3);
  assert.equal(rig.log(queued), 'one\ntwo\n[bgjob: attempt 2 of 2, after it exited 3]\none\ntwo\n');
});

rigTest(
  '- is kept to its end before the id is told, byte by byte, also what comes slowly or through <(…)',
  async (rig) => {
    const bytes = Buffer.from(Array.from({ length: 3_000_000 }, (_, n) => (n * 7919) % 256));
    const file = join(rig.dir, 'bytes');
    fs.writeFileSync(file, bytes);
    const kept = await rig.bash(
      `id=$(cat '${file}' | bgjob run --stdin - -- cksum) && bgjob wait $id >/dev/null && cat '${rig.home}/jobs/1/out/log'; cksum <'${file}'`,
    );
    const [inJob, here] = kept.stdout.split('\n');
    assert.equal(inJob, here);
    const slow = await rig.bash(
      '(echo a; until grep -qs a "$BGJOB_HOME"/cache/input*; do sleep 0.01; done; echo b) | bgjob run -w --stdin - -- cat',
    );
    assert.match(slow.stderr, /\| a\n\| b\n/);
    const piped = await rig.bash('bgjob run -w --stdin <(seq 3) -- cat');
    assert.match(piped.stderr, /\| 1\n\| 2\n\| 3\n/);
    assert.deepEqual(
      fs.readdirSync(join(rig.home, 'cache')).filter((name) => name.startsWith('input')),
      [],
    );
  },
);

rigTest('a copy over which somebody was killed goes with the next one', async (rig) => {
  const call = rig.start('bash', [
    '-c',
    'exec bgjob run --stdin - -- cat < <(echo begun; exec sleep 1000 2>/dev/null)',
  ]);
  const cache = join(rig.home, 'cache');
  const copies = () =>
    fs.existsSync(cache) ? fs.readdirSync(cache).filter((name) => name.startsWith('input')) : [];
  const [name] = await until(copies, (names) => names.length === 1, 'a copy');
  process.kill(Number(name!.split('.')[1]), 'SIGKILL');
  await call.answer;
  assert.deepEqual(await rig.json(['ls', '-a']), [], 'no job');
  await rig.runOut(['--stdin', '-', ...READER], { input: 'x\n' });
  assert.deepEqual(copies(), []);
  rig.killAll();
});

rigTest('what cannot be read is refused before anything is made', async (rig) => {
  for (const [file, says] of [
    ['missing', /cannot read .*\/missing: no such file/],
    ['.', /it is a directory/],
    ['', /--stdin: the path is empty/],
    ['/dev/zero', /is a device or a socket, which may have no end/],
  ] as const) {
    const { code, stdout, stderr } = await rig.bgjob(['run', '--stdin', file, '--', 'cat']);
    assert.deepEqual([code, stdout], [125, ''], stderr);
    assert.match(stderr, says);
  }
  const both = await rig.bgjob(['run', '--stdin', '-', '-'], { input: 'cat\n' });
  assert.match(both.stderr, /run - and --stdin - would both read stdin\n {2}hint: .*--stdin FILE/);
  const batch = await rig.bgjob(['run', '--batch', '-', '--stdin', 'hold'], { input: 'cat\n' });
  assert.match(batch.stderr, /--stdin is for one job, but --batch starts many/);
  assert.ok(!fs.existsSync(rig.home));
});

rigTest('only with nobody to answer there is no pager and no prompt of git', async (rig) => {
  const line = ['PAGER', 'GIT_PAGER', 'GIT_TERMINAL_PROMPT', 'PYTHONUNBUFFERED']
    .map((name) => `echo -n "\${${name}-none} "`)
    .join(';');
  for (const [options, expected] of [
    [[], 'cat cat 0 1'],
    [['--stdin', 'hold'], 'none none none 1'],
    [['--pty'], 'none none none 1'],
  ] as const) {
    const id = await rig.runOut([...options, line]);
    assert.equal(rig.log(id).trim(), expected);
  }
});

rigTest('a watcher that quits at end of file stays alive with hold, and ends with --eof', async (rig) => {
  fs.writeFileSync(join(rig.project, 'in.js'), 'export const a = 1;\n');
  const esbuild = [join(ROOT, 'node_modules/.bin/esbuild'), 'in.js', '--watch', '--outfile=out.js'];
  const built = (id: number) =>
    (fs.existsSync(rig.file(id, 'out/log')) ? rig.log(id) : '').split('build finished').length - 1;
  // the control: without it the watcher is gone, and says nothing of that
  const gone = await rig.run(['--', ...esbuild]);
  assert.equal((await rig.bgjob(['wait', String(gone)])).code, 0);
  const id = await rig.run(['--stdin', 'hold', '--', ...esbuild]);
  await until(
    () => built(id),
    (count) => count === 1,
    'the first build',
  );
  fs.writeFileSync(join(rig.project, 'in.js'), 'export const a = 2;\n');
  await until(
    () => built(id),
    // a file that is written may be seen twice
    (count) => count >= 2,
    'the second build',
  );
  assert.equal((await rig.show(id)).state, 'running');
  assert.equal((await rig.bgjob(['send', String(id), '--eof'])).code, 0);
  assert.equal((await rig.bgjob(['wait', String(id)])).code, 0);
});

rigTest(
  'who holds stdin is no process of the job, is not signalled with it, and ends with it',
  async (rig) => {
    const id = await rig.run([
      '--stdin',
      'hold',
      '--',
      '/bin/sh',
      '-c',
      "trap 'read x || x=eof; echo got $x; exit 9' TERM; echo ready; while :; do sleep 0.05; done",
    ]);
    await until(
      () => fs.existsSync(rig.file(id, 'out/log')) && rig.log(id),
      (text) => text === 'ready\n',
      'a job that is ready',
    );
    const holder = Number.parseInt(fs.readFileSync(rig.file(id, 'shim'), 'latin1').split('\n')[3]!, 10);
    assert.ok(isRunning(holder));
    const killing = rig.bgjob(['kill', String(id)]);
    await rig.untilState(id, 'stopping');
    assert.equal((await rig.bgjob(['send', String(id), 'bye'])).code, 0);
    assert.match((await killing).stdout, /exited 9 \(after kill\)/);
    assert.match(rig.log(id), /^ready\n(Terminated\n)*got bye\n$/);
    await until(
      () => isRunning(holder),
      (runs) => !runs,
      'the end of the holder',
    );
    assert.equal((await rig.show(id)).leftovers, 0);
  },
);
