/** Whatever stands in the places of a trigger's files: nobody hangs, nothing is followed out of the home, and the listener goes on. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { bearer, send } from '../rig/http.ts';
import { manyCalls } from '../rig/manycalls.ts';
import { type Rig, rigTest } from '../rig/rig.ts';
import {
  addTrigger,
  eventsOf,
  listenerPid,
  listenersOf,
  removeTriggers,
  slayListener,
} from '../rig/triggers.ts';
import { until } from '../rig/until.ts';

const keyOf = (delivery: string): string => createHash('sha256').update(delivery).digest('hex');

/** Puts something else there; `victim`: a file outside of the home. */
const KINDS: Record<string, (path: string, victim: string) => void> = {
  directory: (path) => fs.mkdirSync(path),
  FIFO: (path) => assert.equal(spawnSync('mkfifo', [path]).status, 0),
  link: (path, victim) => fs.symlinkSync(victim, path),
  'link to nothing': (path) => fs.symlinkSync('/nowhere', path),
  'empty file': (path) => fs.writeFileSync(path, ''),
  'no JSON': (path) => fs.writeFileSync(path, 'hello\n'),
  'other JSON': (path) => fs.writeFileSync(path, '{"v":1}\n'),
  'large file': (path) => fs.writeFileSync(path, 'x'.repeat(20_000_000)),
};

rigTest('something else in the place of a record, journal or claim', async (rig) => {
  const { url, secret } = await addTrigger(rig, ['hook', 'true']);
  const victim = join(rig.dir, 'victim');
  fs.writeFileSync(victim, 'mine\n');
  const dir = join(rig.home, 'triggers', 'hook');
  let delivery = 'd0';
  const deliver = () => send(url, { headers: { ...bearer(secret), 'Webhook-Id': delivery } });
  assert.equal((await deliver()).status, 202);
  const pid = listenerPid(rig);
  for (const [kind, put] of Object.entries(KINDS))
    for (const place of ['record.json', 'history', 'history.1', 'claim', 'paused', 'record.json.tmp']) {
      delivery = `${kind} ${place}`;
      const path = join(dir, place === 'claim' ? `at.${keyOf(delivery)}.1` : place);
      const aside = `${rig.dir}/aside`;
      const wasThere = fs.existsSync(path);
      if (wasThere) fs.renameSync(path, aside);
      put(path, victim);
      const { status } = await deliver();
      const wanted = place === 'record.json' ? 401 : place === 'claim' ? 409 : 202;
      assert.equal(status, wanted, delivery);
      const calls = [
        ['trigger', 'ls'],
        ['trigger', 'ls', 'hook'],
      ];
      for (const { code, stderr } of await manyCalls(rig, calls)) {
        assert.equal(code, 0, `${delivery}: ${stderr}`);
        assert.doesNotMatch(stderr, /bug in bgjob/);
      }
      // a journal that is large is put aside
      fs.rmSync(path, { recursive: true, force: true });
      if (wasThere) fs.renameSync(aside, path);
    }
  assert.equal(fs.readFileSync(victim, 'utf8'), 'mine\n');
  assert.equal(listenerPid(rig), pid, 'the same process, all the time');
  const [listener] = await listenersOf(rig);
  assert.doesNotMatch(rig.log(listener.id), /bug in bgjob/);
  delivery = 'd0';
  assert.equal((await deliver()).status, 409);
  // the room itself is somebody's: nothing is served there, and all is told
  const room = join(rig.home, 'triggers');
  fs.renameSync(room, `${room}.aside`);
  fs.symlinkSync(`${room}.aside`, room);
  assert.match((await rig.bgjob(['trigger', 'ls'])).stderr, /triggers is a symbolic link/);
  fs.unlinkSync(room);
  fs.renameSync(`${room}.aside`, room);
  await removeTriggers(rig);
});

async function restarted(rig: Rig, url: string): Promise<void> {
  await slayListener(rig, false);
  await until(
    () =>
      send(url).then(
        ({ status }) => status,
        () => 0,
      ),
    (status) => status === 401,
    'the next listener',
  );
}

rigTest('a delivery is forgotten after a day, and not before', async (rig) => {
  const { url, secret } = await addTrigger(rig, ['hook', 'true']);
  const deliver = async (id: string) =>
    (await send(url, { headers: { ...bearer(secret), 'Webhook-Id': id } })).status;
  for (const id of ['old', 'new']) assert.equal(await deliver(id), 202);
  const claim = (id: string) => join(rig.home, 'triggers/hook', `at.${keyOf(id)}.1`);
  const hours = (n: number) => Date.now() / 1000 - n * 3600;
  fs.utimesSync(claim('old'), hours(24.1), hours(24.1));
  fs.utimesSync(claim('new'), hours(23.9), hours(23.9));
  await restarted(rig, url);
  await until(
    () => fs.existsSync(claim('old')),
    (isThere) => !isThere,
    'the old one forgotten',
  );
  assert.equal(await deliver('new'), 409);
  assert.equal(await deliver('old'), 202);
  const started = (await eventsOf(rig, 'hook')).filter(({ did }) => did === 'started');
  assert.deepEqual(
    started.map(({ delivery }) => delivery),
    ['old', 'new', 'old'],
    'none is noted a second time',
  );
  await removeTriggers(rig);
});
