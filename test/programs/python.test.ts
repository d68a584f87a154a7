/** Python as a job: what it prints is not kept back. */
import assert from 'node:assert/strict';
import { missing } from '../rig/needs.ts';
import { rigTest } from '../rig/rig.ts';

rigTest(
  "Python's print reaches the log at once",
  async (rig) => {
    const script = "import time\nprint('ready')\ntime.sleep(1000)";
    const id = await rig.run(['--', 'python3', '-c', script]);
    const follow = rig.startBgjob(['tail', '-f', String(id)]);
    await new Promise<void>((seen) => {
      follow.child.stdout!.on('data', () => follow.stdout() === 'ready\n' && seen());
    });
    assert.equal((await rig.bgjob(['kill', '--now', String(id)])).code, 0);
    await follow.answer;
  },
  { skip: missing('python3') },
);
