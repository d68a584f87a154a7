/** The home of a long-lived process is found wherever it is moved, and no other at its path is taken for it. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../../../src/base/clock.ts';
import { AnchoredHome } from '../../../../src/job/home/anchored-home.ts';
import { openHome } from '../../../../src/job/home/home.ts';
import { folderTest } from '../../../rig/folder.ts';
import { until } from '../../../rig/until.ts';

/** A home with two jobs. */
function makeHome(path: string): AnchoredHome {
  const opened = openHome(path, true);
  assert.ok(opened.ok);
  for (const id of [1, 2]) fs.mkdirSync(opened.value.job(id).dir);
  return new AnchoredHome(opened.value);
}

folderTest('moved: all of its paths lead to where it is now; moved back, too', (dir) => {
  const [path, moved] = [join(dir, 'home'), join(dir, 'moved')];
  const home = makeHome(path);
  const job = home.anchor(1);
  assert.deepEqual([home.path, job.dir, home.job(1)], [path, `${path}/jobs/1`, job]);
  fs.renameSync(path, moved);
  makeHome(path);
  assert.deepEqual([home.path, job.log], [moved, `${moved}/jobs/1/out/log`]);
  assert.equal(home.job(2).dir, `${moved}/jobs/2`);
  assert.ok(home.isOpen() && home.hasJob(job) && !home.isRemoved(job));
  fs.rmSync(path, { recursive: true });
  fs.renameSync(moved, path);
  assert.deepEqual([home.path, job.dir], [path, `${path}/jobs/1`]);
});

folderTest(
  'removed, and another made at its path: its paths lead nowhere, and nothing can be made there',
  (dir) => {
    const path = join(dir, 'home');
    const home = makeHome(path);
    const job = home.anchor(1);
    fs.rmSync(path, { recursive: true });
    makeHome(path);
    assert.ok(!home.hasJob(job) && home.isRemoved(job) && !home.isOpen());
    for (const at of [job.state, `${home.live}/1`, home.job(2).state]) {
      assert.equal(fs.existsSync(at), false);
      assert.throws(() => fs.writeFileSync(at, ''), { code: 'ENOTDIR' });
    }
  },
);

folderTest(
  'emptied, and made anew in the same directory: it is not the same, and its jobs are others',
  (dir) => {
    const path = join(dir, 'home');
    const home = makeHome(path);
    const job = home.anchor(1);
    for (const name of fs.readdirSync(path)) fs.rmSync(join(path, name), { recursive: true });
    makeHome(path);
    assert.ok(!home.isOpen() && !home.hasJob(job) && home.isRemoved(job));
  },
);

folderTest('one job is away, and comes back', (dir) => {
  const home = makeHome(join(dir, 'home'));
  const job = home.anchor(1);
  const before = job.dir;
  fs.renameSync(before, join(dir, 'away'));
  fs.mkdirSync(before);
  assert.ok(!home.hasJob(job) && !home.isRemoved(job));
  fs.rmdirSync(before);
  fs.renameSync(join(dir, 'away'), before);
  assert.ok(home.hasJob(job));
});

folderTest('put back from a copy: it is taken if the job in it is ours, and has the same token', (dir) => {
  const [path, copy] = [join(dir, 'home'), join(dir, 'copy')];
  const home = makeHome(path);
  const job = home.anchor(1);
  fs.cpSync(path, copy, { recursive: true });
  assert.equal(
    home.reopen(1, () => true),
    false,
    'it is still there',
  );
  fs.rmSync(path, { recursive: true });
  assert.equal(
    home.reopen(1, () => true),
    false,
    'nothing was put back',
  );
  makeHome(path);
  assert.equal(
    home.reopen(1, () => true),
    false,
    'another',
  );
  fs.rmSync(path, { recursive: true });
  fs.renameSync(copy, path);
  assert.equal(
    home.reopen(1, () => false),
    false,
    'another owner',
  );
  assert.equal(
    home.reopen(1, () => true),
    true,
  );
  assert.ok(home.isOpen() && home.hasJob(job) && job.dir === `${path}/jobs/1`);
});

folderTest(
  'a job is released as often as it was anchored; what had its paths has no other by them',
  (dir) => {
    const home = makeHome(join(dir, 'home'));
    const job = home.anchor(1);
    assert.equal(home.anchor(1), job);
    home.release(1, job);
    assert.equal(home.job(1), job);
    home.release(1, job);
    assert.notEqual(home.job(1), job);
    fs.renameSync(job.dir, join(dir, 'away'));
    fs.mkdirSync(`${home.jobs}/1`);
    assert.ok(!home.hasJob(job));
  },
);

folderTest('a check counts for the time that is given, and not longer', async (dir) => {
  const [path, moved] = [join(dir, 'home'), join(dir, 'moved')];
  makeHome(path);
  const opened = openHome(path, false);
  assert.ok(opened.ok);
  const bound = (trustMs: number) => {
    const home = new AnchoredHome(opened.value!, trustMs);
    return { home, job: home.anchor(1) };
  };
  const [briefly, forever] = [bound(1), bound(Number.POSITIVE_INFINITY)];
  assert.deepEqual([briefly.job.dir, forever.job.dir], [`${path}/jobs/1`, `${path}/jobs/1`]);
  fs.renameSync(path, moved);
  const checkedMs = systemClock.monotonic();
  await until(
    () => systemClock.monotonic() - checkedMs,
    (ms) => ms > 1,
  );
  assert.equal(briefly.job.dir, `${moved}/jobs/1`);
  assert.equal(forever.job.dir, `${path}/jobs/1`);
});
