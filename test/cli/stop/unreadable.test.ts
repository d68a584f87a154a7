/** `kill` of a job whose records cannot be read: what the kernel shows to be of it is stopped. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { runPuppet, untilGone } from '../../chaos/death.ts';
import { isRunning } from '../../rig/processes.ts';
import { rigTest } from '../../rig/rig.ts';

for (const [what, names] of [
  ['spec', ['spec.json']],
  ['state', ['state.json']],
  ['every record', ['spec.json', 'state.json', 'owner.1', 'shim']],
] as const)
  rigTest(`${what} of a running job is damaged: kill stops it all the same`, async (rig) => {
    rig.damaged = true;
    const puppet = await rig.puppet();
    // another attempt would be the same job again
    const id = await runPuppet(rig, puppet, ['-Q', 'q', '--retry', '3', '--backoff', '0']);
    const { main } = await rig.shimOf(id);
    const supervisor = rig.ownerPid(id);
    const daemon = await puppet.fork({ daemon: true });
    for (const name of names) fs.writeFileSync(rig.file(id, name), '{');
    const { code, stdout, stderr } = await rig.bgjob(['kill', String(id)]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^1 unreadable \(.+\): killed [2-9] processes of it\n$/);
    assert.deepEqual([isRunning(main), isRunning(daemon)], [false, false]);
    await untilGone(supervisor);
    assert.equal((await rig.bgjob(['run', '-Q', 'q', '--wait', '--', 'true'])).code, 0);
  });

rigTest(
  'a job without processes whose records cannot be read: kill says that nothing was done',
  async (rig) => {
    rig.damaged = true;
    const id = await rig.runOut(['--', 'true']);
    for (const name of ['spec.json', 'state.json']) fs.writeFileSync(rig.file(id, name), '{');
    const { code, stderr } = await rig.bgjob(['kill', String(id)]);
    assert.equal(code, 125);
    assert.match(stderr, /the records of job 1 are unreadable: .*; nothing was done/);
  },
);

rigTest('several that cannot be stopped: with --json each failure is an object', async (rig) => {
  rig.damaged = true;
  const ids = [await rig.runOut(['--', 'true']), await rig.runOut(['--', 'true'])];
  for (const id of ids)
    for (const name of ['spec.json', 'state.json']) fs.writeFileSync(rig.file(id, name), '{');
  const { stderr } = await rig.bgjob(['kill', '--json', ...ids.map(String)]);
  const lines = stderr.split('\n').filter((line) => line !== '' && !line.startsWith('[bgjob] exit code'));
  assert.deepEqual(
    lines.map((line) => JSON.parse(line).error.code),
    ['unreadable', 'unreadable'],
  );
});
