/** Jobs on a target, over the local transport: nothing of a connection is needed for what these tests show. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { test } from 'node:test';
import { Far } from '../../../rig/far.ts';

function farTest(name: string, run: (far: Far) => Promise<void>): void {
  test(name, async () => {
    const far = new Far();
    try {
      await run(far);
    } finally {
      far.clear();
    }
  });
}

farTest('a job runs once, with its code, its output and its end', async (far) => {
  const uid = await far.start(far.sh('echo out; echo err >&2; exit 7'));
  const end = await far.end(uid);
  assert.deepEqual({ ...end, tookMs: 0 }, { uid, status: 7, limit: null, tookMs: 0, afterStop: false });
  assert.equal(await far.log(uid), 'out\nerr\n');
  assert.deepEqual(await far.engine.submit(far.sh('echo again', { uid })), { kind: 'known', nativeId: uid });
  assert.equal(await far.log(uid), 'out\nerr\n');
  assert.deepEqual(await far.engine.find(), [uid]);
  assert.deepEqual(await far.engine.remove([uid]), []);
  assert.deepEqual(fs.readdirSync(far.home), [], 'nothing is left there');
  assert.deepEqual(await far.state(uid), { kind: 'absent' });
});
