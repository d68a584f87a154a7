/** Listening sockets and who owns them, by the kernel's tables. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { isInUse, listeningOf, portsOf } from '../../../../src/engine/os/sockets.ts';

/** The table of one turn of the event loop is read once: each listener is there before the next turn. */
async function listen(host: string): Promise<{ port: number; close(): Promise<unknown> }> {
  const server = createServer((socket) => socket.end()).listen(0, host);
  await once(server, 'listening');
  await nextTurn();
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      const closed = once(server, 'close');
      server.close();
      return closed;
    },
  };
}

test('our own listening ports, on IPv4 and IPv6, in order, while they listen', async (t) => {
  const before = portsOf([process.pid]);
  const first = await listen('127.0.0.1');
  const second = await listen('::1').catch(() => undefined);
  if (!second) t.diagnostic('no IPv6 here: not tested');
  const mine = [first.port, ...(second ? [second.port] : [])].sort((a, b) => a - b);
  assert.deepEqual(
    portsOf([process.pid]),
    [...before, ...mine].sort((a, b) => a - b),
  );
  assert.deepEqual(portsOf([process.pid, process.pid]), portsOf([process.pid]), 'each once');
  for (const one of listeningOf([process.pid])) assert.equal(isInUse(one), true);
  assert.equal(portsOf([process.ppid]).includes(first.port), false, 'not of another process');
  await first.close();
  await second?.close();
  assert.deepEqual(portsOf([process.pid]), before);
  assert.equal(isInUse({ port: first.port, address: '*' }), false);
});

test('a port is taken on an address, or on all of them', async () => {
  const server = createServer().listen(0, '127.0.0.2');
  await once(server, 'listening');
  await nextTurn();
  const { port } = server.address() as AddressInfo;
  assert.deepEqual(
    listeningOf([process.pid]).filter((one) => one.port === port),
    [{ port, address: '127.0.0.2' }],
  );
  for (const [address, taken] of [
    ['127.0.0.2', true],
    ['*', true],
    ['127.0.0.1', false],
    ['::1', false],
  ] as const)
    assert.equal(isInUse({ port, address }), taken, address);
  server.close();
  for (const [host, address] of [
    ['0.0.0.0', '*'],
    ['::', '*'],
    ['::1', '::1'],
    ['127.0.0.1', '127.0.0.1'],
    ['::ffff:127.0.0.3', '127.0.0.3'],
  ] as const) {
    const other = createServer().listen({ port: 0, host });
    await once(other, 'listening');
    await nextTurn();
    const at = (other.address() as AddressInfo).port;
    const found = listeningOf([process.pid]).find((one) => one.port === at);
    assert.deepEqual(found, { port: at, address }, host);
    other.close();
  }
});

test('a connection is no listener', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const accepted = once(server, 'connection');
  const client = connect(port, '127.0.0.1');
  const [peer] = await accepted;
  server.close();
  assert.equal(portsOf([process.pid]).includes(client.localPort!), false);
  client.destroy();
  peer.destroy();
});

test('the ports of a child, and of nobody', async () => {
  const script = `require('net').createServer().listen(0, '127.0.0.1', function () { process.stdout.write(String(this.address().port)); })`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [port] = await once(child.stdout, 'data');
  assert.deepEqual(portsOf([child.pid!]), [Number(String(port))]);
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.deepEqual(portsOf([child.pid!]), []);
  assert.deepEqual(portsOf([]), []);
});
