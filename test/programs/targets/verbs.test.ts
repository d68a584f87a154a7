/** `run --on` over real sshds on loopback: the verbs, and what they say if something fails. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { BURNT_MS, SH_BURN } from '../../rig/burn.ts';
import { USAGE_FILE } from '../../rig/far.ts';
import { missingMount } from '../../rig/far-disks.ts';
import { succeeds } from '../../rig/mounts.ts';
import { freePort } from '../../rig/ports.ts';
import { isRunning, processesNaming } from '../../rig/processes.ts';
import { type Rig, withRig } from '../../rig/rig.ts';
import { missingSshd, SshRig, skippedName } from '../../rig/sshd.ts';
import { TEST_MS, until } from '../../rig/until.ts';

const skip = missingSshd();
if (skip) {
  test(skippedName('the verbs over a real sshd', skip), { skip }, () => {});
} else {
  const ssh = new SshRig();
  const me = ssh.user('/bin/sh');
  const [closed, full, two, restarted] = Array.from({ length: 4 }, () => ssh.user('/bin/sh'));
  const noisy = ssh.user('/bin/bash', { '.bashrc': 'echo Welcome; printf "no newline"' });
  const ended = ssh.user('/bin/bash', { '.bashrc': 'echo bye >&2; exit 3' });
  const port = ssh.sshd();
  after(() => ssh.clear());

  interface Settings {
    user?: string;
    at?: number;
    ssh?: string[];
    dir?: string;
    slots?: number;
    alias?: string;
  }
  const configure = async (rig: Rig, targets: Record<string, Settings>) => {
    const entries = await Promise.all(
      Object.entries(targets).map(
        async ([name, { user = me, at, alias = 'box', ssh: more = [], ...rest }]) => {
          const where = ['-p', String(at ?? (await port)), '-o', `HostKeyAlias=${alias}`];
          const options = [...more, '-F', ssh.config, ...where];
          return [name, { host: `${user}@127.0.0.1`, ssh: options, cwd: ssh.dir, ...rest }];
        },
      ),
    );
    fs.mkdirSync(rig.home, { recursive: true, mode: 0o700 });
    fs.writeFileSync(join(rig.home, 'config.json'), JSON.stringify({ targets: Object.fromEntries(entries) }));
  };
  /** The services stay for the next job: a test ends them, as a user would. */
  const endServices = async (rig: Rig) => {
    for (const { id, origin, state } of await rig.json(['ls', '-a']))
      if (origin?.serves === 'target' && state === 'running') await rig.bgjob(['kill', String(id), '--now']);
  };
  const verbTest = (
    name: string,
    body: (rig: Rig) => Promise<void>,
    targets: () => Record<string, Settings> | Promise<Record<string, Settings>> = () => ({ box: {} }),
    more: { skip?: string | false } = {},
  ) =>
    test(name, { timeout: TEST_MS, ...more }, () =>
      withRig(async (rig) => {
        await configure(rig, await targets());
        await body(rig);
        await endServices(rig);
      }),
    );
  const untilNothingIsLeft = (user: string) =>
    until(
      () => fs.readdirSync(ssh.home(user)),
      (names) => !names.includes('.bgjob-far'),
      `nothing of ours in the home of ${user}`,
    );
  /** A job that prints a line, waits for a file there, prints another, and ends. */
  const gated = (name: string, code: number): string[] => {
    const wait = `while [ ! -e ${ssh.dir}/${name} ]; do sleep 0.05; done`;
    return ['sh', '-c', `echo one; ${wait}; echo two; exit ${code}`];
  };
  const open = (name: string) => fs.writeFileSync(join(ssh.dir, name), '');

  verbTest('a check, a job with its output, code, directory and umask; nothing is left', async (rig) => {
    const checked = await rig.bgjob(['targets', 'box']);
    assert.equal(checked.code, 0, checked.stderr);
    assert.match(checked.stdout, new RegExp(`^as +${me}@`, 'm'));
    assert.match(checked.stdout, /^folder +\S+\.bgjob-far \(can be written\)$/m);
    const [facts] = await rig.json(['targets', 'box']);
    assert.deepEqual([facts.name, facts.user, facts.home], ['box', me, ssh.home(me)]);
    const line = 'id -un; pwd; umask; env | grep -c ^SSH_; exit 3';
    const ran = await rig.bgjob(['run', '--on', 'box', '--wait', '--', 'sh', '-c', line]);
    assert.equal(ran.code, 3, ran.stderr);
    const umask = process.umask().toString(8).padStart(4, '0');
    assert.equal(rig.log(1), `${me}\n${ssh.dir}\n${umask}\n0\n`);
    assert.match((await rig.bgjob(['ls'])).stdout, /1 .*exited 3 .*box/);
    const where = `box: ${me}@127.0.0.1, in ${ssh.dir}`;
    assert.ok((await rig.bgjob(['show', '1'])).stdout.includes(where));
    await untilNothingIsLeft(me);
    await endServices(rig);
    await rig.bgjob(['gc', '--ended']);
    assert.deepEqual(fs.readdirSync(ssh.home(me)), []);
  });

  verbTest('what a job cost there, by itself and killed; a damaged file is no figure', async (rig) => {
    const run = async (script: string) => {
      const id = await rig.run(['--on', 'box', '--', 'sh', '-c', script]);
      return (await rig.json(['wait', String(id)]))[0];
    };
    const burnt = await run(`${SH_BURN}; exit 3`);
    assert.deepEqual([burnt.exitCode, burnt.usageFrom], [3, 'shim']);
    assert.ok(burnt.cpuMs >= BURNT_MS, `${burnt.cpuMs}`);
    const damaged = await run(`f=${USAGE_FILE}; [ -f "$f" ] && seq 9 >"$f" && exit 4`);
    assert.deepEqual([damaged.exitCode, damaged.usageFrom, damaged.cpuMs], [4, null, null]);
    const id = await rig.run(['--on', 'box', '--', 'sh', '-c', `${SH_BURN}; echo up; exec sleep 1000`]);
    await rig.bgjob(['wait', String(id), '--until', 'up']);
    await rig.bgjob(['kill', String(id)]);
    const killed = await rig.show(id);
    assert.deepEqual([killed.state, killed.usageFrom !== null], ['killed', true]);
    assert.ok(killed.cpuMs >= BURNT_MS, `${killed.cpuMs}`);
  });

  verbTest('tail -f, wait --until and kill while it runs there', async (rig) => {
    const id = await rig.run(['--on', 'box', '--', 'sh', '-c', 'sleep 1000 & echo up; wait; exit 9']);
    const ready = await rig.bgjob(['wait', String(id), '--until', 'up']);
    assert.equal(ready.code, 0, ready.stderr);
    const followed = rig.startBgjob(['tail', '-f', String(id)]);
    await until(
      () => followed.stdout(),
      (text) => text.includes('up'),
      'its line in tail -f',
    );
    const killed = await rig.bgjob(['kill', String(id)]);
    assert.match(killed.stdout + killed.stderr, /2 processes/);
    await followed.answer;
    assert.equal((await rig.show(id)).state, 'killed');
  });

  verbTest('the number of a slot, codes that are tried again, and a server around a test', async (rig) => {
    const said = ['run', '--on', 'box', '-Q', 'gpu', '--slots', '2', '--', 'sh', '-c'];
    const hold = `echo "slot $BGJOB_SLOT"; while [ ! -e ${ssh.dir}/slots ]; do sleep 0.05; done`;
    for (const slot of [1, 2]) {
      await rig.bgjob([...said, hold]);
      const told = await rig.bgjob(['wait', '@last', '--until', `^slot ${slot}$`]);
      assert.equal(told.code, 0, told.stderr);
    }
    open('slots');
    assert.equal((await rig.bgjob(['wait', '--queue', 'gpu'])).code, 0);
    // the second attempt ends with a code that is not tried again
    const line = 'mkdir ~/tried && exit 9; rmdir ~/tried; exit 4';
    const again = ['--retry', '3', '--backoff', '0s', '--retry-on', '9'];
    const retried = await rig.bgjob(['run', '--on', 'box', ...again, '--wait', '--', 'sh', '-c', line]);
    assert.equal(retried.code, 4, retried.stderr);
    const shown = async (ref: string) => (await rig.json(['show', ref]))[0];
    assert.equal((await shown('@last')).attempts, 2);
    const server = ['--on', 'box', '--until', '^up$', '--', 'sh', '-c', 'echo up; exec sleep 1000'];
    const tested = await rig.bgjob(['with', '-n', 'web', ...server, '--', 'sh', '-c', 'echo tested; exit 5']);
    assert.equal(tested.code, 5, tested.stderr);
    assert.equal(tested.stdout, 'tested\n');
    assert.equal((await shown('web')).state, 'killed');
    await untilNothingIsLeft(me);
  });

  verbTest(
    'slots hold, a queue and a schedule work',
    async (rig) => {
      const first = await rig.run(['--on', 'box', '-Q', 'far', '--slots', '4', '--', ...gated('first', 4)]);
      await rig.untilState(first, 'running');
      const second = await rig.run(['--on', 'box', '-Q', 'far', '--', 'sh', '-c', 'exit 5']);
      assert.match((await rig.bgjob(['ls'])).stdout, /queued.* for box/);
      open('first');
      assert.equal((await rig.bgjob(['wait', String(second)])).code, 5);
      assert.equal((await rig.show(first)).exitCode, 4);
      const cron = ['cron', 'add', '@every 1s', '-n', 'far', '--on', 'box', '--', 'sh', '-c', 'exit 6'];
      assert.match((await rig.bgjob(cron)).stderr, /key without a passphrase/);
      await until(
        async () => (await rig.json(['ls', '-a'])).filter(({ origin }) => origin?.kind === 'schedule'),
        (jobs) => jobs.some(({ exitCode }) => exitCode === 6),
        'a job of the schedule',
      );
      await rig.bgjob(['cron', 'rm', 'far']);
    },
    () => ({ box: { slots: 1 } }),
  );

  /** Each is refused before a job can start: the call, the check, and the record of the job say the same. */
  const refusals: [name: string, said: RegExp, hint: RegExp, settings: () => Settings | Promise<Settings>][] =
    [
      [
        'a port that refuses',
        /does not accept ssh on this port \(ssh: .*Connection refused\)/,
        /is sshd running there.*try: ssh -F/,
        async () => ({ at: await freePort() }),
      ],
      [
        'the wrong host key',
        /another key than before/,
        /says which line to remove: ssh -F/,
        () => ({ alias: 'changed' }),
      ],
      [
        'an unknown host key',
        /key of the host is not known/,
        /compare the key: ssh -F/,
        () => ({ alias: 'new' }),
      ],
      [
        'no key here',
        /login is not accepted without a question \(.*Permission denied/,
        /ssh-add.*ssh-copy-id -o IdentityFile=none -F /,
        () => ({ ssh: ['-o', 'IdentityFile=none'], user: 'unknown' }),
      ],
      [
        'a bad option',
        /ssh does not accept its options/,
        /correct "ssh" of this target/,
        () => ({ ssh: ['-o', 'Bogus=1'] }),
      ],
      [
        'a shell that ends',
        /the login works, but ends at once.*\(bye\)/,
        /must print ok: ssh -T /,
        () => ({ user: ended }),
      ],
      [
        'a home that is not writable',
        /folder for the records .* cannot be written there \(.*Permission denied/,
        /"dir": /,
        () => ({ user: closed! }),
      ],
    ];
  for (const [name, said, hint, settings] of refusals)
    verbTest(
      `${name}: 125, and what to type`,
      async (rig) => {
        fs.chownSync(ssh.home(closed!), 0, 0);
        const ran = await rig.bgjob(['run', '--on', 'box', '--', 'true']);
        assert.equal(ran.stdout, '');
        const answers = [ran, await rig.bgjob(['targets', 'box']), await rig.bgjob(['wait', '1'])];
        for (const { code, stdout, stderr } of answers) {
          assert.equal(code, 125);
          assert.match(stdout + stderr, said);
          assert.match(stdout + stderr, hint);
        }
      },
      async () => ({ box: await settings() }),
    );

  verbTest('no network there: an ssh without a route', async (rig) => {
    const line = `#!/bin/sh\nexec unshare -n /usr/bin/ssh "$@"\n`;
    fs.writeFileSync(join(rig.dir, 'bin', 'ssh'), line, { mode: 0o755 });
    const ran = await rig.bgjob(['run', '--on', 'box', '--wait', '--', 'true']);
    assert.equal(ran.code, 125);
    assert.match(ran.stderr, /no network leads there \(.*Network is unreachable/);
  });

  verbTest(
    'MaxSessions 1, and a login shell that prints: nothing is seen of them',
    async (rig) => {
      for (const name of ['one', 'noisy']) {
        const ran = await rig.bgjob(['run', '--on', name, '--wait', '--', 'sh', '-c', 'echo hi; exit 3']);
        assert.equal(ran.code, 3, ran.stderr);
      }
      assert.equal(rig.log(1), 'hi\n');
      assert.doesNotMatch(rig.log(3), /Welcome|newline/);
    },
    async () => ({ one: { at: await ssh.sshd(['MaxSessions 1']) }, noisy: { user: noisy } }),
  );

  test('connections that are cut, and an sshd that is away: log and code arrive', { timeout: TEST_MS }, () =>
    withRig(async (rig) => {
      const at = await ssh.sshd();
      await configure(rig, { box: { at } });
      const id = await rig.run(['--on', 'box', '--', ...gated('away', 42)]);
      assert.equal((await rig.bgjob(['wait', String(id), '--until', 'one'])).code, 0);
      await ssh.cut(at);
      await until(
        () => ssh.connections(at).length,
        (count) => count > 0,
        'it connects again',
      );
      assert.equal((await rig.show(id)).state, 'running');
      const wait = rig.startBgjob(['wait', String(id)]);
      await ssh.stop(at);
      const since = await rig.untilShown(
        id,
        (job) => job.target.silentSince,
        (value) => value !== null,
        'it does not answer',
      );
      assert.ok(Date.parse(since) <= Date.now());
      // ten minutes, by the clock of this test
      const [key] = fs.readdirSync(join(rig.home, 'targets'));
      const path = join(rig.home, 'targets', key!, 'silent.json');
      const { checksum: _, ...record } = JSON.parse(fs.readFileSync(path, 'utf8'));
      fs.writeFileSync(path, JSON.stringify({ ...record, since: record.since - 600_000 }));
      const listed = await rig.bgjob(['ls']);
      assert.match(listed.stdout, /running \(silent 10m/);
      assert.match(
        (await rig.bgjob(['status', String(id)])).stdout,
        /running \(box has not answered for 10m/,
      );
      assert.match((await rig.bgjob(['targets'])).stdout, /box has not answered for 10m/);
      // its end comes while there is no connection
      open('away');
      await until(
        () => processesNaming(join(ssh.dir, 'away')).filter(({ pid }) => pid !== process.pid).length,
        (count) => count === 0,
        'its end there',
      );
      assert.equal((await rig.show(id)).state, 'running');
      await ssh.sshd([], at);
      assert.equal((await wait.answer).code, 42);
      assert.equal(rig.log(id), 'one\ntwo\n');
      await endServices(rig);
    }),
  );

  verbTest(
    'the host dies under a job: it is lost after the restart there, not before',
    async (rig) => {
      const id = await rig.run(['--on', 'box', '--', 'sh', '-c', 'echo up; exec sleep 1000']);
      await rig.bgjob(['wait', String(id), '--until', 'up']);
      const job = join(ssh.home(restarted!), '.bgjob-far');
      const find = (): string =>
        fs
          .readdirSync(job, { recursive: true, encoding: 'utf8' })
          .find((name) => /\/job\/[^/]+\/shim$/.test(name))!;
      const path = join(job, find());
      // as a power cut does it: all is killed, and the machine has a new boot
      const text = fs.readFileSync(path, 'utf8').trim().split(' ');
      await endServices(rig);
      const { uid } = fs.statSync(ssh.home(restarted!));
      const isTheirs = (pid: number) => fs.statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid === uid;
      const theirs = fs.readdirSync('/proc').map(Number).filter(isTheirs);
      for (const pid of theirs) if (isRunning(pid)) process.kill(pid, 'SIGKILL');
      text[3] = 'another-boot';
      fs.writeFileSync(path, `${text.join(' ')}\n`);
      const waited = await rig.bgjob(['wait', String(id)]);
      assert.match(waited.stdout + waited.stderr, /lost/);
      assert.equal((await rig.show(id)).state, 'lost');
      assert.match((await rig.show(id)).reason, /was restarted/);
      await untilNothingIsLeft(restarted!);
    },
    () => ({ box: { user: restarted! } }),
  );

  verbTest(
    'two homes here with one account there do not meet',
    async (rig) => {
      await withRig(async (other) => {
        fs.mkdirSync(other.home, { recursive: true, mode: 0o700 });
        fs.copyFileSync(join(rig.home, 'config.json'), join(other.home, 'config.json'));
        const ids = [await rig.run(['--on', 'box', '--', ...gated('two', 1)]), 0];
        ids[1] = await other.run(['--on', 'box', '--', ...gated('two', 2)]);
        assert.deepEqual(ids, [1, 1]);
        await rig.untilState(1, 'running');
        await other.untilState(1, 'running');
        await rig.bgjob(['kill', '1', '--now']);
        assert.equal((await other.show(1)).state, 'running');
        open('two');
        assert.equal((await other.bgjob(['wait', '1'])).code, 2);
        assert.equal((await rig.show(1)).state, 'killed');
        await endServices(other);
      });
      await endServices(rig);
      await untilNothingIsLeft(two!);
    },
    () => ({ box: { user: two! } }),
  );

  verbTest(
    'a full disk there refuses a job by name, and a running one ends with its code',
    async (rig) => {
      const disk = join(ssh.home(full!), 'disk');
      fs.mkdirSync(disk);
      assert.ok(succeeds('mount', '-t', 'tmpfs', '-o', 'size=256k,mode=777', 'none', disk));
      try {
        await configure(rig, { box: { user: full!, dir: join(disk, 'far'), at: await ssh.sshd() } });
        const id = await rig.run(['--on', 'box', '--', ...gated('full', 5)]);
        await rig.bgjob(['wait', String(id), '--until', 'one']);
        assert.throws(() => fs.writeFileSync(join(disk, 'filler'), Buffer.alloc(1 << 20)), {
          code: 'ENOSPC',
        });
        const ran = await rig.bgjob(['run', '--on', 'box', '--wait', '--', 'true']);
        assert.equal(ran.code, 125);
        assert.match(ran.stderr, /the disk there is full/);
        open('full');
        assert.equal((await rig.bgjob(['wait', String(id)])).code, 5);
        await endServices(rig);
      } finally {
        succeeds('umount', '-l', disk);
      }
    },
    undefined,
    { skip: missingMount() },
  );
}
