/**
 * `run --notify`: the end of a job is told on the desktop, else on the terminal from which it was started, if
 * that is still there.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { Gate } from '../../rig/gate.ts';
import { missing } from '../../rig/needs.ts';
import { type Call, type Rig, rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';

/** What became of it, once that is known. */
const untilTold = (rig: Rig, id: number): Promise<any> =>
  rig.untilShown(
    id,
    (job) => job.notify,
    (notify) => ['desktop', 'terminal', 'nobody', 'not-needed'].includes(notify?.state),
    `who was told of the end of ${id}`,
  );

/** A shell in a terminal of its own; it ends when the gate opens. */
function inTerminal(rig: Rig, line: string, gate: Gate, env = {}): Call {
  const script = `${line}; ${gate.line}`;
  return rig.start('script', ['-qec', `bash -c '${script}'`, '/dev/null'], {
    env: { TERM: 'xterm-256color', SHELL: '/bin/sh', ...env },
  });
}

rigTest(
  'the terminal: a bell and OSC 9, once, and nothing else; the job cannot write there',
  async (rig) => {
    const [gate, gate2] = [new Gate(rig, 'gate'), new Gate(rig, 'gate2')];
    const call = inTerminal(
      rig,
      `bgjob run -n web --notify -- sh -c "printf \\"\\\\033]0;x\\\\007\\"; exit 3" >${rig.dir}/id 2>&1`,
      gate,
    );
    await until(
      () => fs.existsSync(rig.file(1, 'notified.json')),
      (isThere) => isThere,
      'the end of 1',
    );
    const told = await untilTold(rig, 1);
    assert.deepEqual(told, { when: 'always', state: 'terminal', reason: null });
    gate.open();
    const { stdout } = await call.answer;
    assert.match(stdout, /^\u001b\]9;bgjob: web 1 exited 3 after [\d.hms]+\u0007\u0007$/);
    assert.match((await rig.bgjob(['show', 'web'])).stdout, /^notify +rang \/dev\/pts\/\d+$/m);
    assert.equal(fs.existsSync(rig.file(1, 'env.json')), false);
    // a simple terminal gets no sequence
    const simple = inTerminal(rig, 'bgjob run --notify -- true >/dev/null 2>&1', gate2, { TERM: 'linux' });
    await until(
      () => fs.existsSync(rig.file(2, 'notified.json')),
      (there) => there,
      'the end of 2',
    );
    gate2.open();
    assert.equal((await simple.answer).stdout, '\u0007');
  },
  { skip: missing('script') },
);

rigTest(
  'a terminal that is closed, or another one under its name: nobody is told, and nothing is written there',
  async (rig) => {
    const puppet = await rig.puppet();
    const [gate, gate2] = [new Gate(rig, 'first'), new Gate(rig, 'second')];
    const first = inTerminal(rig, `tty; bgjob run --notify -- ${puppet.command.join(' ')}`, gate);
    await puppet.ready();
    gate.open();
    const name = /\/dev\/pts\/\d+/.exec((await first.answer).stdout)![0];
    // the kernel gives the lowest number that is free: mostly this one again
    const second = inTerminal(rig, 'tty', gate2);
    await until(second.stdout, (text) => text.includes('/dev/pts/'), 'another terminal');
    await puppet.exit(0);
    const told = await untilTold(rig, 1);
    assert.deepEqual(told, {
      when: 'always',
      state: 'nobody',
      reason: `there is no desktop, and ${name} is not the same terminal any more`,
    });
    gate2.open();
    assert.match((await second.answer).stdout, /^\/dev\/pts\/\d+\r\n$/);
    assert.match(
      (await rig.bgjob(['show', '1'])).stdout,
      /^notify +no notification: there is no desktop, and \/dev\/pts\/\d+ is not/m,
    );
  },
  { skip: missing('script') },
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
      /^warning: --notify: there is no desktop, and this call has no terminal: no notification/,
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
    await rig.untilShown(
      1,
      (job) => job.notify.state,
      (state) => state === 'unseen',
      'that nobody saw it',
    );
    assert.equal((await rig.bgjob(['restart', '1'])).stdout, '2\n');
    assert.equal((await untilTold(rig, 2)).state, 'nobody');
    await rig.runOut(['--', 'true']);
    assert.equal((await rig.show(3)).notify, null);
  },
);
