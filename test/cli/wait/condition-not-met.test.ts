/** `--until…` that did not come true: what is said then helps to see why, and to go on. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { rigTest } from '../../rig/rig.ts';

rigTest(
  'the deadline: where the job listens instead, and paths that mean the same everywhere',
  async (rig) => {
    const puppet = await rig.puppet();
    await rig.run(['-n', 'web', '--', ...puppet.command]);
    await puppet.ready();
    const wait = ['wait', 'web', '--until-port', '1', '--timeout', '50ms'];
    assert.match((await rig.bgjob(wait)).stderr, /^\(web 1 listens on no port yet\)$/m);
    const { port } = await puppet.order({ do: 'listen' });
    assert.match((await rig.bgjob(wait)).stderr, new RegExp(`^\\(web 1 listens on port ${port}\\)$`, 'm'));
    await puppet.exit(0);
    fs.mkdirSync(join(rig.project, 'sub'));
    const other = await rig.puppet();
    const words = ['-C', 'sub', '--until-file', 'built', '--wait=50ms', '--', ...other.command];
    const { code, stderr } = await rig.bgjob(['run', ...words]);
    assert.equal(code, 75);
    assert.ok(stderr.includes(`bgjob wait 2 --until-file ${rig.project}/sub/built\n`), stderr);
    await other.exit(0);
  },
);

rigTest('a condition that cannot be looked at leaves a job that runs, and says so', async (rig) => {
  const words = ['--until', '(a+)+$', '--', 'sh', '-c', `echo ${'a'.repeat(40)}!; exec sleep 1000`];
  const { code, stdout, stderr } = await rig.bgjob(['run', ...words]);
  assert.deepEqual([code, stdout], [125, '1\n']);
  assert.match(
    stderr,
    /^\(the job still runs: bgjob tail 1 · bgjob kill 1\)\nbgjob: .*\[bgjob\] exit code 125\n$/s,
  );
  await rig.bgjob(['kill', '1', '--now']);
});
