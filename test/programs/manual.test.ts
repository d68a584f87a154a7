/** The man pages, read by a program that knows what a man page is. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { missing } from '../rig/needs.ts';
import { ROOT, rigTest } from '../rig/rig.ts';

rigTest(
  'mandoc has nothing to say about any page',
  async () => {
    for (const name of fs.readdirSync(`${ROOT}/man`)) {
      const { status, stdout } = spawnSync('mandoc', ['-T', 'lint', `${ROOT}/man/${name}`], {
        encoding: 'utf8',
      });
      assert.deepEqual([status, stdout], [0, ''], name);
    }
  },
  { skip: missing('mandoc') },
);
