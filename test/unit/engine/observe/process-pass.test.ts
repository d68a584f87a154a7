/** One pass over the process table serves all searches that were asked for before it began. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { test } from 'node:test';
import { joinPass, type SeenProcess } from '../../../../src/engine/observe/process-pass.ts';
import { identify } from '../../../../src/engine/os/process-identity.ts';
import type { Identity } from '../../../../src/job/identity.ts';
import { letterOf } from '../../../rig/processes.ts';
import { until } from '../../../rig/until.ts';

/** A search that lists what it is shown. */
const searchFor = (id: number, spared: Identity[] = []) => {
  const shown: number[] = [];
  return { id, sinceTicks: 0, spared, shown, visit: ({ stat }: SeenProcess) => shown.push(stat.pid) };
};

test('searches of one turn share a pass; a process with a marker is shown to the search for its job only', async () => {
  const env = { BGJOB_ID: '7', BGJOB_HOME: '/nowhere', BGJOB_TOKEN: 'none' };
  const children = [env, { BGJOB_ID: '7' }, {}].map((variables) =>
    spawn('/bin/sleep', ['1000'], { stdio: 'ignore', env: variables }),
  );
  const [marked, half, plain] = children.map(({ pid }) => pid!) as [number, number, number];
  try {
    await until(
      () => children.every(({ pid }) => fs.readFileSync(`/proc/${pid}/comm`, 'latin1') === 'sleep\n'),
      // it sleeps: before that it may have the new name, and no environment yet
      (areReady) => areReady && children.every(({ pid }) => letterOf(pid!) === 'S'),
    );
    const searches = [searchFor(7), searchFor(8), searchFor(9, [identify(marked)!])];
    const [pass, ...others] = await Promise.all(searches.map((one) => joinPass(one)));
    for (const other of others) assert.equal(other, pass);
    assert.deepEqual(
      searches.map(({ shown }) => [marked, half, plain].map((pid) => shown.includes(pid))),
      [
        [true, true, true],
        [false, true, true],
        // it may be one that is spared
        [true, true, true],
      ],
    );
    for (const pid of [marked, half, plain]) {
      assert.ok(pass!.relatedTo(process.pid).some(({ stat }) => stat.pid === pid));
      assert.ok(pass!.startedAt(identify(pid)!.startTicks).some(({ stat }) => stat.pid === pid));
    }
  } finally {
    for (const child of children) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  }
});

test('a search that is asked for later sees what began meanwhile', async () => {
  const before = await joinPass();
  const child = spawn('/bin/sleep', ['1000'], { stdio: 'ignore' });
  try {
    const after = await joinPass();
    assert.deepEqual([before.has(child.pid!), after.has(child.pid!)], [false, true]);
  } finally {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
});
