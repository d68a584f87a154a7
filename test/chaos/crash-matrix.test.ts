/**
 * Supervisor, shim and watcher killed in every combination and at any instant, adopters while they boot. What the shim
 * wrote down is the outcome; where it could not, the job is lost; and no reader sees an end that is not one.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { isRunning, processesNaming } from '../rig/processes.ts';
import { type Rig, rigTest } from '../rig/rig.ts';
import { until } from '../rig/until.ts';
import { inParallel, pass, readJson, runPuppet, seededChance, slay, untilPublished } from './death.ts';

const REASONS = [
  'its supervisor was killed before it started the job',
  'its shim was killed; the exit status is unknown',
  'supervisor and shim were killed',
];

/** SIGKILL to a process of this job's machinery, if it is still that. */
function strike(rig: Rig, id: number, who: 'supervisor' | 'shim' | 'watcher'): void {
  try {
    const pid = who === 'supervisor' ? rig.ownerPid(id) : rig.shimRecord(id)[who];
    if (!pid || !isRunning(pid)) return;
    const command = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    if (command.startsWith(`bgjob[${id}]`) || command.includes(rig.file(id, 'shim')))
      process.kill(pid, 'SIGKILL');
  } catch {
    // not written down yet, or gone
  }
}

/** The end as `wait` tells it must be what the shim wrote down, or lost. */
function assertTrue(rig: Rig, id: number, code: number, end: any, what: string): void {
  const path = rig.file(id, 'exit.1');
  const written = fs.existsSync(path) && /^\d+\n/.test(fs.readFileSync(path, 'utf8'));
  assert.equal(end.state, written ? 'exited' : 'lost', what);
  if (written) assert.equal(end.exitCode, code, what);
  else {
    assert.equal(end.exitCode, null, what);
    assert.ok(REASONS.includes(end.reason), what);
  }
}

rigTest('any of supervisor, shim and watcher, in any order, at any instant', async (rig) => {
  const chance = seededChance('crash matrix');
  const rounds: { id: number; code: number; plan: string }[] = [];
  await inParallel(70, 4, async (n) => {
    const code = 1 + Math.floor(chance() * 120);
    const mask = 1 + (n % 7);
    const victims = (['supervisor', 'shim', 'watcher'] as const).filter((_, bit) => mask & (1 << bit));
    const plan = victims.map((who) => ({ who, atMs: Math.floor(chance() * 250) }));
    const id = await rig.run(['--', '/bin/sh', '-c', `sleep 0.1; exit ${code}`]);
    await Promise.all(
      plan.map(async ({ who, atMs }) => {
        await pass(atMs);
        strike(rig, id, who);
      }),
    );
    rounds.push({ id, code, plan: JSON.stringify(plan) });
  });
  const ends = await rig.json(['wait', ...rounds.map(({ id }) => String(id))]);
  const tally: Record<string, number> = {};
  for (const { id, code, plan } of rounds) {
    const end = ends.find((one) => one.id === id);
    tally[end.state] = (tally[end.state] ?? 0) + 1;
    assertTrue(rig, id, code, end, `${plan}: ${JSON.stringify(end)}`);
  }
  console.log(tally);
  const listed = await rig.json(['ls', '-a', '-n', '1000']);
  assert.equal(listed.length, rounds.length);
  for (const job of listed) assert.ok(['exited', 'lost'].includes(job.state), JSON.stringify(job));
});

rigTest('adopters killed while they boot: the code is kept', async (rig) => {
  const chance = seededChance('adopter killed while it boots');
  await inParallel(24, 4, async (n) => {
    const code = 1 + n;
    const puppet = await rig.puppet();
    const id = await runPuppet(rig, puppet);
    const { watcher } = rig.shimRecord(id);
    await slay(rig.ownerPid(id));
    await pass(Math.floor(chance() * 200));
    await slay(watcher!);
    await pass(Math.floor(chance() * 200));
    // whether the adopter got as far as having a watcher of its own or not
    assert.equal((await rig.bgjob(['status', String(id)])).code, 75);
    await puppet.exit(code);
    assert.equal((await rig.bgjob(['wait', String(id)])).code, code);
    assert.equal((await rig.bgjob(['status', String(id)])).code, code);
  });
});

rigTest('while owners die one after the other every reader says: running', async (rig) => {
  const puppet = await rig.puppet();
  const id = await runPuppet(rig, puppet);
  let over = false;
  const seen: string[] = [];
  const reader = async () => {
    while (!over) seen.push((await rig.bgjob(['status', String(id)])).stdout.trim());
  };
  const readers = [reader(), reader(), reader()];
  const waiter = rig.startBgjob(['wait', String(id)]);
  // as long as it takes a busy machine to look often enough
  for (let generation = 2; generation <= 8 || seen.length <= 10; generation++) {
    await slay(rig.ownerPid(id));
    await untilPublished(rig, id, generation);
  }
  over = true;
  await Promise.all(readers);
  assert.ok(seen.length > 10, `${seen.length} looks`);
  for (const text of seen) assert.match(text, /^1 running /);
  assert.equal(waiter.child.exitCode, null);
  await puppet.exit(11);
  assert.equal((await waiter.answer).code, 11);
});

rigTest('the shim killed while it starts the job: not called ended while that runs', async (rig) => {
  const chance = seededChance('shim killed at the start');
  let before = 0;
  await inParallel(32, 4, async () => {
    const id = await rig.run(['--', '/bin/sh', '-c', 'echo up; sleep 0.5']);
    const shim = await until(
      () => (fs.existsSync(rig.file(id, 'shim')) ? rig.shimRecord(id) : {}),
      (record) => record.shim !== undefined,
      'the shim',
    );
    const instant = performance.now() + chance() * 3;
    while (performance.now() < instant);
    if (!rig.shimRecord(id).main) before++;
    process.kill(shim.shim!, 'SIGKILL');
    const wait = (await rig.json(['wait', String(id)]))[0];
    assert.equal(wait.state, 'lost');
    assert.equal(wait.leftovers, 0, `job ${id} is called lost while it runs: ${JSON.stringify(wait)}`);
  });
  console.log(`${before} of 32 before the main process was written down`);
  assert.deepEqual(processesNaming(rig.home), []);
  assert.equal(readJson(rig.file(1, 'state.json')).generation, 1);
});
