/** The journal of a schedule: one time is no range, and up to when all of them have a word. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { identify } from '../../../../src/engine/os/process-identity.ts';
import {
  appendEvent,
  claimStart,
  readEvents,
  recordedUntil,
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
