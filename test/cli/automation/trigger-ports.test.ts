/**
 * Where a listener listens: one for each address and port, which stay what they are; ports that others have.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { listenerOf } from '../../../src/engine/automation/service-jobs.ts';
import { addTemplate } from '../../../src/job/automation/template-records.ts';
import { openHome } from '../../../src/job/home/home.ts';
import { bearer, send } from '../../rig/http.ts';
import { freePort } from '../../rig/ports.ts';
import { ROOT, rigTest } from '../../rig/rig.ts';
import { triggerCalled } from '../../rig/triggerrecord.ts';
import { addTrigger, listenerPid, listenersOf, removeTriggers, slayListener } from '../../rig/triggers.ts';
import { until } from '../../rig/until.ts';

const portOf = (url: string): string => new URL(url).port;

function occupy(port: number, host = '127.0.0.1'): Promise<Server> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve(server));
  });
}
const release = (server: Server): Promise<unknown> => new Promise((resolve) => server.close(resolve));

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

rigTest('a command starts eight listeners at most, the next one goes on', async (rig) => {
  await rig.bgjob(['run', '--wait', '--', 'true']);
  const opened = openHome(rig.home, true);
  assert.ok(opened.ok);
  const home = opened.value;
  // no machine has such an address: the listeners try again and again, and take no port
  for (let n = 1; n <= 10; n++)
    addTemplate(home, home.triggers, home.trigger(`t${n}`), {
      ...triggerCalled(`t${n}`),
      host: '192.0.2.1',
      port: 20_000 + n,
    });
  const counts: number[] = [];
  for (let n = 0; n < 3; n++) counts.push((await listenersOf(rig)).length);
  assert.deepEqual(counts, [0, 8, 10]);
  await removeTriggers(rig);
});

rigTest('listeners that do not listen yet do not hold up the others', async (rig) => {
  const opened = openHome(rig.home, true);
  assert.ok(opened.ok);
  const home = opened.value;
  const slow = [];
  for (let port = 20_001; port <= 20_010; port++) {
    const address = { host: '192.0.2.1', port };
    addTemplate(home, home.triggers, home.trigger(`t${port}`), { ...triggerCalled(`t${port}`), ...address });
    // its job is there, and opens no FIFO
    const { name } = listenerOf(home, address);
    const command = ['sh', '-c', 'sleep 1000', process.execPath, join(ROOT, 'dist/boot.js'), '--triggers'];
    if (slow.length < 8) slow.push(await rig.run(['-n', name, '--', ...command], { cwd: rig.home }));
  }
  await rig.bgjob(['ls']);
  assert.equal((await listenersOf(rig)).length, 10);
  assert.equal((await rig.bgjob(['kill', '--now', ...slow.map(String)])).code, 0);
  await removeTriggers(rig);
});

rigTest('a port that somebody else has: add fails, says who, and writes nothing', async (rig) => {
  const port = await freePort();
  const server = await occupy(port);
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
    assert.match(
      kill.stderr,
      /the next bgjob command starts it again, as long as it is needed: bgjob trigger --help/,
    );
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
    // it answers before its supervisor has recorded that it runs
    const served = (await listenersOf(rig)).filter(({ state }) => ['starting', 'running'].includes(state));
    assert.equal(served.length, 1);
    assert.match(
      (await rig.bgjob(['boot'])).stdout,
      new RegExp(`^triggers: hook \\(job ${served[0].id}\\)\n$`),
    );
    await removeTriggers(rig);
  },
);
