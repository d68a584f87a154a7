/**
 * What a listener is given: an address of IPv6, one for others, a home that goes, a record that is damaged.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { bearer, send } from '../rig/http.ts';
import { freePort } from '../rig/ports.ts';
import { type Rig, rigTest } from '../rig/rig.ts';
import { addTrigger, listenerPid, listenersOf, recordOf, removeTriggers } from '../rig/triggers.ts';
import { until } from '../rig/until.ts';

const portOf = (url: string): string => new URL(url).port;

const HAS_V6 = Object.values(networkInterfaces()).some((list) =>
  list?.some(({ address }) => address === '::1'),
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
    /^warning: everyone who can reach this machine can reach this listener, and deliveries are not encrypted/,
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
