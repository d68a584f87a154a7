/** Rounds of a crash matrix that share a home: one that fails leaves nothing behind that the next would trip over. */
import * as fs from 'node:fs';
import { join } from 'node:path';
import type { Setting } from './settings.ts';

/** After a failure all its processes are ended, and then what starts jobs by itself is removed: no command may be needed for that. */
export const cleanAfter =
  (folder: 'schedules' | 'triggers', round: Setting['round']): Setting['round'] =>
  async (lane, plan) => {
    try {
      return await round(lane, plan);
    } catch (thrown) {
      lane.rig.killAll();
      fs.rmSync(join(lane.rig.home, folder), { recursive: true, force: true });
      throw thrown;
    }
  };
