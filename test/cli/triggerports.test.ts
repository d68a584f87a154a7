/** Where a listener listens: one for each address and port, which stay what they are; ports that others have. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { createServer, type Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { bearer, send } from '../rig/http.ts';
import { freePort } from '../rig/ports.ts';
import { type Rig, rigTest } from '../rig/rig.ts';
import {
  addTrigger,
  listenerPid,
  listenersOf,
  recordOf,
  removeTriggers,
  slayListener,
} from '../rig/triggers.ts';
import { until } from '../rig/until.ts';

const portOf = (url: string): string => new URL(url).port;

function occupy(port: number, host = '127.0.0.1'): Promise<Server> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve(server));
  });
}
const release = (server: Server): Promise<unknown> => new Promise((resolve) => server.close(resolve));

const HAS_V6 = Object.values(networkInterfaces()).some((list) =>
  list?.some(({ address }) => address === '::1'),
);

rigTest('one listener for all triggers of an address and port, another for another', async (rig) => {
  const port = await freePort();
  const [a, b, c] = [
    await addTrigger(rig, ['a', 'true']),
    await addTrigger(rig, ['b', 'true']),
    await addTrigger(rig, ['c', '--listen', String(port), 'true']),
  ];
  assert.equal(portOf(a.url), portOf(b.url));
  assert.equal(portOf(c.url), String(port));
  assert.ok(
    Number(portOf(a.url)) >= 20_000 && Number(portOf(a.url)) < 32_000,
    'none that the kernel gives away',
  );
  const listeners = await listenersOf(rig);
  assert.deepEqual(
    listeners.map(({ name }) => name.replace(/-[0-9a-z]{4}$/, '')).sort(),
    [`listener-${portOf(a.url)}`, `listener-${port}`].sort(),
  );
  for (const { url, secret } of [a, b, c])
    assert.equal((await send(url, { headers: bearer(secret) })).status, 202);
  // the name of one is unknown to the other
  assert.equal((await send(`http://127.0.0.1:${port}/a`, { headers: bearer(a.secret) })).status, 401);
  await rig.bgjob(['trigger', 'rm', 'a']);
  assert.equal((await send(a.url, { headers: bearer(a.secret) })).status, 401);
  assert.equal((await send(b.url, { headers: bearer(b.secret) })).status, 202);
  await removeTriggers(rig);
  // at once again, at the same port: the one before may be about to end
  const again = await addTrigger(rig, ['c', '--listen', String(port), 'true']);
  assert.equal((await rig.bgjob(['trigger', 'rm', 'c'])).code, 0);
  const third = await addTrigger(rig, ['c', '--listen', String(port), 'true']);
  assert.equal(third.url, again.url);
  assert.equal((await send(third.url, { headers: bearer(third.secret) })).status, 202);
  await removeTriggers(rig);
});

rigTest('a port that somebody else has: add fails, says who, and writes nothing', async (rig) => {
  const server = await occupy(0);
  const { port } = server.address() as { port: number };
  const { code, stdout, stderr } = await rig.bgjob([
    'trigger',
    'add',
    'hook',
    '--listen',
    `127.0.0.1:${port}`,
    'true',
  ]);
  assert.deepEqual([code, stdout], [125, '']);
  assert.match(stderr, new RegExp(`^bgjob: port ${port} is taken by pid ${process.pid} \\(`));
  assert.deepEqual(await rig.json(['trigger', 'ls']), []);
  assert.deepEqual(await listenersOf(rig), []);
  await release(server);
  await addTrigger(rig, ['hook', '--listen', `127.0.0.1:${port}`, 'true']);
  await removeTriggers(rig);
});

rigTest(
  'the URL is the same after a kill; a port that was taken meanwhile is told, and had again when it is free',
  async (rig) => {
    const { url, secret } = await addTrigger(rig, ['hook', 'true']);
    const port = Number(portOf(url));
    // the job with its shell
    const [{ id }] = await listenersOf(rig);
    const kill = await rig.bgjob(['kill', '--now', String(id)]);
    assert.equal(kill.code, 0);
    assert.match(kill.stderr, /the next bgjob command starts it again: bgjob trigger --help/);
    const server = await occupy(port);
    // kill starts nothing again, any other command does
    assert.equal((await listenersOf(rig)).length, 1, 'not by the kill');
    const [row] = await until(
      () => rig.json(['trigger', 'ls']),
      ([one]) => /^port \d+ taken by pid/.test(one.trouble),
      'it says so',
    );
    assert.equal(row.listening, false);
    const told = await rig.bgjob(['trigger', 'ls']);
    assert.match(
      told.stderr,
      new RegExp(`hook: not listening: port ${port} taken by pid ${process.pid} \\(`),
    );
    const [{ id: next }] = await listenersOf(rig);
    const log = () => rig.log(next);
    await until(log, (text) =>
      new RegExp(`cannot listen on 127\\.0\\.0\\.1:${port}: the port is taken by pid ${process.pid} `).test(
        text,
      ),
    );
    // nor can another be added there
    const refused = await rig.bgjob(['trigger', 'add', 'second', 'true']);
    assert.equal(refused.code, 125, refused.stdout);
    assert.match(refused.stderr, new RegExp(`port ${port} is taken by pid ${process.pid}`));
    assert.ok(!fs.existsSync(join(rig.home, 'triggers', 'second')));
    await release(server);
    await until(log, (text) => text.includes(`listens on 127.0.0.1:${port}\n`), 'it tries again');
    assert.equal((await rig.json(['trigger', 'ls']))[0].listening, true);
    assert.equal((await send(url, { headers: bearer(secret) })).status, 202);
    await removeTriggers(rig);
  },
);

rigTest('a listener that is killed is started again by its shell; its shell, by any command', async (rig) => {
  const { url, secret } = await addTrigger(rig, ['hook', 'true']);
  const deliver = () =>
    send(url, { headers: bearer(secret) }).then(
      ({ status }) => status,
      () => 0,
    );
  for (let n = 0; n < 3; n++) {
    await slayListener(rig, false);
    await until(deliver, (status) => status === 202, 'an answer from the next');
  }
  assert.equal((await listenersOf(rig)).length, 1, 'the same job');
  await slayListener(rig, true);
  assert.equal(listenerPid(rig), undefined);
  assert.equal(await deliver(), 0);
  assert.equal((await rig.bgjob(['ls'])).code, 0);
  await until(deliver, (status) => status === 202, 'an answer after a command');
  assert.equal((await listenersOf(rig)).length, 2);
  // a waiter is enough
  await slayListener(rig, true);
  const wait = rig.startBgjob(['wait', '--trigger', 'hook']);
  await until(deliver, (status) => status === 202, 'an answer while somebody waits');
  const { code, stdout } = await wait.answer;
  assert.equal(code, 0);
  assert.match(stdout, /^\d+\n$/);
  await removeTriggers(rig);
});

rigTest(
  'a listener whose job was killed beside it leaves at once, and another takes its place',
  async (rig) => {
    const { url, secret } = await addTrigger(rig, ['hook', 'true']);
    const [{ id }] = await listenersOf(rig);
    const old = listenerPid(rig);
    const { shim, watcher } = await rig.shimOf(id);
    for (const pid of [watcher, rig.ownerPid(id), shim]) process.kill(pid, 'SIGKILL');
    await rig.untilState(id, 'lost');
    const deliver = () =>
      send(url, { headers: { ...bearer(secret), 'Webhook-Id': 'one' } }).then(
        ({ status, json }) => ({ status, id: json.id }),
        () => ({ status: 0, id: 0 }),
      );
    const first = await until(deliver, ({ status }) => status === 202 || status === 409, 'its answer');
    assert.equal(first.status, 202, 'by the next');
    assert.deepEqual(await deliver(), { status: 409, id: first.id });
    assert.notEqual(listenerPid(rig), old);
    const served = (await listenersOf(rig)).filter(({ state }) => state === 'running');
    assert.equal(served.length, 1);
    assert.match(
      (await rig.bgjob(['boot'])).stdout,
      new RegExp(`^triggers: hook \\(job ${served[0].id}\\)\n$`),
    );
    await removeTriggers(rig);
  },
);

rigTest(
  'IPv6: its own port, its own listener',
  async (rig) => {
    const { url, secret } = await addTrigger(rig, ['hook', '--listen', '::1', 'true']);
    assert.match(url, /^http:\/\/\[::1\]:\d+\/hook$/);
    assert.equal((await send(url, { headers: bearer(secret) })).status, 202);
    // the same port at the other address is another listener
    const other = await addTrigger(rig, ['other', '--listen', `127.0.0.1:${portOf(url)}`, 'true']);
    assert.equal((await send(other.url, { headers: bearer(other.secret) })).status, 202);
    assert.equal((await listenersOf(rig)).length, 2);
    assert.equal((await send(url, { headers: bearer(secret) })).status, 202);
    for (const row of await rig.json(['trigger', 'ls'])) assert.equal(row.trouble, null);
    await removeTriggers(rig);
  },
  { skip: HAS_V6 ? false : 'this machine has no ::1' },
);

rigTest('--listen for others warns; --host names who else may ask for it', async (rig) => {
  const port = await freePort();
  const open = await rig.bgjob([
    'trigger',
    'add',
    'open',
    '--listen',
    `0.0.0.0:${port}`,
    '--host',
    'Hooks.Example,b.example',
    'true',
  ]);
  assert.equal(open.code, 0, open.stderr);
  assert.match(
    open.stderr,
    /^warning: whoever reaches this machine reaches this listener, and what comes is not encrypted/,
  );
  const asJson = await rig.bgjob([
    'trigger',
    'add',
    'open2',
    '--listen',
    `0.0.0.0:${port}`,
    '--json',
    'true',
  ]);
  assert.equal(JSON.parse(asJson.stderr).warning.code, 'open-listener');
  const [, secret] = open.stdout.split('\n') as [string, string];
  const url = `http://127.0.0.1:${port}/open`;
  const asked = async (Host: string) => (await send(url, { headers: { ...bearer(secret), Host } })).status;
  assert.equal(await asked('hooks.example'), 202);
  assert.equal(await asked('B.example:443'), 202);
  assert.equal(await asked('c.example'), 421);
  assert.equal(await asked('example'), 421);
  const quiet = await rig.bgjob(['trigger', 'add', 'quiet', 'true']);
  assert.doesNotMatch(quiet.stderr, /warning/);
  assert.deepEqual(recordOf(rig, 'open').hosts, ['hooks.example', 'b.example']);
  await removeTriggers(rig);
});

rigTest('a home that is removed while it listens starts nothing more, and its listener ends', async (rig) => {
  const witness = join(rig.dir, 'witness');
  const { url, secret } = await addTrigger(rig, ['hook', `echo >>${witness}`]);
  assert.equal((await send(url, { headers: bearer(secret) })).status, 202);
  await rig.bgjob(['wait', '2']);
  await rig.untilLeft(2);
  fs.rmSync(rig.home, { recursive: true, force: true, maxRetries: 20, retryDelay: 5 });
  const answer = await send(url, { headers: bearer(secret) }).catch(() => ({ status: 0 }));
  assert.ok([0, 401, 503].includes(answer.status), `${answer.status}`);
  await until(
    () => listenerPid(rig),
    (pid) => pid === undefined,
    'the end of the listener',
  );
  assert.equal(fs.readFileSync(witness, 'utf8'), '\n');
  assert.ok(!fs.existsSync(rig.home), 'and nothing is made there again');
});

rigTest('a damaged record is told, served to nobody, and can be removed', async (rig: Rig) => {
  const { url, secret } = await addTrigger(rig, ['hook', 'true']);
  const whole = await addTrigger(rig, ['whole', 'true']);
  const path = join(rig.home, 'triggers/hook/record.json');
  fs.writeFileSync(path, fs.readFileSync(path, 'utf8').replace(secret, `${secret.slice(1)}0`));
  assert.equal((await send(url, { headers: bearer(`${secret.slice(1)}0`) })).status, 401);
  assert.equal((await send(whole.url, { headers: bearer(whole.secret) })).status, 202);
  const [row] = await rig.json(['trigger', 'ls']);
  assert.deepEqual(
    [row.name, row.listening, row.unreadable],
    ['hook', false, 'record.json: its checksum is wrong: it was changed'],
  );
  assert.equal((await rig.bgjob(['trigger', 'rotate', 'hook'])).code, 125);
  assert.equal((await rig.bgjob(['trigger', 'rm', 'hook'])).code, 0);
  await removeTriggers(rig);
});
