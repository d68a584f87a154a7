/**
 * The limit of a log holds whoever was killed, also in the midst of a cut, and where no hole can be punched.
 */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { LogPosition } from '../../src/job/log/log-position.ts';
import { BGJOB, type Rig, rigTest } from '../rig/rig.ts';
import { until } from '../rig/until.ts';
import { killOwner, runPuppet } from './death.ts';

const MIB = 2 ** 20;
const diskBytes = (rig: Rig, id: number): number => fs.statSync(rig.file(id, 'out/log')).blocks * 512;
const untilWithin = (rig: Rig, id: number, limit: number): Promise<number> =>
  until(
    () => diskBytes(rig, id),
    (bytes) => bytes <= limit,
    'the log within its limit',
  );

rigTest('the limit holds after the supervisor and its adopter were killed', async (rig) => {
  const puppet = await rig.puppet();
  const id = await runPuppet(rig, puppet, ['--max-log', '1M']);
  await killOwner(rig, id, 2);
  await killOwner(rig, id, 3);
  const line = `${'x'.repeat(1023)}\n`;
  for (let n = 0; n < 4; n++) await puppet.print(line.repeat(1024));
  await untilWithin(rig, id, MIB);
  await puppet.exit(0);
  await rig.bgjob(['wait', String(id)]);
  assert.equal((await rig.show(id)).log.bytes, 4 * MIB);
});

rigTest('a cut that was recorded and not made is made by the successor', async (rig) => {
  const puppet = await rig.puppet();
  const id = await runPuppet(rig, puppet, ['--max-log', '16M']);
  await puppet.print(`${'y'.repeat(1023)}\n`.repeat(8192));
  // as its predecessor would have left it, had it died between the two
  const fd = fs.openSync(rig.file(id, 'out/log'), 'r');
  const mark = LogPosition.at(fd, 8 * MIB).record;
  fs.closeSync(fd);
  const trimming = {
    from: 4096,
    to: 4 * MIB,
    base: 0,
    floor: 0,
    keep: 0,
    turning: false,
    moved: false,
    mark,
  };
  fs.writeFileSync(rig.file(id, 'out/trimmed'), JSON.stringify({ v: 1, log: trimming, err: null }));
  assert.ok(diskBytes(rig, id) >= 8 * MIB);
  await killOwner(rig, id, 2);
  await untilWithin(rig, id, 4 * MIB + 65536);
  await puppet.exit(0);
  await rig.bgjob(['wait', String(id)]);
});

const mayMount =
  spawnSync('unshare', ['-m', 'sh', '-c', 'mount -t ramfs none /mnt'], { stdio: 'ignore' }).status === 0;

rigTest(
  'where no hole can be punched, head and newest part are kept beside the log',
  async (rig) => {
    const place = `${rig.dir}/ram`;
    fs.mkdirSync(place);
    // what is written during a cut may be lost there: the last line comes when the log has just been emptied
    const size = '$(stat -L -c %s /proc/$$/fd/1)';
    const line = `for i in $(seq 200000); do echo $i; done; while [ "${size}" -gt 32768 ]; do seq 2000; done; echo 200000`;
    const script = `mount -t ramfs none ${place} && chmod 700 ${place} && export BGJOB_HOME=${place}/home &&
      id=$(${BGJOB} run --max-log 1M '${line}') && ${BGJOB} wait $id &&
      ls -l ${place}/home/jobs/$id/out | tee /dev/stderr | awk '{ sum += $5 } END { print "sum", sum }';
      ${BGJOB} tail $id -n 1; ${BGJOB} tail $id --head -n 1; ${BGJOB} show $id; ${BGJOB} tail $id --full --raw | tr -d '0-9\\n' | wc -c`;
    const { code, stdout, stderr } = await rig.start('unshare', ['-m', 'bash', '-c', script]).answer;
    assert.equal(code, 0, stderr);
    assert.ok(Number(/sum (\d+)/.exec(stdout)?.[1]) <= MIB, stdout + stderr);
    assert.match(stdout, /\n200000\n1\n/);
    assert.match(stdout, /trimmed from byte 262144 on; offsets are approximate/);
    assert.match(stdout, /\n0\n$/);
  },
  { skip: mayMount ? false : 'no ramfs can be mounted here' },
);
