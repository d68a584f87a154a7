/** The journal of a schedule: one time is no range, and up to when all of them have a word. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { identify } from '../../../../src/engine/os/process-identity.ts';
import {
  appendEvent,
  claimStart,
  lastStarted,
  readEvents,
  recordedUntil,
  unnotedClaims,
} from '../../../../src/job/automation/template-records.ts';
import { Home } from '../../../../src/job/home/home.ts';
import { folderTest } from '../../../rig/folder.ts';

const event = { did: 'skipped', why: null, job: null, by: 'time', notedAt: 9000 } as const;

folderTest(
  'one time is no range; what is noted or claimed is accounted for, not what came by hand',
  (dir) => {
    const paths = new Home(dir, 'a'.repeat(32)).schedule('tick');
    fs.mkdirSync(paths.dir, { recursive: true });
    assert.equal(recordedUntil(paths, 500, 9000), 500);
    assert.equal(recordedUntil(paths, 500, 400), 400, 'the clock was set back');
    appendEvent(paths, { ...event, at: 1000, until: 1000, times: 1 });
    appendEvent(paths, { ...event, at: 2000, until: 3000, times: 2 });
    appendEvent(paths, { ...event, at: 7000, until: null, times: 1, by: 'hand' });
    assert.deepEqual(
      readEvents(paths).map(({ until }) => until),
      [null, 3000, null],
    );
    assert.equal(recordedUntil(paths, 500, 9000), 3000);
    claimStart(paths, { key: '4000', generation: 1, job: 7, by: identify(process.pid)! });
    assert.equal(recordedUntil(paths, 500, 9000), 4000, 'a word on it is to come');
    assert.equal(recordedUntil(paths, 500, 3500), 3000, 'not after now');
  },
);

folderTest('claims without an event: also before the first one, unless the journal lost entries', (dir) => {
  const home = new Home(dir, 'a'.repeat(32));
  const by = identify(process.pid)!;
  for (const [paths, keys] of [
    [home.schedule('tick'), ['1000', '2000', '3000']],
    [home.trigger('push'), ['a', 'b', 'c'].map((digit) => digit.repeat(64))],
  ] as const) {
    fs.mkdirSync(paths.dir, { recursive: true });
    for (const [n, key] of keys.entries()) {
      claimStart(paths, { key, generation: 1, job: 10 + n, by });
      fs.utimesSync(paths.claim(key, 1), n + 1, n + 1);
    }
    const found = () => unnotedClaims(paths, readEvents(paths)).map(({ claim }) => claim?.job);
    assert.deepEqual(found().sort(), [10, 11, 12], 'there is no event');
    const record = { ...event, did: 'started', job: 11, at: 2000, until: null, times: 1 } as const;
    appendEvent(paths, { ...record, notedAt: 2000 });
    assert.deepEqual(found().sort(), [10, 12]);
    appendEvent(paths, { ...record, at: 3000, job: 12, by: 'hand', notedAt: 3000 });
    assert.deepEqual(found().sort(), [10, 12], 'an event by hand is of no claim');
    fs.writeFileSync(paths.record, '');
    assert.deepEqual(
      [...lastStarted(home)].filter((id) => id === 10 || id === 12).sort(),
      [10, 12],
      'their jobs are kept',
    );
    fs.renameSync(paths.history, `${paths.history}.1`);
    assert.deepEqual(found(), [12], 'the event of the first may be gone');
    fs.writeFileSync(paths.claim(keys[2], 2), 'no claim');
    assert.deepEqual(found(), [undefined], 'it cannot be read');
  }
});
