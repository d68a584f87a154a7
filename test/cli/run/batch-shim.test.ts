/**
 * The shim of a batch runs one plain line after the other. No job notices that another one ran under it before,
 * and each promise of a job with a shim of its own holds.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { Gate } from '../../rig/gate.ts';
import { isRunning, openFiles, processesNaming } from '../../rig/processes.ts';
import { type Rig, rigTest as testOfRig } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';

/** Only dash passes the variables of a job on as they are. */
const skip = fs.realpathSync('/bin/sh').endsWith('/dash')
  ? false
  : 'sh is not dash here: each job has a shim';

const rigTest = (name: string, body: (rig: Rig) => Promise<void>) => testOfRig(name, body, { skip });

/** Adds these lines to a queue of one slot, and returns their ids. */
async function add(rig: Rig, lines: string[], cwd = rig.project): Promise<number[]> {
  const input = `${lines.join('\n')}\n`;
  const args = ['run', '-Q', 'q', '--slots', '1', '--batch', '-'];
  const { code, stdout, stderr } = await rig.bgjob(args, { input, cwd, env: { PWD: cwd } });
  assert.equal(code, 0, stderr);
  return stdout.trim().split('\n').map(Number);
}

const wait = (rig: Rig) => rig.bgjob(['wait', '--queue', 'q']);

const stateIs = (rig: Rig, id: number, state: string) =>
  until(
    () => rig.show(id),
    (job) => job.state === state,
    `${id} ${state}`,
  );

/** The processes of a running job, once its main process is on record. */
async function running(rig: Rig, id: number) {
  await stateIs(rig, id, 'running');
  return rig.shimOf(id);
}

const nothingLeft = (rig: Rig) =>
  until(
    () => processesNaming(rig.dir),
    (found) => found.length === 0,
    'no process',
  ).catch(({ message }) => assert.fail(message));

rigTest('the jobs of one slot have one shim, each a watcher and a session of its own', async (rig) => {
  const ids = await add(rig, ['echo $BGJOB_ID; cut -d" " -f1,4,6 /proc/self/stat', 'exit 3', 'kill -9 $$']);
  assert.equal((await wait(rig)).code, 3);
  const records = ids.map((id) => rig.shimRecord(id));
  assert.equal(new Set(records.map(({ shim }) => shim)).size, 1);
  assert.equal(new Set(records.flatMap(({ watcher, main }) => [watcher, main])).size, 6);
  assert.match(rig.log(1), new RegExp(`^1\n\\d+ \\d+ ${records[0]!.main}\n$`));
  const jobs = await Promise.all(ids.map((id) => rig.show(id)));
  assert.deepEqual(
    jobs.map(({ state, exitCode }) => [state, exitCode]),
    [
      ['exited', 0],
      ['exited', 3],
      ['exited', 137],
    ],
  );
  await nothingLeft(rig);
});

/**
 * Prints these lines of the own status, without a child: while a shell starts one it blocks signals for a
 * moment, and the child may see that.
 */
const signalsOf = (names: string) =>
  `while read -r row; do case $row in Sig${names}*) echo "$row";; esac; done </proc/$$/status`;

rigTest(
  'umask, directory, variables, limits, traps and descriptors of a job do not reach the next',
  async (rig) => {
    const look = [
      'umask; pwd; ulimit -n; env | sort | grep -v "^BGJOB_ID=" | grep -v "^_="',
      signalsOf('[IB]'),
      'grep -E "^(NoNewPrivs|Cpus_allowed_list)" /proc/$$/status; ls /proc/self/fd',
      'for fd in 0 1 2; do readlink /proc/$$/fd/$fd | sed "s:jobs/[0-9]*/::"; done; ulimit -a; trap',
    ].join('; ');
    const change = [
      "umask 0; cd /; ulimit -n 30; ulimit -c 0; trap '' TERM HUP INT PIPE USR1; export A=1 PATH=/nowhere",
      'exec 3>/dev/null 4>/dev/null 7>/dev/null; unset HOME; set -f -x',
    ].join('; ');
    const [before, , after] = await add(rig, [look, change, look]);
    await wait(rig);
    assert.equal(rig.shimRecord(before!).shim, rig.shimRecord(after!).shim);
    assert.match(rig.log(before!), /^0\n1\n2\n3\n\/dev\/null$/m);
    assert.equal(rig.log(after!), rig.log(before!));
  },
);

rigTest('a job has the same surroundings as under a shim of its own', async (rig) => {
  const line = [
    'umask; env | grep -v "^BGJOB_ID=" | sort',
    `${signalsOf('[IBC]')}; ulimit -a; ls /proc/self/fd`,
  ].join('; ');
  const [, batched] = await add(rig, ['true', line]);
  await wait(rig);
  const { command } = await rig.show(batched!);
  rig.env['PWD'] = rig.project;
  const alone = await rig.run(['-Q', 'q', '--', ...command]);
  await wait(rig);
  assert.notEqual(rig.shimRecord(alone).shim, rig.shimRecord(batched!).shim);
  assert.match(rig.log(batched!), /^SigBlk:\t0+$/m);
  assert.equal(rig.log(batched!), rig.log(alone));
});

rigTest('a directory that is made anew between two jobs is that of the next one', async (rig) => {
  const dir = `${rig.dir}/anew`;
  fs.mkdirSync(dir);
  const ids = await add(rig, [`rm -r ${dir}; mkdir ${dir}; echo >${dir}/new`, 'ls; pwd -P'], dir);
  assert.equal((await rig.bgjob(['wait', '--queue', 'q', '-a'])).code, 0);
  assert.equal(rig.log(ids[1]!), `new\n${dir}\n`);
});

rigTest('jobs of two batches with other directories and variables have two shims', async (rig) => {
  const gate = new Gate(rig);
  const line = 'pwd; umask; echo $A';
  const [first] = await add(rig, [gate.line, line]);
  const input = `${line}\n`;
  const args = ['run', '-Q', 'q', '-e', 'A=b', '--batch', '-'];
  const { code } = await rig.bgjob(args, { input, cwd: rig.dir, env: { PWD: rig.dir } });
  assert.equal(code, 0);
  gate.open();
  await rig.bgjob(['wait', '--queue', 'q', '-a']);
  assert.deepEqual(
    [rig.log(first! + 1), rig.log(first! + 2)],
    [`${rig.project}\n0022\n\n`, `${rig.dir}\n0022\nb\n`],
  );
  assert.notEqual(rig.shimRecord(first! + 1).shim, rig.shimRecord(first! + 2).shim);
});

rigTest('lines that are not plain have shims of their own, and arrive as they are', async (rig) => {
  const long = 'x'.repeat(1100);
  const ids = await add(rig, [
    'true',
    `echo 'ä  "$HOME" \\n'`,
    `echo ${long}`,
    `echo 'a  "$HOME" \\n' "it's" '$(id)'`,
  ]);
  await wait(rig);
  assert.deepEqual(
    ids.slice(1).map((id) => rig.log(id)),
    ['ä  "$HOME" \\n\n', `${long}\n`, `a  "$HOME" \\n it's $(id)\n`],
  );
  assert.equal(new Set(ids.slice(0, 3).map((id) => rig.shimRecord(id).shim)).size, 3);
});

rigTest(
  'kill and gc of the first job leave the second alone, which runs under the same shim',
  async (rig) => {
    const gate = new Gate(rig);
    const [first, second, third] = await add(rig, ['true', gate.line, 'exit 4']);
    const { shim, main } = await running(rig, second!);
    await stateIs(rig, first!, 'exited');
    assert.equal(shim, rig.shimRecord(first!).shim);
    const killed = await rig.bgjob(['kill', '--now', String(first)]);
    assert.match(killed.stdout, /^1 already exited 0 /);
    assert.equal((await rig.bgjob(['gc', '--ended'])).code, 0);
    assert.ok(!fs.existsSync(rig.file(first!, 'spec.json')));
    assert.ok(isRunning(shim) && isRunning(main));
    gate.open();
    assert.equal((await wait(rig)).code, 4);
    assert.equal((await rig.show(second!)).exitCode, 0);
    assert.equal(rig.shimRecord(third!).shim, shim);
    await nothingLeft(rig);
  },
);

rigTest('a job without marker and log is stopped by one signal: its shim proves it', async (rig) => {
  const line = 'exec env -i /bin/sh -c \'trap "exit 9" TERM; while :; do sleep 0.05; done\' >/dev/null 2>&1';
  const [, second, third] = await add(rig, ['true', line, 'exit 4']);
  const { main } = await running(rig, second!);
  const isStripped = () => !fs.readFileSync(`/proc/${main}/environ`, 'utf8').includes('BGJOB');
  await until(isStripped, Boolean, 'the program without a marker');
  assert.equal((await rig.bgjob(['kill', String(second)])).code, 0);
  const { forced, state } = await rig.show(second!);
  assert.equal(forced, 0);
  assert.ok(['killed', 'exited'].includes(state));
  await wait(rig);
  assert.equal((await rig.show(third!)).exitCode, 4);
});

rigTest('the supervisor dies: an adopter has the current job, and the others run on', async (rig) => {
  const gate = new Gate(rig);
  const [first, second, third] = await add(rig, ['exit 2', `${gate.line}; exit 3`, 'exit 4']);
  const { shim } = await running(rig, second!);
  const owner = rig.ownerPid(second!);
  await stateIs(rig, first!, 'exited');
  process.kill(owner, 'SIGKILL');
  await until(
    () => rig.ownerPid(second!),
    (pid) => (pid ?? owner) !== owner,
    'an adopter',
  );
  gate.open();
  await wait(rig);
  const codes = await Promise.all([first, second, third].map(async (id) => (await rig.show(id!)).exitCode));
  assert.deepEqual(codes, [2, 3, 4]);
  assert.notEqual(rig.shimRecord(third!).shim, shim);
  await nothingLeft(rig);
});

rigTest('watchers die, then the supervisor: the next command goes on with all jobs', async (rig) => {
  const gate = new Gate(rig);
  const [first, second, third] = await add(rig, ['exit 2', `${gate.line}; exit 3`, 'exit 4']);
  const { watcher } = await running(rig, second!);
  await stateIs(rig, first!, 'exited');
  process.kill(watcher, 'SIGKILL');
  process.kill(rig.ownerPid(second!), 'SIGKILL');
  gate.open();
  await wait(rig);
  const codes = await Promise.all([first, second, third].map(async (id) => (await rig.show(id!)).exitCode));
  assert.deepEqual(codes, [2, 3, 4]);
  await nothingLeft(rig);
});

rigTest('a watcher dies: its job has its code, and the next one the same shim', async (rig) => {
  const gate = new Gate(rig);
  const [, second, third] = await add(rig, ['true', `${gate.line}; exit 3`, 'exit 4']);
  const { watcher, shim } = await running(rig, second!);
  process.kill(watcher, 'SIGKILL');
  gate.open();
  await wait(rig);
  assert.deepEqual([(await rig.show(second!)).exitCode, (await rig.show(third!)).exitCode], [3, 4]);
  assert.equal(rig.shimRecord(third!).shim, shim);
  await nothingLeft(rig);
});

rigTest('the shim dies: its job is lost, and the next one has another shim', async (rig) => {
  const gate = new Gate(rig);
  const [, second, third] = await add(rig, ['true', gate.line, 'exit 4']);
  const { shim } = await running(rig, second!);
  process.kill(shim, 'SIGKILL');
  gate.open();
  await wait(rig);
  assert.equal((await rig.show(second!)).state, 'lost');
  assert.equal((await rig.show(third!)).exitCode, 4);
  assert.notEqual(rig.shimRecord(third!).shim, shim);
  await nothingLeft(rig);
});

rigTest('the shim is stopped when the next job comes: a kill of that job is answered', async (rig) => {
  const gate = new Gate(rig);
  const [first, second, third] = await add(rig, [`${gate.line}; exit 3`, 'exec sleep 1000', 'exit 4']);
  const { shim } = await running(rig, first!);
  const owner = rig.ownerPid(first!);
  process.kill(owner, 'SIGSTOP');
  gate.open();
  await until(
    () => fs.readFileSync(rig.file(first!, 'exit.1'), 'utf8').trim(),
    (text) => text.startsWith('3'),
    'the status on record',
  );
  process.kill(shim, 'SIGSTOP');
  process.kill(owner, 'SIGCONT');
  await until(
    () => rig.show(second!),
    ({ state }) => state !== 'queued',
    'the start of the second',
  );
  assert.equal((await rig.bgjob(['kill', String(second)])).code, 0);
  await wait(rig);
  const jobs = await Promise.all([first, second, third].map((id) => rig.show(id!)));
  assert.deepEqual(
    jobs.map(({ state }) => state),
    ['exited', 'killed', 'exited'],
  );
  await nothingLeft(rig);
});

rigTest('a watcher that is not on record any more ends with its job', async (rig) => {
  const gate = new Gate(rig);
  const [first, second] = await add(rig, [`: >${rig.home}/jobs/1/shim`, gate.line, 'true']);
  await running(rig, second!);
  await stateIs(rig, first!, 'exited');
  const alive = `${rig.home}/jobs/1/alive`;
  await until(
    () => processesNaming(rig.dir).filter(({ pid }) => openFiles(pid).includes(alive)),
    (found) => found.length === 0,
    'no process has the FIFO open',
  ).catch(({ message }) => assert.fail(message));
  gate.open();
  assert.equal((await wait(rig)).code, 0);
});

rigTest('a job that removes record and FIFO costs nothing but its own files', async (rig) => {
  const [first, second] = await add(rig, [
    `: >${rig.home}/jobs/1/shim; rm ${rig.home}/jobs/1/alive`,
    'exit 4',
  ]);
  await rig.bgjob(['wait', '--queue', 'q']);
  assert.deepEqual([(await rig.show(first!)).state, (await rig.show(second!)).exitCode], ['exited', 4]);
  await nothingLeft(rig);
});

rigTest('a home that is moved between two jobs has the records of both', async (rig) => {
  const gate = new Gate(rig);
  const [, second, third] = await add(rig, ['true', gate.line, 'exit 4']);
  await running(rig, second!);
  const before = rig.home;
  fs.renameSync(before, `${before}-moved`);
  rig.home = `${before}-moved`;
  rig.env['BGJOB_HOME'] = rig.home;
  gate.open();
  await wait(rig);
  assert.deepEqual(
    [(await rig.show(second!)).exitCode, (await rig.show(third!)).exitCode, fs.existsSync(before)],
    [0, 4, false],
  );
});
