/** TCP ports that no other test gets. */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

/**
 * A port that was free a moment ago, and is this test's until its process ends: a UDP socket of the same number
 * is the claim. The kernel gives it to no process by itself (those ports begin at 32768), and bgjob to no
 * listener (20000). Else any connection of another test could take it before the test listens there, or while its
 * server is away; and a test that tries to connect again and again could meet itself.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 10_000);
    if ((await claims(port)) && (await isFree(port))) return port;
  }
}

const claims = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const claim = createSocket('udp4');
    claim.once('error', () => resolve(false));
    claim.bind({ port, address: '127.0.0.1', exclusive: true }, () => resolve(true));
    claim.unref();
  });

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const listens = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '0.0.0.0', () => resolve(true));
  });
  await new Promise((resolve) => server.close(resolve));
  return listens;
}
