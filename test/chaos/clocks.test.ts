/**
 * Wall clocks that are wrong by a year, ahead or behind: of the launcher, the supervisor, the adopter, the killer and the reader, each
 * against the others. No outcome and no order changes, no time is negative, no limit is reached early or missed, and gc spares the young.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { uptime } from 'node:os';
import { test } from 'node:test';
import { newestNames } from '../../src/job/home/job-index.ts';
import { WrongClocks, YEAR_S } from '../rig/clocks.ts';
import { cannotUnshare } from '../rig/namespaces.ts';
import { missing } from '../rig/needs.ts';
import { type Answer, BGJOB, type Rig, rigTest } from '../rig/rig.ts';
import { someOf } from '../rig/rounds.ts';
import { until } from '../rig/until.ts';
import { killOwner, runPuppet, seededChance, slay, untilPublished } from './death.ts';

const skip = cannotUnshare() || missing('gcc');

const clocksOf = (rig: Rig): WrongClocks => {
  const clocks = WrongClocks.build(`${rig.dir}/clocks`);
  assert.ok(clocks, 'the library');
  return clocks;
};

/** A call in the world whose clock can be set. */
const callIn = (rig: Rig, clocks: WrongClocks, args: string[]): Promise<Answer> => {
  const [program = '', ...words] = clocks.world;
  return rig.start(program, [...words, process.execPath, '--', BGJOB, ...args]).answer;
};

const chance = seededChance('clocks');

/** Everything that readers say of the times of all jobs, with clocks a year apart: none of it is negative. */
async function checkTimes(rig: Rig, clocks: WrongClocks): Promise<void> {
  for (const seconds of someOf([-YEAR_S, 0, YEAR_S], 1, chance)) {
    const env = clocks.env(seconds);
    for (const job of await rig.json(['ls', '-a', '-n', '9'], { env }))
      if (job.durationMs !== null) assert.ok(job.durationMs >= 0, JSON.stringify(job));
    for (const args of [
      ['ls', '-a'],
      ['show', '@last'],
      ['status', '@last'],
      ['tail', '@last'],
    ]) {
      const { stdout, stderr } = await rig.bgjob(args, { env });
      assert.doesNotMatch(stdout + stderr, /(^|[ (])-\d/m, `${args.join(' ')} at ${seconds}`);
    }
  }
}

rigTest(
  'the clock of the other tests is wrong indeed',
  async (rig) => {
    const clocks = clocksOf(rig);
    const say = [process.execPath, '-p', 'Date.now()'];
    const own = await rig.start(say[0]!, say.slice(1), { env: clocks.env(YEAR_S) }).answer;
    assert.ok(Math.abs(Number(own.stdout) - Date.now() - YEAR_S * 1000) < 600_000, own.stdout);
    clocks.set(-YEAR_S);
    const [program = '', ...words] = clocks.world;
    const all = await rig.start(program, [...words, ...say]).answer;
    assert.ok(Math.abs(Number(all.stdout) - Date.now() + YEAR_S * 1000) < 600_000, all.stdout + all.stderr);
  },
  { skip },
);

for (const [name, seconds] of [
  ['ahead', YEAR_S],
  ['behind', -YEAR_S],
] as const) {
  rigTest(
    `the reader's clock is a year ${name}: outcomes, order, waiting and gc are as ever`,
    async (rig) => {
      const clocks = clocksOf(rig);
      const env = clocks.env(seconds);
      for (const code of [0, 3, 0]) await rig.bgjob(['run', '-w', '--', 'sh', '-c', `exit ${code}`]);
      const puppet = await rig.puppet();
      const id = await runPuppet(rig, puppet);
      const [now] = await rig.json(['show', String(id)]);
      const [then] = await rig.json(['show', String(id)], { env });
      assert.deepEqual({ ...then, durationMs: 0 }, { ...now, durationMs: 0 });
      const order = (await rig.json(['ls', '-a', '-n', '9'])).map((job) => [job.id, job.state, job.exitCode]);
      assert.deepEqual(
        (await rig.json(['ls', '-a', '-n', '9'], { env })).map((job) => [job.id, job.state, job.exitCode]),
        order,
      );
      assert.match((await rig.bgjob(['status', '@last'], { env })).stdout, /^4 running/);
      await checkTimes(rig, clocks);
      // a stopped owner is seen through: the end stands written, whatever the clock says of it
      process.kill(rig.ownerPid(id), 'SIGSTOP');
      await puppet.exit(7);
      assert.equal((await rig.bgjob(['wait', String(id)], { env })).code, 7);
      process.kill(rig.ownerPid(id), 'SIGCONT');
      await rig.untilState(id, 'exited');
      const gc = await rig.bgjob(['gc'], { env });
      assert.match(gc.stdout, /^removed 0 jobs/, 'nothing of this day is old');
      const older = await rig.bgjob(['gc', '--older-than', '1h'], { env });
      assert.match(older.stdout, /^removed 0 jobs/);
      const asked = await rig.bgjob(['gc', '--ended'], { env });
      assert.match(asked.stdout, /^removed 3 jobs/, 'but who asks gets it');
    },
    { skip },
  );

  rigTest(
    `launcher and supervisor are a year ${name}: nobody else notices`,
    async (rig) => {
      const clocks = clocksOf(rig);
      clocks.set(seconds);
      for (const words of [['true'], ['sh', '-c', 'exit 3']]) {
        const { code, stdout } = await callIn(rig, clocks, ['run', '--', ...words]);
        assert.equal(code, 0, stdout);
      }
      assert.equal((await rig.bgjob(['wait', '2'])).code, 3);
      const state = JSON.parse(fs.readFileSync(rig.file(2, 'spec.json'), 'utf8'));
      assert.ok(Math.abs(state.createdAt - Date.now() - seconds * 1000) < 600_000, 'its clock was wrong');
      assert.equal(await rig.run(['-w', '--', 'true']), 3);
      assert.deepEqual(
        (await rig.json(['ls', '-a'])).map((job) => job.id),
        [3, 2, 1],
      );
      assert.equal((await rig.bgjob(['status', '@last'])).code, 0);
      await checkTimes(rig, clocks);
      assert.match((await rig.bgjob(['gc'])).stdout, /^removed 0 jobs/);
      assert.match((await callIn(rig, clocks, ['gc'])).stdout, /^removed 0 jobs/);
    },
    { skip },
  );

  rigTest(
    `the clock is set by a year (${name}) while jobs run, and while adopters take over: limits, codes and stops hold`,
    async (rig) => {
      const clocks = clocksOf(rig);
      const [second, third] = [await rig.puppet(), await rig.puppet()];
      for (const [n, words] of [
        // no puppet: its limit may come before that has begun
        ['--timeout', '4s', '--', 'sleep', '1000'],
        ['--idle-timeout', '300s', '--timeout', '400s', '--', ...second.command],
        ['--', ...third.command],
      ].entries()) {
        const { code, stderr } = await callIn(rig, clocks, ['run', ...words]);
        assert.equal(code, 0, stderr);
        await untilPublished(rig, n + 1, 1);
      }
      await second.ready();
      await third.ready();
      clocks.set(seconds);
      await killOwner(rig, 2);
      await killOwner(rig, 3);
      clocks.set(0);
      clocks.set(seconds);
      assert.equal((await rig.bgjob(['wait', '1'])).code, 124, 'a limit that is reached');
      assert.equal((await rig.bgjob(['status', '2'])).code, 75, 'limits that are not');
      await second.exit(5);
      assert.equal((await rig.bgjob(['wait', '2'])).code, 5);
      const killed = await rig.bgjob(['kill', '3'], { env: clocks.env(-seconds) });
      assert.match(killed.stdout, /^3 killed \(TERM, [\d.]+s\): 1 process\n$/, killed.stderr);
      await checkTimes(rig, clocks);
      assert.match((await rig.bgjob(['gc'])).stdout, /^removed 0 jobs/);
    },
    { skip },
  );

  rigTest(
    `the clock is set by a year (${name}) while a job runs: how long it ran is what it took`,
    async (rig) => {
      const clocks = clocksOf(rig);
      const begun = performance.now();
      const puppet = await rig.puppet();
      assert.equal((await callIn(rig, clocks, ['run', '--', ...puppet.command])).code, 0);
      await puppet.ready();
      await untilPublished(rig, 1, 1);
      const running = performance.now();
      const isTrue = ({ durationMs }: any, from: number): void => {
        // where the machine has slept, a clock that is ahead may tell of that
        const sleptMs = Math.max(0, uptime() * 1000 - Number(process.hrtime.bigint() / 1_000_000n));
        const mostMs = performance.now() - begun + 1000 + sleptMs;
        assert.ok(durationMs >= from && durationMs <= mostMs, `${durationMs}: ${from} to ${mostMs}`);
      };
      const looked = performance.now() - running;
      isTrue((await rig.json(['show', '1'], { env: clocks.env(seconds) }))[0], Math.floor(looked) - 1);
      // without a shim the owner alone says when it ended
      await slay(rig.shimRecord(1).shim!);
      clocks.set(seconds);
      const leastMs = performance.now() - running;
      await puppet.exit(0);
      isTrue((await rig.json(['wait', '1']))[0], Math.floor(leastMs) - 1);
    },
    { skip },
  );

  rigTest(
    `a killer whose clock is a year ${name}, and an owner that was stopped: the end says that it was asked for`,
    async (rig) => {
      const clocks = clocksOf(rig);
      const puppet = await rig.puppet();
      const id = await runPuppet(rig, puppet);
      process.kill(rig.ownerPid(id), 'SIGSTOP');
      const kill = await rig.bgjob(['kill', '--now', String(id)], { env: clocks.env(seconds) });
      assert.equal(kill.code, 0, kill.stderr);
      const ended = await until(
        () => rig.show(id),
        (job) => job.state !== 'running' && job.state !== 'stopping',
        'its end',
      );
      assert.deepEqual([ended.exitCode, ended.reason], [137, 'kill (SIGKILL)']);
    },
    { skip },
  );
}

test('jobs that ended in the future do not hide those that ended since', () => {
  const name = (at: number, id: number) => `${String(Math.round(at)).padStart(14, '0')}.${id}.key`;
  const now = Date.now();
  const future = Array.from({ length: 30 }, (_, n) => name(now + YEAR_S * 1000 + n, n + 1));
  const since = [name(now - 1000, 31), name(now, 32)];
  const shown = newestNames([...since, ...future].sort(), 3, now - 3_600_000);
  assert.deepEqual(shown, [since[1], since[0], future[29]]);
});
