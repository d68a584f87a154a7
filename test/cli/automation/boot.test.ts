/** `bgjob boot`: what is to go on goes on, and is named. */
import assert from 'node:assert/strict';
import { isRunning, processesNaming } from '../../rig/processes.ts';
import { rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';

rigTest('before the first job there is nothing to start, and no home is made', async (rig) => {
  const { code, stdout, stderr } = await rig.bgjob(['boot']);
  assert.deepEqual([code, stdout], [0, '']);
  assert.match(stderr, /^nothing to start: there are no jobs yet\n$/);
});

rigTest('queues in which jobs wait are named; the scheduler is started again', async (rig) => {
  await rig.bgjob(['queue', 'set', 'api', '--slots', '1']);
  await rig.bgjob(['queue', 'pause', 'api']);
  for (const _ of [1, 2]) await rig.run(['-Q', 'api', '--', 'true']);
  assert.equal((await rig.bgjob(['cron', 'add', '0 0 29 2 *', '-n', 'far', '--', 'true'])).code, 0);
  const scheduler = (await rig.json(['ls', '-a'])).find((job) => job.origin?.kind === 'own');
  // as after a restart of the machine: nobody lives any more
  await rig.untilState(scheduler.id, 'running');
  const { shim, watcher } = await rig.shimOf(scheduler.id);
  const serving = processesNaming(rig.dir).map(({ pid }) => pid);
  for (const pid of [watcher, rig.ownerPid(scheduler.id), shim, ...serving])
    if (isRunning(pid)) process.kill(pid, 'SIGKILL');
  await until(
    () => serving.some(isRunning),
    (some) => !some,
    'their end',
  );
  const { code, stdout } = await rig.bgjob(['boot']);
  assert.equal(code, 0);
  assert.match(stdout, /^queue api: 2 jobs waited\nschedules: far \(job \d+\)\n$/);
  const next = (await rig.json(['ls', '-a'])).find((job) => job.origin?.kind === 'own');
  assert.notEqual(next.id, scheduler.id);
  await rig.bgjob(['cron', 'rm', 'far']);
  await rig.untilState(next.id, 'exited');
  await rig.bgjob(['queue', 'resume', 'api']);
  assert.equal((await rig.bgjob(['wait', '1', '2'])).code, 0);
});
