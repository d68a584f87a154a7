/**
 * Waiting for the port of a job: whose listener counts, who is named, which network namespace is looked into.
 */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { findListener } from '../../../../src/engine/observe/port-owner.ts';
import { portsOf } from '../../../../src/engine/os/sockets.ts';
import type { WaitNews } from '../../../../src/engine/wait/condition.ts';
import { waitPort } from '../../../../src/engine/wait/port.ts';
import { openHome } from '../../../../src/job/home/home.ts';
import { freePort } from '../../../rig/ports.ts';
import { type Rig, rigTest } from '../../../rig/rig.ts';
import { CALL_MS, until } from '../../../rig/until.ts';

async function listen(port = 0, host = '127.0.0.1'): Promise<Server> {
  const server = createServer().listen(port, host);
  await once(server, 'listening');
  return server;
}
const portOf = (server: Server): number => (server.address() as AddressInfo).port;
async function close(server: Server): Promise<void> {
  server.close();
  await once(server, 'close');
}
const homeOf = (rig: Rig) => {
  const home = openHome(rig.home, true);
  assert.ok(home.ok);
  return home.value;
};
/** A program that listens, says so, and stays. */
const serverScript = (port: number, host = '127.0.0.1') =>
  `require('net').createServer().listen(${port}, '${host}', () => console.log('listens'))`;
async function startServer(port: number): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['-e', serverScript(port)], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout!, 'data');
  return child;
}
async function end(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL');
  await once(child, 'exit');
}
const soon = () => AbortSignal.timeout(CALL_MS);
const nobody = (news: WaitNews) => assert.fail(`reported: ${news.kind}`);

rigTest('a job that listens only later is noticed, on IPv4 and on IPv6 alone, with its pid', async (rig) => {
  const home = homeOf(rig);
  const puppet = await rig.puppet();
  const id = await rig.run(['--', ...puppet.command]);
  await puppet.ready();
  const hasIpv6 = fs.existsSync('/proc/net/if_inet6') && fs.readFileSync('/proc/net/if_inet6', 'utf8') !== '';
  for (const host of ['127.0.0.1', '0.0.0.0', ...(hasIpv6 ? ['::', '::1'] : [])]) {
    const port = await freePort();
    const waiting = waitPort(home, id, port, false, soon(), nobody);
    await puppet.order({ do: 'listen', port, host });
    const pid = await puppet.pid();
    const found = await waiting;
    assert.ok(found.ok);
    assert.deepEqual(found.value, {
      condition: 'port',
      facts: { port, pid },
    });
  }
  await puppet.exit(0);
  await rig.untilState(id, 'exited');
});

rigTest('a listener older than the job is a failure that names it; --any-owner takes it', async (rig) => {
  const home = homeOf(rig);
  const port = await freePort();
  const other = await startServer(port);
  try {
    const puppet = await rig.puppet();
    const id = await rig.run(['--', ...puppet.command]);
    const refused = await waitPort(home, id, port, false, soon(), nobody);
    assert.ok(!refused.ok && refused.failure.code === 'port-taken');
    assert.equal(refused.failure.pid, other.pid);
    assert.match(refused.failure.command, /^\S*node -e require\('net'\)/);
    assert.ok(refused.failure.command.length < 100);
    assert.equal(refused.failure.job, null);
    const any = await waitPort(home, id, port, true, soon(), nobody);
    assert.ok(any.ok);
    assert.deepEqual(any.value?.facts, { port, pid: other.pid });
    await puppet.exit(0);
  } finally {
    await end(other);
  }
});

rigTest('a younger stranger is reported once, and the job is noticed when it follows', async (rig) => {
  const home = homeOf(rig);
  const puppet = await rig.puppet();
  const id = await rig.run(['--', ...puppet.command]);
  await puppet.ready();
  const port = await freePort();
  const other = await startServer(port);
  const reports: WaitNews[] = [];
  const waiting = waitPort(home, id, port, false, soon(), (news) => reports.push(news));
  await until(
    () => reports.length,
    (count) => count > 0,
  );
  await end(other);
  await puppet.order({ do: 'listen', port });
  const found = await waiting;
  assert.ok(found.ok && found.value);
  const [news] = reports;
  assert.deepEqual([reports.length, news?.kind], [1, 'port-taken']);
  assert.equal(news?.kind === 'port-taken' && news.listener.pid, other.pid);
  await puppet.exit(0);
});

rigTest('a port of another, older job is refused with the job that has it', async (rig) => {
  const home = homeOf(rig);
  const [first, second] = [await rig.puppet(), await rig.puppet()];
  const holder = await rig.run(['--', ...first.command]);
  const { port } = await first.order({ do: 'listen' });
  const id = await rig.run(['--', ...second.command]);
  const refused = await waitPort(home, id, port, false, soon(), nobody);
  assert.ok(!refused.ok && refused.failure.code === 'port-taken');
  assert.deepEqual(refused.failure.job, { id: holder, name: null });
  const listener = await findListener(home, port);
  assert.ok(listener && listener !== 'unknown');
  assert.equal(listener.pid, await first.pid());
  await first.exit(0);
  await until(
    () => findListener(home, port),
    (nobody) => nobody === undefined,
    'the port is free',
  );
  await second.exit(0);
});

rigTest('a server that daemonised is still the job', async (rig) => {
  const home = homeOf(rig);
  const port = await freePort();
  const line = `setsid -f "${process.execPath}" -e "${serverScript(port)}"; exec sleep 1000`;
  const id = await rig.run([line]);
  const found = await waitPort(home, id, port, false, soon(), nobody);
  assert.ok(found.ok && found.value);
  assert.equal((await rig.bgjob(['kill', String(id)])).code, 0);
});

rigTest('abort ends the wait with nothing', async (rig) => {
  const puppet = await rig.puppet();
  const id = await rig.run(['--', ...puppet.command]);
  const port = await freePort();
  const home = homeOf(rig);
  const found = await waitPort(home, id, port, false, AbortSignal.timeout(100), nobody);
  assert.deepEqual(found, { ok: true, value: undefined });
  await puppet.exit(0);
});

const unshare = ['-n', '-rn'].find((flag) => spawnSync('unshare', [flag, 'true']).status === 0);
rigTest(
  'a job in a network namespace of its own has its own ports; ours are not in its way',
  async (rig) => {
    const home = homeOf(rig);
    const ours = await listen();
    ours.unref();
    const port = portOf(ours);
    const script = serverScript(port, '0.0.0.0');
    const id = await rig.run(['--', 'unshare', unshare!, process.execPath, '-e', script]);
    await until(
      () => (fs.existsSync(rig.file(id, 'out/log')) ? rig.log(id) : ''),
      (text) => text.includes('listens'),
    );
    const found = await waitPort(home, id, port, false, soon(), nobody);
    assert.ok(found.ok && found.value);
    const pid = (found.value.facts as { pid: number }).pid;
    assert.notEqual(pid, process.pid);
    assert.deepEqual(portsOf([pid]), [port]);
    assert.deepEqual(
      portsOf([process.pid, pid]),
      portsOf([pid, process.pid]),
      'whoever comes first decides nothing',
    );
    assert.ok(portsOf([process.pid]).includes(port));
    assert.equal((await rig.bgjob(['kill', String(id)])).code, 0);
    await close(ours);
  },
  { skip: unshare === undefined && 'no network namespaces here' },
);
