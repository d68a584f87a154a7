/** A grace of a month is a month: a timer of 32 bits would end it at once, with KILL. */
import assert from 'node:assert/strict';
import { readJson, runPuppet } from '../../chaos/death.ts';
import { rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';

rigTest('kill --grace 30d leaves a stubborn job its time, and says how it ended', async (rig) => {
  for (const grace of ['30d', '60d', '36135d']) {
    const puppet = await rig.puppet();
    const id = await runPuppet(rig, puppet);
    await puppet.ignore('SIGTERM');
    const kill = rig.startBgjob(['kill', '--grace', grace, String(id)]);
    await until(
      () => readJson(rig.file(id, 'state.json'))?.status.sent ?? [],
      (sent) => sent.includes('SIGTERM'),
      'the first signal',
    );
    await puppet.print('still here');
    await puppet.exit(5);
    const { code, stdout, stderr } = await kill.answer;
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout, /^\d+ exited 5 \(after kill\) /);
    assert.equal(rig.log(id), 'still here');
  }
});
