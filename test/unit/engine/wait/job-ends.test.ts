/** Waiting for the ends of many jobs: their order. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { JobEnds } from '../../../../src/engine/wait/job-ends.ts';
import { openHome } from '../../../../src/job/home/home.ts';
import { type Rig, rigTest } from '../../../rig/rig.ts';

/** The ids in the order in which they are reported, poll by poll. */
async function toldOf(rig: Rig, ids: number[], signal: AbortSignal): Promise<number[][]> {
  const home = openHome(rig.home, true);
  assert.ok(home.ok);
  const polls: number[][] = [];
  await new JobEnds(home.value, ids).wait(signal, async (ends) => void polls.push(ends.map(({ id }) => id)));
  return polls;
}

rigTest('the next poll reports an end during a poll; an end in the future, too, and once', async (rig) => {
  for (const id of [1, 2]) {
    await rig.runOut(['--', 'true']);
    // as if it came after the poll has read the jobs below it; a record without a checksum is believed
    const { sum: _, ...state } = JSON.parse(fs.readFileSync(rig.file(id, 'state.json'), 'utf8'));
    if (id === 1) state.status.endedAt += 3_600_000;
    fs.writeFileSync(rig.file(id, 'state.json'), JSON.stringify(state));
  }
  assert.deepEqual(await toldOf(rig, [1, 2], new AbortController().signal), [[2], [1]]);
  // with a deadline that is over there is no next poll
  assert.deepEqual(await toldOf(rig, [1, 2], AbortSignal.abort()), [[2, 1]]);
});
