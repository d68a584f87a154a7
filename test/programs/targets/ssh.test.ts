/** The failure table of docs/targets.md, over real sshds on loopback. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { TargetError, type Trouble } from '../../../src/engine/targets/engine.ts';
import { ShimEngine } from '../../../src/engine/targets/shim-engine.ts';
import { SshTransport } from '../../../src/engine/targets/transport.ts';
import { type Far, Gathered } from '../../rig/far.ts';
import { missingMount } from '../../rig/far-disks.ts';
import { succeeds } from '../../rig/mounts.ts';
import { freePort } from '../../rig/ports.ts';
import { processesNaming } from '../../rig/processes.ts';
import { missingSshd, SshRig, skippedName } from '../../rig/sshd.ts';
import { TEST_MS, until } from '../../rig/until.ts';

const SHELLS = ['/bin/sh', '/bin/bash', '/bin/tcsh', '/usr/bin/fish', '/bin/mksh', '/bin/zsh'].filter(
  (shell) => fs.existsSync(shell),
);

/** Start files of login shells, and what they do to us: null, we are reached all the same. */
const STARTS: [what: string, shell: string, files: Record<string, string>, trouble: Trouble | null][] = [
  ['prints, without a newline', '/bin/bash', { '.bashrc': 'echo Welcome; printf "no newline"' }, null],
  [
    'changes the shell',
    '/bin/bash',
    { '.bashrc': 'set -eu; alias exec=false cd=false; cd /; umask 0077' },
    null,
  ],
  ['has a useless PATH', '/bin/bash', { '.bashrc': 'PATH=/nonexistent' }, null],
  ['reads a line', '/bin/bash', { '.bashrc': 'read x' }, null],
  ['execs a shell that reads our program', '/bin/bash', { '.bashrc': 'exec sh' }, null],
  ['execs cat', '/bin/bash', { '.bashrc': 'exec cat' }, 'login-shell-hangs'],
  ['hangs', '/bin/bash', { '.bashrc': 'sleep 1000' }, 'login-shell-hangs'],
  ['ends with 0', '/bin/bash', { '.bashrc': 'echo bye; exit 0' }, 'login-shell-ended'],
  ['ends with 3', '/bin/bash', { '.bashrc': 'echo bye >&2; exit 3' }, 'login-shell-ended'],
  ['is nologin', '/usr/sbin/nologin', {}, 'login-shell-ended'],
];

async function refusalOf(engine: ShimEngine): Promise<TargetError> {
  const error = await engine.connect().then(
    () => assert.fail('it connected'),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof TargetError, String(error));
  assert.equal(error.kind, 'refused');
  engine.close();
  return error;
}

/** A job there from its start to its end, with its log by the stream, and nothing left. */
async function assertWorks(far: Far): Promise<void> {
  const told = new Gathered();
  const stream = await far.engine.follow(told);
  const job = far.sh('echo "up $(umask)"; /usr/bin/env | /bin/grep -c -e ^SSH_ -e HERE; exit 7', {
    umask: 0o27,
  });
  stream.watch([{ uid: job.uid, out: 0, err: null }]);
  await far.start(job);
  await until(
    () => told.ends.length,
    (ends) => ends === 1,
  );
  assert.equal(told.ends[0]!.status, 7);
  assert.equal(told.text(job.uid), 'up 0027\n0\n');
  stream.close();
  assert.deepEqual(await far.engine.remove([job.uid]), []);
  assert.equal(fs.existsSync(join(far.home, '.bgjob-far')), false, 'nothing is left there');
  far.engine.close();
}

const skip = missingSshd();
if (skip) {
  test(skippedName('targets over a real sshd', skip), { skip }, () => {});
} else {
  const rig = new SshRig();
  const shells = SHELLS.map((shell) => [shell, rig.user(shell)] as const);
  const starts = STARTS.map(([what, shell, files, trouble]) => ({
    what,
    trouble,
    user: rig.user(shell, files),
  }));
  const [me, full, closed, two, still, cut] = Array.from({ length: 6 }, () => rig.user('/bin/sh'));
  const port = rig.sshd();
  after(() => rig.clear());
  const sshTest = (name: string, run: (port: number) => Promise<void>) =>
    test(name, { timeout: TEST_MS }, async () => run(await port));

  sshTest('each login shell is reached, and what this machine would send does not arrive', async (at) => {
    for (const [, user] of shells) await assertWorks(rig.far(user, at, [], { LANG: 'HERE', LC_ALL: 'HERE' }));
  });

  for (const { what, trouble, user } of starts)
    sshTest(`a login shell that ${what}: ${trouble ?? 'works'}`, async (at) => {
      if (trouble === null) return assertWorks(rig.far(user, at));
      const engine = new ShimEngine(rig.transport(user, at), {
        client: 'c',
        folder: null,
        // a hang is one after any time in which the login succeeds; the others end by themselves
        readyMs: trouble === 'login-shell-hangs' ? 20_000 : 60_000,
      });
      assert.equal((await refusalOf(engine)).trouble, trouble);
      // sshd does not end what a start file runs
      for (const { pid } of processesNaming(rig.home(user))) process.kill(pid, 'SIGKILL');
    });

  const refusal = (
    name: string,
    trouble: Trouble,
    said: RegExp,
    engineAt: (at: number) => ShimEngine | Promise<ShimEngine>,
  ) =>
    sshTest(`${name}: ${trouble}`, async (at) => {
      const error = await refusalOf(await engineAt(at));
      assert.equal(error.trouble, trouble, error.said);
      assert.match(error.said, said);
    });
  const engine = (at: number, options: string[] = [], env: Record<string, string> = {}, user = me!) =>
    new ShimEngine(rig.transport(user, at, options, env), { client: 'c', folder: null });
  /** An ssh that is started by this line of sh. */
  const withSsh = (line: string): Record<string, string> => {
    const bin = fs.mkdtempSync(join(rig.dir, 'bin-'));
    fs.writeFileSync(join(bin, 'ssh'), `#!/bin/sh\n${line}\n`, { mode: 0o755 });
    return { PATH: `${bin}:${process.env['PATH']}` };
  };

  refusal('no route', 'no-route', /Network is unreachable/, (at) =>
    engine(at, [], withSsh('exec unshare -n /usr/bin/ssh "$@"')),
  );
  refusal('refused', 'connection-refused', /Connection refused/, async () => engine(await freePort()));
  refusal('the wrong host key', 'host-key-changed', /Host key verification failed/, (at) =>
    engine(at, ['-o', 'HostKeyAlias=changed']),
  );
  refusal('an unknown host key', 'host-key-unknown', /Host key verification failed/, (at) =>
    engine(at, ['-o', 'HostKeyAlias=never-seen']),
  );
  refusal('an unknown user', 'permission', /Permission denied \(publickey\)/, (at) =>
    engine(at, [], {}, 'nobody-knows'),
  );
  refusal('a password is wanted', 'permission', /Permission denied \(password\)/, async () =>
    engine(await rig.sshd(['PubkeyAuthentication no', 'PasswordAuthentication yes'])),
  );
  refusal('a second factor is wanted', 'permission', /Permission denied/, async () =>
    engine(await rig.sshd(['AuthenticationMethods publickey,password', 'PasswordAuthentication yes'])),
  );
  refusal('a bad option', 'ssh-options', /ogus/, (at) => engine(at, ['-o', 'Bogus=1']));
  refusal('no configuration file', 'ssh-options', /open user config file/, () => {
    const transport = new SshTransport('box', ['-F', '/none']);
    return new ShimEngine(transport, { client: 'c', folder: null });
  });
  refusal(
    'an ssh that hangs',
    'silent',
    /^$/,
    (at) =>
      new ShimEngine(rig.transport(me!, at, [], withSsh('exec sleep 1000')), {
        client: 'c',
        folder: null,
        readyMs: 500,
      }),
  );

  sshTest('MaxSessions 1, a ForceCommand, no terminal, a banner: all work', async () => {
    fs.writeFileSync(join(rig.dir, 'banner'), 'Authorized use only\n');
    const at = await rig.sshd([
      ...['MaxSessions 1', 'PermitTTY no', `Banner ${rig.dir}/banner`],
      'ForceCommand /bin/sh -c "$SSH_ORIGINAL_COMMAND"',
    ]);
    // also with a master of the user's own, which has one session
    const master = ['-o', 'ControlMaster=auto', '-o', `ControlPath=${rig.dir}/m`, '-o', 'ControlPersist=no'];
    for (const options of [[], master]) await assertWorks(rig.far(me!, at, options));
  });

  sshTest('the connection is cut, and later there again: the job goes on, log and code arrive', async () => {
    const at = await rig.sshd();
    const far = rig.far(cut!, at);
    const gates = [far.gate(), far.gate()];
    const [first, second] = gates.map(({ path }) => path);
    const script = `echo one; read x <'${first}'; echo two; read x <'${second}'; echo three; exit 255`;
    const uid = await far.start(far.sh(script));
    const told = new Gathered();
    (await far.engine.follow(told)).watch([{ uid, out: 0, err: null }]);
    await until(
      () => told.text(uid),
      (text) => text === 'one\n',
    );
    await rig.cut(at);
    const error = await until(
      () => told.error,
      (thrown) => thrown !== undefined,
    );
    assert.deepEqual([error!.kind, error!.trouble], ['unreachable', 'connection-lost']);
    // it listens on: the next call is there again
    await until(
      // the first may be what notices that the old connection is gone
      () => far.state(uid).catch(() => undefined),
      (state) => state?.kind === 'running',
    );
    await rig.stop(at);
    gates[0]!.open();
    const away = await far.engine.look([{ uid }]).then(
      () => assert.fail('it answered'),
      (thrown: unknown) => thrown,
    );
    assert.ok(away instanceof TargetError);
    gates[1]!.open();
    await rig.sshd([], at);
    const again = new Gathered();
    again.logs.set(uid, told.logs.get(uid)!);
    const stream = await far.engine.follow(again);
    stream.watch([{ uid, out: 4, err: null }]);
    await until(
      () => again.ends.length,
      (ends) => ends === 1,
    );
    assert.equal(again.text(uid), 'one\ntwo\nthree\n');
    assert.equal(again.ends[0]!.status, 255);
    assert.equal((await far.state(uid)).kind, 'ended');
    stream.close();
    await far.engine.remove([uid]);
  });

  sshTest('a host that stops to answer: unreachable; a submit is maybe, and starts once', async () => {
    const at = await rig.sshd();
    const far = rig.far(still!, at);
    const impatient = far.another({ answerMs: 1000 });
    await impatient.connect();
    const connections = rig.connections(at);
    for (const pid of connections) process.kill(pid, 'SIGSTOP');
    const job = far.sh('echo started; exit 0');
    const result = await impatient.submit(job);
    assert.equal(result.kind, 'maybe');
    // the request is delivered late
    for (const pid of connections) process.kill(pid, 'SIGCONT');
    assert.match((await far.engine.submit(job)).kind, /^(accepted|known)$/);
    assert.equal((await far.end(job.uid)).status, 0);
    assert.equal(await far.log(job.uid), 'started\n');
    await far.engine.remove([job.uid]);
  });

  sshTest('two clients (two laptops) with one account do not meet', async (at) => {
    const far = rig.far(two!, at);
    const other = far.another({ client: 'other' });
    const job = far.sh('exit 1');
    await far.start(job);
    assert.deepEqual(await other.find(), []);
    assert.deepEqual(await other.look([{ uid: job.uid }]), new Map([[job.uid, { kind: 'absent' }]]));
    assert.equal((await other.submit(far.sh('exit 2', { uid: job.uid }))).kind, 'accepted');
    assert.equal((await far.end(job.uid, other)).status, 2);
    assert.equal((await far.end(job.uid)).status, 1);
    await other.remove([job.uid]);
    assert.deepEqual(await far.engine.find(), [job.uid]);
    await far.engine.remove([job.uid]);
  });

  sshTest('the home there is not writable; the disk there is full', async (at) => {
    const far = rig.far(closed!, at);
    fs.chownSync(far.home, 0, 0);
    const refused = await far.engine.submit(far.sh('exit 0'));
    assert.ok(refused.kind === 'refused' && refused.why === 'cannot-write', JSON.stringify(refused));
    assert.match(refused.said, /\.bgjob-far.*Permission denied/);
    await assert.rejects(far.engine.probe(), { trouble: 'far-folder' });
    if (missingMount()) return;
    const disk = join(rig.home(full!), 'disk');
    fs.mkdirSync(disk);
    assert.ok(succeeds('mount', '-t', 'tmpfs', '-o', 'size=256k,mode=777', 'none', disk));
    try {
      // an sshd begun now sees the disk in its namespace
      const other = rig.far(full!, await rig.sshd());
      const small = other.another({ folder: join(disk, 'far') });
      const gate = other.gate();
      const job = other.sh(`read x <'${gate.path}'; exit 5`, { timeoutMs: 3_600_000 });
      assert.equal((await small.submit(job)).kind, 'accepted');
      await other.reach(job.uid, 'running', small);
      assert.throws(() => fs.writeFileSync(join(disk, 'filler'), Buffer.alloc(1 << 20)), { code: 'ENOSPC' });
      const result = await small.submit(other.sh('exit 0'));
      assert.ok(result.kind === 'refused' && result.why === 'no-room', JSON.stringify(result));
      gate.open();
      assert.equal((await other.end(job.uid, small)).status, 5);
      assert.deepEqual(await small.remove([job.uid]), []);
      small.close();
    } finally {
      succeeds('umount', '-l', disk);
    }
  });

  sshTest('stop: processes of another session are found; the shim is left out', async (at) => {
    const far = rig.far(me!, at);
    const uid = await far.start(far.sh('setsid sleep 1000 & echo up; exec sleep 1000'));
    await far.said(uid, 'up');
    await until(
      () => far.engine.stop(uid, '0', 0),
      ({ signalled }) => signalled === 2,
    );
    assert.deepEqual(await far.engine.stop(uid, 'TERM', 60_000), { signalled: 2, unseen: null });
    const end = await far.end(uid);
    assert.deepEqual([end.status, end.afterStop], [143, true]);
    await far.engine.remove([uid]);
  });
}
