/** The crash matrix around pauses and --on-exit: every process at every call by which it publishes something, before or after. */
import assert from 'node:assert/strict';
import { rigTest } from '../rig/rig.ts';
import { someOf } from '../rig/rounds.ts';
import { seededChance } from './death.ts';
import { HOLD_SETTINGS } from './holdsettings.ts';
import { Lane, NEVER } from './settings.ts';
import { cannotTrace } from './stopper.ts';

const MOST_CELLS = 2;

for (const one of HOLD_SETTINGS)
  rigTest(
    `killed at each call: ${one.name}`,
    async (rig) => {
      const chance = seededChance(one.name);
      const lane = new Lane(rig, chance);
      await one.round(lane, one.before);
      const { calls } = (await one.round(lane, [...one.before, NEVER])).traced;
      const cells = calls.filter(
        ({ role, call, after }) =>
          one.roles.includes(role) && after >= one.before.length && !call.endsWith(' cache/*'),
      );
      assert.ok(cells.length > 0, `nobody of ${one.roles} was seen`);
      let hits = 0;
      const failures: unknown[] = [];
      const chosen = someOf(cells, MOST_CELLS, chance);
      for (const { role, call, n } of chosen) {
        const when = chance() < 0.5 ? 'before' : 'after';
        try {
          const { traced } = await one.round(lane, [...one.before, { role, call, n, when }]);
          hits += traced.hits.length - one.before.length;
        } catch (thrown) {
          console.error(`killed ${role} ${when} ${call} (${n})`, thrown);
          failures.push(thrown);
          lane.renew();
        }
      }
      console.log(`${one.name}: ${cells.length} calls, ${hits} kills of ${chosen.length}`);
      assert.equal(failures.length, 0);
    },
    { skip: cannotTrace() },
  );
