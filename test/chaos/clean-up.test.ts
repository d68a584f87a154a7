/** A stop lets a job clean up, whoever is killed in the grace: no second signal, and the grace is counted once. */
import assert from 'node:assert/strict';
import { Cleaner } from '../rig/cleaner.ts';
import { type Rig, rigTest } from '../rig/rig.ts';
import { rounds } from '../rig/rounds.ts';
import { ownerOf, pass, readJson, seededChance, slay, untilPublished } from './death.ts';

const firstSignal = (rig: Rig, id: number) => readJson(rig.file(id, 'first.1'));

rigTest('owners that are killed in the grace: no second signal, and one grace', async (rig) => {
  const chance = seededChance('owners killed in the grace');
  for (let round = 0; round < rounds(6, 50); round++) {
    const cleaner = await Cleaner.start(rig, ['--grace', '1h']);
    const { id } = cleaner;
    const kill = rig.startBgjob(['kill', String(id)]);
    await cleaner.untilCleaning();
    const first = firstSignal(rig, id);
    assert.ok(first.ticks > 0 && first.monotonicMs > 0);
    await pass(1 + chance() * 999);
    await slay(ownerOf(rig, id).pid);
    await untilPublished(rig, id, 2);
    assert.deepEqual(firstSignal(rig, id), first, 'the grace counts from the first signal');
    await Cleaner.untilLooked(ownerOf(rig, id).pid);
    cleaner.letGo();
    const { code, stdout, stderr } = await kill.answer;
    assert.equal(code, 0, stderr);
    assert.match(stdout, /exited 7 \(after kill\)/);
    assert.equal(cleaner.said, 'cleaning\ncleaned\n');
  }
});
