/**
 * The real program in other worlds of the same machine: after a restart (another boot id), beside a container
 * that shares the home
 * (another pid namespace), and where the pids of a dead job were given to strangers.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { cannotUnshare, inPidNamespace, withFile, withReadOnly } from '../rig/namespaces.ts';
import { isRunning, processesNaming } from '../rig/processes.ts';
import { type Answer, BGJOB, type Rig, rigTest } from '../rig/rig.ts';
import { until } from '../rig/until.ts';
import { killOwner, runPuppet, slay } from './death.ts';

const skip = cannotUnshare();
const BOOT_ID = '/proc/sys/kernel/random/boot_id';
const OTHER_BOOT = '11111111-2222-4333-8444-555555555555';

/** A call in another world, which the words before it make. */
const callIn = (rig: Rig, [program = '', ...words]: string[], args: string[]): Promise<Answer> =>
  rig.start(program, [...words, process.execPath, '--', BGJOB, ...args]).answer;

/** Everything of bgjob's that could see the end. */
async function slayMachinery(rig: Rig, id: number): Promise<void> {
  const { shim, watcher } = rig.shimRecord(id);
  for (const pid of [watcher!, rig.ownerPid(id), shim!]) await slay(pid);
}

rigTest(
  'after a restart: what ran is lost, what ended is known, and new jobs run as ever',
  async (rig) => {
    fs.writeFileSync(`${rig.dir}/boot_id`, `${OTHER_BOOT}\n`);
    const later = (args: string[]) => callIn(rig, withFile(BOOT_ID, `${rig.dir}/boot_id`), args);
    const puppet = await rig.puppet();
    const id = await runPuppet(rig, puppet, ['-n', 'web']);
    const ended = await rig.run(['--', 'true']);
    await rig.untilState(ended, 'exited');
    const { main } = rig.shimRecord(id);
    await slayMachinery(rig, id);
    await slay(main!);

    const status = await later(['status', 'web']);
    assert.equal(status.code, 125);
    assert.match(status.stdout, /^web 1 lost \(the machine was restarted\)/);
    assert.equal((await later(['wait', 'web'])).code, 125);
    assert.equal((await later(['wait', String(ended)])).code, 0);
    assert.match((await later(['kill', 'web'])).stdout, /^web 1 already lost \(the machine was restarted\)/);
    // the name is free, a job that is started is of the new boot
    const next = await later(['run', '-n', 'web', '--reuse', '--timeout', '1h', '--', 'sleep', '1000']);
    assert.deepEqual([next.code, next.stdout], [0, '3\n'], next.stderr);
    await rig.untilState(3, 'running');
    const owner = JSON.parse(fs.readFileSync(rig.file(3, 'owner.1'), 'utf8'));
    assert.equal(owner.identity.bootId, OTHER_BOOT, 'the program believed it');
    assert.equal((await later(['status', '@last'])).code, 75);
    const kill = await later(['kill', 'web']);
    assert.match(kill.stdout, /^web 3 killed \(TERM, [\d.]+s\): 1 process\n$/, kill.stderr);
    assert.equal((await later(['wait', 'web'])).code, 143);
    // back where the job of the new boot is of another one
    assert.equal((await rig.bgjob(['wait', '3'])).code, 143);
  },
  { skip },
);

rigTest(
  'from another pid namespace: running, ended, lost and killed, as it is',
  async (rig) => {
    const inside = (args: string[]) => callIn(rig, inPidNamespace(), args);
    const puppet = await rig.puppet();
    const id = await runPuppet(rig, puppet);
    assert.match((await inside(['status', String(id)])).stdout, /^1 running/);
    assert.match((await inside(['ls'])).stdout, / running /);
    // nothing of it is to be seen from there: that is said, and nothing is claimed
    const kill = await inside(['kill', '--now', String(id)]);
    assert.deepEqual([kill.code, kill.stdout], [125, '']);
    assert.match(kill.stderr, /job 1 is still running: its supervisor did not answer/);
    assert.equal(isRunning(rig.shimRecord(id).main!), true);
    const waiting = rig.start(inPidNamespace()[0]!, [
      ...inPidNamespace().slice(1),
      ...[process.execPath, '--', BGJOB, 'wait', String(id)],
    ]);
    // an adopter is judged the same way
    await killOwner(rig, id);
    assert.match((await inside(['status', String(id)])).stdout, /^1 (running|stopping|killed)/);
    await puppet.exit(7);
    const { code } = await waiting.answer;
    assert.equal(code, (await rig.bgjob(['wait', String(id)])).code);

    const second = await rig.puppet();
    const lost = await runPuppet(rig, second);
    await slayMachinery(rig, lost);
    assert.match((await inside(['status', String(lost)])).stdout, /^2 lost/);
    await second.exit(0);
  },
  { skip },
);

rigTest(
  'a job of another pid namespace: seen from outside, stopped from outside, lost when its world ends',
  async (rig) => {
    const world = rig.start('unshare', [
      ...inPidNamespace().slice(1),
      ...['sh', '-c', '"$@" & exec sleep 1000', 'sh'],
      ...[process.execPath, '--', BGJOB, 'run', '--', 'sleep', '500'],
    ]);
    await until(
      () => world.stdout(),
      (text) => text === '1\n',
      'its id',
    );
    await rig.untilState(1, 'running');
    // it is shown running before shim and watcher are on record, which would count as processes of the job
    await rig.shimOf(1);
    assert.equal((await rig.bgjob(['status', '1'])).code, 75);
    const kill = await rig.bgjob(['kill', '1']);
    assert.equal(kill.code, 0, kill.stderr);
    assert.match(kill.stdout, /^1 killed \(TERM, [\d.]+s\): 1 process\n$/);
    assert.equal((await rig.bgjob(['wait', '1'])).code, 143);
    assert.deepEqual(
      processesNaming(rig.home).filter(({ command }) => command === 'sleep 500'),
      [],
    );
    const again = await rig.start('nsenter', [
      ...['--pid', '--mount', '--target', String(await innerPid(world.child.pid!))],
      ...[process.execPath, '--', BGJOB, 'run', '--', 'sleep', '500'],
    ]).answer;
    assert.equal(again.stdout, '2\n', again.stderr);
    await rig.untilState(2, 'running');
    world.child.kill('SIGKILL');
    await world.answer;
    await rig.untilState(2, 'lost');
    assert.equal((await rig.bgjob(['wait', '2'])).code, 125);
  },
  { skip },
);

/** The first process of the namespace that this one made. */
const innerPid = (pid: number): Promise<number> =>
  until(
    () => Number(fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ')[0]),
    (child) => child > 0,
    'the first process in there',
  );

/** Gives each pid of a dead job to a stranger, and tells what bgjob says of it. */
const REUSE = `
line() { sed -n "$2p" "$BGJOB_HOME/jobs/$1/shim" | cut -d ' ' -f 1; }
for round in 1 2 3; do
  id=$(bgjob run -- sleep 1000)
  until grep -qs '"phase":"running"' "$BGJOB_HOME/jobs/$id/state.json" && [ -n "$(line $id 3)" ]; do sleep 0.01; done
  owner=$(sed 's/.*"pid":\\([0-9]*\\).*/\\1/' "$BGJOB_HOME/jobs/$id/owner.1")
  pids="$(line $id 2) $owner $(line $id 1) $(line $id 3)"
  kill -9 $pids
  for pid in $pids; do while [ -e /proc/$pid ]; do sleep 0.01; done; done
  strangers=
  for pid in $(echo $pids | tr ' ' '\\n' | sort -n); do
    echo $((pid - 1)) >/proc/sys/kernel/ns_last_pid
    sleep 777 & strangers="$strangers $!"
  done
  echo "pids$round: $(echo $pids | tr ' ' '\\n' | sort -n | tr '\\n' ' ')"
  echo "strangers$round:$strangers "
  echo "status$round: $(bgjob status $id)"
  echo "ls$round: $(bgjob ls -q --state running,starting,stopping)"
  echo "kill$round: $(bgjob kill --now $id)"
  kill -0 $strangers && echo "alive$round: all"
  kill -9 $strangers; wait
done
`;

rigTest(
  'pids of a dead job that belong to strangers now: lost, and nobody is signalled',
  async (rig) => {
    // a first process that reaps, as every system has one
    const words = [...inPidNamespace().slice(1), 'bash', '-c', `bash -c "$1" & wait; exit 0`, 'bash', REUSE];
    const { stdout, stderr } = await rig.start('unshare', words).answer;
    const told = new Map(stdout.split('\n').map((line) => line.split(/: ?/, 2) as [string, string]));
    for (const round of [1, 2, 3]) {
      assert.equal(
        told.get(`strangers${round}`),
        told.get(`pids${round}`),
        `the same pids: ${stdout}${stderr}`,
      );
      assert.match(told.get(`status${round}`)!, /^\d lost \(supervisor and shim were killed\)/);
      assert.equal(told.get(`ls${round}`), '');
      assert.match(told.get(`kill${round}`)!, /^\d already lost/);
      assert.equal(told.get(`alive${round}`), 'all', stdout + stderr);
    }
  },
  { skip },
);

rigTest(
  'where the home is read-only, as in a container: reading works, a job can be stopped, the rest says why not',
  async (rig) => {
    const inside = (args: string[]) => callIn(rig, withReadOnly(rig.home), args);
    const puppet = await rig.puppet();
    const id = await runPuppet(rig, puppet);
    await puppet.print('said\n');
    for (const [args, code] of [
      [['ls'], 0],
      [['ls', '--unseen'], 0],
      [['show', '1'], 0],
      [['status', '1'], 75],
      [['tail', '1'], 0],
      [['wait', '1', '--until', 'said'], 0],
      [['gc', '--dry-run'], 0],
    ] as const)
      assert.equal((await inside([...args])).code, code, args.join(' '));
    const cursor = await inside(['tail', '1', '--new']);
    assert.equal(cursor.stdout, 'said\n');
    assert.match(
      cursor.stderr,
      /the cursor could not be stored: the file system is read-only; next time: --since 5/,
    );
    const run = await inside(['run', '--', 'true']);
    assert.deepEqual([run.code, run.stdout], [125, '']);
    assert.match(run.stderr, /the file system is read-only\n {2}hint: set BGJOB_HOME/);
    const kill = await inside(['kill', String(id)]);
    assert.equal(kill.code, 0, kill.stderr);
    assert.match(kill.stdout, /^1 exited 143 \(SIGTERM, or the program chose 143\) .*: 1 process\n$/);
    assert.equal((await inside(['wait', '1'])).code, 143);
    await rig.run(['--', 'true']);
    const gc = await inside(['gc', '--ended']);
    assert.equal(gc.code, 125, gc.stdout);
    assert.match(gc.stderr, /^bgjob: cannot clean up .*: the file system is read-only/);
  },
  { skip },
);
