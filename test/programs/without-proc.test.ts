/**
 * Without /proc, as on macOS: who a process is comes from ps, and nothing else is different for who uses it.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { cannotMount } from '../rig/mounts.ts';
import { missing } from '../rig/needs.ts';
import { withoutProc } from '../rig/noproc.ts';
import { isRunning, letterOf } from '../rig/processes.ts';
import { type Answer, BGJOB, type Call, type CallOptions, type Rig, rigTest } from '../rig/rig.ts';
import { killTogether } from '../rig/together.ts';
import { until } from '../rig/until.ts';

const skip = missing('gcc', 'ps') || cannotMount();

/** bgjob in a world without /proc. */
class Without {
  private readonly rig: Rig;
  private readonly words: string[];
  constructor(rig: Rig, lacking: string[] = []) {
    const words = withoutProc(`${rig.dir}/world`, lacking);
    assert.ok(words, 'gcc and a mount namespace of our own make the world without /proc');
    this.rig = rig;
    this.words = words;
  }
  start(args: string[], options: CallOptions = {}): Call {
    const [program, ...words] = [...this.words, process.execPath, BGJOB, ...args];
    return this.rig.start(program!, words, options);
  }
  /** Whatever is asked: no stack trace, no bug. */
  async bgjob(args: string[], options: CallOptions = {}): Promise<Answer> {
    const answer = await this.start(args, options).answer;
    assert.doesNotMatch(answer.stderr, /this is a bug|internal error|\n {4}at /);
    return answer;
  }
  async run(args: string[], options: CallOptions = {}): Promise<number> {
    const { code, stdout, stderr } = await this.bgjob(['run', ...args], options);
    assert.deepEqual([code, stderr], [0, '']);
    return Number(stdout);
  }
  async show(id: number): Promise<any> {
    return JSON.parse((await this.bgjob(['show', String(id), '--json'])).stdout);
  }
  async untilState(id: number, state: string): Promise<any> {
    return until(
      () => this.show(id),
      (job) => job.state === state,
      `job ${id} ${state}`,
    );
  }
}

const worldTest = (name: string, body: (world: Without, rig: Rig) => Promise<void>): void =>
  rigTest(name, (rig) => body(new Without(rig), rig), { skip });

worldTest('this world has no /proc, no setsid, and tells no session', async (world, rig) => {
  const id = await world.run([
    '--',
    'sh',
    '-c',
    'test -e /proc/self/stat; echo $?; [ -x /usr/bin/setsid ]; echo $?',
  ]);
  await world.bgjob(['wait', String(id)]);
  assert.equal(rig.log(id), '1\n1\n');
  // a main process that leads its own group, and is no subshell of the shim
  assert.match(
    fs.readFileSync(rig.file(id, 'shim'), 'utf8').split('\n')[2]!,
    /^\s*\d+ +\d+ +(\d+) +\1 [A-Z]/,
  );
});

worldTest('run, ls, status, wait, show and tail tell the truth, with true codes', async (world, rig) => {
  const puppet = await rig.puppet();
  const id = await world.run(['-n', 'api', '--', ...puppet.command]);
  await puppet.print('hello\n');
  // its supervisor may not have published that it runs
  await world.untilState(id, 'running');
  assert.match((await world.bgjob(['ls'])).stdout, /^1 +api +running /m);
  assert.equal((await world.bgjob(['status', 'api'])).code, 75);
  assert.equal((await world.bgjob(['tail', 'api'])).stdout, 'hello\n');
  assert.equal((await world.show(id)).pid, await puppet.pid());
  const waiting = world.start(['wait', 'api']);
  await puppet.exit(7);
  const waited = await waiting.answer;
  assert.deepEqual([waited.code, /^api 1 exited 7 after/.test(waited.stdout)], [7, true]);
  assert.equal((await world.bgjob(['status', 'api'])).code, 7);
  assert.match((await world.bgjob(['ls'])).stdout, /^1 +api +exited 7 /m);
});

worldTest('--wait hands on the code, a signal and what was not found', async (world, rig) => {
  for (const [line, code] of [
    ['exit 3', 3],
    ['kill -9 $$', 137],
    ['exec ./gone', 127],
  ] as const)
    assert.equal((await world.bgjob(['run', '--wait', '--', 'sh', '-c', line])).code, code, line);
  assert.equal((await world.bgjob(['run', '--', 'no-such-program'])).code, 127);
  // it has a #! that leads nowhere: only the exec itself can tell
  fs.writeFileSync(`${rig.project}/lost`, '#!/no/such/shell\n', { mode: 0o755 });
  assert.equal((await world.bgjob(['run', '--wait', '--', './lost'])).code, 127);
});

worldTest('kill ends the job and its children, and says how many they were', async (world, rig) => {
  const puppet = await rig.puppet();
  const id = await world.run(['--', ...puppet.command]);
  const { port } = await puppet.order({ do: 'listen' });
  await puppet.ignore('SIGTERM');
  const pids = [await puppet.pid(), await puppet.fork(), await puppet.fork({ ignoring: ['SIGTERM'] })];
  const { code, stdout, stderr } = await world.bgjob(['kill', String(id), '--grace', '100ms']);
  assert.equal(code, 0);
  // those that ignore TERM
  assert.match(stderr, /^\([23] processes did not end within 0\.1s after TERM, and KILL was needed; .*\)\n$/);
  assert.match(stdout, /^1 killed \(KILL, [\d.hms]+\): 3 processes/);
  // where lsof is, the port is named
  if (fs.existsSync('/usr/bin/lsof')) assert.match(stdout, new RegExp(`port ${port} free`));
  assert.deepEqual(pids.filter(isRunning), []);
  const job = await world.show(id);
  assert.deepEqual([job.state, job.exitCode], ['killed', 137]);
});

worldTest('what its main process left in its group is found after the end, and ended', async (world, rig) => {
  const id = await world.run(['--', 'sh', '-c', 'sleep 1000 >/dev/null 2>&1 & echo $!']);
  await world.bgjob(['wait', String(id)]);
  const left = Number(rig.log(id));
  assert.ok(isRunning(left));
  assert.equal((await world.bgjob(['kill', String(id)])).code, 0);
  assert.ok(!isRunning(left));
});

worldTest('what a job left is ended also before its owner has recorded it', async (world, rig) => {
  await rig.bash('mkfifo go');
  const id = await world.run(['--', 'sh', '-c', 'sleep 1000 >/dev/null 2>&1 & echo $!; read _ <go']);
  await world.untilState(id, 'running');
  await until(
    () => rig.log(id),
    (log) => /^\d+\n/.test(log),
    'the pid of what it will leave',
  );
  process.kill(rig.ownerPid(id), 'SIGSTOP');
  await rig.bash('echo >go');
  assert.match((await world.bgjob(['wait', String(id)])).stdout, /^1 exited 0 /);
  const left = Number(rig.log(id));
  assert.equal((await world.bgjob(['kill', String(id)])).code, 0);
  assert.ok(!isRunning(left));
});

worldTest('a supervisor that is killed is replaced, and the code is kept', async (world, rig) => {
  const puppet = await rig.puppet();
  const id = await world.run(['--', ...puppet.command]);
  await puppet.ready();
  await world.untilState(id, 'running');
  process.kill(rig.ownerPid(id), 'SIGKILL');
  await until(
    () => fs.existsSync(rig.file(id, 'owner.2')),
    (there) => there,
    'an adopter',
  );
  assert.equal((await world.show(id)).state, 'running');
  await puppet.exit(9);
  assert.equal((await world.bgjob(['wait', String(id)])).code, 9);
});

worldTest('what nothing shows to be the job is shown, kept, and not signalled', async (world, rig) => {
  const puppet = await rig.puppet();
  const id = await world.run(['--', ...puppet.command]);
  const pid = await puppet.pid();
  await world.untilState(id, 'running');
  const [shim, watcher] = fs
    .readFileSync(rig.file(id, 'shim'), 'utf8')
    .split('\n')
    .map((line) => Number.parseInt(line, 10));
  // a watcher that lives would replace the others
  await killTogether([watcher!, rig.ownerPid(id), shim!]);
  await world.untilState(id, 'lost');
  const { code, stderr } = await world.bgjob(['kill', String(id)]);
  assert.equal(code, 125);
  assert.match(stderr, new RegExp(`it is not certain that process ${pid} belongs to job ${id}`));
  assert.ok(isRunning(pid));
  await world.bgjob(['gc', '--keep', '0']);
  assert.equal((await world.show(id)).state, 'lost');
  await puppet.exit(0);
});

worldTest('pause stands still, resume goes on', async (world, rig) => {
  const puppet = await rig.puppet();
  const id = await world.run(['--', ...puppet.command]);
  const pid = await puppet.pid();
  assert.equal((await world.bgjob(['pause', String(id)])).code, 0);
  assert.equal(letterOf(pid), 'T');
  assert.equal((await world.show(id)).state, 'paused');
  assert.equal((await world.bgjob(['resume', String(id)])).code, 0);
  assert.notEqual(letterOf(pid), 'T');
  await puppet.exit(0);
  assert.equal((await world.bgjob(['wait', String(id)])).code, 0);
});

worldTest('a queue of two slots: never more at once, all of them in the end', async (world, rig) => {
  const puppets = [await rig.puppet(), await rig.puppet(), await rig.puppet()];
  for (const { command } of puppets) await world.run(['-Q', 'q', '--slots', '2', '--', ...command]);
  await puppets[0]!.ready();
  await puppets[1]!.ready();
  assert.equal((await world.show(3)).state, 'queued');
  await puppets[1]!.exit(4);
  await puppets[2]!.ready();
  await puppets[0]!.exit(0);
  await puppets[2]!.exit(5);
  const codes = [];
  for (const id of ['1', '2', '3']) codes.push((await world.bgjob(['wait', id])).code);
  assert.deepEqual(codes, [0, 4, 5]);
});

worldTest('cron has a short PATH: a live job is no other boot there', async (world, rig) => {
  const puppet = await rig.puppet();
  await world.run(['--', ...puppet.command]);
  await puppet.ready();
  assert.equal((await world.bgjob(['status', '1'], { env: { PATH: '/usr/bin:/bin' } })).code, 75);
  await puppet.exit(0);
  assert.equal((await world.bgjob(['wait', '1'])).code, 0);
});

worldTest('COLUMNS of a narrow terminal cuts no line of ps', async (world, rig) => {
  const narrow = { env: { COLUMNS: '6' } };
  const puppet = await rig.puppet();
  await world.run(['--', ...puppet.command], narrow);
  const pid = await puppet.pid();
  assert.equal((await world.untilState(1, 'running')).pid, pid);
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  const { stderr } = await world.bgjob(['run', '--until-port', String(port), '--', 'true'], narrow);
  other.close();
  assert.ok(stderr.includes(`pid ${process.pid} (${process.execPath}`), stderr);
  assert.match((await world.bgjob(['kill', '1'], narrow)).stdout, /^1 killed \(TERM/);
});

worldTest('--pty is a terminal with a true code, and is stopped; send types into it', async (world, rig) => {
  const id = await world.run([
    '--pty',
    '--',
    'sh',
    '-c',
    'test -t 1 && read word && echo "got $word"; exit 6',
  ]);
  assert.equal((await world.bgjob(['send', String(id), 'hello'])).code, 0);
  assert.equal((await world.bgjob(['wait', String(id)])).code, 6);
  assert.match(rig.log(id), /got hello/);
  // with its leader, before that could write anything down
  assert.equal((await world.bgjob(['run', '--pty', '--wait', '--', 'sh', '-c', 'kill -9 0'])).code, 137);
  const puppet = await rig.puppet();
  await world.run(['--pty', '--', ...puppet.command]);
  const pids = [await puppet.pid(), await puppet.fork()];
  const killed = await world.bgjob(['kill', '3']);
  assert.match(killed.stdout, /^3 killed \(TERM, [\d.hms]+\): 2 processes/);
  assert.deepEqual(pids.filter(isRunning), []);
});

rigTest(
  'who listens comes from lsof: the job on its port, and the listener of a trigger is our own',
  async (rig) => {
    const world = new Without(rig);
    const puppet = await rig.puppet();
    await world.run(['-n', 'web', '--', ...puppet.command]);
    const { port } = await puppet.order({ do: 'listen' });
    const waited = await world.bgjob(['wait', 'web', '--until-port', String(port)]);
    assert.equal(waited.code, 0);
    assert.equal(waited.stdout, `web 1 ready: it listens on port ${port} (pid ${await puppet.pid()})\n`);
    await puppet.exit(0);
    const added = await world.bgjob(['trigger', 'add', 'hook', '--', 'true']);
    assert.equal(added.code, 0);
    const [url, secret] = added.stdout.split('\n');
    const answer = await fetch(url!, {
      method: 'POST',
      headers: { Authorization: `Bearer ${secret}` },
      body: '{}',
    });
    assert.equal(answer.status, 202);
    const { id } = (await answer.json()) as { id: number };
    assert.equal((await world.bgjob(['wait', String(id)])).code, 0);
    assert.doesNotMatch((await world.bgjob(['trigger', 'ls'])).stdout, /not listening|taken/);
    assert.equal((await world.bgjob(['trigger', 'rm', 'hook'])).code, 0);
  },
  { skip: missing('lsof') || skip },
);

rigTest(
  'without lsof either, --until-port says so and does not wait',
  async (rig) => {
    const world = new Without(rig, ['lsof']);
    const { code, stderr } = await world.bgjob(['run', '--until-port', '3000', '--', 'sleep', '1000']);
    assert.equal(code, 125);
    assert.match(stderr, /--until-port needs lsof on a system without \/proc.*\n {2}hint: install lsof/);
    assert.equal((await world.bgjob(['ls', '--json'])).stdout, '');
  },
  { skip },
);

worldTest('--timeout ends it, 124', async (world) => {
  assert.equal((await world.bgjob(['run', '--wait', '--timeout', '300ms', '--', 'sleep', '1000'])).code, 124);
});

worldTest('the self-test of doctor passes, and leaves nothing', async (world, rig) => {
  const TMPDIR = `${rig.dir}/temporary`;
  fs.mkdirSync(TMPDIR);
  // in parts: a self-test gives up after two minutes, and ps is slow in this world
  for (const names of ['processes', 'kill', 'adoption', 'pty']) {
    const options = { env: { TMPDIR }, limitMs: 240_000 };
    const { code, stdout } = await world.bgjob(['doctor', `--self-test=${names}`], options);
    assert.equal(code, 0, stdout);
  }
  assert.deepEqual(fs.readdirSync(TMPDIR), []);
});
