/**
 * A scheduler that is killed while it starts a job, after its schedule was paused: no scheduler follows until
 * the schedule is resumed. The history names the job that ran; it counts as running, and is kept.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { type Rig, rigTest } from '../rig/rig.ts';
import { assertEachTold, eventsOf, startedBy, untilEvents } from '../rig/schedules.ts';
import { until } from '../rig/until.ts';
import { isLive } from './death.ts';
import { point } from './settings.ts';
import { cannotTrace, type Point, runTraced } from './stopper.ts';

const NAME = 'often';
const EVERY_MS = 1000;
const SKIP = { skip: cannotTrace() };
/** Its job has its supervisor, and is not in the journal. */
const STARTED = point('scheduler', 'fsync jobs/N', 1, 'before');
/** The time is claimed, and its job has no supervisor. */
const CLAIMED = point('scheduler', 'fork -', 1, 'before');

interface Ran {
  times(): string[];
  /** Lets the jobs end that run, and those that come. */
  release(): void;
}

const untilIdle = (rig: Rig): Promise<unknown> =>
  until(
    () => rig.json(['ls', '-a', '-n', '100']).then((jobs) => jobs.filter(isLive)),
    (live) => live.length === 0,
    'the end of all',
  );

/** Adds a schedule, and pauses it while its scheduler stands at `at`. Then the scheduler is killed. */
async function pauseAt(
  rig: Rig,
  at: Point,
  { options = [], isStarted }: { options?: string[]; isStarted: boolean },
): Promise<Ran> {
  const [ran, gate] = [join(rig.dir, 'ran'), join(rig.dir, 'gate')];
  const line = `echo "$BGJOB_SCHEDULED_AT" >>'${ran}'; until [ -e '${gate}' ]; do sleep 0.1; done`;
  const times = () => (fs.existsSync(ran) ? fs.readFileSync(ran, 'utf8').trim().split('\n') : []);
  const release = () => fs.writeFileSync(gate, '');
  const words = ['cron', 'add', `@every ${EVERY_MS}ms`, ...options, '-n', NAME, '--', '/bin/sh', '-c', line];
  // the scheduler that is traced is the second one: what the first one started is over
  release();
  assert.equal((await rig.bgjob(words)).code, 0);
  await rig.bgjob(['cron', 'pause', NAME]);
  await untilIdle(rig);
  // as one that has never fired, and without a command, which would start a scheduler
  const dir = join(rig.home, 'schedules', NAME);
  const files = fs.readdirSync(dir).filter((name) => name !== 'record.json');
  for (const path of [ran, gate, ...files.map((name) => join(dir, name))]) fs.rmSync(path, { force: true });
  // several times have come that no scheduler has handled
  const since = Date.now();
  await until(Date.now, (now) => now > since + 2 * EVERY_MS, 'two times');
  const look = async () => {
    assert.equal((await rig.bgjob(['cron', 'pause', NAME])).code, 0);
    if (isStarted) await until(times, (all) => all.length > 0, 'the job');
  };
  const { hits } = await runTraced(rig, 'scheduler', [{ ...at, look }], ['--schedules', rig.home]);
  assert.equal(hits.length, 1, 'it was killed');
  return { times, release };
}

/** It goes on, and from the first time to the last each has one word. */
async function assertGoesOn(rig: Rig, ran: Ran): Promise<void> {
  const resumed = Date.now();
  assert.equal((await rig.bgjob(['cron', 'resume', NAME])).code, 0);
  await untilEvents(rig, NAME, (all) => startedBy(all).some(({ at }) => Date.parse(at) > resumed));
  await rig.bgjob(['cron', 'pause', NAME]);
  // the scheduler may be about to start a job; it ends after that
  await untilIdle(rig);
  const ids = startedBy(await eventsOf(rig, NAME)).map(({ job }) => String(job));
  assert.equal((await rig.bgjob(['wait', ...ids])).code, 0);
  const events = await eventsOf(rig, NAME);
  assertEachTold(events, EVERY_MS);
  const times = ran.times();
  assert.equal(new Set(times).size, times.length, `twice: ${times.join()}`);
  const started = events.filter(({ did, by }) => did === 'started' && by !== 'hand').map(({ at }) => at);
  assert.deepEqual(
    [...times].sort(),
    [...started].sort(),
    'each that ran is told, and each that is told ran',
  );
  await rig.bgjob(['cron', 'rm', NAME]);
}

rigTest(
  'paused and killed before it wrote the event: the job is told',
  async (rig) => {
    const ran = await pauseAt(rig, STARTED, { isStarted: true });
    const [at] = ran.times();
    const [event] = startedBy(await eventsOf(rig, NAME));
    assert.deepEqual([event?.at, event?.times], [at, 1]);
    const [row] = await rig.json(['cron', 'ls']);
    assert.deepEqual([row.lastJob?.id, row.paused], [event!.job, true]);
    assert.match(
      (await rig.bgjob(['cron', 'ls', NAME])).stdout,
      new RegExp(`started job ${event!.job}$`, 'm'),
    );
    const again = await rig.bgjob(['cron', 'run', NAME]);
    assert.match(again.stderr, new RegExp(`${event!.job}`), 'the job still runs, and no second one starts');
    assert.notEqual(again.code, 0);
    ran.release();
    await rig.bgjob(['wait', String(event!.job)]);
    assert.equal((await rig.bgjob(['run', '--wait', '--', 'true'])).code, 0);
    assert.equal((await rig.bgjob(['gc', '--ended'])).code, 0);
    assert.equal((await rig.show(event!.job!)).state, 'exited', 'gc keeps the last result');
    await assertGoesOn(rig, ran);
  },
  SKIP,
);

rigTest(
  'paused and killed after it claimed a time: the time starts one job',
  async (rig) => {
    const ran = await pauseAt(rig, CLAIMED, { isStarted: false, options: ['--overlap', 'allow'] });
    assert.deepEqual(startedBy(await eventsOf(rig, NAME)), [], 'nothing was started');
    assert.deepEqual(ran.times(), []);
    ran.release();
    await assertGoesOn(rig, ran);
  },
  SKIP,
);

rigTest(
  'one job that makes up for several times is told with all of them',
  async (rig) => {
    const options = ['--catch-up', '--overlap', 'allow'];
    const ran = await pauseAt(rig, STARTED, { isStarted: true, options });
    ran.release();
    const events = await eventsOf(rig, NAME);
    const caughtUp = events.filter(({ did, by }) => did === 'started' && by === 'catch-up');
    assert.equal(caughtUp.length, 1, JSON.stringify(events));
    assert.ok(caughtUp[0]!.times > 1, JSON.stringify(events));
    await rig.bgjob(['cron', 'rm', NAME]);
  },
  SKIP,
);
