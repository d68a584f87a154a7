/** The folder of a target, while gc removes it and a job is added. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { type Home, openHome } from '../../../../src/job/home/home.ts';
import { sshTarget, type Target } from '../../../../src/job/target.ts';
import {
  claimTarget,
  listTargetJobs,
  listTargetKeys,
  markTargetDone,
  markTargetJob,
  readTarget,
  removeTarget,
} from '../../../../src/job/targets/target-records.ts';
import { folderTest } from '../../../rig/folder.ts';

const ADDED = { world: 'w', place: null, bootId: 'b', machine: 'm' };

function withTarget(dir: string): { home: Home; target: Target; mark: (id: number) => void } {
  const opened = openHome(join(dir, 'home'), true);
  assert.ok(opened.ok);
  const home = opened.value;
  const target = claimTarget(home, sshTarget('box', 'gpu1'), ADDED, () => true);
  return { home, target, mark: (id) => markTargetJob(home, target, id, () => ADDED) };
}

folderTest('a folder with a job, or with files that are left there, stays', (dir) => {
  const { home, target, mark } = withTarget(dir);
  mark(7);
  assert.equal(removeTarget(home, target.key), false);
  markTargetDone(home, target.key, 7, 1);
  assert.equal(removeTarget(home, target.key), false);
  assert.deepEqual(listTargetKeys(home), [target.key]);
});

folderTest('a job that is marked after its folder was removed makes it again', (dir) => {
  const { home, target, mark } = withTarget(dir);
  assert.equal(removeTarget(home, target.key), true);
  assert.deepEqual(listTargetKeys(home), []);
  mark(8);
  assert.deepEqual(listTargetJobs(home, target.key), [8]);
  assert.deepEqual(readTarget(home, target.key), { v: 1, target, added: ADDED });
});

folderTest('a job that is marked while its folder is removed keeps its marker', (dir) => {
  const { home, target, mark } = withTarget(dir);
  const { live } = home.target(target.key);
  const own: any = require('node:fs');
  const { rmdirSync } = own;
  own.rmdirSync = (path: string) => {
    rmdirSync(path);
    if (path !== live) return;
    mark(9);
    assert.ok(fs.existsSync(`${live}/9`));
  };
  try {
    assert.equal(removeTarget(home, target.key), true);
  } finally {
    own.rmdirSync = rmdirSync;
  }
  assert.deepEqual(listTargetJobs(home, target.key), [9]);
  assert.deepEqual(readTarget(home, target.key)?.target, target);
});

folderTest('a job that is marked while its folder is removed a second time keeps its marker', (dir) => {
  const { home, target, mark } = withTarget(dir);
  assert.equal(removeTarget(home, target.key), true);
  const { dir: folder, done } = home.target(target.key);
  const own: any = require('node:fs');
  const { mkdirSync } = own;
  let removed = 0;
  own.mkdirSync = (path: string, ...rest: unknown[]) => {
    mkdirSync(path, ...rest);
    if (path !== done || removed > 0) return;
    removed++;
    fs.rmSync(folder, { recursive: true });
  };
  try {
    mark(10);
  } finally {
    own.mkdirSync = mkdirSync;
  }
  assert.equal(removed, 1);
  assert.deepEqual(listTargetJobs(home, target.key), [10]);
  assert.deepEqual(readTarget(home, target.key)?.target, target);
});
