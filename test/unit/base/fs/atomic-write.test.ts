/**
 * Durable files: whole or not there, modes whatever the umask is, and nothing that stands in the place of a
 * record makes us hang.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fsModule, * as fs from 'node:fs';
import { join } from 'node:path';
import { mock, test } from 'node:test';
import {
  attempt,
  claim,
  createNameless,
  removeQuietly,
  touch,
  writeAtomic,
  writeHint,
} from '../../../../src/base/fs/atomic-write.ts';

import { createExclusive, createLog } from '../../../../src/base/fs/open-file.ts';

import { createBlank } from '../../../../src/base/fs/preallocated.ts';
import { namesIn, readAt, readRecord } from '../../../../src/base/fs/read-record.ts';
import { folderTest } from '../../../rig/folder.ts';

const modeOf = (path: string): number => fs.statSync(path).mode & 0o7777;
const isErrno = (errno: string) => (thrown: unknown) => (thrown as NodeJS.ErrnoException).code === errno;

folderTest(
  'a record is replaced as a whole, leaves nothing beside it, and is ours alone under any umask',
  (dir) => {
    const before = process.umask();
    try {
      for (const mask of [0o000, 0o077, 0o777]) {
        process.umask(mask);
        const path = join(dir, `record-${mask}`);
        writeAtomic(path, 'first');
        writeAtomic(path, 'second');
        assert.equal(fs.readFileSync(path, 'utf8'), 'second');
        assert.equal(modeOf(path), 0o600);
        assert.equal(claim(`${path}.claim`, 'mine'), true);
        assert.equal(modeOf(`${path}.claim`), 0o600);
        fs.closeSync(createLog(`${path}.log`));
        assert.equal(modeOf(`${path}.log`), 0o600);
        createBlank(`${path}.blank`, 8);
        assert.equal(modeOf(`${path}.blank`), 0o600);
      }
    } finally {
      process.umask(before);
    }
    assert.equal(fs.readdirSync(dir).length, 12, fs.readdirSync(dir).join());
  },
);

folderTest('a reader sees the old or the new record, never a part', async (dir) => {
  const path = join(dir, 'record');
  const texts = ['a'.repeat(100_000), 'b'.repeat(50_000)];
  writeAtomic(path, texts[0]!);
  const script = `
    const fs = require('node:fs');
    let seen = new Set();
    process.stdout.write('reading');
    while (!fs.existsSync(process.argv[1] + '.done')) { const t = fs.readFileSync(process.argv[1], 'utf8'); seen.add(t[0] + t.length + (t === t[0].repeat(t.length))); }
    process.stdout.write(JSON.stringify([...seen]));`;
  const reader = spawn(process.execPath, ['-e', script, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  let out = '';
  reader.stdout.on('data', (chunk) => (out += chunk));
  await once(reader.stdout, 'data');
  for (let n = 0; n < 200; n++) writeAtomic(path, texts[n % 2]!);
  touch(`${path}.done`);
  await once(reader, 'close');
  for (const kind of JSON.parse(out.slice('reading'.length))) assert.match(kind, /^(a100000|b50000)true$/);
});

folderTest("what was left by a killed writer is in nobody's way; a link is never followed", (dir) => {
  const path = join(dir, 'record');
  fs.writeFileSync(`${path}.tmp`, 'half a rec');
  writeAtomic(path, 'whole');
  assert.equal(fs.readFileSync(path, 'utf8'), 'whole');
  const victim = join(dir, 'victim');
  fs.writeFileSync(victim, 'precious');
  fs.symlinkSync(victim, `${path}.tmp`);
  writeAtomic(path, 'x');
  fs.linkSync(victim, `${path}.tmp`);
  writeAtomic(path, 'y');
  assert.equal(fs.readFileSync(path, 'utf8'), 'y');
  fs.symlinkSync(dir, join(dir, 'through'));
  assert.throws(() => writeAtomic(join(dir, 'through/record'), 'z'), isErrno('ELOOP'));
  assert.throws(() => claim(join(dir, 'through/claim'), 'z'), isErrno('ELOOP'));
  for (const make of [createLog, createExclusive, (at: string) => createNameless(at, 'x')]) {
    const link = join(dir, 'link');
    fs.symlinkSync(victim, link);
    assert.throws(() => make(link), isErrno('EEXIST'));
    fs.unlinkSync(link);
  }
  assert.equal(fs.readFileSync(victim, 'utf8'), 'precious');
  assert.equal(fs.readFileSync(path, 'utf8'), 'y');
});

folderTest('a claim has one winner and keeps its text', (dir) => {
  const path = join(dir, 'owner.1');
  assert.equal(claim(path, 'first'), true);
  assert.equal(claim(path, 'second'), false);
  assert.equal(fs.readFileSync(path, 'utf8'), 'first');
  assert.throws(() => claim(join(dir, 'none', 'owner.1'), 'x'), isErrno('ENOENT'));
  assert.deepEqual(fs.readdirSync(dir), ['owner.1']);
});

folderTest('a temporary file of another process with this pid is no claim, and stays', (dir) => {
  const path = join(dir, 'owner.1');
  const others = Array.from({ length: 100 }, (_, n) => `${path}.${process.pid}.${n}.tmp`);
  for (const other of others) fs.writeFileSync(other, 'other');
  assert.equal(claim(path, 'mine'), true);
  assert.equal(fs.readFileSync(path, 'utf8'), 'mine');
  for (const other of others) assert.equal(fs.readFileSync(other, 'utf8'), 'other');
});

folderTest('blanks are there all at once, and never over a record', (dir) => {
  const path = join(dir, 'end');
  const write = mock.method(fsModule, 'writeSync', (...args: Parameters<typeof fs.writeSync>) => {
    assert.ok(!fs.existsSync(path), 'a file whose blanks are not written yet');
    return fs.writevSync(args[0], [args[1] as unknown as Uint8Array]);
  });
  try {
    createBlank(path, 4096);
  } finally {
    write.mock.restore();
  }
  assert.equal(write.mock.callCount(), 1);
  assert.equal(fs.readFileSync(path, 'utf8'), ' '.repeat(4096));
  fs.writeFileSync(path, 'the end');
  assert.throws(() => createBlank(path, 4096), isErrno('EEXIST'));
  assert.equal(fs.readFileSync(path, 'utf8'), 'the end');
  assert.deepEqual([fs.readdirSync(dir), fs.statSync(path).nlink], [['end'], 1]);
});

folderTest('a log is only ever added to', (dir) => {
  const path = join(dir, 'log');
  const fd = createLog(path);
  fs.writeSync(fd, 'one', 0);
  fs.writeSync(fd, 'two', 0);
  fs.closeSync(fd);
  assert.equal(fs.readFileSync(path, 'utf8'), 'onetwo');
  assert.throws(() => createLog(path), isErrno('EEXIST'));
});

folderTest('a nameless file is readable through its descriptor alone', (dir) => {
  const fd = createNameless(join(dir, 'env.tmp'), 'secret');
  assert.deepEqual(fs.readdirSync(dir), []);
  const bytes = Buffer.alloc(10);
  assert.equal(readAt(fd, bytes, 0), 6);
  assert.equal(readAt(fd, bytes, 4), 2);
  assert.equal(readAt(fd, bytes, 100), 0);
  fs.closeSync(fd);
});

folderTest('whatever stands where a record should be is told, at once', (dir) => {
  const at = (name: string) => join(dir, name);
  assert.deepEqual(readRecord(at('none')), { kind: 'absent' });
  fs.writeFileSync(at('file'), 'text');
  assert.deepEqual(readRecord(at('file')), { kind: 'text', text: 'text' });
  assert.deepEqual(readRecord(at('file/below')), { kind: 'absent' });
  fs.writeFileSync(at('empty'), '');
  assert.deepEqual(readRecord(at('empty')), { kind: 'text', text: '' });
  fs.mkdirSync(at('directory'));
  spawnSync('mkfifo', [at('fifo')]);
  for (const name of ['directory', 'fifo'])
    assert.deepEqual(readRecord(at(name)), { kind: 'unreadable', why: 'it is not a regular file' });
  assert.deepEqual(readRecord('/dev/zero'), { kind: 'unreadable', why: 'it is not a regular file' });
  for (const target of ['file', 'nowhere', 'link']) {
    fs.rmSync(at('link'), { force: true });
    fs.symlinkSync(target, at('link'));
    assert.deepEqual(readRecord(at('link')), { kind: 'unreadable', why: 'it is a symbolic link' });
  }
  fs.writeFileSync(at('huge'), '');
  fs.truncateSync(at('huge'), 2 ** 40);
  assert.deepEqual(readRecord(at('huge')), { kind: 'unreadable', why: 'it is too large' });
});

folderTest('names, markers and quiet removals', (dir) => {
  assert.deepEqual(namesIn(join(dir, 'none')), []);
  touch(join(dir, 'mark'));
  touch(join(dir, 'mark'));
  spawnSync('mkfifo', [join(dir, 'mark.fifo')]);
  touch(join(dir, 'mark.fifo'));
  fs.rmSync(join(dir, 'mark.fifo'));
  assert.deepEqual(namesIn(dir), ['mark']);
  assert.deepEqual(namesIn(join(dir, 'mark')), []);
  removeQuietly(join(dir, 'mark'));
  removeQuietly(join(dir, 'mark'));
  assert.deepEqual(namesIn(dir), []);
});

folderTest('a hint is written into a file of its own alone, at once', (dir) => {
  const at = (name: string) => join(dir, name);
  writeHint(at('hint'), 'long text\n');
  writeHint(at('hint'), '7\n');
  assert.equal(fs.readFileSync(at('hint'), 'utf8'), '7\n');
  fs.writeFileSync(at('victim'), 'precious');
  fs.symlinkSync(at('victim'), at('link'));
  fs.linkSync(at('victim'), at('other'));
  fs.mkdirSync(at('directory'));
  spawnSync('mkfifo', [at('fifo')]);
  for (const [name, errno] of [
    ['link', 'ELOOP'],
    ['other', 'EMLINK'],
    ['directory', 'EISDIR'],
    ['fifo', 'ENXIO'],
  ] as const)
    assert.throws(() => writeHint(at(name), 'x'), isErrno(errno), name);
  assert.equal(fs.readFileSync(at('victim'), 'utf8'), 'precious');
});

test('a system error becomes a failure, a bug stays one', () => {
  const failed = attempt('read', '/x', () => fs.readFileSync('/nonexistent'));
  assert.deepEqual(failed, {
    ok: false,
    failure: { code: 'io', doing: 'read', path: '/x', errno: 'ENOENT' },
  });
  assert.deepEqual(
    attempt('read', '/x', () => 5),
    { ok: true, value: 5 },
  );
  assert.throws(() => attempt('read', '/x', () => (undefined as unknown as string).length), TypeError);
});
