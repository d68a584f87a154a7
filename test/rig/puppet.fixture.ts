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

/** Says its pid when its traps are set, closes its stdout, and sleeps; `exec` so that one process is one pid. */
function sleeper(ignoring: string[]): string {
  const traps =
    ignoring.length > 0 ? `trap '' ${ignoring.map((name) => name.replace(/^SIG/, '')).join(' ')}; ` : '';
  return `${traps}echo $$; exec sleep 1000 >/dev/null`;
}

async function fork({ daemon, ignoring, bare }: Extract<Order, { do: 'fork' }>): Promise<number> {
  const own = bare ? {} : process.env;
  const script = sleeper(ignoring);
  // double fork: the parent of the daemon ends at once
  const line = `setsid /bin/sh -c '${script.replaceAll("'", `'\\''`)}' </dev/null 2>/dev/null &`;
  const child = spawn('/bin/sh', ['-c', daemon ? line : script], {
    env: daemon ? { ...own, PATH: '/usr/bin:/bin' } : own,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let text = '';
  for await (const chunk of child.stdout) text += chunk;
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
