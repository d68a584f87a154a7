/** `show`: its times are those of the reader, local and relative; JSON has UTC. */
import assert from 'node:assert/strict';
import { rigTest } from '../../rig/rig.ts';

rigTest('times are local and relative for people, and UTC in JSON', async (rig) => {
  await rig.bgjob(['run', '-w', '--', 'true']);
  const [object] = await rig.json(['show', '1']);
  for (const timeZone of ['Asia/Kolkata', 'America/New_York', 'UTC']) {
    const { stdout } = await rig.bgjob(['show', '1'], { env: { TZ: timeZone } });
    for (const [row, at] of [
      ['created', object.createdAt],
      ['started', object.startedAt],
      ['ended', object.endedAt],
    ]) {
      assert.match(at, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
      const local = new Date(at).toLocaleString('sv', { timeZone });
      assert.match(stdout, new RegExp(`^${row} +${local} \\([\\d.hms]+ ago\\)$`, 'm'));
    }
  }
});
