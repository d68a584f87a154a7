/** Many jobs stopped by several calls at once, a short round; and two calls at one job. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import { identify } from '../../src/engine/os/process-identity.ts';
import { rigTest } from '../rig/rig.ts';
import { until } from '../rig/until.ts';
import { pass } from './death.ts';
import { killMany } from './kill-many.ts';
import { partTest } from './part.ts';

partTest(killMany);

rigTest('a second kill of a job gives it its grace also if the call that stops many is slow', async (rig) => {
  const line = `trap 'echo cleaned; exit 3' TERM; echo ready; while :; do read -t 1000 <> <(:); done`;
  const id = await rig.run(['--', 'bash', '-c', line]);
  await until(
    () => rig.log(id),
    (text) => text.includes('ready'),
  );
  // a call that has many to stop, and is slow
  const slow = spawn('sleep', ['1000'], { stdio: 'ignore' });
  const stop = { by: 'kill', cause: 'kill', signal: 'SIGTERM', graceMs: 60_000, at: Date.now() };
  fs.writeFileSync(rig.file(id, 'stop.term'), JSON.stringify({ ...stop, sweeper: identify(slow.pid!) }));
  const second = rig.startBgjob(['kill', '--grace', '1ms', String(id)]);
  // longer than that grace and the time that an owner has to answer
  await pass(3000);
  slow.kill('SIGKILL');
  assert.equal((await second.answer).code, 0);
  assert.deepEqual([(await rig.show(id)).exitCode, rig.log(id)], [3, 'ready\ncleaned\n']);
});
