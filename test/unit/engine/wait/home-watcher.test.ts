/** The rest between two readings of a home. (That a change wakes is tested on the program.) */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { systemClock } from '../../../../src/base/clock.ts';
import { HomeWatcher } from '../../../../src/engine/wait/home-watcher.ts';
import { Home } from '../../../../src/job/home/home.ts';
import { folderTest } from '../../../rig/folder.ts';

const never = new AbortController().signal;

folderTest(
  'the rest after a change is a share of the reading, however often was waited since',
  async (dir) => {
    fs.mkdirSync(join(dir, 'live'));
    let now = 0;
    const slept: number[] = [];
    const sleep = async (ms: number) => {
      slept.push(ms);
      now += ms;
      await setImmediate();
    };
    const watcher = new HomeWatcher(new Home(dir, 't'), { ...systemClock, monotonic: () => now, sleep });
    try {
      watcher.watchJobs([]);
      // the caller reads for so long
      now += 100;
      for (let n = 0; n < 9; n++) assert.equal(await watcher.wait(1000, never), false);
      fs.writeFileSync(join(dir, 'live', '1'), '');
      while (!(await watcher.wait(1000, never)));
      assert.ok(slept.at(-1)! < 100, `it rested for ${slept.at(-1)} ms`);
      // at once after the reading
      watcher.watchJobs([]);
      now += 100;
      fs.writeFileSync(join(dir, 'live', '2'), '');
      while (!(await watcher.wait(0, never)));
      assert.equal(slept.at(-1), 800);
    } finally {
      watcher.close();
    }
  },
);
