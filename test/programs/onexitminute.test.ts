/** The minute of `run --on-exit` as it really passes; with a clock of the test's it is in cli/hooks/on-exit.test.ts. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { isRunning, processesNaming } from '../rig/processes.ts';
import { rigTest } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

rigTest('one minute, then its whole tree is killed', async (rig) => {
  const line = 'setsid sleep 1001 & env -i setsid sleep 1002 & trap "" TERM; sleep 1003; echo never';
  const sleeping = async (last: RegExp, count: number): Promise<number[]> => {
    const find = () => processesNaming(rig.dir).filter(({ command }) => last.test(command));
    const found = await until(find, ({ length }) => length === count, `${count} that sleep`);
    return found.map(({ pid }) => pid);
  };
  await rig.run(['--on-exit', line, '--', 'true']);
  const pids = await sleeping(/^sleep 100[123]$/, 3);
  // what it leaves in the background has the same minute, which begins now
  await rig.run(['--on-exit', 'sleep 1004 & exit 0', '--', 'true']);
  pids.push(...(await sleeping(/^sleep 1004$/, 1)));
  await until(
    () => fs.existsSync(rig.file(1, 'on-exit.json')),
    (isThere) => isThere,
    'its minute',
    // a minute, and as much as anything else may take
    120_000,
  );
  const hook = (await rig.show(1)).onExit;
  assert.deepEqual([hook.exitCode, hook.reason], [null, 'its minute was over']);
  await until(
    () => pids.filter(isRunning),
    (left) => left.length === 0,
    'the end of all',
  );
  assert.equal(fs.readFileSync(rig.file(1, 'on-exit.log'), 'utf8'), '');
});
