/** Tests that fail while something of theirs still runs: their file must end all the same. For suite.test.ts. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { rigTest } from './rig.ts';

const never = new Promise<never>(() => {});

rigTest('an assertion fails while a server listens', async () => {
  await once(createServer().listen(0, '127.0.0.1'), 'listening');
  assert.fail('red');
});

rigTest(
  'its time is over while a job and a server run',
  async (rig) => {
    const puppet = await rig.puppet();
    createServer().listen(0, '127.0.0.1');
    await rig.run(['--', ...puppet.command]);
    await never;
  },
  { timeout: 100 },
);

rigTest('a call hangs, and another process has its output open', async (rig) => {
  await rig.start('sh', ['-c', 'sleep 1000 & wait'], { limitMs: 100 }).answer;
});
