/** Waiting for a URL: which answers count, and servers that are slow, silent, rude or not trusted. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseUrl, waitUrl } from '../../../../src/engine/wait/url.ts';
import { folderTest } from '../../../rig/folder.ts';
import { missing } from '../../../rig/needs.ts';
import { CALL_MS } from '../../../rig/until.ts';

const soon = () => AbortSignal.timeout(CALL_MS);
const quiet = () => {};
/** The answer of an attempt during which this process stood still. The next attempt follows. */
const SLOW = 'no answer within 2s';
const wait = (url: string, onAnswer: (text: string) => void = quiet, insecure = false) =>
  waitUrl(new URL(url), { insecure, statuses: [], onAnswer }, soon(), quiet);
/** Collects the answers of the server. */
const collectIn = (answers: string[]) => (text: string) => void (text === SLOW || answers.push(text));

async function serve(
  listener: RequestListener,
  host = '127.0.0.1',
): Promise<{ server: Server; port: number }> {
  const server = createServer(listener).listen(0, host);
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port };
}
async function withServer(listener: RequestListener, body: (port: number) => Promise<void>): Promise<void> {
  const { server, port } = await serve(listener);
  try {
    await body(port);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

test('only http and https are waited for', () => {
  assert.ok(parseUrl('http://localhost:3000/health').ok);
  assert.ok(parseUrl('https://[::1]:3000').ok);
  for (const text of ['localhost:3000', 'ftp://x/', 'file:///etc', '', '/health'])
    assert.equal(parseUrl(text).ok, false, text);
  const slip = parseUrl('localhost:3000/x');
  assert.deepEqual(slip, { ok: false, failure: { code: 'bad-url', text: 'localhost:3000/x' } });
});

test('500 is not ready, 404 is; the last answer is told when it changes', async () => {
  const answers: string[] = [];
  let calls = 0;
  await withServer(
    (_, response) => response.writeHead([500, 500, 503, 404][calls++] ?? 404).end(),
    async (port) => {
      const found = await wait(`http://me:secret@localhost:${port}/x`, collectIn(answers));
      assert.ok(found.ok);
      assert.deepEqual(found.value?.facts, { url: `http://localhost:${port}/x`, status: 404 });
    },
  );
  assert.deepEqual(answers, ['500', '503']);
  assert.ok(calls >= 4, `${calls}`);
});

test('redirects are followed on the same host; elsewhere, in a loop, or too many they are the answer', async () => {
  let ready = 0;
  const paths: string[] = [];
  await withServer(
    (request, response) => {
      paths.push(request.url!);
      const [, kind, n] = /^\/(\w+?)(\d*)$/.exec(request.url!) ?? [];
      const to: Record<string, string> = {
        follow: '/end',
        away: 'http://elsewhere.invalid/',
        loop: '/loop',
        many: `/many${Number(n) + 1}`,
      };
      if (kind === 'end') response.writeHead(ready++ === 0 ? 503 : 200).end();
      else response.writeHead(302, { location: to[kind!]! }).end();
    },
    async (port) => {
      const status = async (path: string) => {
        const found = await wait(`http://127.0.0.1:${port}${path}`);
        return found.ok && (found.value?.facts as { status: number })?.status;
      };
      assert.equal(await status('/follow'), 200);
      assert.deepEqual(paths, ['/follow', '/end', '/follow', '/end']);
      assert.equal(await status('/away'), 302);
      assert.equal(await status('/loop'), 302);
      paths.length = 0;
      assert.equal(await status('/many0'), 302);
      assert.equal(paths.length, 6);
    },
  );
});

test('an attempt that gets no answer is given up and made again', async () => {
  const answers: string[] = [];
  let calls = 0;
  await withServer(
    (_, response) => {
      if (calls++ > 0) response.end();
    },
    async (port) => {
      const found = await wait(`http://127.0.0.1:${port}/`, (text) => answers.push(text));
      assert.ok(found.ok && found.value);
    },
  );
  assert.deepEqual([...new Set(answers)], [SLOW]);
});

test('a server that comes later, on IPv6 alone, and one that closes at once: tried again', async (t) => {
  let rude = 0;
  const tcp = createTcpServer((socket) => {
    rude++;
    socket.destroy();
  }).listen(0, '127.0.0.1');
  await once(tcp, 'listening');
  const { port } = tcp.address() as AddressInfo;
  const answers: string[] = [];
  let closed: Promise<unknown> | undefined;
  let server: Server | undefined;
  const found = await wait(`http://localhost:${port}/`, (text) => {
    collectIn(answers)(text);
    if (text === 'ECONNRESET') closed = once(tcp.close(), 'close');
    if (text === 'ECONNREFUSED')
      server = createServer((_, response) => response.end())
        .listen(port, '::1')
        .on('error', () => {
          t.diagnostic('no IPv6 here: IPv4 instead');
          server = createServer((_, response) => response.end()).listen(port, '127.0.0.1');
        });
  });
  await closed;
  server?.close();
  assert.ok(found.ok && found.value);
  assert.ok(rude >= 1);
  assert.deepEqual(answers, ['ECONNRESET', 'ECONNREFUSED']);
});

folderTest(
  'a certificate that nobody vouches for: refused at once, or taken when asked to',
  async (dir, t) => {
    const [key, cert] = [join(dir, 'key'), join(dir, 'cert')];
    const words = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert];
    const made = spawnSync('openssl', [...words, '-days', '1', '-subj', '/CN=localhost']);
    if (made.status !== 0) return t.skip(missing('openssl') || 'openssl makes no certificate here');
    const options = { key: fs.readFileSync(key), cert: fs.readFileSync(cert) };
    const server = createSecureServer(options, (_, response) => response.end()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `https://localhost:${(server.address() as AddressInfo).port}/`;
    try {
      assert.deepEqual(await wait(url), {
        ok: false,
        failure: { code: 'untrusted-certificate', unread: null, url, why: 'DEPTH_ZERO_SELF_SIGNED_CERT' },
      });
      const found = await wait(url, quiet, true);
      assert.ok(found.ok);
      assert.deepEqual(found.value?.facts, { url, status: 200 });
    } finally {
      server.closeAllConnections();
      server.close();
    }
  },
);

test('abort ends an attempt under way', async () => {
  const abort = new AbortController();
  await withServer(
    () => abort.abort(),
    async (port) => {
      const found = await waitUrl(
        new URL(`http://127.0.0.1:${port}/`),
        { insecure: false, statuses: [] },
        abort.signal,
        quiet,
      );
      assert.deepEqual(found, { ok: true, value: undefined });
    },
  );
});
