/** The lock that keeps gcs polite is no promise: left by a dead holder, or from the future, it holds up nobody for long. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { rigTest } from '../rig/rig.ts';

for (const [what, agoMs] of [
  ['of a holder that died', 60_000],
  ['from the future', -3_600_000],
] as const) {
  rigTest(`a lock ${what}: gc and run go on`, async (rig) => {
    for (const line of ['exit 1', 'exit 0', 'exit 0'])
      await rig.bgjob(['run', '--wait', '--', '/bin/sh', '-c', line]);
    const lock = join(rig.home, 'cache', 'gc.lock');
    fs.mkdirSync(lock);
    const at = (Date.now() - agoMs) / 1000;
    fs.utimesSync(lock, at, at);
    const id = await rig.run(['--', 'true']);
    assert.equal((await rig.bgjob(['wait', String(id)])).code, 0);
    const { code, stdout } = await rig.bgjob(['gc', '--ended']);
    assert.deepEqual([code, /^removed 3 jobs/.test(stdout)], [0, true], stdout);
  });
}
