/** Directories that are ours: what is not is told, and what is deleted in one is in that one, also while somebody swaps links in. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { join } from 'node:path';
import {
  emptyDirectory,
  inDirectory,
  inspectDirectory,
  requireDirectory,
} from '../../../../src/base/fs/directories.ts';
import { folderTest } from '../../../rig/folder.ts';
import { rounds } from '../../../rig/rounds.ts';

const isErrno = (errno: string) => (thrown: unknown) => (thrown as NodeJS.ErrnoException).code === errno;

folderTest('what stands in the place of a directory', (dir) => {
  const at = (name: string) => join(dir, name);
  for (const [name, mode] of [
    ['own', 0o700],
    ['read', 0o755],
    ['group', 0o770],
    ['sticky', 0o1777],
  ] as const) {
    fs.mkdirSync(at(name));
    fs.chmodSync(at(name), mode);
  }
  fs.symlinkSync(at('own'), at('link'));
  fs.symlinkSync('nowhere', at('dangling'));
  fs.writeFileSync(at('file'), '');
  spawnSync('mkfifo', [at('fifo')]);
  const found = ['own', 'read', 'group', 'sticky', 'link', 'dangling', 'file', 'fifo', 'none'].map((name) =>
    inspectDirectory(at(name)),
  );
  const open = 'open-to-others';
  const [link, no] = ['symbolic-link', 'not-a-directory'];
  assert.deepEqual(found, ['ours', 'ours', open, open, link, link, no, no, 'absent']);
  requireDirectory(at('own'));
  assert.throws(() => requireDirectory(at('link')), isErrno('ELOOP'));
  assert.throws(() => requireDirectory(at('fifo')), isErrno('ENOTDIR'));
  for (const name of ['link', 'dangling', 'file', 'fifo'])
    assert.throws(() => inDirectory(at(name), () => assert.fail()), isErrno('ENOTDIR'));
});

folderTest('everything in a directory goes, links as links', (dir) => {
  const at = (name: string) => join(dir, name);
  fs.mkdirSync(at('victim/sub'), { recursive: true });
  fs.writeFileSync(at('victim/sub/file'), 'precious');
  fs.mkdirSync(at('trash/a/b/c'), { recursive: true });
  fs.writeFileSync(at('trash/a/b/c/file'), '');
  fs.symlinkSync(at('victim'), at('trash/link'));
  fs.symlinkSync(at('victim/sub/file'), at('trash/a/b/link'));
  fs.linkSync(at('victim/sub/file'), at('trash/a/other'));
  spawnSync('mkfifo', [at('trash/a/fifo')]);
  emptyDirectory(at('trash'));
  assert.deepEqual(fs.readdirSync(at('trash')), []);
  assert.equal(fs.readFileSync(at('victim/sub/file'), 'utf8'), 'precious');
  fs.rmdirSync(at('trash'));
  fs.symlinkSync(at('victim'), at('trash'));
  assert.throws(() => emptyDirectory(at('trash')), isErrno('ENOTDIR'));
  assert.deepEqual(fs.readdirSync(at('victim/sub')), ['file']);
});

folderTest('a directory that becomes a link while it is emptied leads nowhere', async (dir) => {
  const at = (name: string) => join(dir, name);
  fs.mkdirSync(at('victim'));
  for (let n = 0; n < 50; n++) fs.writeFileSync(at(`victim/${n}`), 'precious');
  fs.mkdirSync(at('trash'));
  // swaps trash/job/out and a link to the victim, as fast as it can
  const script = `
    const fs = require('node:fs');
    const [dir] = process.argv.slice(1);
    const quietly = (act) => { try { act(); } catch {} };
    process.stdout.write('swapping');
    for (;;) {
      quietly(() => fs.symlinkSync(dir + '/victim', dir + '/link'));
      quietly(() => fs.renameSync(dir + '/trash/job/out', dir + '/real'));
      quietly(() => fs.renameSync(dir + '/link', dir + '/trash/job/out'));
      quietly(() => fs.renameSync(dir + '/trash/job/out', dir + '/link'));
      quietly(() => fs.renameSync(dir + '/real', dir + '/trash/job/out'));
    }`;
  const swapper = spawn(process.execPath, ['-e', script, dir], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(swapper, 'exit');
  try {
    await once(swapper.stdout, 'data');
    for (let round = 0; round < rounds(100, 300); round++) {
      // made elsewhere: what is made under a path that is swapped may be made in the victim
      fs.mkdirSync(at(`new${round}/out`), { recursive: true });
      for (let n = 0; n < 50; n += 10) fs.writeFileSync(at(`new${round}/out/${n}`), '');
      try {
        fs.renameSync(at(`new${round}`), at('trash/job'));
      } catch {
        // the one before is still there: a swap came between
      }
      emptyDirectory(at('trash'));
    }
    assert.equal(fs.readdirSync(at('victim')).length, 50);
  } finally {
    swapper.kill('SIGKILL');
    await ended;
  }
});
