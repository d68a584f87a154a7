/** A port is taken on an address: somebody else who has it on another one is in nobody's way. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { freePort } from '../../rig/ports.ts';
import { rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';

/** Somebody who listens on this address alone. No other test gets the port on another address. */
async function listenOn(host: string, at?: number): Promise<{ server: Server; port: number }> {
  const port = at ?? (await freePort());
  const server = createServer().listen({ host, port });
  await once(server, 'listening');
  return { server, port };
}
const serve = (host: string, port: number): string[] => [
  '--',
  process.execPath,
  '-e',
  `require('net').createServer().listen(${port}, '${host}')`,
];

rigTest(
  'run --until-port: another address of the port is not in the way, and is not the server',
  async (rig) => {
    const { server, port } = await listenOn('127.0.0.2');
    const until = ['--until-port', String(port)];
    const own = await rig.bgjob(['run', '-n', 'web', ...until, ...serve('127.0.0.1', port)]);
    assert.equal(own.code, 0, own.stderr);
    const { pid } = await rig.untilState(1, 'running');
    assert.match(own.stdout + own.stderr, new RegExp(`port ${port} \\(pid ${pid}\\)`));
    // the healthy server is stopped and started again, and its port is free in between
    for (const again of [
      ['restart', 'web', ...until],
      ['run', '-n', 'web', '--replace', ...until, ...serve('127.0.0.1', port)],
    ]) {
      const answer = await rig.bgjob(again);
      assert.equal(answer.code, 0, answer.stderr);
      assert.doesNotMatch(answer.stderr, /taken by somebody else/);
    }
    assert.match((await rig.bgjob(['kill', 'web'])).stdout, new RegExp(`port ${port} free`));
    server.close();
  },
);

rigTest(
  '--any-owner waits for the usual addresses, not for somebody who was there before on another',
  async (rig) => {
    const { server, port } = await listenOn('127.0.0.2');
    await rig.run(['-n', 'web', '--', 'sleep', '1000']);
    const wait = ['wait', 'web', '--until-port', String(port), '--any-owner'];
    const early = await rig.bgjob([...wait, '--timeout', '1s']);
    assert.equal(early.code, 75, early.stdout);
    const proxy = await listenOn('127.0.0.1', port);
    const found = await rig.bgjob(wait);
    assert.equal(found.code, 0, found.stderr);
    assert.match(found.stdout, new RegExp(`pid ${process.pid}`));
    for (const one of [server, proxy.server]) one.close();
    await rig.bgjob(['kill', 'web']);
  },
);

rigTest('what cannot be started again is not stopped', async (rig) => {
  for (const host of ['127.0.0.1', '0.0.0.0']) {
    const { server, port } = await listenOn(host);
    const id = await rig.run(['-n', 'web', '--', 'sleep', '1000']);
    await rig.untilState(id, 'running');
    for (const again of [
      ['restart', 'web', '--until-port', String(port)],
      ['run', '-n', 'web', '--replace', '--until-port', String(port), '--', 'true'],
    ]) {
      const refused = await rig.bgjob(again);
      assert.equal(refused.code, 125, refused.stdout);
      assert.match(refused.stderr, new RegExp(`port ${port} .*pid ${process.pid}`));
      assert.equal((await rig.show(id)).state, 'running');
    }
    server.close();
    await rig.bgjob(['kill', 'web']);
    await until(
      () => rig.show(id),
      (job) => job.state === 'killed',
      'its end',
    );
  }
});
