/** `--until-url` on real servers: one that is not ready, one that never answers, one that nobody trusts. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { CERTIFICATE, KEY } from '../../rig/certificate.ts';
import { freePort } from '../../rig/ports.ts';
import { type Answer, type Rig, rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';

const SERVER = `
const fs = require('node:fs');
require('node:http').createServer((request, answer) => {
  answer.writeHead(request.url === '/old' ? 302 : fs.existsSync('up') ? 200 : 503, { Location: '/' }).end('x');
}).listen(Number(process.argv[2]), '127.0.0.1', () => console.log('listening'));
`;

/** Notes each connection that is over. */
const COUNTER = `
require('node:diagnostics_channel').subscribe('net.client.socket', ({ socket }) =>
  socket.on('close', () => require('node:fs').appendFileSync(process.env.CONNECTIONS, '.')));
`;

/** A call that waits, and is interrupted when it has asked twice, so that it has heard the first answer. */
async function interrupted(rig: Rig, args: string[]): Promise<Answer> {
  const [counter, connections] = [join(rig.dir, 'counter.cjs'), join(rig.dir, 'connections')];
  fs.writeFileSync(counter, COUNTER);
  fs.writeFileSync(connections, '');
  const call = rig.startBgjob(args, {
    env: { NODE_OPTIONS: `--require ${counter}`, CONNECTIONS: connections },
  });
  await until(
    () => fs.readFileSync(connections, 'utf8').length,
    (count) => count > 3,
    'two attempts',
  );
  call.child.kill('SIGINT');
  return call.answer;
}

rigTest('--until-url: 503 is not ready, a redirect on the same host is followed', async (rig) => {
  fs.writeFileSync(join(rig.project, 'server.js'), SERVER);
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/old`;
  await rig.run(['-n', 'web', '--', 'node', 'server.js', String(port)]);
  await rig.bgjob(['wait', 'web', '--until', 'listening']);
  const early = await interrupted(rig, ['wait', 'web', '--until-url', url]);
  assert.equal(early.code, 130);
  assert.match(early.stderr, /\/old: 503\)/);
  fs.writeFileSync(join(rig.project, 'up'), '');
  const ready = await rig.bgjob(['wait', 'web', '--until-url', url]);
  assert.deepEqual([ready.code, ready.stdout], [0, `web 1 ready: ${url} answers 200\n`]);
  await rig.bgjob(['kill', 'web']);
});

rigTest('--until-url: nobody there, and a server that accepts and never answers', async (rig) => {
  await rig.run(['--', 'sleep', '1000']);
  const nobody = await interrupted(rig, [
    'wait',
    '1',
    '--until-url',
    `http://127.0.0.1:${await freePort()}/`,
  ]);
  assert.deepEqual([nobody.code, /: connection refused\)/.test(nobody.stderr)], [130, true], nobody.stderr);
  // it reads what comes, so that it notices when the asker is gone
  const silent = createServer((socket) => socket.on('error', () => {}).resume());
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const { port } = silent.address() as AddressInfo;
  const hanging = await rig.bgjob([
    'wait',
    '1',
    '--until-url',
    `http://127.0.0.1:${port}/`,
    '--timeout',
    '1s',
  ]);
  assert.equal(hanging.code, 75);
  silent.close();
  await rig.bgjob(['kill', '--now', '1']);
});

rigTest('--until-url: a certificate that nobody trusts is told at once; --insecure takes it', async (rig) => {
  fs.writeFileSync(join(rig.project, 'k.pem'), KEY);
  fs.writeFileSync(join(rig.project, 'c.pem'), CERTIFICATE);
  const port = await freePort();
  const code = `require('node:https').createServer({ key: require('fs').readFileSync('k.pem'), cert: require('fs').readFileSync('c.pem') },
    (_, answer) => answer.end('x')).listen(${port}, () => console.log('listening'))`;
  await rig.run(['--', 'node', '-e', code]);
  await rig.bgjob(['wait', '1', '--until', 'listening']);
  const url = `https://localhost:${port}/`;
  const refused = await rig.bgjob(['wait', '1', '--until-url', url]);
  assert.equal(refused.code, 125);
  assert.match(refused.stderr, /not trusted.*\n.*--insecure/);
  const taken = await rig.bgjob(['wait', '1', '--until-url', url, '--insecure']);
  assert.deepEqual([taken.code, taken.stdout], [0, `1 ready: ${url} answers 200\n`]);
  // bin/bgjob keeps the variable from Node, and we trust what it names all the same
  const withCertificates = (path: string) =>
    rig.bash(`bgjob wait 1 --until-url ${url}`, { env: { NODE_EXTRA_CA_CERTS: path } });
  const trusted = await withCertificates('c.pem');
  assert.deepEqual([trusted.code, trusted.stdout, trusted.stderr], [0, taken.stdout, '']);
  const unread = await withCertificates('none.pem');
  assert.equal(unread.code, 125);
  assert.match(
    unread.stderr,
    /not trusted \(\w+\); NODE_EXTRA_CA_CERTS: cannot read none\.pem: no such file or directory\n/,
  );
  // a key, half a certificate, and the binary form that browsers export: Node would trust none of them
  const der = Buffer.from(CERTIFICATE.replace(/-----.*-----|\s/g, ''), 'base64');
  for (const odd of [KEY, CERTIFICATE.slice(0, 200), '', der]) {
    fs.writeFileSync(join(rig.project, 'odd.pem'), odd);
    const { code, stderr } = await withCertificates('odd.pem');
    assert.equal(code, 125);
    assert.match(
      stderr,
      /not trusted \(\w+\); NODE_EXTRA_CA_CERTS: odd\.pem holds no certificate in PEM form\n/,
    );
  }
  await rig.bgjob(['kill', '1']);
});
