/**
 * A held stdin and a terminal when what stands around the job is killed: nothing is lost, and nothing is
 * left.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { isRunning } from '../rig/processes.ts';
import { type Rig, rigTest } from '../rig/rig.ts';
import { rounds } from '../rig/rounds.ts';
import { until } from '../rig/until.ts';

const KINDS = ['--stdin=hold', '--pty'];
/** Says what it reads, and ends with 9 at end of file. */
const LINES = 'echo go; while read -r x; do echo "got $x"; done; exit 9';

const said = (rig: Rig, id: number): string =>
  fs.existsSync(rig.file(id, 'out/log')) ? rig.log(id).replaceAll('\r\n', '\n') : '';
const untilSaid = (rig: Rig, id: number, text: string) =>
  until(
    () => said(rig, id),
    (all) => all.includes(text),
    text,
  );

type Role = 'shim' | 'watcher' | 'main' | 'holder' | 'terminal' | 'leader';
const ROLES: Role[] = ['shim', 'watcher', 'main', 'holder', 'terminal', 'leader'];
const pidOf = (rig: Rig, id: number, role: Role): number =>
  Number.parseInt(fs.readFileSync(rig.file(id, 'shim'), 'latin1').split('\n')[ROLES.indexOf(role)]!, 10);

async function start(rig: Rig, kind: string): Promise<number> {
  const id = await rig.run(['-n', 'job', kind, '--', 'bash', '-c', LINES]);
  await untilSaid(rig, id, 'go\n');
  await rig.untilState(id, 'running');
  return id;
}

async function say(rig: Rig, id: number, text: string): Promise<void> {
  const { code, stderr } = await rig.bgjob(['send', String(id), text]);
  assert.equal(code, 0, stderr);
  await untilSaid(rig, id, `got ${text}\n`);
}

async function finish(rig: Rig, id: number): Promise<void> {
  const { code, stderr } = await rig.bgjob(['send', String(id), '--eof']);
  assert.equal(code, 0, stderr);
  assert.equal((await rig.bgjob(['wait', String(id)])).code, 9);
}

for (const kind of KINDS) {
  rigTest(
    `${kind}: supervisors are killed, one after the other: lines arrive, the code is kept`,
    async (rig) => {
      const id = await start(rig, kind);
      for (let n = 1; n <= rounds(2, 3); n++) {
        const owner = rig.ownerPid(id);
        process.kill(owner, 'SIGKILL');
        await say(rig, id, `line ${n}`);
        await until(
          () => rig.ownerPid(id),
          (pid) => pid !== owner,
          'an adopter',
        );
      }
      await finish(rig, id);
    },
  );

  rigTest(`${kind}: the supervisor is killed and then the job: its code is kept, kill works`, async (rig) => {
    const id = await start(rig, kind);
    process.kill(rig.ownerPid(id), 'SIGKILL');
    process.kill(pidOf(rig, id, 'main'), 'SIGKILL');
    assert.equal((await rig.bgjob(['wait', String(id)])).code, 137);
    const other = await start(rig, kind);
    process.kill(rig.ownerPid(other), 'SIGKILL');
    assert.match((await rig.bgjob(['kill', String(other), '--grace', '1s'])).stdout, /killed|exited/);
  });

  rigTest(`${kind}: the shim is killed alone: the job reads on`, async (rig) => {
    const id = await start(rig, kind);
    process.kill(pidOf(rig, id, 'shim'), 'SIGKILL');
    await say(rig, id, 'after the shim');
    assert.equal((await rig.bgjob(['send', String(id), '--eof'])).code, 0);
    const { code, stdout } = await rig.bgjob(['wait', String(id)]);
    // the leader of a terminal records the code, nobody else can
    assert.equal(code, kind === '--pty' ? 9 : 125, stdout);
  });

  rigTest(`${kind}: shim and watcher are killed: the supervisor alone keeps stdin open`, async (rig) => {
    const id = await start(rig, kind);
    for (const role of ['shim', 'watcher'] as const) process.kill(pidOf(rig, id, role), 'SIGKILL');
    await say(rig, id, 'still there');
    await rig.bgjob(['send', String(id), '--eof']);
    assert.notEqual((await rig.bgjob(['wait', String(id)])).code, 75);
  });

  rigTest(`${kind}: all of ours are killed: the job reads end of file, and nothing is left`, async (rig) => {
    const id = await start(rig, kind);
    const pids = ROLES.map((role) => pidOf(rig, id, role)).filter((pid) => pid > 0);
    const owner = rig.ownerPid(id);
    const [shim, watcher] = [pidOf(rig, id, 'shim'), pidOf(rig, id, 'watcher')];
    process.kill(watcher, 'SIGKILL');
    process.kill(owner, 'SIGKILL');
    process.kill(shim, 'SIGKILL');
    await until(
      () => pids.filter(isRunning),
      (left) => left.length === 0,
      'the end of all',
    );
    const { state } = await rig.show(id);
    assert.ok(state === (kind === '--pty' ? 'exited' : 'lost'), state);
  });
}

rigTest('--stdin hold: its holder is killed: the job reads end of file; send says so', async (rig) => {
  const id = await rig.run([
    '-n',
    'job',
    '--stdin',
    'hold',
    '--',
    'bash',
    '-c',
    'cat; echo over; exec sleep 1000',
  ]);
  const holder = await until(
    () => (fs.existsSync(rig.file(id, 'shim')) ? pidOf(rig, id, 'holder') : 0),
    (pid) => pid > 0,
  );
  await rig.bgjob(['send', 'job', 'x']);
  process.kill(holder, 'SIGKILL');
  await untilSaid(rig, id, 'over');
  const { code, stderr } = await rig.bgjob(['send', 'job', 'y']);
  assert.equal(code, 125);
  assert.match(stderr, /stdin of job 1 was ended before/);
  assert.match((await rig.bgjob(['kill', 'job'])).stdout, /killed/);
});

rigTest('--pty: a job that kills its whole group, without its supervisor', async (rig) => {
  for (let n = 0; n < rounds(2, 5); n++) {
    const id = await rig.run(['--pty', '--', 'bash', '-c', 'echo go; read x; kill -9 0']);
    await untilSaid(rig, id, 'go');
    if (n > 0) process.kill(rig.ownerPid(id), 'SIGKILL');
    await rig.bgjob(['send', String(id), 'x']);
    const { code } = await rig.bgjob(['wait', String(id)]);
    // without the supervisor nobody may have seen it; it is never invented
    assert.ok(code === 137 || (n > 0 && code === 125), String(code));
  }
});

rigTest(
  '--pty: the supervisor is killed: the last output is in the log when the end is told',
  async (rig) => {
    for (let n = 0; n < rounds(2, 5); n++) {
      const id = await rig.run([
        '--pty',
        '--',
        'bash',
        '-c',
        'echo go; read x; seq 1 30000; echo last; exit 5',
      ]);
      await untilSaid(rig, id, 'go');
      process.kill(rig.ownerPid(id), 'SIGKILL');
      await rig.bgjob(['send', String(id), 'x']);
      const { code, stdout } = await rig.bgjob(['wait', String(id)]);
      assert.equal(code, 5);
      assert.match(stdout, /\| last\n$/);
      assert.equal(said(rig, id).split('\n').length, 30000 + 4);
    }
  },
);

rigTest('--pty: in a queue, with retries, one after the other', async (rig) => {
  const line = 'test -t 0 || exit 1; read -p "? " x; echo "got $x"; exit 3';
  const [first, second] = [
    await rig.run(['-Q', 'q', '--retry', '1', '--backoff', '0s', '--pty', '--', 'bash', '-c', line]),
    await rig.run(['-Q', 'q', '--pty', '--', 'bash', '-c', line]),
  ];
  const answer = async (id: number, text: string, asked: number) => {
    await until(
      () => said(rig, id).split('? ').length - 1,
      (count) => count >= asked,
      'the question',
    );
    assert.equal((await rig.bgjob(['send', String(id), text])).code, 0);
  };
  await answer(first, 'one', 1);
  await answer(second, 'between', 1).then(() => answer(first, 'two', 2));
  for (const id of [first, second]) assert.equal((await rig.bgjob(['wait', String(id)])).code, 3);
  assert.match(said(rig, first), /got one\n\[bgjob: attempt 2 of 2, .*\]\n\? two\ngot two\n$/s);
});
