/** Samples: the own process tree, and what ps tells on a system without /proc. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { identify } from '../../../../src/engine/os/process-identity.ts';
import { parsePsSample, sampleTree } from '../../../../src/engine/usage/sample.ts';

test('a tree: the children of each thread count; another process with the pid does not', async () => {
  const script = `
    const { spawn } = require('node:child_process');
    const kept = Buffer.alloc(40 * 2 ** 20, 1);
    spawn(process.execPath, ['-e', 'const kept = Buffer.alloc(30 * 2 ** 20, 1); console.log("full"); setInterval(() => kept, 1e6)'],
      { stdio: ['ignore', 'inherit', 'inherit'] });
    setInterval(() => kept, 1e6);`;
  const child = spawn(process.execPath, ['-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  try {
    await once(child.stdout!, 'data');
    const main = identify(child.pid!)!;
    const sample = sampleTree(main)!;
    assert.ok(sample.memoryBytes! > 70 * 2 ** 20, `${sample.memoryBytes}`);
    assert.ok(sample.largestBytes > 40 * 2 ** 20);
    assert.ok(sample.cpuMs! > 0);
    assert.equal(sampleTree(main, 2 ** 40)!.memoryBytes, null, 'surely below the bound');
    assert.equal(sampleTree({ ...main, startTicks: main.startTicks - 1 }), undefined);
  } finally {
    process.kill(-child.pid!, 'SIGKILL');
  }
});

test('ps: the tree of the main process, in any order', () => {
  const text = '  300   200  1000\n  100     1   500\n  200   100  2000\n  400     1 90000\n';
  assert.deepEqual(parsePsSample(text, 100), {
    cpuMs: null,
    memoryBytes: 3500 * 1024,
    largestBytes: 2000 * 1024,
  });
  assert.equal(parsePsSample(text, 999), undefined);
});
