/** Names that many want at the same instant, and launchers that are killed while they claim one. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { type Rig, rigTest } from '../rig/rig.ts';
import { rounds } from '../rig/rounds.ts';
import { until } from '../rig/until.ts';
import { inParallel, pass, seededChance } from './death.ts';

/** A job that holds a lock of the kernel as long as it lives, and writes down that another holds it. */
const exclusive = (rig: Rig): string =>
  `exec 9>>'${join(rig.dir, 'lock')}'; flock -n 9 || { echo "$BGJOB_ID" >>'${join(rig.dir, 'double')}'; exit 9; }; ` +
  `echo "$BGJOB_ID" >>'${join(rig.dir, 'alone')}'; exec sleep 1000`;

const linesOf = (rig: Rig, name: string): string[] => {
  const path = join(rig.dir, name);
  return fs.existsSync(path) ? fs.readFileSync(path, 'utf8').trim().split('\n') : [];
};

const live = async (rig: Rig): Promise<number[]> =>
  (await rig.json(['ls', '-a', '-n', '0', '--name', 'web']))
    .filter(({ state }) => ['starting', 'running', 'stopping'].includes(state))
    .map(({ id }) => id);

rigTest('many --reuse at once start one job, and all print its id', async (rig) => {
  const most = rounds(10, 20);
  for (let round = 1; round <= rounds(1, 4); round++) {
    const call = `bgjob run -n web --reuse -- sh -c ${JSON.stringify(exclusive(rig)).replaceAll('$', '\\$')}`;
    const { stdout, stderr } = await rig.bash(`for n in $(seq ${most}); do ${call} & done; wait`);
    const ids = new Set(stdout.trim().split('\n'));
    assert.deepEqual([stdout.trim().split('\n').length, ids.size, stderr], [most, 1, ''], stdout + stderr);
    const id = Number([...ids][0]);
    await until(
      () => linesOf(rig, 'alone').length,
      (count) => count === round,
      'the job runs',
    );
    assert.deepEqual(await live(rig), [id]);
    // the losers left nothing; the entry of the job of the round before may go a moment after its end is told
    await until(
      () => fs.readdirSync(join(rig.home, 'live')),
      (names) => names.join() === String(id),
      'the entry of the one job',
    );
    assert.equal(fs.readdirSync(join(rig.home, 'jobs')).length, round);
    assert.equal((await rig.bgjob(['kill', '--now', 'web'])).code, 0);
  }
  assert.deepEqual(linesOf(rig, 'double'), []);
});

rigTest('of many that want the same name exactly one gets it, and the others say who has it', async (rig) => {
  const most = rounds(10, 20);
  const { stdout, stderr } = await rig.bash(
    `for n in $(seq ${most}); do bgjob run -n web -- sleep 1000 & done; wait`,
  );
  assert.match(stdout, /^\d+\n$/);
  const id = stdout.trim();
  assert.equal(stderr.match(/^bgjob: web is \w+ as job \d+/gm)?.length, most - 1);
  assert.deepEqual(fs.readdirSync(join(rig.home, 'jobs')), [id]);
  await rig.bgjob(['kill', '--now', 'web']);
});

rigTest(
  'many --replace at once: each in turn replaces the one before, never two, the last one lives',
  async (rig) => {
    const most = rounds(5, 8);
    for (let round = 0; round < rounds(1, 3); round++) {
      const calls = Array.from({ length: most }, () =>
        rig.bgjob(['run', '-n', 'web', '--replace', '--', 'sh', '-c', exclusive(rig)]),
      );
      const answers = await Promise.all(calls);
      for (const { code, stdout, stderr } of answers) {
        assert.equal(code, 0, stderr);
        assert.match(stdout, /^\d+\n$/);
      }
      const ids = answers.map(({ stdout }) => Number(stdout));
      assert.equal(new Set(ids).size, most);
      const [survivor, ...others] = await live(rig);
      assert.deepEqual(others, []);
      assert.ok(ids.includes(survivor!));
      await until(
        () => linesOf(rig, 'alone'),
        (alone) => alone.includes(String(survivor)),
        'the last one runs',
      );
      for (const id of ids.filter((one) => one !== survivor))
        assert.match((await rig.show(id)).state, /^(killed|cancelled)$/);
    }
    assert.deepEqual(linesOf(rig, 'double'), []);
    await rig.bgjob(['kill', 'web']);
  },
);

rigTest(
  'launchers killed at any instant: never two, and the name is free at once for the next',
  async (rig) => {
    const chance = seededChance('naming launcher killed');
    const begun = performance.now();
    await rig.bgjob(['run', '-n', 'web', '--', 'true']);
    const wholeMs = performance.now() - begun;
    await inParallel(rounds(12, 60), 3, async (n) => {
      const how = n % 3 === 0 ? ['--replace'] : n % 3 === 1 ? ['--reuse'] : [];
      const delayMs = chance() * wholeMs * 1.5;
      const call = rig.startBgjob(['run', '-n', 'web', ...how, '--', 'sh', '-c', exclusive(rig)]);
      await pass(delayMs);
      call.child.kill('SIGKILL');
      await call.answer;
    });
    assert.deepEqual(linesOf(rig, 'double'), []);
    const { code, stdout, stderr } = await rig.bgjob([
      ...['run', '-n', 'web', '--replace', '--'],
      ...['sh', '-c', exclusive(rig)],
    ]);
    assert.equal(code, 0, stderr);
    const id = stdout.trim();
    await until(
      () => linesOf(rig, 'alone'),
      (alone) => alone.includes(id),
      'it got the lock',
    );
    assert.deepEqual(linesOf(rig, 'double'), []);
    assert.match((await rig.bgjob(['kill', 'web'])).stdout, new RegExp(`^web ${id} killed`));
  },
);

rigTest(
  'a launcher that is stopped in the middle keeps the name; one that is killed does not',
  async (rig) => {
    // the claim of a launcher that holds its FIFO and goes no further
    const call = rig.startBgjob(['run', '-n', 'web', '--', 'sleep', '1000']);
    const names = join(rig.home, 'names');
    const claimed = () =>
      fs.existsSync(names) &&
      fs.readdirSync(names).some((name) => fs.existsSync(join(names, name, 'claim.1')));
    while (!claimed() && call.child.exitCode === null) await new Promise(setImmediate);
    call.child.kill('SIGSTOP');
    const second = await rig.bgjob(['run', '-n', 'web', '--', 'true']);
    assert.equal(second.code, 125, second.stdout);
    assert.match(second.stderr, /web is (starting|running) as job 1/);
    call.child.kill('SIGKILL');
    await call.answer;
    const third = await rig.bgjob(['run', '-n', 'web', '--replace', '-w', '--', 'true']);
    assert.equal(third.code, 0, third.stderr);
  },
);
