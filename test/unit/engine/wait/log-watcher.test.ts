/** Waiting for a log to grow leaves nothing behind, however it ends. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { LogWatcher } from '../../../../src/engine/wait/log-watcher.ts';
import { folderTest } from '../../../rig/folder.ts';

const watches = () => process.getActiveResourcesInfo().filter((name) => name === 'FSEventWrap').length;

folderTest('a look that finds more just as it begins to watch takes its watch away', async (dir) => {
  const path = join(dir, 'log');
  fs.writeFileSync(path, 'more');
  const growth = new LogWatcher(path, 100);
  const never = new AbortController().signal;
  for (let look = 0; look < 6; look++) await growth.wait(false, () => true, never);
  // a handle closes in the next turn of the event loop
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(watches(), 0);
});
