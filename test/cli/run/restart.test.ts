/** `bgjob restart`: the same job once more, in the same place, and never two of a name. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../rig/ports.ts';
import { isRunning } from '../../rig/processes.ts';
import { rigTest } from '../../rig/rig.ts';
import { killTogether } from '../../rig/together.ts';
import { until } from '../../rig/until.ts';

rigTest('a server: stopped with all of it, its port free, and started again under its name', async (rig) => {
  const script = join(rig.project, 'server.js');
  fs.writeFileSync(
    script,
    `require('node:http').createServer((_, answer) => answer.end('hi')).listen(+process.argv[2], '127.0.0.1', () => console.log('ready'))`,
  );
  const port = await freePort();
  const args = ['-n', 'web', '--until-port', String(port), '--', process.execPath, script, String(port)];
  assert.equal((await rig.bgjob(['run', ...args])).code, 0);
  const { main } = await rig.shimOf(1);
  const again = await rig.bgjob(['restart', 'web', '--until-port', String(port)]);
  assert.equal(again.code, 0, again.stderr);
  assert.equal(again.stdout, '2\n');
  const second = '(2 is web 1 once more, in the environment of this call)\n';
  const begun = `stopped web 1: killed 1 process, port ${port} free\n${second}`;
  assert.ok(again.stderr.startsWith(begun), again.stderr);
  assert.match(
    again.stderr.slice(begun.length),
    new RegExp(`^web 2 ready: it listens on port ${port} \\(pid \\d+\\)\\n$`),
  );
  assert.equal(isRunning(main), false);
  // it listens before its supervisor has recorded that it runs
  await rig.untilState(2, 'running');
  assert.deepEqual(
    await rig
      .json(['ls', '-q', '--name', 'web', '--state', 'running'])
      .then((all) => all.map(({ id }) => id)),
    [2],
  );
  const old = await rig.show(1);
  assert.deepEqual([old.state, old.reason], ['killed', 'restart (SIGTERM)']);
  // by its id the old one cannot come back beside the new one
  const refused = await rig.bgjob(['restart', '1']);
  assert.equal(refused.code, 125);
  assert.match(
    refused.stderr,
    /web 1 was followed by web 2, which is running.*\n {2}hint: bgjob restart web\n/,
  );
  await rig.bgjob(['kill', 'web']);
});

rigTest(
  'command, directory, options and -e values as before; the environment is that of the call',
  async (rig) => {
    const place = join(rig.project, 'place');
    fs.mkdirSync(place);
    const options = [
      '-C',
      place,
      '-e',
      'OWN=kept value',
      '-t',
      'red',
      '--timeout',
      '1h',
      '--grace',
      '7s',
      '--split',
    ];
    const line = 'pwd; echo "$PWD $OWN $OTHER $1"; echo oops >&2; exit 4';
    const first = await rig.bgjob(['run', '-w', ...options, line], { env: { OTHER: 'then' } });
    assert.equal(first.code, 4);
    const again = await rig.bgjob(['restart', '--wait', '@last'], { env: { OTHER: 'now' } });
    assert.equal(again.code, 4);
    assert.equal(again.stdout, '2\n');
    assert.match(
      again.stderr,
      /^\(2 is 1, which exited 4, once more, in the environment of this call\)\n2 exited 4 after /,
    );
    assert.equal(rig.log(2), `${place}\n${place} kept value now \n`);
    assert.equal(fs.readFileSync(rig.file(2, 'out/err'), 'utf8'), 'oops\n');
    const [before, after] = [1, 2].map((id) =>
      JSON.parse(fs.readFileSync(rig.file(id, 'spec.json'), 'utf8')),
    );
    for (const key of [
      'argv',
      'line',
      'words',
      'cwd',
      'project',
      'tags',
      'env',
      'timeoutMs',
      'graceMs',
      'split',
    ])
      assert.deepEqual(after[key], before[key], key);
  },
);

rigTest('from another directory: the job has its own', async (rig) => {
  await rig.runOut(['-n', 'where', 'pwd; echo $PWD']);
  const below = join(rig.project, 'below');
  fs.mkdirSync(below);
  const again = await rig.bgjob(['restart', '-w', 'where'], { cwd: below, env: { PWD: below } });
  assert.equal(again.code, 0, again.stderr);
  assert.equal(rig.log(2), `${rig.project}\n${rig.project}\n`);
  // a shell sets PWD itself, other programs believe it
  await rig.runOut(['-n', 'told', '--', 'printenv', 'PWD']);
  const told = await rig.bgjob(['restart', '-w', 'told'], { cwd: below, env: { PWD: below } });
  assert.equal(told.code, 0, told.stderr);
  assert.equal(rig.log(4), `${rig.project}\n`);
  const third = await rig.bgjob(['restart', 'where'], { cwd: rig.dir });
  assert.equal(third.code, 125);
  assert.match(third.stderr, /no job "where"/);
});

rigTest('--keep-env: the environment that was kept, whatever the call has', async (rig) => {
  const env = { SECRET: 'then', BGJOB_ID: '77' };
  const line = 'echo "$SECRET $BGJOB_ID"';
  await rig.runOut(['--keep-env', line], { env });
  await rig.runOut(['-Q', 'api', '--keep-env', line], { env });
  for (const [n, id] of [1, 2].entries()) {
    const again = await rig.bgjob(['restart', '-w', String(id)], { env: { SECRET: 'now' } });
    assert.equal(again.code, 0, again.stderr);
    assert.match(again.stderr, /in the environment that was stored with it/);
    assert.equal(rig.log(n + 3), `then ${n + 3}\n`);
  }
  fs.writeFileSync(rig.file(1, 'env.json'), '{}');
  const damaged = await rig.bgjob(['restart', '1']);
  assert.equal(damaged.code, 125);
  assert.match(damaged.stderr, /the stored environment of job 1 \(--keep-env\) is unreadable/);
});

rigTest('a script, also after the job that brought it was removed', async (rig) => {
  await rig.bgjob(['run', '-w', '-n', 'script', '-', 'word'], { input: '#!/bin/sh\necho "ran $1"\n' });
  await rig.bgjob(['restart', '-w', 'script']);
  await rig.untilLeft(2);
  fs.rmSync(rig.file(1, '.'), { recursive: true });
  assert.equal((await rig.bgjob(['restart', '-w', 'script'])).code, 0);
  assert.equal(rig.log(3), 'ran word\n');
  fs.rmSync(rig.file(3, 'script'));
  const gone = await rig.bgjob(['restart', 'script']);
  assert.equal(gone.code, 125);
  assert.match(gone.stderr, /the stored script of job 3 cannot be read \(ENOENT\); nothing was done/);
});

rigTest(
  'queues: its queue, priority and retries again, not what it waited for; one that waits is refused',
  async (rig) => {
    const puppet = await rig.puppet();
    await rig.run(['-Q', 'api', '--', ...puppet.command]);
    await rig.run([
      '-Q',
      'api',
      '--priority',
      '3',
      '--retry',
      '1',
      '--backoff',
      '10ms',
      '--after',
      '1',
      'exit 9',
    ]);
    const waiting = await rig.bgjob(['restart', '2']);
    assert.equal(waiting.code, 125);
    assert.match(
      waiting.stderr,
      /job 2 waits in its queue, and has not started: there is nothing to restart/,
    );
    await puppet.exit(0);
    assert.equal((await rig.bgjob(['wait', '2'])).code, 9);
    const again = await rig.bgjob(['restart', '-w', '2']);
    assert.equal(again.code, 9);
    const job = await rig.show(3);
    assert.deepEqual([job.queue, job.attempts], ['api', 2]);
    const { placement } = JSON.parse(fs.readFileSync(rig.file(3, 'spec.json'), 'utf8'));
    assert.deepEqual([placement.priority, placement.after, placement.batch], [3, [], null]);
    // waited for nothing but another job: it starts at once
    await rig.runOut(['--after', '1', '--', 'true']);
    await rig.bgjob(['restart', '-w', '4']);
    assert.equal(JSON.parse(fs.readFileSync(rig.file(5, 'spec.json'), 'utf8')).placement, null);
  },
);

rigTest('what cannot be started again is not stopped', async (rig) => {
  const program = join(rig.project, 'server.sh');
  fs.writeFileSync(program, '#!/bin/sh\necho up\nexec sleep 1000\n', { mode: 0o755 });
  const place = join(rig.project, 'place');
  fs.mkdirSync(place);
  await rig.run(['-n', 'web', '-C', place, '--', program]);
  await rig.untilState(1, 'running');
  // a job runs before its program does
  await until(
    () => rig.log(1),
    (log) => log === 'up\n',
    'the program',
  );
  fs.renameSync(program, `${program}.away`);
  const noProgram = await rig.bgjob(['restart', 'web']);
  assert.equal(noProgram.code, 127);
  assert.match(noProgram.stderr, /server\.sh: command not found/);
  fs.renameSync(`${program}.away`, program);
  fs.rmdirSync(place);
  const noPlace = await rig.bgjob(['restart', 'web']);
  assert.equal(noPlace.code, 125);
  assert.match(noPlace.stderr, /cannot enter .*place/);
  assert.equal((await rig.show(1)).state, 'running');
  await rig.bgjob(['kill', 'web']);
});

rigTest(
  'what an ended one left is stopped first; a paused one; itself not; unknown and unreadable',
  async (rig) => {
    await rig.bgjob(['run', '-w', 'setsid sleep 1000 >/dev/null 2>&1 & echo $!']);
    const left = Number(rig.log(1));
    const again = await rig.bgjob(['restart', '1', '--json']);
    const answer = JSON.parse(again.stdout);
    assert.deepEqual(
      [answer.id, answer.restarted, answer.replaced, answer.environment, answer.reused],
      [2, 1, [1], 'caller', false],
    );
    assert.equal(isRunning(left), false);
    await rig.bgjob(['wait', '2']);
    await rig.bgjob(['kill', '2']);
    await rig.run(['-n', 'p', '--', 'sleep', '1000']);
    await rig.untilState(3, 'running');
    await rig.bgjob(['pause', 'p']);
    assert.equal((await rig.bgjob(['restart', 'p'])).stdout, '4\n');
    assert.equal((await rig.show(3)).state, 'killed');
    await rig.bgjob(['kill', 'p']);
    await rig.run(['bgjob restart "$BGJOB_ID"']);
    assert.equal((await rig.bgjob(['wait', '5'])).code, 125);
    assert.match(rig.log(5), /5 cannot restart itself: it would be stopped first/);
    assert.equal((await rig.bgjob(['restart', '99'])).code, 125);
    await rig.untilLeft(2);
    rig.damaged = true;
    fs.writeFileSync(rig.file(2, 'spec.json'), '{');
    fs.writeFileSync(rig.file(2, 'state.json'), '{');
    const unreadable = await rig.bgjob(['restart', '2']);
    assert.equal(unreadable.code, 125);
    assert.match(unreadable.stderr, /the records of job 2 are unreadable/);
  },
);

rigTest('two at once: one job runs in the end', async (rig) => {
  await rig.run(['-n', 'web', '--', 'sleep', '1000']);
  const both = await Promise.all([rig.bgjob(['restart', 'web']), rig.bgjob(['restart', 'web'])]);
  for (const { code, stderr } of both) assert.ok(code === 0 || /was followed by/.test(stderr), stderr);
  assert.ok(both.some(({ code }) => code === 0));
  const running = await until(
    () => rig.json(['ls', '--name', 'web', '--state', 'running']),
    (all) => all.length === 1,
    'one',
  );
  assert.ok(running[0].id > 1);
  await rig.bgjob(['kill', 'web']);
});

rigTest('a lost job can be started again', async (rig) => {
  const id = await rig.run(['-n', 'web', '--', 'sleep', '1000']);
  await rig.untilState(id, 'running');
  const { shim, watcher } = await rig.shimOf(id);
  await killTogether([watcher, rig.ownerPid(id), shim]);
  await rig.untilState(id, 'lost');
  const again = await rig.bgjob(['restart', 'web']);
  assert.equal(again.stdout, '2\n');
  assert.match(
    again.stderr,
    /^stopped web 1: killed 1 process that it left\n\(2 is web 1, which was lost, once more/,
  );
  await rig.bgjob(['kill', 'web']);
});
