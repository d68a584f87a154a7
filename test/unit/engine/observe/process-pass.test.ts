/** One pass over the process table serves all searches that were asked for before it began. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { joinPass } from '../../../../src/engine/observe/process-pass.ts';

test('searches of one turn share a pass, and each sees all of it', async () => {
  const visited: number[][] = [[], []];
  const passes = await Promise.all(visited.map((pids) => joinPass(({ stat }) => pids.push(stat.pid))));
  assert.equal(passes[0], passes[1]);
  assert.deepEqual(visited[0], [...passes[0]!.keys()]);
  assert.deepEqual(visited[1], visited[0]);
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
