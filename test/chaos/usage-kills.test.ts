/** Shim and supervisor are killed between `exit.N` and `usage.N`: the exit code is known, the CPU time is not. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { rigTest } from '../rig/rig.ts';
import { point, SUPERVISOR_DIES } from './settings.ts';
import { cannotTrace, runTraced } from './stopper.ts';

rigTest(
  'killed before the CPU time is written: the exit code is kept, and no figure is made up',
  async (rig) => {
    const plan = [
      SUPERVISOR_DIES,
      point('watcher', 'fork -', 1, 'before'),
      point('shim', 'write jobs/N/usage.N', 1, 'before'),
    ];
    const { hits } = await runTraced(rig, 'launcher', plan, ['run', '--', 'sh', '-c', 'sleep 0.5; exit 23']);
    assert.equal(hits.length, plan.length, JSON.stringify(hits));
    assert.equal(fs.readFileSync(rig.file(1, 'usage.1'), 'utf8').trim(), '');
    const [job] = await rig.json(['wait', '1']);
    assert.deepEqual([job.state, job.exitCode, job.code], ['exited', 23, 23]);
    assert.deepEqual([job.cpuMs, job.peakMemoryBytes, job.usageFrom], [null, null, null]);
  },
  { skip: cannotTrace() },
);
