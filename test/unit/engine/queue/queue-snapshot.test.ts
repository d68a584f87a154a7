/** Which numbers of slots are taken, while several processes admit one job. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { identify } from '../../../../src/engine/os/process-identity.ts';
import { QueueSnapshot } from '../../../../src/engine/queue/queue-snapshot.ts';
import { openHome } from '../../../../src/job/home/home.ts';
import { claimOwner } from '../../../../src/job/home/records.ts';
import { claimAdmission, forgetAdmissions, listAdmissions } from '../../../../src/job/queue/admissions.ts';
import { makeQueue } from '../../../../src/job/queue/queue-files.ts';
import { folderTest } from '../../../rig/folder.ts';

folderTest('of several admissions of one job its owner counts, and those that want to be the next', (dir) => {
  const opened = openHome(join(dir, 'home'), true);
  assert.ok(opened.ok);
  const home = opened.value;
  const queue = makeQueue(home, 'q');
  const job = home.job(7);
  fs.mkdirSync(job.dir, { recursive: true, mode: 0o700 });
  execFileSync('mkfifo', [job.alive]);
  const locked = fs.openSync(job.alive, fs.constants.O_RDWR);
  const snapshot = new QueueSnapshot(home, 'q');
  const admit = (slot: number, generation: number) =>
    claimAdmission(queue, { id: 7, sandbox: 'x', generation }, () => ({ slot }));
  const free = (slots: number) => snapshot.freeSlot(slots, snapshot.locked());
  try {
    assert.equal(free(2), 1);
    admit(1, 1);
    assert.equal(free(2), 2);
    admit(2, 1);
    assert.deepEqual([free(3), free(2)], [3, 'full'], 'either may be the one that starts it');
    const identity = identify(process.pid)!;
    claimOwner(job, { generation: 1, identity, slot: 2 });
    assert.equal(free(2), 1, 'that of the process that was too late is free');
    claimOwner(job, { generation: 2, identity, slot: 2 });
    assert.equal(free(2), 1, 'an adopter keeps it');
    admit(1, 3);
    assert.equal(free(3), 3, 'the next attempt is being started');
  } finally {
    fs.closeSync(locked);
  }
  assert.equal(free(2), 1, 'it has ended');
});

folderTest('a claim that another process made first is made again, after another look', (dir) => {
  const opened = openHome(join(dir, 'home'), true);
  assert.ok(opened.ok);
  const queue = makeQueue(opened.value, 'q');
  const seen: number[] = [];
  const own = { id: 8, sandbox: 'x', generation: 1 };
  const claimed = claimAdmission(queue, own, (number) => {
    seen.push(number);
    if (number === 1) fs.symlinkSync('7.x.1.1', queue.admission(1));
    return { slot: number };
  });
  assert.deepEqual([seen, claimed], [[1, 2], { slot: 2 }]);
  assert.equal(
    claimAdmission(queue, own, () => 'full'),
    undefined,
  );
  assert.deepEqual(
    fs
      .readdirSync(queue.dir)
      .filter((name) => name.startsWith('start.'))
      .sort(),
    ['start.1', 'start.2'],
  );
});

folderTest('a process that was slow does not claim a number that others had meanwhile', (dir) => {
  const opened = openHome(join(dir, 'home'), true);
  assert.ok(opened.ok);
  const queue = makeQueue(opened.value, 'q');
  const seen: number[] = [];
  const claimed = claimAdmission(queue, { id: 8, sandbox: 'x', generation: 1 }, (number) => {
    seen.push(number);
    if (seen.length > 1) return { slot: 2 };
    // one job has started and ended, and the next one runs
    for (const id of [6, 7]) claimAdmission(queue, { id, sandbox: 'x', generation: 1 }, () => ({ slot: 1 }));
    const [first, second] = listAdmissions(queue);
    forgetAdmissions(queue, [first!], second!.number);
    return { slot: 1 };
  });
  assert.deepEqual([seen, claimed], [[1, 3], { slot: 2 }]);
  assert.deepEqual(
    listAdmissions(queue).map(({ number, id }) => [number, id]),
    [
      [2, 7],
      [3, 8],
    ],
  );
});
