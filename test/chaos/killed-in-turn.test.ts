/** Owners killed one after the other, while they boot or as soon as they publish; a shim while it starts the job. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { rigTest } from '../rig/rig.ts';
import { rounds } from '../rig/rounds.ts';
import { until } from '../rig/until.ts';
import {
  inParallel,
  pass,
  readJson,
  runPuppet,
  seededChance,
  slay,
  untilIdle,
  untilPublished,
} from './death.ts';

rigTest('adopters killed while they boot: the code is kept', async (rig) => {
  const chance = seededChance('adopter killed while it boots');
  await inParallel(rounds(6, 24), 3, async (n) => {
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
  for (let generation = 2; generation <= rounds(5, 8) || seen.length <= 10; generation++) {
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
  const count = rounds(8, 32);
  await inParallel(count, 3, async (n) => {
    const gate = join(rig.dir, `gate.${n}`);
    const line = `echo up; until [ -e '${gate}' ]; do sleep 0.02; done`;
    const id = await rig.run(['--', '/bin/sh', '-c', line]);
    const shim = await until(
      () => (fs.existsSync(rig.file(id, 'shim')) ? rig.shimRecord(id) : {}),
      (record) => record.shim !== undefined,
      'the shim',
    );
    const instant = performance.now() + chance() * 3;
    while (performance.now() < instant);
    if (!rig.shimRecord(id).main) before++;
    process.kill(shim.shim!, 'SIGKILL');
    // as long as it runs it is not over: the shim may have died before it came to be
    const [early] = await rig.json(['show', String(id)]);
    if (early.state === 'lost') assert.equal(early.leftovers, 0, JSON.stringify(early));
    fs.writeFileSync(gate, '');
    const wait = (await rig.json(['wait', String(id)]))[0];
    assert.equal(wait.state, 'lost');
    assert.equal(wait.leftovers, 0, `job ${id} is called lost while it runs: ${JSON.stringify(wait)}`);
  });
  console.log(`${before} of ${count} before the main process was written down`);
  await untilIdle(rig); // the owner goes a moment after it has told the end
  assert.equal(readJson(rig.file(1, 'state.json')).generation, 1);
});
