/**
 * Schedules when something goes wrong: their scheduler is killed at random, its clock jumps, the home goes,
 * the machine restarts. No time
 * is started twice, and each is accounted for.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { WrongClocks } from '../rig/clocks.ts';
import { cannotUnshare } from '../rig/namespaces.ts';
import { missing } from '../rig/needs.ts';
import { isRunning, processesNaming } from '../rig/processes.ts';
import { type Answer, BGJOB, type Rig, rigTest } from '../rig/rig.ts';
import { assertEachSecondTold, eventsOf, startedBy, untilEvents } from '../rig/schedules.ts';
import { until } from '../rig/until.ts';
import { isLive, pass, readJson, seededChance, slay, untilGone } from './death.ts';

/**
 * The processes of schedulers: shim, watcher, the shell that starts it again (which are shells), and the
 * program itself.
 */
const schedulers = (rig: Rig): { pid: number; isShell: boolean }[] =>
  processesNaming(rig.dir)
    .filter(({ command }) => command.includes('--schedules') || command.startsWith('bgjob[scheduler]'))
    .map(({ pid, command }) => ({ pid, isShell: /^\S*sh\b/.test(command) }));

/** It may end by itself just now. */
async function slayIfThere(pid: number): Promise<void> {
  if (isRunning(pid)) await slay(pid).catch(() => {});
}

const end = async (rig: Rig, ...names: string[]): Promise<void> => {
  assert.equal((await rig.bgjob(['cron', 'rm', ...names])).code, 0);
  await until(
    () => schedulers(rig),
    (left) => left.length === 0,
    'the end of the scheduler',
  );
};

/** Appends the time for which it was started. */
const line = (path: string): string[] => ['sh', '-c', `echo "$BGJOB_SCHEDULED_AT" >>'${path}'`];
const linesOf = (path: string): string[] =>
  fs.existsSync(path) ? fs.readFileSync(path, 'utf8').trim().split('\n') : [];

/** Of a schedule that is due every second: no time twice, none without a word, and each job is told. */
async function assertKept(rig: Rig, name: string, witness: string): Promise<void> {
  const ran = linesOf(witness);
  assert.equal(new Set(ran).size, ran.length, `${name} was started twice for one time`);
  const events = await eventsOf(rig, name);
  const started = events.filter(({ did }) => did === 'started');
  assert.deepEqual(
    ran.filter((at) => !started.some((event) => event.at === at)),
    [],
    `${name}: started, and not noted`,
  );
  try {
    assertEachSecondTold(events);
  } catch (thrown) {
    throw new Error(`${name}: a time is noted twice, or has no word`, { cause: thrown });
  }
}

rigTest('the scheduler is killed at random: no time twice, none without a word', async (rig) => {
  const chance = seededChance('scheduler killed');
  const names = ['a', 'b', 'c'];
  const witness = (name: string) => join(rig.dir, `ran-${name}`);
  for (const name of names)
    assert.equal(
      (await rig.bgjob(['cron', 'add', '@every 1s', '-n', name, '--', ...line(witness(name))])).code,
      0,
    );
  for (let kills = 0; kills < 24; kills++) {
    await pass(chance() * 600);
    // the program, all shells of it, or everything
    const all = schedulers(rig);
    for (const { pid, isShell } of all)
      if (kills % 3 === 2 || isShell === (kills % 3 === 1)) await slayIfThere(pid);
    if (kills % 3 > 0) await rig.bgjob(['ls']);
  }
  const ran = linesOf(witness('a')).length;
  await until(
    async () => {
      // where everything was killed just before its end was told, the command after that brings it back
      await rig.bgjob(['ls']);
      return names.map((name) => linesOf(witness(name)).length);
    },
    (counts) => counts.every((count) => count >= ran + 2),
    'what goes on',
  );
  // nothing is due any more, and what was started has ended
  await rig.bgjob(['cron', 'pause', ...names]);
  await until(
    () => rig.json(['ls', '-n', '1']).then((jobs) => jobs.filter(isLive)),
    (live) => live.length === 0,
    'the end of what was started',
  );
  for (const name of names) await assertKept(rig, name, witness(name));
  await end(rig, ...names);
});

rigTest('killed by kill it stays so until the next command; then each time is noted', async (rig) => {
  await rig.bgjob(['cron', 'add', '@every 1s', '-n', 'tick', 'true']);
  await untilEvents(rig, 'tick', (all) => all.length >= 1);
  const [scheduler] = (await rig.json(['ls', '-a', '-n', '50'])).filter((job) => job.origin?.kind === 'own');
  const kill = await rig.bgjob(['kill', String(scheduler.id)]);
  assert.match(kill.stdout, /^scheduler-\w+ \d+ killed \(TERM/);
  assert.match(kill.stderr, /^\(the next bgjob command starts it again, as long as it is needed/);
  assert.deepEqual(schedulers(rig), []);
  assert.equal((await rig.bgjob(['status', String(scheduler.id)])).code, 143);
  assertEachSecondTold(await untilEvents(rig, 'tick', (all) => startedBy(all).length >= 3));
  await end(rig, 'tick');
});

/** Removes a folder into which somebody may just write; false: somebody did. */
function isRemoved(dir: string): boolean {
  try {
    fs.rmSync(dir, { recursive: true, force: true });
    return true;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ENOTEMPTY') throw thrown;
    return false;
  }
}

rigTest('the home is removed: nothing fires any more, and nothing makes it again', async (rig) => {
  await rig.bgjob(['cron', 'add', '@every 1s', '-n', 'tick', '--', ...line(join(rig.dir, 'ran'))]);
  await until(
    () => linesOf(join(rig.dir, 'ran')).length,
    (count) => count > 0,
    'the first time',
  );
  await until(
    () => isRemoved(rig.home),
    (removed) => removed,
    'a home that is gone',
  );
  await until(
    () => schedulers(rig),
    (left) => left.length === 0,
    'the end of the scheduler',
  );
  assert.equal(fs.existsSync(join(rig.home, 'schedules')), false);
});

rigTest('after a restart of the machine boot brings it back, and tells so', async (rig) => {
  await rig.bgjob(['cron', 'add', '@every 1s', '-n', 'tick', 'true']);
  await rig.bgjob(['cron', 'add', '0 0 29 2 *', '-n', 'far', '--catch-up', 'true']);
  await untilEvents(rig, 'tick', (all) => all.length >= 1);
  const own = (await rig.json(['ls', '-a', '-n', '50'])).find((job) => job.origin?.kind === 'own');
  const { shim, watcher } = await rig.shimOf(own.id);
  // all at once: a scheduler whose shell and supervisor are gone starts its successor
  const pids = [watcher, rig.ownerPid(own.id), shim, ...schedulers(rig).map((one) => one.pid)];
  for (const pid of pids.filter(isRunning)) process.kill(pid, 'SIGKILL');
  for (const pid of pids) await untilGone(pid);
  // as if all that had been in another boot, with other namespaces
  for (const name of ['tick', 'far']) {
    const path = join(rig.home, 'schedules', name, 'record.json');
    fs.writeFileSync(
      path,
      JSON.stringify({ ...readJson(path), sum: undefined, bootId: 'another', world: 'another' }),
    );
  }
  const since = Date.now();
  const boot = await rig.bgjob(['boot']);
  assert.equal(boot.code, 0, boot.stderr);
  assert.match(boot.stdout, /^schedules: far, tick \(job \d+\)\n$/);
  assert.deepEqual(
    (await rig.json(['boot'])).map(({ names }) => names),
    [['far', 'tick']],
  );
  assertEachSecondTold(
    await untilEvents(rig, 'tick', (all) => startedBy(all).some(({ at }) => Date.parse(at) > since)),
  );
  await end(rig, 'tick', 'far');
});

rigTest('a record that cannot be read stops nothing else, and is shown', async (rig) => {
  for (const name of ['bad', 'empty', 'good'])
    await rig.bgjob(['cron', 'add', '@every 1s', '-n', name, 'true']);
  fs.writeFileSync(join(rig.home, 'schedules/bad/record.json'), '{"v":1,"name":"bad"');
  fs.writeFileSync(join(rig.home, 'schedules/empty/record.json'), '');
  fs.mkdirSync(join(rig.home, 'schedules/no-record'));
  fs.writeFileSync(join(rig.home, 'schedules/stray'), 'x');
  const good = (await eventsOf(rig, 'good')).length;
  await untilEvents(rig, 'good', (all) => all.length >= good + 2);
  const { stdout } = await rig.bgjob(['cron', 'ls']);
  assert.match(stdout, /^bad +unreadable .*record\.json: it is not JSON$/m);
  assert.match(stdout, /^empty +unreadable .*record\.json: it is empty$/m);
  assert.match(stdout, /^no-record +unreadable .*it has no record$/m);
  assert.doesNotMatch(stdout, /stray/);
  assert.match(
    (await rig.bgjob(['cron', 'run', 'bad'])).stderr,
    /schedule bad: record\.json: it is not JSON; nothing was done\n {2}hint: bgjob cron rm bad/,
  );
  await end(rig, 'good', 'bad', 'empty', 'no-record');
});

const skip = missing('gcc') || cannotUnshare();

/** A call in a world whose clock can be set. */
const callIn = (rig: Rig, clocks: WrongClocks, args: string[]): Promise<Answer> => {
  const [program = '', ...words] = clocks.world;
  return rig.start(program, [...words, process.execPath, '--', BGJOB, ...args]).answer;
};

const HOUR_S = 3600;

rigTest(
  'the clock jumps ahead, and back: missed or made up for as asked, and no time twice',
  async (rig) => {
    const clocks = WrongClocks.build(`${rig.dir}/clocks`);
    assert.ok(clocks, 'the library');
    // both are due at each full hour, and are started in the world with that clock
    for (const [name, ...words] of [
      ['missed', '0 * * * *'],
      ['made-up', '0 * * * *', '--catch-up'],
      ['often', '@every 1s'],
    ] as const) {
      const { code, stderr } = await callIn(rig, clocks, [
        'cron',
        'add',
        ...words,
        '-n',
        name,
        '--',
        ...line(join(rig.dir, name)),
      ]);
      assert.equal(code, 0, stderr);
    }
    await until(
      () => linesOf(join(rig.dir, 'often')).length,
      (count) => count > 1,
      'the first times',
    );
    // to the middle of an hour: whatever was due is late
    const intoHour = Math.floor(Date.now() / 1000) % HOUR_S;
    const ahead = 5 * HOUR_S + (HOUR_S / 2 - intoHour);
    clocks.set(ahead);
    const missed = await untilEvents(rig, 'missed', (all) => all.length > 0);
    assert.deepEqual([missed[0]!.did, missed[0]!.why], ['missed', 'the machine slept, or its clock was set']);
    assert.ok(missed[0]!.times >= 5 && missed[0]!.times <= 6, JSON.stringify(missed));
    const [madeUp] = await untilEvents(rig, 'made-up', (all) => all.length > 0);
    assert.deepEqual([madeUp!.did, madeUp!.by, madeUp!.times], ['started', 'catch-up', missed[0]!.times]);
    await until(
      () =>
        linesOf(join(rig.dir, 'often')).filter((at) => Date.parse(at) > Date.now() + 4 * HOUR_S * 1000)
          .length,
      (count) => count > 1,
      'times of then',
    );
    clocks.set(0);
    const before = linesOf(join(rig.dir, 'often')).length;
    await until(
      () => linesOf(join(rig.dir, 'often')).length,
      (count) => count >= before + 3,
      'times of now',
    );
    // and to then once more: what was started then is not started again
    clocks.set(ahead);
    const again = linesOf(join(rig.dir, 'often')).length;
    await until(
      () => linesOf(join(rig.dir, 'often')).length,
      (count) => count >= again + 3,
      'times of then, again',
    );
    const ran = linesOf(join(rig.dir, 'often'));
    assert.equal(new Set(ran).size, ran.length, 'no time twice');
    assert.equal(linesOf(join(rig.dir, 'made-up')).length, 1);
    assert.deepEqual(linesOf(join(rig.dir, 'missed')), []);
    await end(rig, 'missed', 'made-up', 'often');
  },
  { skip },
);
