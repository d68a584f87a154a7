/** The signals of a stop, and their order. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mock, test } from 'node:test';
import { systemClock } from '../../../../src/base/clock.ts';
import { isDeadState, readStat } from '../../../../src/engine/os/process-identity.ts';
import { stopProcesses } from '../../../../src/engine/stop/stop-processes.ts';

test('the grace counts from the first signal, however long the look before it takes', async () => {
  const child = spawn('sleep', ['1000'], { stdio: 'ignore' });
  await once(child, 'spawn');
  const ended = once(child, 'exit');
  const sent: string[] = [];
  const monotonic = systemClock.monotonic;
  let looks = 0;
  // an hour passes before the first look
  const mocked = mock.method(systemClock, 'monotonic', () => monotonic() + (looks === 0 ? 0 : 3_600_000));
  await stopProcesses({
    request: () => {
      looks++;
      return { signal: 'SIGTERM', graceMs: 1_800_000 };
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
  mocked.mock.restore();
  assert.deepEqual(sent, ['SIGTERM']);
  assert.deepEqual(await ended, [null, 'SIGTERM']);
});
