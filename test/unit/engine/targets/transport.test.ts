/** The handshake with a shell on the other side of ssh, and what the words of ssh tell: with a program named ssh. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { TargetError, type Trouble } from '../../../../src/engine/targets/engine.ts';
import { ShimEngine } from '../../../../src/engine/targets/shim-engine.ts';
import { sshTrouble } from '../../../../src/engine/targets/ssh-trouble.ts';
import { SshTransport } from '../../../../src/engine/targets/transport.ts';
import { Far } from '../../../rig/far.ts';
import { folderTest } from '../../../rig/folder.ts';
import { parentOf, processesNaming } from '../../../rig/processes.ts';
import { until } from '../../../rig/until.ts';

/** A program named ssh; the words for the login shell are in "$words". */
function withSsh(dir: string, script: string): { env: Record<string, string> } {
  const bin = join(dir, 'bin');
  fs.mkdirSync(bin, { recursive: true });
  const text = `#!/bin/sh\nprintf '%s\\n' "$@" >'${dir}/argv'\nfor words do :; done\n${script}\n`;
  fs.writeFileSync(join(bin, 'ssh'), text, { mode: 0o755 });
  return { env: { PATH: `${bin}:/usr/bin:/bin`, HOME: dir, LC_ALL: 'de_DE.UTF-8', LANG: 'de_DE.UTF-8' } };
}

const through = (dir: string, script: string, readyMs = 60_000): ShimEngine =>
  new ShimEngine(new SshTransport('me@box', ['-F', 'x'], withSsh(dir, script).env), {
    client: 'c',
    folder: null,
    readyMs,
  });

/** The control programs: our children, because the program named ssh becomes the shell. */
const controls = (dir: string) =>
  processesNaming(dir).filter(({ pid, command }) => command === '/bin/sh' && parentOf(pid) === process.pid);

async function troubleOf(engine: ShimEngine): Promise<[string, Trouble, string]> {
  const error = await engine.connect().then(
    () => assert.fail('it connected'),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof TargetError, String(error));
  return [error.kind, error.trouble, error.said];
}

const STARTS: [name: string, script: string][] = [
  ['prints, also without a newline', 'echo Welcome; printf "no newline"; exec sh -c "$words"'],
  ['prints much', 'head -c 300000 /dev/zero | tr "\\0" x; exec sh -c "$words"'],
  ['prints on stderr', 'echo "Authenticated to box" >&2; echo motd >&2; exec sh -c "$words"'],
  ['reads a line', 'read x; exec sh -c "$words"'],
  ['goes elsewhere', 'cd /; set -eu; alias echo=false; exec sh -c "$words"'],
  ['execs bash', 'exec bash -c "$words"'],
];
for (const [name, script] of STARTS)
  folderTest(`a login shell that ${name} is reached`, async (dir) => {
    const engine = through(dir, script);
    assert.equal((await engine.connect()).home, dir);
    assert.deepEqual((await engine.look([{ uid: 'a-1-1' }])).get('a-1-1'), { kind: 'absent' });
    const words = fs.readFileSync(join(dir, 'argv'), 'utf8').split('\n');
    assert.deepEqual(words.slice(-6), ['-F', 'x', '--', 'me@box', 'exec /bin/sh', '']);
    engine.close();
  });

folderTest(
  'a login shell that hangs, before and after the login; a program that is never ready',
  async (dir, t) => {
    const hang = 'exec sleep 1000';
    assert.deepEqual(await troubleOf(through(dir, hang, 300)), ['refused', 'silent', '']);
    // the time that ssh has is over when it has said this, however slow it is
    const authenticated = (text: string) => `echo 'Authenticated to box${text}' >&2; : >'${dir}/said'`;
    const troubleAfter = async (script: string) => {
      const readyMs = 12_345;
      const own = globalThis.setTimeout;
      let endWait = (): void => assert.fail('it has no limit');
      const held = (act: () => void, ms: number) => {
        if (ms !== readyMs) return own(act, ms);
        endWait = act;
        return own(() => {}, 0);
      };
      const mocked = t.mock.method(globalThis, 'setTimeout', held as typeof setTimeout);
      const trouble = troubleOf(through(dir, script, readyMs));
      await until(
        () => fs.existsSync(join(dir, 'said')),
        (isThere) => isThere,
        'what ssh says',
      );
      // it is read in the next turn of the event loop
      for (let turn = 0; turn < 3; turn++) await setImmediate();
      mocked.mock.restore();
      endWait();
      fs.rmSync(join(dir, 'said'));
      return trouble;
    };
    const loggedIn = `${authenticated(' ([1.2.3.4]:22) using "publickey".')}; ${hang}`;
    assert.deepEqual(await troubleAfter(loggedIn), ['refused', 'login-shell-hangs', '']);
    // it gives back our program, in which our nonce stands
    const [, trouble] = await troubleAfter(`${authenticated('')}; exec cat`);
    assert.equal(trouble, 'login-shell-hangs');
    await until(
      () => processesNaming(dir),
      (left) => left.length === 0,
      'each ssh to be ended',
    );
  },
);

folderTest('an end before ready is refused, whatever the code; there is no ssh', async (dir) => {
  const authenticated = 'echo "Authenticated to box" >&2';
  for (const code of [0, 1, 3, 255])
    assert.deepEqual(await troubleOf(through(dir, `${authenticated}; echo bye; exit ${code}`)), [
      'refused',
      'login-shell-ended',
      'bye',
    ]);
  const nologin = await troubleOf(through(dir, 'echo "This account is currently not available."; exit 1'));
  assert.deepEqual(nologin, ['refused', 'login-shell-ended', 'This account is currently not available.']);
  const engine = new ShimEngine(new SshTransport('box', [], { PATH: dir }), { client: 'c', folder: null });
  assert.deepEqual(await troubleOf(engine), ['refused', 'no-ssh', '']);
});

folderTest(
  'a connection that ends after ready: unreachable; the job goes on; a submit is maybe',
  async (dir) => {
    const far = new Far(
      {},
      {},
      () => new SshTransport('box', [], withSsh(dir, 'exec sh -c "$words"').env),
      dir,
    );
    try {
      const gate = far.gate();
      const uid = await far.start(far.sh(`read x <'${gate.path}'; env | grep -c '^L[AC]'; exit 255`));
      await far.reach(uid, 'running');
      const cut = () => {
        const [control] = controls(dir);
        process.kill(control!.pid, 'SIGKILL');
      };
      const [control] = controls(dir);
      process.kill(control!.pid, 'SIGSTOP');
      const asked = Promise.allSettled([far.state(uid), far.engine.submit(far.sh('exit 0'))]);
      cut();
      const [looked, submitted] = await asked;
      assert.ok(looked.status === 'rejected' && looked.reason instanceof TargetError);
      assert.equal(looked.reason.kind, 'unreachable');
      assert.ok(submitted.status === 'fulfilled' && submitted.value.kind === 'maybe');
      const state = await far.state(uid);
      assert.equal(state.kind, 'running', JSON.stringify(state));
      gate.open();
      assert.equal((await far.end(uid)).status, 255);
      assert.equal(await far.log(uid), '0\n', 'the language of this machine does not travel');
    } finally {
      far.close();
    }
  },
);

folderTest('a far side that gives no answer for long ends the connection', async (dir) => {
  const transport = new SshTransport('box', [], withSsh(dir, 'exec sh -c "$words"').env);
  const engine = new ShimEngine(transport, { client: 'c', folder: null, answerMs: 500 });
  const patient = new ShimEngine(transport, { client: 'c', folder: null });
  await engine.connect();
  const [control] = controls(dir);
  process.kill(control!.pid, 'SIGSTOP');
  await assert.rejects(engine.find(), { kind: 'unreachable', trouble: 'connection-lost' });
  assert.deepEqual(await patient.find(), [], 'another connection works');
  patient.close();
  process.kill(control!.pid, 'SIGKILL');
});

folderTest('exec: bytes in, bytes out, and the code of the program alone', async (dir) => {
  const transport = new SshTransport('box', [], withSsh(dir, 'echo motd; exec sh -c "$words"').env);
  const bytes = Buffer.from(Array.from({ length: 20_000 }, (_, n) => n % 256));
  const echo = await transport.exec(['cat'], bytes, 60_000);
  assert.equal(echo.code, 0);
  assert.ok(echo.stdout.equals(bytes));
  for (const code of [0, 1, 255])
    assert.equal((await transport.exec(['sh', '-c', `exit ${code}`], '', 60_000)).code, code);
  const killed = await transport.exec(['sh', '-c', 'kill -9 $PPID; exit 3'], '', 60_000);
  assert.equal(killed.code, null);
});

const SAID: [stderr: string, Trouble][] = [
  ['ssh: connect to host h port 22: Connection refused', 'connection-refused'],
  ['ssh: Could not resolve hostname h: Name or service not known', 'unknown-host'],
  ['ssh: connect to host h port 22: Network is unreachable', 'no-route'],
  ['ssh: connect to host h port 22: Connection timed out', 'timed-out'],
  ['Connection timed out during banner exchange\nConnection to h port 22 timed out', 'timed-out'],
  ['me@h: Permission denied (publickey,password).', 'permission'],
  ['Host key verification failed.', 'host-key-unknown'],
  [
    '@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key for h has changed\nHost key verification failed.',
    'host-key-changed',
  ],
  ['command-line: line 0: Bad configuration option: bogus', 'ssh-options'],
  ["Can't open user config file x: No such file or directory", 'ssh-options'],
  ['', 'unclear'],
  ['kex_exchange_identification: read: Connection reset by peer', 'unclear'],
];
for (const [stderr, trouble] of SAID)
  folderTest(`ssh says ${JSON.stringify(stderr.slice(0, 60))}: ${trouble}`, async (dir) => {
    assert.equal(sshTrouble({ how: 'ended', stdout: '', stderr }).trouble, trouble);
    const script = `cat >&2 <<'E'\n${stderr}\nE\nexit 255`;
    assert.deepEqual(await troubleOf(through(dir, script)), ['refused', trouble, stderr.split('\n').at(-1)]);
  });
