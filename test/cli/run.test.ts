import assert from 'node:assert/strict';
import { rigTest } from '../rig/rig.ts';

rigTest('a job that the test commands: its output, its end and its code', async (rig) => {
  const puppet = await rig.puppet();
  const id = await rig.run(['--', ...puppet.command]);
  await puppet.print('hello\n');
  await puppet.exit(7);
  const wait = await rig.bgjob(['wait', String(id)]);
  assert.equal(wait.code, 7);
  assert.match(wait.stdout, /^1 exited 7 after [\d.]+s\n\| hello\n$/);
  assert.equal(rig.log(id), 'hello\n');
});
