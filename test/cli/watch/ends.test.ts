/** `watch --ends`: a line for each end, once, and nothing else; it sleeps, marks nothing, and ends with its reader. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { letterOf, processesNaming, readsOf } from '../../rig/processes.ts';
import { type Call, type CallOptions, type Rig, rigTest } from '../../rig/rig.ts';
import { killTogether } from '../../rig/together.ts';
import { until } from '../../rig/until.ts';

const A = { CLAUDE_CODE_SESSION_ID: 'a' };
const B = { CLAUDE_CODE_SESSION_ID: 'b' };

const linesOf = (call: Call): string[] => call.stdout().split('\n').slice(0, -1);
const untilLines = (call: Call, count: number): Promise<string[]> =>
  until(
    () => linesOf(call),
    (lines) => lines.length >= count,
    `${count} lines`,
  );
const startEnds = (rig: Rig, args: string[] = [], env: Record<string, string> = {}): Call =>
  rig.startBgjob(['watch', '--ends', ...args], { env });

/** Ends the call; all that it has printed, and that it said nothing else. */
async function stop(call: Call): Promise<string[]> {
  call.child.kill('SIGTERM');
  const { code, stdout, stderr } = await call.answer;
  assert.deepEqual([code, stderr], [143, '']);
  return stdout.split('\n').slice(0, -1);
}

/** Stops a process where it is. */
async function freeze(pid: number): Promise<void> {
  process.kill(pid, 'SIGSTOP');
  await until(
    () => letterOf(pid),
    (letter) => letter === 'T',
    'a stopped process',
  );
}

/** Runs a job to its end, of which no call is told. */
async function ended(rig: Rig, args: string[], options: CallOptions = {}): Promise<number> {
  const id = await rig.run(args, options);
  await until(
    () => fs.readdirSync(join(rig.home, 'ended')),
    (names) => names.some((name) => name.includes(`.${id}.`)),
    `the end of ${id}`,
  );
  await rig.untilLeft(id);
  return id;
}

const TIME = /after [\d.]+m?s/;

rigTest('a line for each end in this project, each once; not those from before', async (rig) => {
  fs.mkdirSync(`${rig.dir}/else/.git`, { recursive: true });
  await rig.runOut(['-n', 'old', '--', 'true']);
  const puppet = await rig.puppet();
  await rig.run(['-n', 'test', '--', ...puppet.command]);
  const call = startEnds(rig);
  const all = startEnds(rig, ['-a']);
  await rig.runOut(['--', 'true'], { cwd: `${rig.dir}/else` });
  await rig.run(['-Q', 'q', '-n', 'q1', '--', 'sleep', '1000']);
  await rig.run(['-Q', 'q', '-n', 'q2', '--', 'true']);
  await rig.untilState(4, 'running');
  await untilLines(all, 1);
  await rig.bgjob(['kill', 'q2']);
  await untilLines(call, 1);
  await rig.bgjob(['kill', 'q1']);
  await untilLines(call, 2);
  await puppet.exit(1);
  await untilLines(call, 3);
  await rig.runOut(['--', 'sh', '-c', 'exit 5']);
  await untilLines(call, 4);
  await untilLines(all, 5);
  // each answer of these reads the home anew
  await rig.bgjob(['wait', '2', '6']);
  await rig.bgjob(['gc', '--ended']);
  await rig.runOut(['-n', 'last', '--', 'true']);
  await untilLines(call, 5);
  await untilLines(all, 6);
  const expected = [
    'bgjob: job 5 "q2" ended: cancelled (bgjob tail 5)',
    'bgjob: job 4 "q1" ended: killed SIGTERM T (bgjob tail 4)',
    'bgjob: job 2 "test" ended: exited 1 T (bgjob tail 2)',
    `bgjob: job 6 "sh -c 'exit 5'" ended: exited 5 T (bgjob tail 6)`,
    'bgjob: job 7 "last" ended: exited 0 T (bgjob tail 7)',
  ];
  const clean = (lines: string[]) => lines.map((line) => line.replace(TIME, 'T'));
  assert.deepEqual(clean(await stop(call)), expected);
  assert.deepEqual(clean(await stop(all)), [
    'bgjob: job 3 "true" ended: exited 0 T (bgjob tail 3)',
    ...expected,
  ]);
});

rigTest('a job that ends while the call starts is told once', async (rig) => {
  await rig.runOut(['--', 'true']);
  const call = startEnds(rig);
  // Node boots, or has booted: both are right
  await freeze(call.child.pid!);
  await rig.runOut(['--', 'false']);
  process.kill(call.child.pid!, 'SIGCONT');
  // as long as it does not watch yet, the last job is missed, too, by a program that misses the first
  while (!call.stdout().includes('last')) await rig.runOut(['-n', 'last', '--', 'true']);
  assert.deepEqual((await stop(call)).map((line) => line.split(' ')[2]).slice(0, 2), ['2', '3']);
});

rigTest('--session: its ends in any project, less what a call has told; nothing is marked', async (rig) => {
  fs.mkdirSync(`${rig.dir}/else/.git`, { recursive: true });
  const call = startEnds(rig, ['--session'], A);
  const other = startEnds(rig, ['--session=b']);
  await ended(rig, ['--', 'true'], { env: B });
  await ended(rig, ['--', 'true'], { env: A, cwd: `${rig.dir}/else` });
  await ended(rig, ['--', 'true']);
  await untilLines(call, 1);
  await freeze(call.child.pid!);
  const told = await rig.run(['--', 'true'], { env: A });
  await rig.bgjob(['wait', String(told)], { env: A });
  process.kill(call.child.pid!, 'SIGCONT');
  await ended(rig, ['--', 'false']);
  const last = await ended(rig, ['--', 'false'], { env: A });
  await untilLines(call, 2);
  const ids = (lines: string[]) => lines.map((line) => Number(line.split(' ')[2]));
  assert.deepEqual(ids(await stop(call)), [2, last]);
  await untilLines(other, 1);
  assert.deepEqual(ids(await stop(other)), [1]);
  const unseen = await rig.bgjob(['ls', '--unseen', '-q', '--session'], { env: A });
  assert.deepEqual(unseen.stdout, `${last}\n2\n`);
});

rigTest('--session without a session is refused; with --json each end is an object of ls', async (rig) => {
  const { code, stdout, stderr } = await rig.bgjob(['watch', '--ends', '--session']);
  assert.deepEqual([code, stdout], [125, '']);
  assert.match(stderr, /this call is in no session/);
  const call = startEnds(rig, ['--json']);
  await rig.runOut(['--', 'false']);
  const [line] = await untilLines(call, 1);
  const [listed] = await rig.json(['ls']);
  assert.deepEqual(JSON.parse(line!), listed);
  await stop(call);
});

rigTest('it ends with the reader of its pipe or socket, though no job ends', async (rig) => {
  await rig.runOut(['--', 'true']);
  const socket = startEnds(rig);
  socket.child.stdout!.destroy();
  assert.equal((await socket.answer).code, 0);
  const reader = '{ echo $BASHPID; exec sleep 1000; }';
  const piped = rig.start('bash', ['-c', `bgjob watch --ends | ${reader}; echo "code \${PIPESTATUS[0]}"`]);
  const pid = await until(
    () => Number(piped.stdout()),
    (number) => number > 0,
    'the reader',
  );
  process.kill(pid, 'SIGKILL');
  assert.match((await piped.answer).stdout, /^\d+\ncode 0\n$/);
});

rigTest('killed in any way it leaves no process, and its reader reads the end of the stream', async (rig) => {
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGKILL'] as const) {
    const piped = rig.start('bash', ['-c', `bgjob watch --ends | cat; echo "code \${PIPESTATUS[0]}"`]);
    const [found] = await until(
      () => processesNaming(rig.dir).filter(({ command }) => /watch --ends$/.test(command)),
      (all) => all.length === 1,
      'the call',
    );
    process.kill(found!.pid, signal);
    assert.match((await piped.answer).stdout, /^code 1\d\d\n$/);
  }
});

rigTest('a home that comes later, is moved away and back, or is made anew', async (rig) => {
  const call = startEnds(rig, [], { BGJOB_MAX_WAIT: '1ms' });
  const away = join(rig.dir, 'away');
  await rig.runOut(['-n', 'first', '--', 'true']);
  await untilLines(call, 1);
  // it ends while its home is elsewhere
  const puppet = await rig.puppet();
  await rig.run(['-n', 'moved', '--', ...puppet.command]);
  await puppet.ready();
  fs.renameSync(rig.home, away);
  await puppet.exit(3);
  await rig.bgjob(['wait', '2'], { env: { BGJOB_HOME: away } });
  fs.renameSync(away, rig.home);
  await untilLines(call, 2);
  fs.renameSync(rig.home, away);
  await rig.runOut(['-n', 'anew', '--', 'true']);
  await untilLines(call, 3);
  fs.rmSync(rig.home, { recursive: true });
  await rig.runOut(['-n', 'again', '--', 'true']);
  await untilLines(call, 4);
  assert.deepEqual(
    (await stop(call)).map((line) => line.split(' ').slice(2, 4).join(' ')),
    ['1 "first"', '2 "moved"', '1 "anew"', '1 "again"'],
  );
});

rigTest('a newer home is refused at the start, and later', async (rig) => {
  await rig.runOut(['--', 'true']);
  const call = startEnds(rig);
  await rig.runOut(['--', 'true']);
  await untilLines(call, 1);
  const format = join(rig.home, 'format');
  const known = fs.readFileSync(format);
  fs.writeFileSync(format, '99\n');
  for (const { answer } of [call, startEnds(rig)]) {
    const { code, stderr } = await answer;
    assert.equal(code, 125);
    assert.match(stderr, /written by a newer bgjob/);
  }
  fs.writeFileSync(format, known);
});

rigTest('a job all of whose processes are killed is told to be lost', async (rig) => {
  const puppet = await rig.puppet();
  await rig.run(['--', ...puppet.command]);
  await rig.untilState(1, 'running');
  const { shim, watcher } = await rig.shimOf(1);
  const call = startEnds(rig);
  await rig.runOut(['--', 'true']);
  await untilLines(call, 1);
  await killTogether([rig.ownerPid(1), watcher, shim]);
  const lines = await untilLines(call, 2);
  assert.match(
    lines[1]!,
    /^bgjob: job 1 ".*" ended: lost \(supervisor and shim were killed\) \(bgjob tail 1\)$/,
  );
  await rig.bgjob(['kill', '1']);
  // gc moves its marker: no second line
  await rig.bgjob(['gc']);
  await rig.runOut(['--', 'true']);
  await untilLines(call, 3);
  assert.equal((await stop(call)).length, 3);
});

rigTest('while nothing ends it sleeps, however much a job writes', async (rig) => {
  const puppet = await rig.puppet();
  await rig.run(['--', ...puppet.command]);
  await puppet.ready();
  const call = startEnds(rig);
  await rig.runOut(['--', 'true']);
  await untilLines(call, 1);
  const [before, begun] = [readsOf(call.child.pid!), performance.now()];
  for (let n = 0; n < 1000; n++) await puppet.print(`${n}\n`);
  // it may look once in a while, and a busy machine gives it a long while
  const reads = readsOf(call.child.pid!) - before;
  assert.ok(reads < 200 + (performance.now() - begun) / 10, `${reads} reads`);
  await puppet.exit(0);
  await untilLines(call, 2);
  await stop(call);
});
