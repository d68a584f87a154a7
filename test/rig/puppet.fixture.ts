/** The program of a puppet: connects to the test and carries out its orders. See puppet.ts. */
import { spawn } from 'node:child_process';
import { readSync, writeSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { createInterface } from 'node:readline';
import type { Order } from './puppet.ts';

const socket = connect(Number(process.argv[2]), '127.0.0.1');
// the test is gone: so are we
socket.on('close', () => process.exit(99));
socket.on('error', () => process.exit(99));

/** Sleeps for ever in a shell; `exec` so that one process is one pid. */
function sleeper(ignoring: string[]): string {
  const traps =
    ignoring.length > 0 ? `trap '' ${ignoring.map((name) => name.replace(/^SIG/, '')).join(' ')}; ` : '';
  return `${traps}exec sleep 1000`;
}

async function fork(order: Extract<Order, { do: 'fork' }>): Promise<number> {
  const env = order.bare ? {} : process.env;
  if (!order.daemon) return spawn('/bin/sh', ['-c', sleeper(order.ignoring)], { env, stdio: 'ignore' }).pid!;
  // double fork: the parent of the daemon ends at once
  const script = `setsid /bin/sh -c '${sleeper(order.ignoring).replaceAll("'", `'\\''`)}' </dev/null >/dev/null 2>&1 & echo $!`;
  const parent = spawn('/bin/sh', ['-c', script], {
    env: { ...env, PATH: '/usr/bin:/bin' },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let text = '';
  for await (const chunk of parent.stdout!) text += chunk;
  return Number(text);
}

async function carryOut(order: Order): Promise<unknown> {
  switch (order.do) {
    case 'print':
      writeSync(1, order.text);
      return {};
    case 'error':
      writeSync(2, order.text);
      return {};
    case 'exit':
      return process.exit(order.code);
    case 'die':
      process.kill(process.pid, order.signal);
      return {};
    case 'ignore':
      process.on(order.signal, () => {});
      return {};
    case 'fork':
      return { pid: await fork(order) };
    case 'listen': {
      const server = createServer();
      await new Promise<void>((resolve) =>
        server.listen(order.port ?? 0, order.host ?? '127.0.0.1', resolve),
      );
      return { port: (server.address() as AddressInfo).port };
    }
    case 'environment':
      return { pid: process.pid, cwd: process.cwd(), env: process.env };
    case 'stdin':
      return { bytes: readSync(0, Buffer.alloc(10)) };
  }
}

createInterface({ input: socket }).on('line', async (line) => {
  socket.write(`${JSON.stringify(await carryOut(JSON.parse(line)))}\n`);
});
