/** What a job on a target cost: as of a local job, from the shim there. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { BURNT_MS, SH_BURN } from '../../rig/burn.ts';
import { USAGE_FILE } from '../../rig/far.ts';
import { boxTest } from '../../rig/target.ts';
import { until } from '../../rig/until.ts';

const ON_BOX = ['--on', 'box', '--'];

boxTest('CPU time of a job on a target: in wait, show, lists and JSON', async (rig) => {
  const ran = await rig.bgjob(['run', '-w', ...ON_BOX, 'sh', '-c', `${SH_BURN}; exit 3`]);
  assert.equal(ran.code, 3, ran.stderr);
  const cpu = String.raw`[\d.hms]+`;
  const line = new RegExp(`^1 exited 3 after ${cpu}, ${cpu} CPU$`, 'm');
  assert.match((await rig.bgjob(['wait', '1'])).stdout, line);
  assert.match((await rig.bgjob(['show', '1'])).stdout, new RegExp(`^used +${cpu} CPU$`, 'm'));
  assert.match((await rig.bgjob(['ls', '--usage'])).stdout, new RegExp(`^1 .*exited 3 .* ${cpu} +- `, 'm'));
  const [listed] = await rig.json(['ls']);
  for (const job of [listed, await rig.show(1)]) {
    assert.deepEqual([job.usageFrom, job.peakMemoryBytes, job.memoryBytes], ['shim', null, null]);
    assert.ok(job.cpuMs >= BURNT_MS, `${job.cpuMs}`);
  }
});

boxTest('of a job on a target that is killed, or over its --timeout, children count, too', async (rig) => {
  const family = `sh -c '${SH_BURN}; echo burnt; exec sleep 1000' & wait`;
  const id = await rig.run([...ON_BOX, 'sh', '-c', family]);
  await until(
    () => fs.existsSync(rig.file(id, 'out/log')) && rig.log(id),
    (text) => text === 'burnt\n',
    'that it has computed',
  );
  assert.equal((await rig.show(id)).cpuMs, null, 'it runs: no question goes there');
  await rig.bgjob(['kill', `${id}`]);
  const job = await rig.show(id);
  assert.deepEqual([job.state, job.usageFrom], ['killed', 'samples']);
  assert.ok(job.cpuMs >= BURNT_MS, `${job.cpuMs}`);
  assert.match(
    (await rig.bgjob(['wait', `${id}`])).stdout,
    /^1 killed SIGTERM after [\d.hms]+, ≥ [\d.hms]+ CPU$/m,
  );

  const late = await rig.run(['--timeout', '4s', ...ON_BOX, 'sh', '-c', family]);
  const [timed] = await rig.json(['wait', `${late}`]);
  assert.equal(timed.code, 124);
  // on a slow machine the time may be over before
  if (rig.log(late).includes('burnt')) assert.ok(timed.cpuMs >= BURNT_MS, `${timed.cpuMs}`);
});

boxTest('each attempt of a job on a target has its own CPU time', async (rig, box) => {
  const seen = `${box.home}/seen`;
  const first = `if [ ! -e '${seen}' ]; then : >'${seen}'; ${SH_BURN}; exit 1; fi`;
  const retry = ['--retry', '2', '--backoff', '10ms'];
  const ran = await rig.bgjob([
    ...['run', '-w', ...retry, ...ON_BOX, 'sh', '-c'],
    `${first}; f=${USAGE_FILE}; rm "$f" && exit 0`,
  ]);
  assert.equal(ran.code, 0, ran.stderr);
  const job = await rig.show(1);
  assert.deepEqual([job.attempts, job.cpuMs, job.usageFrom], [2, null, null], 'of the first nothing stays');
  const second = `rm '${seen}' 2>/dev/null && exit 1; ${SH_BURN}`;
  const id = await rig.run([...retry, ...ON_BOX, 'sh', '-c', second]);
  const [again] = await rig.json(['wait', `${id}`]);
  assert.deepEqual([again.attempts, again.usageFrom], [2, 'shim']);
  assert.ok(again.cpuMs >= BURNT_MS, `${again.cpuMs}`);
});
