/**
 * A job that waits in its queue, and whose FIFO cannot be made: no wait spins, each keeps its deadline, obeys
 * TERM and says why.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { type Rig, rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';

/** Adds a job that waits, with something in the place of its FIFO. */
async function stuckJob(rig: Rig): Promise<number> {
  await rig.bgjob(['queue', 'set', 'q', '--slots', '1']);
  await rig.bgjob(['queue', 'pause', 'q']);
  const id = await rig.run(['-Q', 'q', '--', 'true']);
  fs.rmSync(rig.file(id, 'alive'), { force: true });
  fs.mkdirSync(rig.file(id, 'alive'));
  return id;
}
const WAYS: Record<string, (id: string) => string[]> = {
  wait: (id) => ['wait', id],
  'wait --until': (id) => ['wait', id, '--until', 'never'],
  'tail -f': (id) => ['tail', '-f', id],
  'tail -f --grep': (id) => ['tail', '-f', '--grep', 'never', id],
};
const WHY = /job \d+ cannot start: .*; trying again every second/;

for (const [name, words] of Object.entries(WAYS))
  rigTest(`${name} of a job without a FIFO: the deadline, TERM, and why`, async (rig) => {
    const id = String(await stuckJob(rig));
    const late = await rig.bgjob(words(id), { env: { BGJOB_MAX_WAIT: '1s' } });
    // a call that stands still until its deadline has not tried
    assert.equal(late.code, 75, late.stderr);
    const call = rig.startBgjob(words(id));
    await until(call.stderr, (text) => WHY.test(text), 'why');
    call.child.kill('SIGTERM');
    assert.equal((await call.answer).code, 143);
    fs.rmdirSync(rig.file(Number(id), 'alive'));
    await rig.bgjob(['kill', id]);
  });
