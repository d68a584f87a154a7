/** Where `sh` is busybox, as on Alpine: it picks its applet by the name under which it is started. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { basename, join } from 'node:path';
import { hasReader } from '../../src/base/fs/fifo.ts';
import { cannotUnshare } from '../rig/namespaces.ts';
import { missing } from '../rig/needs.ts';
import { rigTest } from '../rig/rig.ts';
import { inStore } from '../rig/store.ts';
import { until } from '../rig/until.ts';

const skip = cannotUnshare() || missing('busybox', 'nsenter');

rigTest(
  'the queue waiter starts a delayed job',
  (rig) =>
    inStore(rig, async (store) => {
      fs.copyFileSync('/usr/bin/busybox', `${store.dir}/fixed/sh`);
      await store.bgjob(['run', '--delay', '1s', '--', `${store.dir}/real/true`]);
      // no bgjob command is called meanwhile: it would start the job itself
      const queues = join(rig.home, 'queues');
      const [fifo] = fs
        .readdirSync(queues)
        .flatMap((name) => fs.readdirSync(join(queues, name)).map((entry) => join(queues, name, entry)))
        .filter((path) => basename(path).startsWith('keeper.'));
      const isStarted = () => fs.readdirSync(rig.file(1, '.')).some((name) => name.startsWith('owner.'));
      await until(
        () => isStarted() || !hasReader(fifo!),
        (over) => over,
        'the start of the job, or the end of the waiter',
      );
      assert.ok(isStarted());
      await rig.untilState(1, 'exited');
      await rig.untilLeft(1);
    }),
  { skip },
);
