/**
 * Schedules that are due every second: fired, met by their own last job, paused, resumed. What is asserted
 * holds however slow the machine is.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { Gate } from '../../rig/gate.ts';
import { letterOf, processesNaming } from '../../rig/processes.ts';
import { type Rig, rigTest } from '../../rig/rig.ts';
import { assertEachSecondTold, eventsOf, startedBy, type Told, untilEvents } from '../../rig/schedules.ts';
import { until } from '../../rig/until.ts';

/** Many more than a slow machine starts in the time of a test. */
const ALL = ['-n', '1000'];

const startsOf = (events: Told[]): number[] => events.flatMap(({ job }) => job ?? []);
/** The job that serves all of them; the newest. */
const schedulerOf = async (rig: Rig): Promise<{ id: number; state: string }> =>
  (await rig.json(['ls', '-a', ...ALL])).find((job) => job.origin?.kind === 'own');
const add = (rig: Rig, name: string, ...command: string[]) =>
  rig.bgjob(['cron', 'add', '@every 1s', '-n', name, ...command]);
/** When a schedule was paused. */
const pausedAt = (rig: Rig, name: string): number =>
  fs.statSync(join(rig.home, 'schedules', name, 'paused')).mtimeMs;

rigTest('a schedule fires at its times, each as an ordinary job; rm ends what served it', async (rig) => {
  const added = await add(rig, 'tick', '--', 'sh', '-c', 'echo at $BGJOB_SCHEDULED_AT');
  assert.deepEqual([added.code, added.stdout], [0, 'tick\n']);
  assert.match(
    added.stderr,
    /^next: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \S+ \(in [\d.hms]+\); runs sh -c 'echo at \$BGJOB_SCHEDULED_AT' in \S+, with PATH HOME /,
  );
  assert.match(added.stderr, /after a restart of the machine/);
  const [, second] = startedBy(await untilEvents(rig, 'tick', (all) => startedBy(all).length >= 2));
  assert.deepEqual([second!.why, second!.times, second!.until], [null, 1, null]);
  assert.equal((await rig.bgjob(['wait', String(second!.job)])).code, 0);
  assert.equal(rig.log(second!.job!), `at ${second!.at}\n`);
  const show = await rig.show(second!.job!);
  assert.deepEqual([show.name, show.origin], ['tick', { kind: 'schedule', name: 'tick', at: second!.at }]);
  const scheduler = await schedulerOf(rig);
  assert.equal(show.parent, scheduler.id);
  await rig.untilState(scheduler.id, 'running');
  assert.match(
    (await rig.bgjob(['show', String(second!.job)])).stdout,
    /^started by schedule tick, for [\d-]+ [\d:]+ \(job 1\)$/m,
  );
  const list = await rig.bgjob(['cron', 'ls']);
  assert.match(
    list.stdout,
    /^NAME +SCHEDULE +NEXT +LAST +NOT RUN +COMMAND\ntick +@every 1s +in [\d.hms]+ +\d+ (exited 0|running|starting) /,
  );
  assert.match(
    (await rig.bgjob(['tail', '--full', String(scheduler.id)])).stdout,
    /tick: started job \d+ \(due /,
  );
  const removed = await rig.bgjob(['cron', 'rm', 'tick']);
  assert.match(removed.stdout, /^tick: removed\n(\(1 job of it goes on: .*\)\n)?$/);
  await rig.untilState(scheduler.id, 'exited');
  assert.match(rig.log(scheduler.id), /no schedule is left, or all are paused\n$/);
  // in the list of this project there are its jobs, and not what serves it
  const jobs = await rig.json(['ls', ...ALL]);
  assert.ok(jobs.every(({ name, origin }) => name === 'tick' && origin.kind === 'schedule'));
  assert.equal(new Set(jobs.map(({ origin }) => origin.at)).size, jobs.length, 'no time twice');
  assert.equal(
    (await rig.bgjob(['cron', 'ls'])).stderr,
    "no schedules yet: bgjob cron add '0 3 * * *' --name nightly -- ./backup.sh\n",
  );
});

rigTest('while the last one runs: left out, put behind it, or started beside it', async (rig) => {
  const gate = new Gate(rig);
  const names = ['skip', 'queue', 'allow'];
  for (const name of names) await add(rig, name, '--overlap', name, '--', 'sh', '-c', gate.line);
  const skipped = await untilEvents(
    rig,
    'skip',
    (all) => all.filter(({ did }) => did === 'skipped').length >= 2,
  );
  const queued = startsOf(await untilEvents(rig, 'queue', (all) => startsOf(all).length >= 3)).slice(0, 3);
  const allowed = startsOf(await untilEvents(rig, 'allow', (all) => startsOf(all).length >= 2)).slice(0, 2);
  // a slow machine has enough to do with these
  assert.equal((await rig.bgjob(['cron', 'pause', ...names])).code, 0);

  const [first, ...others] = startsOf(skipped);
  assert.deepEqual(others, []);
  for (const { did, why, job } of skipped)
    if (did === 'skipped') assert.deepEqual([why, job], [`job ${first} still runs`, null]);
  const refused = await rig.bgjob(['cron', 'run', 'skip']);
  assert.equal(refused.code, 125);
  assert.match(
    refused.stderr,
    new RegExp(`job ${first} of skip still runs, and --overlap is skip\\n {2}hint: bgjob wait ${first}\\n`),
  );
  assert.match((await rig.bgjob(['cron', 'ls'])).stdout, /^skip +.* \d+ skipped.* sh -c /m);

  await rig.untilState(queued[0]!, 'running');
  const behind = await Promise.all([queued[1]!, queued[2]!].map((id) => rig.show(id)));
  assert.deepEqual(
    behind.map(({ state, reason }) => [state, reason]),
    [
      ['queued', `waits for job ${queued[0]}`],
      ['queued', `waits for job ${queued[1]}`],
    ],
  );

  // one live job has the name
  const beside = [];
  for (const id of allowed) beside.push((await rig.untilState(id, 'running')).name);
  assert.deepEqual(beside, ['allow', null]);

  const removed = await rig.bgjob(['cron', 'rm', ...names]);
  assert.equal(removed.stdout, 'skip: removed\nqueue: removed\nallow: removed\n');
  assert.match(
    removed.stderr,
    new RegExp(
      `^\\(1 job of it goes on: bgjob kill ${first}\\)\n\\(\\d+ jobs of it go on: bgjob kill ${queued[0]} `,
    ),
  );
  gate.open();
  const ids = [first!, ...queued, ...allowed].map(String);
  assert.equal((await rig.bgjob(['wait', ...ids])).code, 0);
  await until(
    () => rig.json(['ls', '-a', '--state', 'running', '--state', 'queued']),
    (live) => live.length === 0,
    'the end of all',
  );
});

rigTest('paused: nothing fires, and what was left out is noted when it goes on', async (rig) => {
  for (const name of ['tick', 'other']) await add(rig, name, 'true');
  await untilEvents(rig, 'tick', (all) => startedBy(all).length >= 1);
  assert.equal((await rig.bgjob(['cron', 'pause', 'tick'])).stdout, 'tick paused\n');
  const since = pausedAt(rig, 'tick');
  assert.match((await rig.bgjob(['cron', 'pause', 'tick'])).stdout, /^tick is paused already\n$/);
  assert.match((await rig.bgjob(['cron', 'ls'])).stdout, /^tick +@every 1s +paused /m);
  // the sign that two of its times went by: another schedule had three
  await untilEvents(
    rig,
    'other',
    (all) => startedBy(all).filter(({ at }) => Date.parse(at) > since).length >= 3,
  );
  const resumed = Date.now();
  assert.equal((await rig.bgjob(['cron', 'resume', 'tick'])).stdout, 'tick resumed\n');
  const events = await untilEvents(rig, 'tick', (all) =>
    startedBy(all).some(({ at }) => Date.parse(at) > resumed),
  );
  assertEachSecondTold(events);
  for (const { at } of startedBy(events))
    assert.ok(Date.parse(at) <= since || Date.parse(at) > resumed, `started for ${at}, while it was paused`);
  const left = events.filter(({ why }) => why === 'it was paused');
  assert.deepEqual(
    left.map(({ did, job, by }) => [did, job, by]),
    [['skipped', null, 'time']],
    'one word on all of them',
  );
  assert.ok(left[0]!.times >= 2 && Date.parse(left[0]!.at) > since, JSON.stringify(left));
  await rig.bgjob(['cron', 'rm', 'tick', 'other']);
  await rig.untilState((await schedulerOf(rig)).id, 'exited');
});

rigTest('when all are paused the scheduler ends, and whoever resumes one starts it again', async (rig) => {
  await add(rig, 'tick', 'true');
  await untilEvents(rig, 'tick', (all) => all.length >= 1);
  const first = (await schedulerOf(rig)).id;
  await rig.bgjob(['cron', 'pause', 'tick']);
  await rig.untilState(first, 'exited');
  // nothing in passing starts another
  await rig.bgjob(['cron', 'ls']);
  assert.equal((await schedulerOf(rig)).id, first);
  const resumed = Date.now();
  await rig.bgjob(['cron', 'resume', 'tick']);
  const second = (await schedulerOf(rig)).id;
  assert.notEqual(second, first);
  // every second has one word, whether it ran, was paused, or nobody was there
  assertEachSecondTold(
    await untilEvents(rig, 'tick', (all) => startedBy(all).some(({ at }) => Date.parse(at) > resumed)),
  );
  await rig.bgjob(['cron', 'rm', 'tick']);
  await rig.untilState(second, 'exited');
});

/** Stops the scheduler where it has nothing to do: it has claimed, or has a word on, all that was due. */
async function stopIdle(rig: Rig, name: string): Promise<number> {
  const find = () => processesNaming(rig.dir).find(({ command }) => command.startsWith('bgjob[scheduler]'));
  const { pid } = (await until(find, (found) => found !== undefined, 'a scheduler'))!;
  const dir = join(rig.home, 'schedules', name);
  await until(
    async () => {
      process.kill(pid, 'SIGSTOP');
      await until(
        () => letterOf(pid),
        (letter) => letter === 'T',
        'a scheduler that stands still',
      );
      const now = Date.now();
      const claimed = fs.readdirSync(dir).map((file) => Number(/^at\.(\d+)\.\d+$/.exec(file)?.[1] ?? 0));
      const isIdle = Math.max(...claimed) > now - 1000;
      if (!isIdle) process.kill(pid, 'SIGCONT');
      return isIdle;
    },
    (isIdle) => isIdle,
    'a scheduler that waits',
  );
  return pid;
}

rigTest('paused and resumed while the scheduler stands still: still one word for each time', async (rig) => {
  await add(rig, 'tick', '--overlap', 'allow', 'true');
  await untilEvents(rig, 'tick', (all) => all.length >= 1);
  const pid = await stopIdle(rig, 'tick');
  await rig.bgjob(['cron', 'pause', 'tick']);
  const since = pausedAt(rig, 'tick');
  await until(
    () => Date.now() - since,
    (passed) => passed > 2000,
    'two of its times',
  );
  await rig.bgjob(['cron', 'resume', 'tick']);
  const { length } = await eventsOf(rig, 'tick');
  process.kill(pid, 'SIGCONT');
  assertEachSecondTold(await untilEvents(rig, 'tick', (all) => all.length > length + 1));
  await rig.bgjob(['cron', 'rm', 'tick']);
  await rig.untilState((await schedulerOf(rig)).id, 'exited');
});
