/** The signals of a stop, and their order. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { sleepSync } from '../../../../src/base/clock.ts';
import { isDeadState, readStat } from '../../../../src/engine/os/process-identity.ts';
import { stopProcesses } from '../../../../src/engine/stop/stop-processes.ts';

test('the grace counts from the first signal, however long the look before it takes', async () => {
  const child = spawn('sleep', ['1000'], { stdio: 'ignore' });
  await once(child, 'spawn');
  const ended = once(child, 'exit');
  const sent: string[] = [];
  await stopProcesses({
    request: () => {
      sleepSync(60);
      return { signal: 'SIGTERM', graceMs: 50 };
    },
    find: async () => {
      const stat = readStat(child.pid!);
      return stat && !isDeadState(stat.state) ? [stat] : [];
    },
    isEndKnown: () => true,
    claimFirst: () => undefined,
    beforeSignal: (signal) => sent.push(signal),
    afterScan: () => {},
  });
  assert.equal(sent[0], 'SIGTERM');
  assert.deepEqual(await ended, [null, 'SIGTERM']);
});
