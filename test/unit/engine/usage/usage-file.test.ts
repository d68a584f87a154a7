/** `usage.N`: what `times` of each shell writes, also with other signs, and what is damaged. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { test } from 'node:test';
import { parseTimes, readShimCpuMs } from '../../../../src/engine/usage/usage-file.ts';
import { BURN } from '../../../rig/burn.ts';
import { DASH, MKSH, SHELLS, shellTest } from '../../../rig/shells.ts';

test('the second line counts: user and system time of the children', () => {
  const dash = '0m0.010000s 0m0.020000s\n1m2.500000s 0m0.250000s\n';
  assert.equal(parseTimes(dash), 62_750);
  assert.equal(parseTimes(`${dash}          \n  `), 62_750, 'over blanks');
  assert.equal(parseTimes('0m0.010s 0m0.020s\n12m2.000s 0m0.250s\n'), 722_250, 'bash');
  assert.equal(parseTimes('0m0,010s 0m0,020s\n0m2,000s 0m0,250s\n'), 2250, 'bash in a locale with a comma');
  assert.equal(parseTimes('0m0.01s 0m0.02s\n0m2.00s 0m0.25s\n'), 2250, 'mksh');
  assert.equal(parseTimes('0m0٫010s 0m0٫020s\n0m2٫000s 0m0٫250s\n'), 2250, 'the sign of an Arabic locale');
});

test('written twice, it is the difference', () => {
  const [before, after] = ['0m0.1s 0m0.1s\n0m1.5s 0m0.5s\n', '0m0.2s 0m0.1s\n1m1.5s 0m0.6s\n'];
  assert.equal(parseTimes(before + after), 60_100);
  assert.equal(parseTimes(after + before), null, 'time does not run back');
});

test('anything else is not known', () => {
  const whole = '0m0.010s 0m0.020s\n0m2.000s 0m0.250s\n';
  for (const text of [
    '',
    '   \n ',
    '0m0.010s 0m0.020s\n',
    '0m0.010s 0m0.020s\n0m2.000s 0m0.2',
    `${whole}0m0.010s 0m0.020s\n`,
    `${whole}${whole}${whole}`,
    `${whole}\0\0\0`,
    whole.replace('0m2', '-1m2'),
    whole.replace('0m2', 'NaNm2'),
    '{"v":1}',
    '7\n7\n    ',
  ])
    assert.equal(parseTimes(text), null, JSON.stringify(text));
});

shellTest('each shell records the CPU time of the job and of what it waited for', async (stage) => {
  const shim = stage.start(['/bin/sh', '-c', '"$@"; exit 3', 'sh', process.execPath, '-e', BURN]);
  assert.equal(await shim.code(), 3);
  const { cpuMs } = shim;
  assert.ok(cpuMs !== null && cpuMs >= 680, `${cpuMs}`);
  assert.equal(shim.log, '', 'nothing of `times` in the log');
});

shellTest('a held stdin and a shell that was left a file without room change nothing', async (stage) => {
  const held = stage.start(['/bin/sh', '-c', 'read -r line; echo "got $line"; exit 4'], [], {
    stdin: { kind: 'hold' },
  });
  // for both: the job may not have opened it yet
  const stdin = fs.openSync(held.job.stdin, fs.constants.O_RDWR);
  fs.writeSync(stdin, 'hello\n');
  assert.equal(await held.code(), 4);
  fs.closeSync(stdin);
  assert.equal(held.log, 'got hello\n');
  assert.notEqual(held.cpuMs, null);
});

shellTest(
  'a disk without room for the CPU time: the code is reported, and the shim waits for its end as ever',
  async (stage) => {
    const shim = stage.start(['/bin/sh', '-c', 'exit 9'], [], { usage: '/dev/full' });
    assert.equal(await shim.code(), 9);
    assert.equal(shim.said, '9\n');
    assert.equal(shim.log, '');
  },
  [...SHELLS, MKSH],
);

shellTest(
  'a job that removes the file, or writes into it, changes nothing but the figure',
  async (stage) => {
    const write = (text: string) => stage.start(['/bin/sh', '-c', `${text}; exit 5`, 'sh']);
    const removed = write(`rm ${stage.dir}/job0/usage.1`);
    assert.equal(await removed.code(), 5);
    assert.equal(removed.cpuMs, null);
    const damaged = write(`printf 'x%.0s' $(seq 300) >${stage.dir}/job1/usage.1`);
    assert.equal(await damaged.code(), 5);
    assert.equal(readShimCpuMs(damaged.job, 1), null);
  },
  [DASH],
);
