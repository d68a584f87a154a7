/** How long a named job usually takes: in ls, show and a wait that gives up. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { amend } from '../../chaos/death.ts';
import { type Rig, rigTest } from '../../rig/rig.ts';

/** Successes of this name that took so many seconds each, as their records say. */
async function runBefore(rig: Rig, name: string, seconds: number[], command = 'true'): Promise<void> {
  for (const one of seconds) {
    const id = await rig.runOut(['-n', name, '--', command]);
    amend(rig.file(id, 'state.json'), ({ status }) => {
      status.startedAt = status.endedAt - one * 1000;
      status.tookMs = null;
    });
  }
}

rigTest('three successes: ls, show and wait say how long it usually takes', async (rig) => {
  await runBefore(rig, 'test', [600, 130, 100]);
  await runBefore(rig, 'test', [7200], 'false');
  await runBefore(rig, 'other', [5, 5, 5]);
  const puppet = await rig.puppet();
  const id = await rig.run(['-n', 'test', '--', ...puppet.command]);
  await rig.untilState(id, 'running');

  const given = await rig.bgjob(['wait', 'test', '--timeout', '100ms']);
  assert.equal(given.code, 75);
  assert.match(given.stdout, new RegExp(`^test ${id} running \\S+, usually 2m10s \\(3 runs\\), `, 'm'));
  assert.match(
    (await rig.bgjob(['ls'])).stdout,
    new RegExp(`^${id} +test +running +\\S+ +\\S+ of ~2m10s `, 'm'),
  );
  const { stdout } = await rig.bgjob(['show', 'test']);
  assert.match(stdout, /^usually {4}2m10s \(3 runs\)$/m);
  assert.deepEqual(
    stdout.split('\n').flatMap((line) => /^run (\d+ +.* after \S+), \S+ ago$/.exec(line)?.[1] ?? []),
    [
      '4      exited 1 after 2h',
      '3      exited 0 after 1m40s',
      '2      exited 0 after 2m10s',
      '1      exited 0 after 10m',
    ],
  );
  assert.doesNotMatch((await rig.bgjob(['show', `${id}`])).stdout, /^run \d/m, 'a number asks for one job');
  assert.deepEqual((await rig.show(id)).usual, { durationMs: 130_000, runs: 3 });
  const [live, ...ended] = await rig.json(['ls']);
  assert.deepEqual(live.usual, { durationMs: 130_000, runs: 3 });
  assert.ok(ended.every(({ usual }) => usual === null));
  await puppet.exit(0);
});

rigTest('fewer successes, no name, or the name in another project: not a word', async (rig) => {
  await runBefore(rig, 'test', [60, 60]);
  await runBefore(rig, 'test', [60, 60], 'false');
  fs.mkdirSync(`${rig.dir}/else/.git`, { recursive: true });
  for (let n = 0; n < 3; n++)
    await rig.bgjob(['run', '-w', '-n', 'test', '--', 'true'], { cwd: `${rig.dir}/else` });
  for (let n = 0; n < 3; n++) await rig.runOut(['--', 'true']);
  const [named, nameless] = [await rig.puppet(), await rig.puppet()];
  const ids = [
    await rig.run(['-n', 'test', '--', ...named.command]),
    await rig.run(['--', ...nameless.command]),
  ];
  for (const id of ids) {
    await rig.untilState(id, 'running');
    assert.equal((await rig.show(id)).usual, null);
    const { code, stdout } = await rig.bgjob(['wait', `${id}`, '--timeout', '100ms']);
    assert.equal(code, 75);
    assert.doesNotMatch(stdout, /usually/);
  }
  assert.doesNotMatch((await rig.bgjob(['ls'])).stdout, / of ~/);
  for (const puppet of [named, nameless]) await puppet.exit(0);
});
