/**
 * Waiting for more jobs than anybody waits for one by one: each end is told, in order, and it costs next to
 * nothing.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { type Rig, rigTest } from '../rig/rig.ts';
import { until } from '../rig/until.ts';
import { isPatient } from '../rig/waiters.ts';

async function batch(rig: Rig, lines: string[], ...options: string[]): Promise<string[]> {
  const { stdout, stderr } = await rig.bgjob(['run', '-Q', 'q', ...options, '--batch', '-'], {
    input: lines.join('\n'),
  });
  const ids = stdout.trim().split('\n');
  assert.equal(ids.length, lines.length, stderr);
  return ids;
}
const times = (count: number, line: string): string[] => Array.from({ length: count }, () => line);

/** Job 1 holds the only slot of queue q. */
async function busy(rig: Rig) {
  const puppet = await rig.puppet();
  await rig.run(['-Q', 'q', '--', ...puppet.command]);
  await puppet.ready();
  await rig.untilState(1, 'running');
  return puppet;
}

rigTest(
  'a line for each in the order of their ends, and the output of the first failures alone',
  async (rig) => {
    const lines = Array.from({ length: 54 }, (_, n) => (n % 6 === 5 ? `echo out ${n}; exit ${n}` : 'true'));
    const ids = await batch(rig, lines);
    const { code, stdout, stderr } = await rig.bgjob(['wait', ...ids.toReversed()]);
    assert.equal(code, 53, 'the first in the order given');
    const told = stdout.split('\n').filter((line) => /^\d+ exited/.test(line));
    // one slot: they end in the order in which they were added
    assert.deepEqual(
      told.map((line) => line.replace(/ after .*/, '')),
      ids.map((id, n) => `${id} exited ${n % 6 === 5 ? n : 0}`),
    );
    assert.deepEqual(
      stdout.split('\n').filter((line) => line.startsWith('|')),
      [5, 11, 17, 23, 29].map((n) => `| out ${n}`),
    );
    assert.match(
      stderr,
      /^\(9 jobs failed; the last lines of the first 5 were shown: bgjob tail ID\)\n\[job\]/,
    );
    const json = await rig.json(['wait', ...ids]);
    assert.deepEqual(
      json.map(({ id, state, exitCode, tail }) => [id, state, exitCode, tail.length]),
      ids.map((id, n) => [Number(id), 'exited', n % 6 === 5 ? n : 0, n % 6 === 5 ? 1 : 0]),
    );
  },
);

rigTest('--any and --fail-fast return with the first, and the others go on', async (rig) => {
  const puppet = await busy(rig);
  const other = await rig.puppet();
  const quoted = other.command.map((word) => `'${word}'`).join(' ');
  const ids = await batch(rig, [...times(5, 'true'), 'exit 7', quoted, ...times(45, 'true')]);
  const any = rig.startBgjob(['wait', '--any', ...ids]);
  const fast = rig.startBgjob(['wait', '--fail-fast', ...ids]);
  await until(
    () => [any, fast].map(({ child }) => isPatient(child.pid!)),
    (answers) => answers.every((is) => is),
    'two waiters',
  );
  await puppet.exit(0);
  const first = await any.answer;
  assert.equal(first.code, 0);
  assert.match(first.stdout, /^2 exited 0 after [\d.hms]+\n$/);
  const failed = await fast.answer;
  assert.equal(failed.code, 7);
  assert.match(failed.stdout, /^2 exited 0 .*\n3 exited 0 (.*\n)+7 exited 7 after [\d.hms]+\n$/);
  await rig.untilState(8, 'running');
  await other.exit(0);
  assert.equal((await rig.bgjob(['wait', ...ids])).code, 7);
});

rigTest('at the deadline it says what runs, how many do not, and how to go on', async (rig) => {
  const puppet = await busy(rig);
  const ids = await batch(rig, times(50, 'true'));
  const { code, stdout, stderr } = await rig.bgjob(['wait', '1', ...ids, '--timeout', '200ms']);
  assert.equal(code, 75);
  assert.match(stdout, /^1 running [\d.hms]+, no output yet\n$/);
  assert.equal(
    stderr,
    '(the first that run; 50 jobs more did not end)\n' +
      'still running; they go on. Next: bgjob wait $(seq 1 51)\n[bgjob] exit code 75\n',
  );
  const again = rig.bash('bgjob wait $(seq 1 51)');
  await puppet.exit(0);
  assert.equal((await again).code, 0);
});

rigTest('one that is cancelled, and one that is removed, are told like the others', async (rig) => {
  const puppet = await busy(rig);
  const ids = await batch(rig, times(51, 'true'));
  const call = rig.startBgjob(['wait', ...ids]);
  assert.equal((await rig.bgjob(['kill', '30'])).code, 0);
  await until(call.stdout, (text) => text === '30 cancelled\n');
  fs.rmSync(rig.file(31, '.'), { recursive: true });
  fs.rmSync(
    `${rig.home}/queues/q/batch.2/${fs.readdirSync(`${rig.home}/queues/q/batch.2`).find((name) => name.slice(7, 22) === '000000000000031')}`,
  );
  await until(call.stdout, (text) => /^31 unreadable \(it was removed/m.test(text));
  await puppet.exit(0);
  const { code, stdout } = await call.answer;
  assert.equal(code, 1);
  assert.equal(stdout.split('\n').length, 52);
});

rigTest('jobs without a queue, and in several queues, are waited for together', async (rig) => {
  const puppets = [await rig.puppet(), await rig.puppet()];
  for (const { command } of puppets) await rig.run(['--', ...command]);
  const ids = [
    '1',
    '2',
    ...(await batch(rig, times(26, 'true'))),
    ...(await batch(rig, times(26, 'true'), '-Q', 'r')),
  ];
  const call = rig.startBgjob(['wait', ...ids]);
  await until(call.stdout, (text) => text.split('\n').length === 53);
  await puppets[1]!.exit(4);
  await until(call.stdout, (text) => /^2 exited 4/m.test(text));
  await puppets[0]!.exit(0);
  assert.equal((await call.answer).code, 4);
});
