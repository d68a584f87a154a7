/** `ls --unseen`: which session is told of which end, how often, and that an end is marked only when it was told. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { TELLING_MS } from '../../../src/engine/observe/unseen-ends.ts';
import { BGJOB, type Rig, rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';

const A = { BGJOB_SESSION: 'host:a' };
const B = { CLAUDE_CODE_SESSION_ID: 'b' };
const NONE = {};

/** The ids that `ls --unseen` tells in such an environment. */
async function told(rig: Rig, env: Record<string, string>, args: string[] = []): Promise<string[]> {
  const { code, stdout } = await rig.bgjob(['ls', '--unseen', ...args], { env });
  assert.equal(code, 0);
  return stdout
    .split('\n')
    .flatMap((line) => (line === '' ? [] : [line.replace(/ .*?(\(of another session\))?$/, '$1')]));
}

/** Starts a job that fails, and waits for its end without a call that tells it. */
async function ended(rig: Rig, env: Record<string, string>, cwd = rig.project): Promise<number> {
  const id = await rig.run(['--', 'false'], { env, cwd });
  await until(
    () => fs.readdirSync(join(rig.home, 'ended')),
    (names) => names.some((name) => name.includes(`.${id}.`)),
    `the end of ${id}`,
  );
  await rig.untilLeft(id);
  return id;
}

/** Lets a job have ended an hour earlier than it did. */
function age(rig: Rig, id: number): void {
  const name = fs.readdirSync(join(rig.home, 'ended')).find((one) => one.includes(`.${id}.`))!;
  const older = String(Number(name.slice(0, 14)) - 3_600_000).padStart(14, '0') + name.slice(14);
  fs.renameSync(join(rig.home, 'ended', name), join(rig.home, 'ended', older));
  const file = rig.file(id, 'state.json');
  const { sum: _, checksum: __, ...state } = JSON.parse(fs.readFileSync(file, 'utf8'));
  state.status.endedAt -= 3_600_000;
  fs.writeFileSync(file, JSON.stringify(state));
}

rigTest(
  'each session hears of its own, of ends without a session, and after an hour of others',
  async (rig) => {
    for (const env of [A, B, NONE]) await ended(rig, env);
    assert.deepEqual(await told(rig, A), ['3', '1']);
    assert.deepEqual(await told(rig, A), []);
    // 3 was told: it is of the project
    assert.deepEqual(await told(rig, B), ['2']);
    assert.deepEqual(await told(rig, NONE), []);
    for (const env of [A, B]) await ended(rig, env);
    assert.deepEqual(await told(rig, NONE), []);
    // the index of sessions is a hint: the records decide
    fs.renameSync(join(rig.home, 'sessions'), join(rig.dir, 'sessions'));
    assert.deepEqual(await told(rig, NONE), []);
    fs.renameSync(join(rig.dir, 'sessions'), join(rig.home, 'sessions'));
    age(rig, 4);
    assert.deepEqual(await told(rig, NONE), ['4(of another session)']);
    assert.deepEqual(await told(rig, B), ['5']);
    assert.deepEqual(await told(rig, A), ['4'], 'another call was told, but not its own session');
    assert.deepEqual(await told(rig, A), []);
  },
);

rigTest(
  'own ends are told in any project; a call of the session tells, and one of another does not',
  async (rig) => {
    const other = join(rig.dir, 'other');
    fs.mkdirSync(other);
    await ended(rig, A, other);
    await ended(rig, A);
    await rig.bgjob(['wait', '2'], { env: B });
    await rig.bgjob(['show', '2'], { env: NONE });
    assert.deepEqual(await told(rig, A), ['2', '1']);
    for (const [n, call] of [['wait'], ['show'], ['tail']].entries()) {
      const id = await ended(rig, A);
      await rig.bgjob([...call, String(id)], { env: { CODEX_THREAD_ID: 'a' } });
      assert.deepEqual(await told(rig, A), [], call[0]);
      assert.deepEqual(fs.readdirSync(join(rig.home, 'sessions', 's.a')), [], `no marker is left ${n}`);
    }
  },
);

rigTest('an end that a killed supervisor did not publish is told once', async (rig) => {
  const puppet = await rig.puppet();
  await rig.run(['--', ...puppet.command], { env: A });
  const { shim, watcher } = await rig.shimOf(1);
  process.kill(watcher, 'SIGKILL');
  process.kill(rig.ownerPid(1), 'SIGKILL');
  process.kill(shim, 'SIGKILL');
  await rig.untilState(1, 'lost');
  assert.deepEqual(await told(rig, A), ['1']);
  assert.deepEqual(await told(rig, A), []);
  await rig.bgjob(['kill', '1']);
  await rig.bgjob(['gc']);
  assert.deepEqual(await told(rig, A), []);
});

rigTest('only what was told is marked: not for a reader that is gone, nor on a full disk', async (rig) => {
  await ended(rig, A);
  const call = `${process.execPath} ${BGJOB} ls --unseen`;
  await rig.bash(`${call} >/dev/full`, { env: A });
  await rig.bash(`exec 3> >(exec true); wait $!; ${call} >&3`, { env: A });
  for (const mark of ['seen', 'told']) assert.equal(fs.existsSync(rig.file(1, mark)), false, mark);
  for (const call of ['wait', 'show', 'tail', 'kill']) {
    await rig.bash(`bgjob ${call} 1 >/dev/full`, { env: A });
    assert.equal(fs.existsSync(rig.file(1, 'told')), false, call);
  }
  assert.deepEqual(await told(rig, A), ['1']);
});

rigTest('a reader of a socket that dies before it read is noticed at the end of the call', async (rig) => {
  await ended(rig, A);
  const puppet = await rig.puppet();
  const live = await rig.run(['--', ...puppet.command], { env: A });
  // Node gives its children sockets, as the hosts of agents do
  const script = `const c = require('node:child_process').spawn(process.execPath, process.argv.slice(1),
    { stdio: ['ignore', 'pipe', 'ignore'], detached: true });
    c.stdout.once('readable', () => console.log(c.pid)); setInterval(() => {}, 1000);`;
  const args = ['-e', script, BGJOB, 'wait', '1', String(live)];
  const host = spawn(process.execPath, args, { cwd: rig.project, env: { ...rig.env, ...A } });
  const pid = await new Promise<number>((resolve) =>
    host.stdout.once('data', (data) => resolve(Number(data))),
  );
  host.kill('SIGKILL');
  await new Promise((resolve) => host.once('close', resolve));
  await puppet.exit(0);
  await until(
    () => fs.existsSync(`/proc/${pid}`),
    (alive) => !alive,
    'the end of the call',
  );
  assert.deepEqual(await told(rig, A), ['2', '1']);
});

rigTest('calls of one session at once tell each end once', async (rig) => {
  for (let n = 0; n < 3; n++) await ended(rig, A);
  const begun = performance.now();
  const answers = (await Promise.all(Array.from({ length: 4 }, () => told(rig, A)))).flat().sort();
  // a call waits only so long for another: on a busy machine two may tell, and none is left out
  const isFast = performance.now() - begun < TELLING_MS;
  assert.deepEqual(isFast ? answers : [...new Set(answers)], ['1', '2', '3']);
  assert.deepEqual(fs.readdirSync(join(rig.home, 'sessions', 's.a')), []);
});

rigTest(
  'what is more than -n stays for the next call, and a record that is removed is not missed',
  async (rig) => {
    for (let n = 0; n < 4; n++) await ended(rig, A);
    const more = await rig.bgjob(['ls', '--unseen', '-n', '1'], { env: B });
    assert.deepEqual([more.stdout, more.stderr], ['', ''], 'those of another session are not counted');
    const first = await rig.bgjob(['ls', '--unseen', '-q', '-n', '3'], { env: A });
    assert.deepEqual([first.stdout, first.stderr], ['4\n3\n2\n', '(1 job more: bgjob ls --unseen again)\n']);
    assert.deepEqual(await told(rig, A, ['-n', '3']), ['1']);
    await ended(rig, A);
    await rig.bgjob(['gc', '--ended']);
    await ended(rig, A);
    await rig.bgjob(['gc', '--ended']);
    assert.deepEqual(fs.readdirSync(join(rig.home, 'sessions', 's.a')), ['6'], 'gc keeps the last job');
  },
);

rigTest('wait --queue answers all of its round, whatever was told', async (rig) => {
  await rig.run(['-Q', 'q', '--', 'false'], { env: A });
  await rig.run(['-Q', 'q', '--', 'true'], { env: B });
  assert.equal((await rig.bgjob(['wait', '2'])).code, 0);
  await told(rig, A);
  const { code, stdout } = await rig.bgjob(['wait', '-Q', 'q'], { env: B });
  assert.equal(code, 1);
  assert.match(stdout, /^1 exited 1.*\n(.*\n)*2 exited 0/m);
});
