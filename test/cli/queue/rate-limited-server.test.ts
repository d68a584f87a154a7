/** A queue in front of a server that takes so many requests at once: it counts them, and has to refuse none. */
import assert from 'node:assert/strict';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { rigTest } from '../../rig/rig.ts';

const MOST = 3;
const REQUESTS = 12;

/** Answers when `MOST` are open, which never happens if fewer run at once; 429 to those who come while that many are. */
function limitedServer(): { server: Server; seen: { most: number; served: string[] } } {
  const seen = { most: 0, served: [] as string[] };
  const open = new Set<ServerResponse>();
  const server = createServer((request, answer) => {
    open.add(answer);
    seen.most = Math.max(seen.most, open.size);
    seen.served.push(request.url!);
    if (open.size > MOST) answer.statusCode = 429;
    if (open.size < MOST) return;
    for (const one of open) one.end();
    open.clear();
  });
  return { server, seen };
}

rigTest(
  'a rate-limited server behind a queue refuses nobody, and has as much to do as it can',
  async (rig) => {
    const { server, seen } = limitedServer();
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    try {
      const { port } = server.address() as AddressInfo;
      // a client that costs nothing: bash itself
      const request = (n: number) =>
        `exec 3<>/dev/tcp/127.0.0.1/${port}; printf 'GET /${n} HTTP/1.0\\r\\n\\r\\n' >&3; read -r _ status _ <&3; [ "$status" = 200 ]`;
      const input = Array.from({ length: REQUESTS }, (_, n) => `${request(n)}\n`).join('');
      const added = await rig.bgjob(['run', '-Q', 'api', '--slots', String(MOST), '--batch', '-'], { input });
      assert.equal(added.code, 0, added.stderr);
      const waited = await rig.bgjob(['wait', ...added.stdout.trim().split('\n')]);
      assert.equal(waited.code, 0, waited.stdout + waited.stderr);
      assert.equal(seen.served.length, REQUESTS);
      assert.equal(new Set(seen.served).size, REQUESTS, 'each once');
      assert.equal(seen.most, MOST, 'open at once');
    } finally {
      server.closeAllConnections();
      server.close();
    }
  },
);
