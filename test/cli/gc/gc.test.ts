/** `bgjob gc`: what may go, and what never does. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { type Rig, rigTest } from '../../rig/rig.ts';

const idsOf = (rig: Rig): number[] =>
  fs
    .readdirSync(`${rig.home}/jobs`)
    .map(Number)
    .sort((a, b) => a - b);
const ended = async (rig: Rig, line = 'true') => {
  const { stdout } = await rig.bgjob(['run', '-w', line]);
  return Number.parseInt(stdout, 10);
};
/** The job has ended, and nobody was told. */
async function unseen(rig: Rig, line: string): Promise<number> {
  const id = await rig.run([line]);
  await rig.untilState(id, 'exited');
  fs.rmSync(rig.file(id, 'seen'), { force: true });
  return id;
}

rigTest('by itself it removes nothing that is young and small', async (rig) => {
  const none = await rig.bgjob(['gc']);
  assert.deepEqual([none.code, none.stdout], [0, 'removed 0 jobs, 0 B; kept 0 ended, 0 live\n']);
  await ended(rig);
  await ended(rig, 'exit 1');
  assert.equal((await rig.bgjob(['gc'])).stdout, 'removed 0 jobs, 0 B; kept 2 ended, 0 live\n');
});

rigTest('--ended: all but live jobs, leftovers and the highest id; --dry-run only says so', async (rig) => {
  const puppet = await rig.puppet();
  await ended(rig, 'echo some output');
  await rig.run(['--', ...puppet.command]);
  await puppet.ready();
  await ended(rig, 'sleep 1000 & exit 0');
  await unseen(rig, 'exit 9');
  await ended(rig);
  const dry = await rig.bgjob(['gc', '--ended', '--dry-run']);
  assert.match(dry.stdout, /^would remove 2 jobs, \d.*; kept 2 ended, 1 live\n$/);
  assert.deepEqual(idsOf(rig), [1, 2, 3, 4, 5]);
  const done = await rig.bgjob(['gc', '--ended']);
  assert.equal(done.stdout, dry.stdout.replace('would remove', 'removed'));
  assert.deepEqual(idsOf(rig), [2, 3, 5]);
  assert.equal((await rig.bgjob(['ls', '-aq'])).stdout, '5\n3\n2\n');
  assert.equal((await rig.bgjob(['wait', '1'])).code, 125, 'it is gone, not forgotten as a success');
  assert.deepEqual(fs.readdirSync(`${rig.home}/trash`), []);
  await rig.bgjob(['kill', '3']);
  await puppet.exit(0);
  await rig.bgjob(['wait', '2']);
  assert.match((await rig.bgjob(['gc', '--ended'])).stdout, /^removed 2 jobs/);
});

rigTest('what a job left counts also without its marker: by its log, and by its session', async (rig) => {
  const bare = 'env -i /bin/sleep 1000 </dev/null';
  const ids = [
    await ended(rig, `setsid ${bare} 2>&1 & echo $!`),
    await ended(rig, `${bare} >/dev/null 2>&1 & echo $!`),
    await ended(rig),
    await ended(rig),
  ];
  const [done] = await rig.json(['gc', '--ended']);
  assert.deepEqual(done.removed, [ids[2]], 'and the highest id stays');
  for (const id of ids.slice(0, 2))
    assert.match((await rig.bgjob(['kill', String(id)])).stdout, /killed 1 process/);
  assert.deepEqual((await rig.json(['gc', '--ended']))[0].removed, ids.slice(0, 2));
});

rigTest('by age, by number and by size, the oldest first', async (rig) => {
  for (let n = 0; n < 4; n++) await ended(rig, 'head -c 100000 /dev/zero');
  assert.match(
    (await rig.bgjob(['gc', '--max-total', '250k'])).stdout,
    /^removed 2 jobs, \d+ KB; kept 2 ended/,
  );
  assert.deepEqual(idsOf(rig), [3, 4]);
  await ended(rig);
  assert.match((await rig.bgjob(['gc', '--keep', '2'])).stdout, /^removed 1 job, /);
  assert.deepEqual(idsOf(rig), [4, 5]);
  await ended(rig);
  assert.match((await rig.bgjob(['gc', '--older-than', '1h'])).stdout, /^removed 0 jobs/);
  assert.match((await rig.bgjob(['gc', '--older-than', '0'])).stdout, /^removed 2 jobs/);
  assert.deepEqual(idsOf(rig), [6]);
});

rigTest('a failure that nobody was told of stays, until somebody was', async (rig) => {
  await unseen(rig, 'exit 1');
  await ended(rig);
  await ended(rig);
  await rig.bgjob(['gc', '--older-than', '0']);
  assert.deepEqual(idsOf(rig), [1, 3]);
  assert.equal((await rig.bgjob(['wait', '1'])).code, 1);
  await rig.bgjob(['gc', '--older-than', '0']);
  assert.deepEqual(idsOf(rig), [3]);
});

rigTest('an id is never given again, whatever is lost', async (rig) => {
  for (let n = 0; n < 3; n++) await ended(rig);
  await rig.bgjob(['gc', '--ended']);
  assert.equal(await ended(rig), 4);
  await rig.bgjob(['gc', '--ended']);
  assert.deepEqual(idsOf(rig), [4]);
  // the hint is lost, and the highest directory by hand
  fs.rmSync(`${rig.home}/seq`);
  assert.equal(await ended(rig), 5);
  await rig.bgjob(['gc', '--ended']);
  fs.rmSync(`${rig.home}/seq`);
  fs.rmSync(rig.file(5, '.'), { recursive: true });
  assert.equal(await ended(rig), 5, 'only what gc never removed and nobody wrote down can come again');
});

rigTest('two at once remove each job once', async (rig) => {
  await Promise.all(Array.from({ length: 8 }, () => ended(rig)));
  const both = await Promise.all([rig.json(['gc', '--ended']), rig.json(['gc', '--ended'])]);
  const removed = both.flatMap(([done]) => done.removed);
  assert.deepEqual(
    removed.sort((a, b) => a - b),
    [1, 2, 3, 4, 5, 6, 7],
  );
  assert.deepEqual(idsOf(rig), [8]);
});

rigTest('what is no rule is refused', async (rig) => {
  for (const args of [['--keep', 'few'], ['--max-total', 'much'], ['--older-than', 'old'], ['42']])
    assert.equal((await rig.bgjob(['gc', ...args])).code, 125, args.join(' '));
});
