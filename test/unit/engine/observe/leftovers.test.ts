/** Which jobs may have left processes: one pass over the process table answers for thousands. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { suspectJobs } from '../../../../src/engine/observe/leftovers.ts';
import { HAS_PROC } from '../../../../src/engine/os/process-identity.ts';
import { openHome } from '../../../../src/job/home/home.ts';
import { folderTest } from '../../../rig/folder.ts';

/** Numbers that jobs of other homes on this machine do not have. */
const [OWN, LEFT, NONE] = [700_000_000_000_001, 700_000_000_000_002, 700_000_000_000_003];

folderTest(
  'a log that is open in another process makes a job suspect, one of this process does not',
  async (dir) => {
    const opened = openHome(join(dir, 'home'), true);
    assert.ok(opened.ok);
    const home = opened.value;
    const [own, left] = [OWN, LEFT].map((id) => {
      fs.mkdirSync(join(home.job(id).dir, 'out'), { recursive: true });
      return fs.openSync(home.job(id).log, 'a');
    });
    const child = spawn('/bin/sleep', ['1000'], { stdio: ['ignore', left!, 'ignore'] });
    fs.closeSync(left!);
    try {
      const isSuspect = await suspectJobs(home);
      // the supervisor of thousands of queued jobs has the logs of the last ones open until it has looked
      assert.deepEqual(
        [OWN, LEFT, NONE].map((id) => isSuspect({ id })),
        [false, HAS_PROC, false],
      );
    } finally {
      child.kill('SIGKILL');
      await once(child, 'exit');
      fs.closeSync(own!);
    }
  },
);
