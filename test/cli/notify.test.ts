/** `run --notify`: the end of a job is told on the desktop, else on the terminal from which it was started, if that is still there. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { startBus } from '../rig/bus.ts';
import { type Call, type Rig, rigTest } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

const without = (tool: string): string | false =>
  spawnSync('sh', ['-c', `command -v ${tool}`]).status !== 0 && `${tool} is not installed`;

/** What became of it, once that is known. */
const untilTold = (rig: Rig, id: number): Promise<any> =>
  until(
    () => rig.show(id).then((job) => job.notify),
    (notify) => ['desktop', 'terminal', 'nobody', 'not-needed'].includes(notify?.state),
    `who was told of the end of ${id}`,
  );

/** A shell in a terminal of its own; it ends when there is a file `gate`. */
function inTerminal(rig: Rig, line: string, gate: string, env = {}): Call {
  const script = `${line}; until [ -e ${join(rig.dir, gate)} ]; do sleep 0.02; done`;
  return rig.start('script', ['-qec', `bash -c '${script}'`, '/dev/null'], {
    env: { TERM: 'xterm-256color', SHELL: '/bin/sh', ...env },
  });
}
const open = (rig: Rig, gate: string): void => fs.writeFileSync(join(rig.dir, gate), '');

rigTest(
  'the terminal: a bell and OSC 9, once, and nothing else; the job cannot write there',
  async (rig) => {
    const call = inTerminal(
      rig,
      `bgjob run -n web --notify -- sh -c "printf \\"\\\\033]0;x\\\\007\\"; exit 3" >${rig.dir}/id 2>&1`,
      'gate',
    );
    const told = await until(
      () => (fs.existsSync(rig.file(1, 'notified.json')) ? untilTold(rig, 1) : undefined),
      (value) => value !== undefined,
      'the end of 1',
    );
    assert.deepEqual(told, { when: 'always', state: 'terminal', reason: null });
    open(rig, 'gate');
    const { stdout } = await call.answer;
    assert.match(stdout, /^\u001b\]9;bgjob: web 1 exited 3 after [\d.]+s\u0007\u0007$/);
    assert.match((await rig.bgjob(['show', 'web'])).stdout, /^notify +rang \/dev\/pts\/\d+$/m);
    assert.equal(fs.existsSync(rig.file(1, 'env.json')), false);
    // a simple terminal gets no sequence
    const simple = inTerminal(rig, 'bgjob run --notify -- true >/dev/null 2>&1', 'gate2', { TERM: 'linux' });
    await until(
      () => fs.existsSync(rig.file(2, 'notified.json')),
      (there) => there,
      'the end of 2',
    );
    open(rig, 'gate2');
    assert.equal((await simple.answer).stdout, '\u0007');
  },
  { skip: without('script') },
);

rigTest(
  'a terminal that is closed, or another one under its name: nobody is told, and nothing is written there',
  async (rig) => {
    const puppet = await rig.puppet();
    const first = inTerminal(rig, `tty; bgjob run --notify -- ${puppet.command.join(' ')}`, 'first');
    await puppet.ready();
    open(rig, 'first');
    const name = /\/dev\/pts\/\d+/.exec((await first.answer).stdout)![0];
    // the kernel gives the lowest number that is free: mostly this one again
    const second = inTerminal(rig, 'tty', 'second');
    await until(second.stdout, (text) => text.includes('/dev/pts/'), 'another terminal');
    await puppet.exit(0);
    const told = await untilTold(rig, 1);
    assert.deepEqual(told, {
      when: 'always',
      state: 'nobody',
      reason: `there is no desktop, and ${name} is not the same terminal any more`,
    });
    open(rig, 'second');
    assert.match((await second.answer).stdout, /^\/dev\/pts\/\d+\r\n$/);
    assert.match(
      (await rig.bgjob(['show', '1'])).stdout,
      /^notify +nobody was told: there is no desktop, and \/dev\/pts\/\d+ is not/m,
    );
  },
  { skip: without('script') },
);

rigTest(
  'the desktop: a notification by notify-send, text that is no markup; without an answer the terminal',
  async (rig) => {
    const bus = await startBus(rig.dir);
    try {
      const env = { DISPLAY: ':99', DBUS_SESSION_BUS_ADDRESS: bus.address };
      await rig.run(['-n', 'build', '--notify', '--', 'sh', '-c', 'exit 4 # <b>&'], { env });
      assert.deepEqual(await untilTold(rig, 1), { when: 'always', state: 'desktop', reason: null });
      assert.equal(bus.shown.length, 1);
      assert.match(bus.shown[0]!, /build 1 exited 4 after [\d.]+s/);
      assert.match(bus.shown[0]!, /sh -c 'exit 4 # &lt;b&gt;&amp;'/);
      assert.match((await rig.bgjob(['show', '1'])).stdout, /^notify +told on the desktop$/m);
      // beside --on-exit, of a queued job, and after its retries: once
      const args = [
        '-Q',
        'api',
        '--retry',
        '1',
        '--backoff',
        '10ms',
        '--notify=failure',
        '--on-exit',
        'echo $BGJOB_OUTCOME',
      ];
      await rig.run([...args, '--', 'sh', '-c', 'exit 5'], { env });
      assert.equal((await untilTold(rig, 2)).state, 'desktop');
      assert.equal(bus.shown.length, 2);
      const hook = await until(
        () => rig.show(2).then((job) => job.onExit),
        ({ state }) => state === 'exited',
        'the line',
      );
      assert.equal(hook.exitCode, 0);
      assert.equal(fs.readFileSync(rig.file(2, 'on-exit.log'), 'utf8'), 'exited\n');
      assert.equal(fs.existsSync(rig.file(2, 'env.json')), false);
      // by the successor of a supervisor that was killed
      const puppet = await rig.puppet();
      await rig.run(['--notify', '--', ...puppet.command], { env });
      await puppet.ready();
      process.kill(rig.ownerPid(3), 'SIGKILL');
      await until(() => fs.existsSync(rig.file(3, 'owner.2')), Boolean, 'an adopter');
      await puppet.exit(0);
      assert.equal((await untilTold(rig, 3)).state, 'desktop');
      assert.equal(bus.shown.length, 3);
    } finally {
      bus.close();
    }
    const env = { DISPLAY: ':99', DBUS_SESSION_BUS_ADDRESS: bus.address };
    await rig.run(['--notify', '--', 'true'], { env });
    const told = await untilTold(rig, 4);
    assert.equal(told.state, 'nobody');
    assert.match(told.reason, /notify-send failed \(exited 1\), and it was started from no terminal/);
  },
  { skip: without('notify-send') },
);

rigTest('only of failures: what ended well, was killed or cancelled is none', async (rig) => {
  const puppet = await rig.puppet();
  await rig.runOut(['--notify=failure', '--', 'true']);
  await rig.run(['--notify=failure', '-Q', 'api', '--', ...puppet.command]);
  await rig.run(['--notify=failure', '-Q', 'api', '--', 'true']);
  await puppet.ready();
  assert.equal((await rig.show(2)).notify.state, 'waits');
  await rig.bgjob(['kill', '3']);
  await rig.bgjob(['kill', '2']);
  await rig.run(['--notify=failure', '--timeout', '30ms', '--', 'sleep', '1000']);
  const states = [];
  for (const id of [1, 2, 3, 4]) states.push((await untilTold(rig, id)).state);
  assert.deepEqual(states, ['not-needed', 'not-needed', 'not-needed', 'nobody']);
  for (const id of [1, 2, 3]) {
    await rig.untilLeft(id);
    // no process was started for it, and nothing is left of its environment
    assert.equal(fs.existsSync(rig.file(id, 'notified.json')), false);
    assert.equal(fs.existsSync(rig.file(id, 'env.json')), false, `${id}`);
    assert.throws(() => fs.readlinkSync(rig.file(id, 'hooks')), { code: 'ENOENT' });
  }
});

rigTest(
  'what is asked for in words that cannot be done is told at once; a restart takes it along',
  async (rig) => {
    const said = await rig.bgjob(['run', '--notify', '--', 'true']);
    assert.deepEqual([said.code, said.stdout], [0, '1\n']);
    assert.match(
      said.stderr,
      /^warning: --notify: there is no desktop, and this call has no terminal: nobody/,
    );
    const bad = await rig.bgjob(['run', '--notify=yes', '--', 'true']);
    assert.equal(bad.code, 125);
    assert.match(bad.stderr, /--notify: "yes" is none of always, failure, never/);
    const slip = await rig.bgjob(['run', '--notify', 'failure', '--', 'true']);
    assert.equal(slip.code, 127);
    assert.match(slip.stderr, /hint: bgjob run --notify=failure -- command/);
    await untilTold(rig, 1);
    // what somebody did to the record is no reason to say anything wrong
    fs.rmSync(rig.file(1, 'notified.json'));
    fs.mkdirSync(rig.file(1, 'notified.json'));
    await until(
      () => rig.show(1).then((job) => job.notify.state),
      (state) => state === 'unseen',
      'that nobody saw it',
    );
    assert.equal((await rig.bgjob(['restart', '1'])).stdout, '2\n');
    assert.equal((await untilTold(rig, 2)).state, 'nobody');
    await rig.runOut(['--', 'true']);
    assert.equal((await rig.show(3)).notify, null);
  },
);
