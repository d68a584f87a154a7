/** Jobs on a target, over the local transport: the promises about start, limits, stop and end. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { FarEnd, FarState } from '../../../../src/engine/targets/engine.ts';
import { LocalTransport } from '../../../../src/engine/targets/transport.ts';
import { BURNT_MS, SH_BURN } from '../../../rig/burn.ts';
import { Far, farTest, USAGE_FILE } from '../../../rig/far.ts';
import { isRunning, processesNaming } from '../../../rig/processes.ts';
import { until } from '../../../rig/until.ts';

/** What does not depend on the speed of the machine. */
const facts = ({ status, limit, afterStop }: FarEnd) => ({ status, limit, afterStop });
const byItself = (status: number) => ({ status, limit: null, afterStop: false });

/** A login of another user. */
class OtherUser extends LocalTransport {
  protected override start(argv: string[]) {
    return super.start(['setpriv', '--reuid=54321', '--regid=54321', '--clear-groups', ...argv]);
  }
}

const pidsIn = (text: string): number[] => text.trim().split(/\s+/).map(Number);
const gone = (pids: number[]) =>
  until(
    () => pids.filter(isRunning),
    (left) => left.length === 0,
    'the processes to be gone',
  );

farTest(
  'a job runs once, with its code, its output and its end; after remove nothing is left',
  async (far) => {
    const uid = await far.start(far.sh('echo out; echo err >&2; exit 7'));
    assert.deepEqual(facts(await far.end(uid)), byItself(7));
    assert.equal(await far.log(uid), 'out\nerr\n');
    assert.deepEqual(await far.engine.submit(far.sh('echo again', { uid })), {
      kind: 'known',
      nativeId: uid,
    });
    assert.equal(await far.log(uid), 'out\nerr\n');
    assert.deepEqual(await far.engine.find(), [uid]);
    assert.deepEqual(await far.engine.remove([uid]), []);
    assert.deepEqual(fs.readdirSync(far.home), []);
    assert.deepEqual(await far.state(uid), { kind: 'absent' });
  },
);

farTest('a death by a signal is 128+N; no signal is ignored that a login does not ignore', async (far) => {
  const signals = { HUP: 129, INT: 130, QUIT: 131, KILL: 137, PIPE: 141, TERM: 143 };
  for (const [name, status] of Object.entries(signals)) {
    const uid = await far.start(far.sh(`kill -s ${name} $$`));
    assert.deepEqual(facts(await far.end(uid)), byItself(status), name);
    assert.equal(await far.log(uid), '', 'no shell writes of it into the log');
  }
});

farTest('each word and variable arrives as it is', async (far) => {
  const words = [
    '',
    ' ',
    "it's",
    '"',
    '$HOME `x` \\n %b %s',
    'two\nlines\n',
    'ä€😀',
    '\u0081\u0088\u007f\u0001',
    '-n',
    '*',
  ];
  const env = [
    'PLAIN=1',
    'LINES=a\nb\n',
    'QUOTE=\'"$x`',
    'odd.name=x y',
    'BASH_FUNC_f%%=() { :; }',
    'IFS=q',
    'EMPTY=',
  ];
  const uid = await far.start(far.job(['printf', '%s\\0', ...words]));
  assert.equal((await far.end(uid)).status, 0);
  assert.deepEqual((await far.log(uid)).split('\0'), [...words, '']);
  const variables = await far.start(far.job(['env', '-0'], { env }));
  assert.equal((await far.end(variables)).status, 0);
  const all = (await far.log(variables)).split('\0');
  for (const entry of env) assert.ok(all.includes(entry), `${entry} in ${all}`);
  // a program whose name holds a `=`, with a variable that env must set
  const odd = join(far.home, 'a=b');
  fs.writeFileSync(odd, '#!/bin/sh\necho "odd $1"\n', { mode: 0o755 });
  const other = await far.start(far.job([odd, 'word'], { env: ['odd.name=1'] }));
  await far.end(other);
  assert.equal(await far.log(other), 'odd word\n');
});

farTest(
  'a job has the environment of the login, without SSH_*; umask and cwd are as recorded',
  async (far) => {
    const dir = join(far.home, "a 'dir'\n");
    fs.mkdirSync(dir);
    const script = 'env; pwd; umask; : >made';
    const uid = await far.start(far.sh(script, { cwd: dir, umask: 0o27, env: ['MINE=1'] }));
    assert.equal((await far.end(uid)).status, 0);
    const log = await far.log(uid);
    assert.doesNotMatch(log, /SSH_/);
    for (const line of ['PATH=/usr/bin:/bin', `HOME=${far.home}`, 'THEIRS=2', 'MINE=1', '0027'])
      assert.ok(log.split('\n').includes(line), `${line} in ${log}`);
    assert.ok(log.includes(`\n${dir}\n`));
    assert.equal(fs.statSync(join(dir, 'made')).mode & 0o777, 0o640);
    assert.equal(fs.statSync(join(far.root(), 'log', uid)).mode & 0o777, 0o600, 'nobody else reads a log');
    const atHome = await far.start(far.sh('pwd'));
    await far.end(atHome);
    assert.equal(await far.log(atHome), `${far.home}\n`);
  },
  { SSH_CONNECTION: '1 2 3 4', SSH_AUTH_SOCK: '/x', THEIRS: '2' },
);

farTest(
  'a login whose PATH is useless',
  async (far) => {
    const uid = await far.start(far.job(['/bin/sh', '-c', 'echo "$PATH"']));
    assert.equal((await far.end(uid)).status, 0);
    assert.equal(await far.log(uid), '/nonexistent\n');
  },
  { PATH: '/nonexistent' },
);

farTest('a directory that is not there, a program that is not there', async (far) => {
  const job = far.job(['true'], { cwd: join(far.home, 'none') });
  assert.deepEqual(await far.engine.submit(job), { kind: 'refused', why: 'no-cwd', said: '' });
  assert.deepEqual(fs.readdirSync(far.home), [], 'a refused job leaves nothing');
  const uid = await far.start(far.job(['no-such-program']));
  assert.equal((await far.end(uid)).status, 127);
  assert.match(await far.log(uid), /no-such-program/);
});

farTest('stdin: the bytes of a file, /dev/null without one', async (far) => {
  const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, n) => (n * 7) % 256));
  const uid = await far.start(far.job(['cat'], { stdin: bytes }));
  assert.equal((await far.end(uid)).status, 0);
  assert.ok((await far.engine.read(uid, 'out', 0, 1 << 20)).equals(bytes));
  assert.ok((await far.engine.read(uid, 'out', 69_990, 1000)).equals(bytes.subarray(69_990)));
  const empty = await far.start(far.job(['cat']));
  assert.equal((await far.end(empty)).status, 0);
  assert.equal(await far.log(empty), '');
});

farTest(
  'stop: TERM to the whole tree, whatever left its session, parent or environment; KILL after the grace',
  async (far) => {
    const script = `
    sh -c 'trap "" TERM; echo $$; while :; do sleep 1; done' &
    setsid sh -c 'trap "" TERM; echo $$; while :; do sleep 1; done' &
    env -i /usr/bin/setsid /bin/sh -c 'trap "" TERM; echo $$; while :; do /bin/sleep 1; done' &
    (setsid sh -c 'trap "" TERM; echo $$; while :; do sleep 1; done' &)
    trap 'echo term; exit 3' TERM
    while :; do sleep 1; done`;
    const uid = await far.start(far.sh(script));
    const pids = await until(
      () => far.log(uid),
      (log) => log.split('\n').length === 5,
    ).then(pidsIn);
    const { pid } = (await far.reach(uid, 'running')) as Extract<FarState, { kind: 'running' }>;
    const result = await far.engine.stop(uid, 'TERM', 60_000);
    assert.ok(result.signalled >= 5, JSON.stringify(result));
    await far.said(uid, 'term');
    await gone([pid!]);
    assert.deepEqual(pids.map(isRunning), [true, true, true, true]);
    // the first grace would give them a minute
    await far.engine.stop(uid, 'TERM', 50);
    await gone(pids);
    assert.deepEqual(facts(await far.end(uid)), { status: 3, limit: null, afterStop: true });
  },
);

/** A job whose child computes, says so, and stays: nothing waits for the child when all are killed. */
const FAMILY = `sh -c '${SH_BURN}; echo burnt; exec sleep 1000' & wait; exit 9`;

farTest('what it cost: CPU time of the job, of its children, and of those that a stop kills', async (far) => {
  const own = await far.end(await far.start(far.sh(`${SH_BURN}; exit 3`)));
  const child = await far.end(await far.start(far.sh(`sh -c '${SH_BURN}'; exit 4`)));
  assert.deepEqual([own.status, own.usage?.from, child.status, child.usage?.from], [3, 'shim', 4, 'shim']);
  for (const { usage } of [own, child]) assert.ok(usage!.cpuMs! >= BURNT_MS, JSON.stringify(usage));
  const idle = await far.end(await far.start(far.sh('exit 5')));
  assert.deepEqual([idle.status, idle.usage?.from], [5, 'shim']);

  const stopped = await far.start(far.sh(FAMILY));
  await far.said(stopped, 'burnt');
  await far.engine.stop(stopped, 'TERM', 60_000);
  const killed = await far.start(far.sh(FAMILY));
  await far.said(killed, 'burnt');
  await far.engine.stop(killed, 'KILL', 0);
  for (const [uid, status] of [
    [stopped, 143],
    [killed, 137],
  ] as const) {
    const { usage, ...end } = await far.end(uid);
    assert.deepEqual([end.status, end.afterStop, usage?.from], [status, true, 'samples']);
    assert.ok(usage!.cpuMs! >= BURNT_MS, JSON.stringify(usage));
  }
});

farTest('what it cost: of a job over a limit, too', async (far) => {
  const gate = far.gate();
  const script = `${FAMILY.replace('exec sleep 1000', `read x <"${gate.path}"; exec yes`)}`;
  const uid = await far.start(far.sh(script, { maxLogBytes: 65_536, graceMs: 1000 }));
  await far.said(uid, 'burnt');
  gate.open();
  const { limit, usage } = await far.end(uid);
  assert.deepEqual([limit, usage?.from], ['max-log', 'samples']);
  assert.ok(usage!.cpuMs! >= BURNT_MS, JSON.stringify(usage));
});

farTest('what it cost is not known where its file is gone or damaged; its code is', async (far) => {
  const harms = [
    ...['seq 300 >"$file"', 'seq 99999 | tr -d "\\n" >"$file"', 'rm "$file"', 'rm "$file"; mkfifo "$file"'],
    ...['rm "$file"; mkdir "$file"', 'rm "$file"; ln -s /dev/zero "$file"', 'echo x >>"$file"'],
  ];
  const script = (harm: string) => `file=${USAGE_FILE}; [ -f "$file" ] && { ${harm}; } && exit 8`;
  for (const harm of harms) {
    const { status, usage } = await far.end(await far.start(far.sh(script(harm))));
    assert.deepEqual([status, usage], [8, null], harm);
  }
});

farTest('a job over its --timeout: its end says so, whatever its code is', async (far) => {
  // the watcher of the limit waits until the job has its trap, however slow that is
  const [bin, ready] = [join(far.home, 'bin'), join(far.home, 'ready')];
  fs.mkdirSync(bin);
  const nap = `until [ -e '${ready}' ]; do /bin/sleep 0.01; done; exec /bin/sleep "$@"`;
  fs.writeFileSync(join(bin, 'sleep'), `#!/bin/sh\n${nap}\n`, { mode: 0o755 });
  far.env['PATH'] = `${bin}:/usr/bin:/bin`;
  const rest = `echo $!; : >'${ready}'; while :; do sleep 0.1; done`;
  const uid = await far.start(far.sh(`trap 'exit 0' TERM; ${rest}`, { timeoutMs: 200, graceMs: 60_000 }));
  assert.deepEqual(facts(await far.end(uid)), { status: 0, limit: 'timeout', afterStop: true });
  fs.rmSync(ready);
  const stubborn = await far.start(
    far.sh(`trap '' TERM; setsid /bin/sleep 1000 & ${rest}`, {
      timeoutMs: 200,
      graceMs: 100,
    }),
  );
  assert.deepEqual(facts(await far.end(stubborn)), { status: 137, limit: 'timeout', afterStop: true });
  await gone(pidsIn(await far.log(stubborn)));
});

farTest(
  'a job that ends before its limits is not touched by them, and leaves no process of ours',
  async (far) => {
    const uid = await far.start(far.sh('exit 4', { timeoutMs: 3_600_000, maxLogBytes: 1 << 30 }));
    assert.deepEqual(facts(await far.end(uid)), byItself(4));
    await until(
      () => processesNaming(far.home),
      (left) => left.every(({ command }) => command === '/bin/sh'),
      'only the control program to be left',
    );
  },
);

farTest('--max-log: a job that writes more is stopped', async (far) => {
  const uid = await far.start(far.sh('exec yes', { maxLogBytes: 65_536, graceMs: 60_000 }));
  assert.deepEqual(facts(await far.end(uid)), { status: 143, limit: 'max-log', afterStop: true });
  assert.ok(fs.statSync(join(far.root(), 'log', uid)).size >= 65_536);
  // both streams count
  const split = await far.start(far.sh('exec yes >&2', { maxLogBytes: 65_536, split: true }));
  assert.equal((await far.end(split)).limit, 'max-log');
  assert.equal(await far.log(split), '');
  const trim = far.sh('exec yes', { maxLogBytes: 65_536, onMaxLog: 'trim' });
  assert.deepEqual(await far.engine.submit(trim), { kind: 'refused', why: 'cannot-trim', said: '' });
});

farTest('--max-log: a job that ignores its TERM and writes on is killed before the grace', async (far) => {
  const script = "trap '' TERM; while :; do printf '%9999999d\\n' 1 || exit; done";
  const uid = await far.start(far.sh(script, { maxLogBytes: 65_536, graceMs: 86_400_000 }));
  assert.deepEqual(facts(await far.end(uid)), { status: 137, limit: 'max-log', afterStop: true });
});

farTest('--max-log of a job that is quiet first, and --timeout beside it', async (far) => {
  const gate = far.gate();
  const limits = { maxLogBytes: 65_536, timeoutMs: 3_600_000 };
  const uid = await far.start(far.sh(`read x <'${gate.path}'; exec yes`, limits));
  await far.reach(uid, 'running');
  gate.open();
  assert.equal((await far.end(uid)).limit, 'max-log');
  const slow = await far.start(far.sh('echo up; exec sleep 1000', { ...limits, timeoutMs: 1500 }));
  assert.equal((await far.end(slow)).limit, 'timeout');
  assert.ok((await far.end(slow)).tookMs >= 1500);
});

farTest('a submit beside the removal of the last job is not harmed by it', async (far) => {
  // as another connection does it: before the log is made, and in the instant before the shim starts
  const bin = join(far.home, 'bin');
  fs.mkdirSync(bin);
  const tidy = `(cd '${far.root()}'; rmdir end log) 2>/dev/null`;
  const seen = join(far.home, 'seen');
  const wrap = (name: string, lines: string[]) =>
    fs.writeFileSync(join(bin, name), ['#!/bin/sh', ...lines, ''].join('\n'), { mode: 0o755 });
  const isFirst = `case $* in *verdict) [ -e '${seen}' ] || { ${tidy}; : >'${seen}'; } ;; esac`;
  wrap('mkdir', ['/usr/bin/mkdir "$@" || exit', isFirst]);
  wrap('setsid', [tidy, 'exec /usr/bin/setsid "$@"']);
  far.env['PATH'] = `${bin}:/usr/bin:/bin`;
  const uid = await far.start(far.sh('echo up; exit 4'));
  assert.equal((await far.end(uid)).status, 4);
  assert.equal(await far.log(uid), 'up\n');
  assert.ok(fs.existsSync(seen));
});

farTest(
  'stop: finds a child by its parent, whatever the name of its program is',
  async (far) => {
    const names = ['\\377\\376 x) S 1', 'two\\nlines'];
    const script = `
    trap '' TERM
    for name in ${names.map((name) => `'${name}'`).join(' ')}; do
      path=./$(printf "$name"); cp /bin/sleep "$path"
      env -i /usr/bin/setsid "$path" 1000 & echo $!
    done
    wait`;
    const uid = await far.start(far.sh(script));
    const pids = pidsIn(
      await until(
        () => far.log(uid),
        (log) => log.split('\n').length === 3,
      ),
    );
    await until(
      () => pids.map((pid) => fs.readFileSync(`/proc/${pid}/cmdline`, 'latin1')),
      (commands) => commands.every((command) => command.startsWith('./')),
    );
    assert.deepEqual(await far.engine.stop(uid, 'KILL', 0), { signalled: 3, unseen: null });
    await gone(pids);
  },
  { LC_ALL: 'C.UTF-8' },
);

const isRoot = process.getuid!() === 0;
test('stop: says how many processes belong to another user', { skip: !isRoot && 'needs root' }, async () => {
  const far = new Far({}, {}, (one) => new OtherUser(one.env));
  try {
    // the folder of the suite is closed to other users
    if ((fs.statSync(tmpdir()).mode & 0o001) === 0) fs.chmodSync(tmpdir(), 0o711);
    fs.chownSync(far.home, 54_321, 54_321);
    const setpriv = join(far.home, 'setpriv');
    fs.copyFileSync('/usr/bin/setpriv', setpriv);
    fs.chmodSync(setpriv, 0o4755);
    const uid = await far.start(far.sh(`'${setpriv}' --reuid 0 sleep 1000 & echo $!; exec sleep 1000`));
    const [pid] = pidsIn(await far.said(uid, '\n'));
    try {
      await until(
        () => far.engine.stop(uid, '0', 0),
        ({ unseen }) => unseen?.why === 'permission',
      );
      const stopped = await far.engine.stop(uid, 'TERM', 0);
      assert.deepEqual(stopped, { signalled: 1, unseen: { why: 'permission', count: 1 } });
    } finally {
      process.kill(pid!, 'SIGKILL');
    }
    assert.equal((await far.end(uid)).status, 143);
  } finally {
    far.clear();
  }
});

farTest('stop: counts what it signals, leaves the shim out, and the end is recorded', async (far) => {
  const uid = await far.start(far.sh('sleep 1000 & setsid sleep 1000 & echo $! $$; wait'));
  const pids = pidsIn(await far.said(uid, '\n'));
  await until(
    () => far.engine.stop(uid, '0', 0),
    ({ signalled }) => signalled === 3,
  );
  assert.deepEqual(await far.engine.stop(uid, 'TERM', 60_000), { signalled: 3, unseen: null });
  assert.deepEqual(facts(await far.end(uid)), { status: 143, limit: null, afterStop: true });
  await gone(pids);
  // leftovers of an ended job
  const left = await far.start(far.sh('setsid sleep 1000 & echo $!'));
  await far.end(left);
  const [sleeper] = pidsIn(await far.log(left));
  assert.equal((await far.engine.stop(left, 'KILL', 0)).signalled, 1);
  await gone([sleeper!]);
  assert.deepEqual(await far.engine.stop('t-77-1', 'TERM', 0), { signalled: 0, unseen: null });
});

farTest('a second stop with a shorter grace sends no second TERM', async (far) => {
  // bash runs the trap of TERM before that of WINCH, if both have come
  const traps = `trap 'echo term' TERM; trap 'echo winch' WINCH; echo $$`;
  const uid = await far.start(far.sh(`exec bash -c "${traps}; while :; do read -t 1000 <> <(:); done"`));
  const [pid] = pidsIn(await far.said(uid, '\n'));
  assert.equal((await far.engine.stop(uid, 'TERM', 3600_000)).signalled > 0, true);
  await far.said(uid, 'term');
  assert.equal((await far.engine.stop(uid, 'TERM', 60_000)).signalled > 0, true, 'they are counted');
  process.kill(pid!, 'SIGWINCH');
  assert.equal(await far.said(uid, 'winch'), `${pid}\nterm\nwinch\n`);
  await far.engine.stop(uid, 'TERM', 0);
  assert.deepEqual(facts(await far.end(uid)), { status: 137, limit: null, afterStop: true });
  assert.equal(await far.log(uid), `${pid}\nterm\nwinch\n`);
});

farTest('a stopped (SIGSTOP) job gets its TERM, too', async (far) => {
  const uid = await far.start(far.sh('echo up; kill -s STOP $$; echo on'));
  await far.said(uid, 'up');
  await until(
    () => far.state(uid).then((state) => (state.kind === 'running' ? state.pid : 0)),
    (pid) => pid > 0 && fs.readFileSync(`/proc/${pid}/stat`, 'latin1').includes(') T '),
  );
  await far.engine.stop(uid, 'TERM', 60_000);
  assert.equal((await far.end(uid)).status, 143);
});

farTest('two submits of one uid at the same time start it once', async (far) => {
  const others = [far.another(), far.another(), far.another()];
  await Promise.all(others.map((engine) => engine.connect()));
  for (let round = 0; round < 5; round++) {
    const job = far.sh('echo started; exit 9');
    const results = await Promise.all(others.map((engine) => engine.submit(job)));
    for (const { kind } of results) assert.match(kind, /^(accepted|known)$/);
    assert.equal((await far.end(job.uid)).status, 9);
    assert.equal(await far.log(job.uid), 'started\n');
  }
});

farTest('two clients of one account do not meet', async (far) => {
  const other = far.another({ client: 'other' });
  const job = far.sh('echo first');
  await far.start(job);
  await other.submit(far.sh('echo second', { uid: job.uid }));
  await far.end(job.uid);
  await far.end(job.uid, other);
  assert.equal(await far.log(job.uid), 'first\n');
  assert.equal(await far.log(job.uid, 'out', other), 'second\n');
  await other.remove([job.uid]);
  assert.equal(await far.log(job.uid), 'first\n');
  assert.deepEqual(await other.find(), []);
  await far.engine.remove([job.uid]);
  assert.deepEqual(fs.readdirSync(far.home), []);
});

farTest('a connection that ends takes no job with it', async (far) => {
  const gate = far.gate();
  const uid = await far.start(far.sh(`echo up; read x <'${gate.path}'; echo on; exit 5`));
  await far.said(uid, 'up');
  far.engine.close();
  const again = far.another();
  assert.equal((await far.state(uid, again)).kind, 'running');
  assert.deepEqual(await again.remove([uid]), [uid], 'a live job keeps its records');
  gate.open();
  assert.deepEqual(facts(await far.end(uid, again)), byItself(5));
  assert.equal(await far.log(uid, 'out', again), 'up\non\n');
});
