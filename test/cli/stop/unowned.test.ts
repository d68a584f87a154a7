/** A job whose supervisor was killed and that nobody adopts; and one whose shim and watcher were stopped. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { attemptQuietly } from '../../../src/base/result.ts';
import { amend, readJson, slay, stopWatcher } from '../../chaos/death.ts';
import { Cleaner } from '../../rig/cleaner.ts';
import { isRunning, letterOf, readsOf } from '../../rig/processes.ts';
import { type Rig, rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';

/** A dead owner is noticed after 0.3 seconds. */
const NOTICED_MS = 400;

/** Kills the watcher, which would start an adopter, and then the supervisor. */
async function orphan(rig: Rig, id: number): Promise<void> {
  await slay(rig.shimRecord(id).watcher!);
  await slay(rig.ownerPid(id));
}

rigTest(
  'kill of a job without supervisor: its handler of TERM runs, and a second kill sends nothing',
  async (rig) => {
    const cleaner = await Cleaner.start(rig, ['--grace', '1h']);
    const { id } = cleaner;
    await orphan(rig, id);
    const first = rig.startBgjob(['kill', String(id)]);
    await cleaner.untilCleaning();
    await Cleaner.untilLooked(first.child.pid!);
    const second = rig.startBgjob(['kill', String(id)]);
    await Cleaner.untilLooked(second.child.pid!);
    cleaner.letGo();
    for (const { answer } of [first, second]) {
      const { code, stdout, stderr } = await answer;
      assert.equal(code, 0, stderr);
      assert.match(stdout, /^\d+ exited 7 \(after kill\)/);
      assert.doesNotMatch(stderr, /KILL was needed/);
    }
    assert.equal(cleaner.said, 'cleaning\ncleaned\n');
  },
);

rigTest('kill of a job without supervisor: KILL after the grace, which is said', async (rig) => {
  const cleaner = await Cleaner.start(rig);
  await orphan(rig, cleaner.id);
  const { code, stderr } = await rig.bgjob(['kill', '--grace', '200ms', String(cleaner.id)]);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /did not end within 0\.2s after TERM, and KILL was needed/);
});

rigTest('kill of a job without supervisor tells the signal that ended it', async (rig) => {
  for (const [words, signal] of [
    [[], 'TERM'],
    [['--grace', '10ms'], 'KILL'],
    [['--now'], 'KILL'],
  ] as const) {
    const puppet = await rig.puppet();
    const id = await rig.run(['--', ...puppet.command]);
    await puppet.ready();
    if (signal === 'KILL') await puppet.ignore('SIGTERM');
    await orphan(rig, id);
    const { code, stdout } = await rig.bgjob(['kill', ...words, String(id)]);
    assert.equal(code, 0, stdout);
    assert.match(stdout, new RegExp(`^${id} killed \\(${signal}, `));
  }
});

rigTest('pause of a job without supervisor and watcher: another supervisor does it', async (rig) => {
  const puppet = await rig.puppet();
  const id = await rig.run(['--', ...puppet.command]);
  await puppet.ready();
  await orphan(rig, id);
  const paused = await rig.bgjob(['pause', String(id)]);
  assert.deepEqual([paused.code, paused.stdout], [0, `${id} paused: 1 process\n`]);
  assert.equal((await rig.bgjob(['resume', String(id)])).code, 0);
  await puppet.exit(0);
});

rigTest('an adopter that is slow to come: pause and set wait for it', async (rig) => {
  for (const [request, ...words] of [
    ['hold.1', 'pause'],
    ['set.1', 'set', '--timeout', '1h'],
  ] as const) {
    const puppet = await rig.puppet();
    const id = await rig.run(['--', ...puppet.command]);
    await puppet.ready();
    const { letGo } = await stopWatcher(rig, id);
    await slay(rig.ownerPid(id));
    const { child, answer } = rig.startBgjob([...words, String(id)]);
    await until(
      () => child.exitCode !== null || fs.existsSync(rig.file(id, request)),
      (holds) => holds,
      'its request',
    );
    const [before, begun] = [readsOf(child.pid!), performance.now()];
    await until(
      () => child.exitCode !== null || readsOf(child.pid!) > before + 100,
      (holds) => holds && performance.now() - begun > NOTICED_MS,
      'it reads the records again and again',
    );
    letGo();
    const { code, stderr } = await answer;
    assert.deepEqual([code, stderr], [0, ''], words[0]);
    await rig.bgjob(['kill', '--now', String(id)]);
  }
});

const stopAll = async (pids: number[]): Promise<void> => {
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  for (const pid of pids)
    await until(
      () => letterOf(pid),
      (letter) => letter === 'T',
      `${pid} stands still`,
    );
};

/** The files that a process has open. */
const namesOpen = (pid: number): string[] =>
  (attemptQuietly(() => fs.readdirSync(`/proc/${pid}/fd`)) ?? []).flatMap(
    (fd) => attemptQuietly(() => fs.readlinkSync(`/proc/${pid}/fd/${fd}`)) ?? [],
  );

rigTest(
  'an adopter that comes after the signal: kill waits for it, and it records what ended the job',
  async (rig) => {
    const puppet = await rig.puppet();
    const id = await rig.run(['--', ...puppet.command]);
    await puppet.ready();
    // kill lets the watcher go on when it takes the place of the owner
    await stopAll([rig.shimRecord(id).watcher!]);
    await slay(rig.ownerPid(id));
    const { code, stdout } = await rig.bgjob(['kill', String(id)]);
    assert.equal(code, 0);
    assert.match(stdout, /^1 killed \(TERM, /);
    assert.match((await rig.bgjob(['ls', '-a'])).stdout, /^1 +- +killed SIGTERM /m);
  },
);

for (const words of [['--grace', '10ms'], ['--now']])
  rigTest(`a supervisor that is slow: kill ${words[0]} answers when the end is recorded`, async (rig) => {
    const puppet = await rig.puppet();
    const id = await rig.run(['--', ...puppet.command]);
    await puppet.ignore('SIGTERM');
    const main = await puppet.pid();
    const supervisor = rig.ownerPid(id);
    // kill lets it go on. It may end in between, and the end is of now: a stopped owner has 3 s to record it
    const stopping = setInterval(() => {
      attemptQuietly(() => process.kill(supervisor, 'SIGSTOP'));
      attemptQuietly(() => fs.utimesSync(rig.file(id, 'exit.1'), new Date(), new Date()));
    }, 1).unref();
    const call = rig.startBgjob(['kill', ...words, String(id)]);
    await until(
      () => isRunning(main),
      (runs) => !runs,
      'the end of the job by the kill call',
    );
    const pid = call.child.pid!;
    await until(
      () => !isRunning(pid) || namesOpen(pid).includes(rig.file(id, 'alive')),
      Boolean,
      'the kill call waits again, or is over',
    );
    // a supervisor that it let go on may have recorded the end by now
    const isRecorded = () => readJson(rig.file(id, 'state.json'))?.status.phase === 'ended';
    assert.ok(isRunning(pid) || isRecorded(), 'it answered before the end was recorded');
    clearInterval(stopping);
    attemptQuietly(() => process.kill(supervisor, 'SIGCONT'));
    assert.equal((await call.answer).code, 0);
    assert.equal((await rig.show(id)).state, 'killed');
  });

rigTest('a supervisor that never answers: kill sends TERM, and KILL only after the grace', async (rig) => {
  const puppet = await rig.puppet();
  const id = await rig.run(['--', ...puppet.command]);
  await puppet.ignore('SIGTERM');
  await rig.untilState(id, 'running');
  const supervisor = rig.ownerPid(id);
  await stopAll([supervisor]);
  // kill does not let it go on: its state seems to be that of another one
  amend(rig.file(id, 'state.json'), (state) => Object.assign(state, { generation: 2 }));
  const { code, stdout, stderr } = await rig.bgjob(['kill', '--grace', '10ms', String(id)]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^1 killed \(KILL, /);
  assert.match(stderr, /did not end within 0\.01s after TERM, and KILL was needed/);
  assert.ok(fs.existsSync(rig.file(id, 'first.1')), 'the first signal');
  process.kill(supervisor, 'SIGCONT');
  await rig.untilLeft(id);
  assert.equal(readJson(rig.file(id, 'state.json')).status.outcome.kind, 'killed');
});

rigTest(
  'shim, watcher and job were stopped by somebody: kill lets them go on, and tells the end',
  async (rig) => {
    const puppet = await rig.puppet();
    const id = await rig.run(['--', ...puppet.command]);
    const main = await puppet.pid();
    const { shim, watcher } = rig.shimRecord(id);
    await stopAll([shim!, watcher!, main]);
    const { code, stdout, stderr } = await rig.bgjob(['kill', String(id)]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /killed \(TERM/);
    assert.equal((await rig.show(id)).exitCode, 143);
    for (const pid of [shim!, watcher!])
      await until(
        () => isRunning(pid),
        (running) => !running,
        `the end of ${pid}`,
      );
  },
);

rigTest('shim and watcher were stopped, and the job ends by itself: its end is told', async (rig) => {
  const puppet = await rig.puppet();
  const id = await rig.run(['--', ...puppet.command]);
  await puppet.ready();
  const { shim, watcher } = rig.shimRecord(id);
  await stopAll([shim!, watcher!]);
  await puppet.exit(9);
  const { code, stdout } = await rig.bgjob(['wait', String(id)]);
  assert.equal(code, 9, stdout);
  for (const pid of [shim!, watcher!])
    await until(
      () => isRunning(pid),
      (running) => !running,
      `the end of ${pid}`,
    );
});

for (const pty of [false, true])
  rigTest(
    `no word of a job stands in the arguments of ours beside it${pty ? ', with --pty' : ''}`,
    async (rig) => {
      const gate = 'a-word-that-only-the-job-has';
      const id = await rig.run([
        ...(pty ? ['--pty'] : []),
        '--',
        'bash',
        '-c',
        `: ${gate}; echo ready; read -rt 1000 <> <(:)`,
      ]);
      await until(
        () => rig.log(id),
        (log) => log.includes('ready'),
        'the job',
      );
      const ours = Object.entries(rig.shimRecord(id)).filter(([name]) => name !== 'main');
      assert.ok(ours.length >= (pty ? 4 : 2), JSON.stringify(ours));
      for (const [name, pid] of ours) {
        const command = fs.readFileSync(`/proc/${pid}/cmdline`, 'latin1');
        assert.doesNotMatch(command, new RegExp(`${gate}|${rig.home}|node`), name);
      }
      await rig.bgjob(['kill', String(id)]);
    },
  );
