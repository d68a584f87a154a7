/**
 * The supported versions of Node. The one that runs the tests is always tried; others where BGJOB_TEST_NODES names them
 * (paths, separated by colons), as `.ci/run` does.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { test } from 'node:test';
import { Raw, send, signature } from '../rig/http.ts';
import { BGJOB, rigTest } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

const named = (process.env['BGJOB_TEST_NODES'] ?? '').split(':').filter((path) => path !== '');

for (const node of [process.execPath, ...named]) {
  const version = spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim();
  rigTest(`${version}: run, wait, tail, kill, and an adopter`, async (rig) => {
    const call = (...args: string[]) => rig.start(node, [BGJOB, ...args]).answer;
    const failing = await call('run', '--wait', 'echo out; echo err >&2; exit 3');
    assert.deepEqual([failing.code, failing.stdout], [3, '1\n']);
    assert.match(failing.stderr, /^1 exited 3 after [\d.hms]+\n\| out\n\| err\n\[job\] exit code 3\n$/);
    const tail = await call('tail', '1');
    assert.equal(tail.stdout, 'out\nerr\n');

    const puppet = await rig.puppet();
    assert.equal((await call('run', '--', ...puppet.command)).stdout, '2\n');
    await puppet.ready();
    process.kill(rig.ownerPid(2), 'SIGKILL');
    await until(() => fs.existsSync(rig.file(2, 'owner.2')), Boolean, 'an adopter');
    await puppet.exit(42);
    assert.equal((await call('wait', '2')).code, 42);

    assert.equal((await call('run', '--', 'sleep', '1000')).stdout, '3\n');
    const kill = await call('kill', '3');
    assert.deepEqual([kill.code, kill.stderr], [0, '']);
    assert.equal((await call('ls', '-q')).stdout, '3\n2\n1\n');

    const [url, secret] = (await call('trigger', 'add', 'hook', 'cat "$BGJOB_PAYLOAD"')).stdout.split('\n');
    const headers = { ...signature(secret!, 'hello'), 'X-GitHub-Delivery': 'd' };
    assert.deepEqual((await send(url!, { headers, body: 'hello' })).json, { id: 5 });
    assert.equal((await call('wait', '5')).code, 0);
    assert.equal(rig.log(5), 'hello');
    assert.equal((await send(url!, { headers, body: 'hello' })).status, 409);
    assert.equal((await send(url!, { headers, body: 'hallo' })).status, 401);
    assert.equal((await send(url!, { headers: { ...headers, 'Content-Length': '30000000' } })).status, 413);
    const half = new Raw(url!);
    half.write('POST /hook HTTP/1.1\r\n');
    await until(
      () => half.closed,
      (closed) => closed,
      'half a request is cut off',
    );
    assert.match(half.answer, /^HTTP\/1\.1 408 /);
    await call('trigger', 'rm', 'hook');
  });
}

if (named.length === 0) test('other versions of Node', { skip: 'BGJOB_TEST_NODES names none' }, () => {});
