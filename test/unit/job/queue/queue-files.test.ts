/** Queues on disk, while somebody else removes them. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { openHome } from '../../../../src/job/home/home.ts';
import { addEntry, makeQueue } from '../../../../src/job/queue/queue-files.ts';
import { folderTest } from '../../../rig/folder.ts';

for (const step of ['mkdirSync', 'chmodSync'])
  folderTest(`a queue that is removed while it is made is made again: after ${step}`, (dir) => {
    const opened = openHome(join(dir, 'home'), true);
    assert.ok(opened.ok);
    const home = opened.value;
    const { dir: folder, waiting } = home.queue('api');
    // as if somebody renamed it away right after this step, three times
    const own: any = require('node:fs');
    const original = own[step];
    let removals = 0;
    own[step] = (path: string, ...others: unknown[]) => {
      const done = original(path, ...others);
      if (path === folder && removals++ < 3) fs.rmdirSync(folder);
      return done;
    };
    try {
      makeQueue(home, 'api');
    } finally {
      own[step] = original;
    }
    assert.ok(removals > 3 && fs.statSync(waiting).isDirectory());
  });

folderTest(
  'an entry of a queue that is renamed away before the flush stands: whoever removes the queue puts it back',
  (dir) => {
    const opened = openHome(join(dir, 'home'), true);
    assert.ok(opened.ok);
    const queue = makeQueue(opened.value, 'api');
    const own: any = require('node:fs');
    const { openSync } = own;
    own.openSync = (path: string, ...others: unknown[]) => {
      if (path !== queue.waiting) return openSync(path, ...others);
      own.openSync = openSync;
      fs.renameSync(queue.dir, `${queue.dir}~1`);
      return openSync(path, ...others);
    };
    try {
      addEntry(queue, '0.0.1.p');
    } finally {
      own.openSync = openSync;
    }
    assert.deepEqual(fs.readdirSync(`${queue.dir}~1/waiting`), ['0.0.1.p']);
  },
);
