/** A grace of a month is a month: a timer of 32 bits would end it at once, with KILL. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
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

rigTest('a second kill with a shorter grace shortens it, and a longer one does not', async (rig) => {
  const puppet = await rig.puppet();
  const id = await runPuppet(rig, puppet);
  await puppet.ignore('SIGTERM');
  const status = () => readJson(rig.file(id, 'state.json'))?.status;
  const first = rig.startBgjob(['kill', '--grace', '2h', String(id)]);
  await until(
    () => status().sent ?? [],
    (sent) => sent.includes('SIGTERM'),
    'the first signal',
  );
  const second = rig.startBgjob(['kill', '--grace', '1h', String(id)]);
  await until(
    () => status().stop.graceMs,
    (graceMs) => graceMs >= 3_600_000 && graceMs < 7_200_000,
    'the shorter grace',
  );
  const third = await rig.bgjob(['kill', '--grace', '0', String(id)]);
  assert.equal(third.code, 0, third.stderr);
  assert.match(third.stdout, /killed \(KILL, /);
  assert.match((await rig.bgjob(['show', String(id)])).stdout, /killed SIGKILL/);
  for (const call of [first, second]) {
    const { code, stderr } = await call.answer;
    // it did not last for two hours
    assert.deepEqual([code, stderr], [0, '']);
  }
  assert.deepEqual(
    ['stop.term', 'stop.term.2', 'stop.term.3', 'stop.term.4'].map((name) =>
      fs.existsSync(rig.file(id, name)),
    ),
    [true, true, true, false],
  );
});
