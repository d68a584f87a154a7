/** TCP ports that were free a moment ago. */
import { createServer } from 'node:net';

/**
 * One that the kernel gives to nobody by itself: a process that asks for any port does not get it meanwhile.
 */
export function freePort(): Promise<number> {
  return lastingPort('127.0.0.1');
}

/** The same on all addresses: for a daemon that is ended and started again on it. */
export async function lastingPort(host = '0.0.0.0'): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, host, () => resolve(true));
    });
    await new Promise((resolve) => server.close(resolve));
    if (isFree) return port;
  }
}
