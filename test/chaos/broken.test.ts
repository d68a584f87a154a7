/** Each promise can fail: a program that breaks it is caught, where the true one passes. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { BGJOB, withRig } from '../rig/rig.ts';
import { BREAKAGES, type Breakage, build, planOf } from './broken.ts';
import { seededChance } from './death.ts';
import { runRound } from './matrix.ts';
import { QUEUE_SETTINGS } from './queuesettings.ts';
import { Lane, SETTINGS } from './settings.ts';
import { cannotTrace } from './stopper.ts';
import { Broken } from './truth.ts';

const skip = cannotTrace();

/** What the round says that this program breaks; undefined: nothing. */
async function findBroken(breakage: Breakage, program: string): Promise<Broken | undefined> {
  const setting = [...SETTINGS, ...QUEUE_SETTINGS].find(({ name }) => name === breakage.setting)!;
  let broken: Broken | undefined;
  await withRig(async (rig) => {
    rig.damaged = true;
    const lane = new Lane(rig, seededChance(breakage.what));
    try {
      await runRound(lane, setting, planOf(setting, breakage));
    } catch (thrown) {
      if (!(thrown instanceof Broken)) throw thrown;
      broken = thrown;
      rig.killAll();
    }
  }, program);
  return broken;
}

for (const breakage of BREAKAGES) {
  test(`caught: ${breakage.what}`, { skip }, async () => {
    const dir = fs.mkdtempSync(join(tmpdir(), 'bgjob-broken-'));
    try {
      const found = await findBroken(breakage, build(dir, breakage.changes));
      assert.equal(found?.promised, breakage.promised, found?.message);
      assert.equal((await findBroken(breakage, BGJOB))?.message, undefined);
    } finally {
      fs.rmSync(dir, { recursive: true, force: true });
    }
  });
}

test('every promise is shown to fail', () => {
  const shown = new Set(BREAKAGES.map(({ promised }) => promised));
  assert.equal(shown.size, BREAKAGES.length);
});
