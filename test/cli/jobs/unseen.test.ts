/** `ls --unseen`: each end is told once; and what else chooses or adds to a list: names, ports. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { type Rig, rigTest } from '../../rig/rig.ts';
import { killTogether } from '../../rig/together.ts';
import { until } from '../../rig/until.ts';

const NOTHING = { code: 0, stdout: '', stderr: '' };
const unseen = (rig: Rig, ...args: string[]) => rig.bgjob(['ls', '--unseen', ...args]);

/** Runs a line to its end without telling anybody. */
async function quiet(rig: Rig, args: string[], cwd = rig.project): Promise<number> {
  const id = await rig.run(args, { cwd });
  await until(
    () => fs.readdirSync(join(rig.home, 'live')),
    (names) => !names.includes(String(id)),
    `the end of ${id}`,
  );
  return id;
}

rigTest('silent when there is nothing, one sentence per end, and each end once', async (rig) => {
  assert.deepEqual(await unseen(rig), NOTHING);
  assert.ok(!fs.existsSync(rig.home));
  const puppet = await rig.puppet();
  await rig.run(['--', ...puppet.command]);
  assert.deepEqual(await unseen(rig), NOTHING, 'what runs has not ended');
  await quiet(rig, ['-n', 'lint', 'exit 3']);
  await quiet(rig, ['--', 'true']);
  const { code, stdout, stderr } = await unseen(rig);
  assert.deepEqual([code, stderr], [0, '']);
  assert.match(stdout, /^3 exited 0 after \S+, ended \S+ ago\nlint 2 exited 3 after \S+, ended \S+ ago\n$/);
  assert.deepEqual(await unseen(rig), NOTHING);
  await puppet.exit(0);
  await rig.bgjob(['wait', '1']);
  assert.deepEqual(await unseen(rig), NOTHING, 'wait told it');
  for (const tell of [['tail'], ['show'], ['kill']]) {
    const id = await quiet(rig, ['--', 'true']);
    await rig.bgjob([...tell, String(id)]);
    assert.deepEqual(await unseen(rig), NOTHING, `${tell} told it`);
  }
});

rigTest('--unseen with -q, --json, --name and of this project alone', async (rig) => {
  const other = join(rig.dir, 'other');
  const sub = join(rig.project, 'sub');
  for (const dir of [sub, join(other, '.git')]) fs.mkdirSync(dir, { recursive: true });
  await quiet(rig, ['-n', 'a', 'exit 1']);
  await quiet(rig, ['-n', 'b', 'exit 2'], sub);
  await quiet(rig, ['-n', 'c', 'exit 3'], other);
  assert.equal((await unseen(rig, '-q', '--name', 'b')).stdout, '2\n');
  assert.deepEqual(
    (await rig.json(['ls', '--unseen'])).map(({ id, name, exitCode }) => [id, name, exitCode]),
    [[1, 'a', 1]],
  );
  assert.deepEqual(await unseen(rig), NOTHING);
  assert.match((await unseen(rig, '-a')).stdout, /^c 3 exited 3 /);
});

rigTest('a reader that is gone was told nothing', async (rig) => {
  await quiet(rig, ['exit 1']);
  // a pipe without a reader from the beginning
  const script = 'pipe(R, W); close(R); open(STDOUT, ">&", \\*W); close(W); system(@ARGV) != -1 or die; exit';
  const gone = await rig.start('perl', ['-e', script, 'bgjob', 'ls', '--unseen']).answer;
  assert.equal(gone.code, 0, gone.stderr);
  const { stdout } = await unseen(rig);
  assert.match(stdout, /^1 exited 1 /);
});

rigTest('20 at a time, and how many more', async (rig) => {
  await rig.bgjob(['run', '-Q', 'q', '--batch', '-'], { input: 'true\n'.repeat(23) });
  await until(
    () => fs.readdirSync(join(rig.home, 'ended')).length,
    (count) => count === 23,
    'all ended',
  );
  const first = await unseen(rig);
  assert.equal(first.stdout.trim().split('\n').length, 20);
  assert.equal(first.stderr, '(3 jobs more: bgjob ls --unseen again)\n');
  assert.equal((await unseen(rig)).stdout.trim().split('\n').length, 3);
  assert.deepEqual(await unseen(rig), NOTHING);
});

rigTest('an end that nobody was left to write down is told too', async (rig) => {
  const puppet = await rig.puppet();
  await rig.run(['-n', 'web', '--', ...puppet.command]);
  await puppet.ready();
  await rig.untilState(1, 'running');
  const { shim, watcher, main } = await rig.shimOf(1);
  await killTogether([watcher, shim, rig.ownerPid(1), main]);
  const told = await until(
    () => unseen(rig),
    ({ stdout }) => stdout !== '',
    'the end',
  );
  assert.match(told.stdout, /^web 1 lost \(.*\)/);
  assert.deepEqual(await unseen(rig), NOTHING);
});

rigTest(
  '--ports: a column before the command, and in JSON; --name: the newest of it however old',
  async (rig) => {
    const puppet = await rig.puppet();
    await rig.run(['-n', 'web', '--', ...puppet.command]);
    const ports = [(await puppet.order({ do: 'listen' })).port, (await puppet.order({ do: 'listen' })).port];
    ports.sort((a, b) => a - b);
    const ended = await quiet(rig, ['-n', 'lint', '--', 'true']);
    const { stdout } = await rig.bgjob(['ls', '--ports']);
    assert.match(stdout, /^ID +NAME +STATE +AGE +TOOK +IDLE +PORTS +COMMAND\n/);
    assert.match(stdout, new RegExp(`^1 +web .* ${ports.join(',')} +/`, 'm'));
    assert.match(stdout, /^2 +lint .* - +- +true$/m);
    const withPorts = await rig.json(['ls', '--ports']);
    assert.deepEqual(
      withPorts.map((job) => job.ports),
      [[], ports],
    );
    assert.deepEqual(
      (await rig.json(['ls'])).map((job) => job.ports),
      [null, null],
    );
    const ids = async (...args: string[]) => (await rig.bgjob(['ls', '-q', ...args])).stdout;
    assert.equal(await ids('--name', 'web'), '1\n');
    assert.equal(await ids('--name', 'web,lint'), '2\n1\n');
    assert.equal(await ids('--name', 'lint', '--name', 'web', '--state', 'exited'), '2\n');
    assert.equal(await ids('--name', 'none'), '');
    // beyond the last hour: its marker says so
    const marker = fs
      .readdirSync(join(rig.home, 'ended'))
      .find((name) => name.split('.')[1] === String(ended))!;
    fs.renameSync(
      join(rig.home, 'ended', marker),
      join(rig.home, 'ended', `0${'1'.repeat(13)}${marker.slice(14)}`),
    );
    assert.equal(await ids(), '1\n');
    assert.equal(await ids('--name', 'lint'), '2\n');
    const bad = await rig.bgjob(['ls', '--name', 'a b']);
    assert.equal(bad.code, 125);
    await puppet.exit(0);
  },
);
