/** Who a process is and whether it lives, told by the kernel; and whether somebody holds a FIFO. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { test } from 'node:test';
import {
  filesAt,
  hasOpen,
  hasOpenPath,
  identify,
  isAlive,
  isDeadState,
  isLocked,
  isSame,
  parsePsLine,
  parseStat,
  readStat,
  thisHost,
} from '../../../../src/engine/os/process-identity.ts';
import { readTable } from '../../../../src/engine/os/process-table.ts';
import { folderTest } from '../../../rig/folder.ts';
import fc from '../../../rig/property.ts';
import { until } from '../../../rig/until.ts';

const statLine = (pid: number, name: string, ticks: number) =>
  `${pid} (${name}) S 11 12 13 0 -1 4194560 100 0 0 0 1 2 3 4 20 0 1 0 ${ticks} 1000 200 18446744073709551615 1 1 0\n`;

test('a stat line, whatever the program calls itself', () => {
  const expected = { pid: 7, state: 'S', ppid: 11, group: 12, session: 13, startTicks: 987654 };
  for (const name of [
    'sh',
    'a) R (b',
    'x) Z 1 1 1',
    '',
    ' ',
    ')',
    '(',
    '))) ',
    'a\nb',
    '7 (sh) S',
    'bgjob[42]',
    '\xff',
  ])
    assert.deepEqual(parseStat(statLine(7, name, 987654)), expected, name);
  fc.assert(
    fc.property(fc.string({ unit: 'binary-ascii', maxLength: 16 }), (name) =>
      assert.deepEqual(parseStat(statLine(7, name, 987654)), expected),
    ),
  );
});

test('what is no whole stat line is no process', () => {
  const line = statLine(7, 'sh', 5);
  const fields = line.slice(0, line.indexOf(' 5 1000'));
  for (let cut = 0; cut <= fields.length; cut++)
    assert.equal(parseStat(line.slice(0, cut)), undefined, line.slice(0, cut));
  for (const text of [
    '',
    '\n',
    '    ',
    '0 (x) S',
    statLine(0, 'x', 5),
    statLine(-3, 'x', 5),
    'no such process',
    'x'.repeat(300),
  ])
    assert.equal(parseStat(text), undefined);
});

test('a line of ps', () => {
  const expected = {
    pid: 501,
    ppid: 1,
    group: 501,
    session: 501,
    state: 'S',
    startTicks: Date.UTC(2026, 10, 1, 3, 4, 5) / 1000,
  };
  assert.deepEqual(parsePsLine('  501     1   501      0 Ss   Sun Nov  1 03:04:05 2026    \n'), expected);
  assert.deepEqual(parsePsLine('501 1 501 501 S+ Sun Nov  1 03:04:05 2026'), expected);
  assert.equal(parsePsLine('501 1 500 9 Z Sun Nov  1 03:04:05 2026')?.session, 9);
  for (const line of [
    '',
    '\n',
    '501',
    '501 1 501 0 S',
    '501 1 501 0 S yesterday',
    'x 1 501 0 S Sun Nov  1 03:04:05 2026',
    'PID PPID PGID SESS STAT STARTED',
  ])
    assert.equal(parsePsLine(line), undefined, line);
});

test('ourselves, and the table of all', async () => {
  const self = readStat(process.pid)!;
  assert.deepEqual([self.pid, self.ppid], [process.pid, process.ppid]);
  const me = identify(process.pid)!;
  assert.equal(isAlive(me), 'alive');
  assert.ok(isSame(me, identify(process.pid)!));
  const table = await readTable();
  assert.equal(table.find(({ pid }) => pid === process.pid)?.startTicks, me.startTicks);
  assert.ok(table.every(({ state }) => !isDeadState(state)));
  for (const pid of [0, -1, 2 ** 22 + 1, Number.NaN]) assert.equal(identify(pid), undefined);
});

test('another start, boot, namespace or machine is another process', () => {
  const me = identify(process.pid)!;
  assert.equal(isAlive({ ...me, startTicks: me.startTicks + 1 }), 'dead');
  assert.equal(isAlive({ ...me, bootId: 'another' }), 'dead', 'before a restart');
  assert.equal(isAlive({ ...me, bootId: 'another', machine: 'another' }), 'unknown');
  assert.equal(isAlive({ ...me, pidNamespace: 'pid:[1]' }), 'unknown');
  assert.ok(thisHost().bootId !== '' && thisHost().machine !== '');
  for (const change of [{ pid: 1 }, { startTicks: 1 }, { bootId: 'x' }, { pidNamespace: 'x' }])
    assert.equal(isSame(me, { ...me, ...change }), false);
});

test('a zombie is dead', async () => {
  // its parent becomes a program that never asks how it ended; only then it ends
  const script = 'sh -c "read -r go <&3; exit 3" & echo $!; exec cat';
  const parent = spawn('/bin/sh', ['-c', script], { stdio: ['pipe', 'pipe', 'ignore', 'pipe'] });
  try {
    const [line] = await once(parent.stdout!, 'data');
    const pid = Number(String(line));
    await until(
      () => fs.readFileSync(`/proc/${parent.pid}/comm`, 'latin1'),
      (name) => name === 'cat\n',
    );
    (parent.stdio[3] as Writable).write('\n');
    await until(
      () => readStat(pid)?.state,
      (state) => state === 'Z',
      'a zombie',
    );
    process.kill(pid, 0);
    assert.equal(isAlive(identify(pid)!), 'dead');
    assert.equal(
      (await readTable()).some((stat) => stat.pid === pid),
      false,
    );
  } finally {
    parent.stdin!.end();
    await once(parent, 'exit');
  }
});

folderTest('a FIFO is held while somebody has it open for writing, and asking does not hold it', (dir) => {
  const fifo = join(dir, 'alive');
  assert.equal(isLocked(fifo), false, 'absent');
  spawnSync('mkfifo', [fifo]);
  assert.equal(isLocked(fifo), false, 'free');
  const both = fs.openSync(fifo, fs.constants.O_RDWR);
  for (let n = 0; n < 3; n++) assert.equal(isLocked(fifo), true, 'held');
  fs.closeSync(both);
  assert.equal(isLocked(fifo), false, 'let go');
  const reader = fs.openSync(fifo, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  assert.equal(isLocked(fifo), false, 'a reader holds nothing');
  fs.closeSync(reader);
  fs.symlinkSync(fifo, join(dir, 'link'));
  fs.writeFileSync(join(dir, 'file'), 'x');
  for (const name of ['link', 'file', '.']) assert.equal(isLocked(join(dir, name)), false, name);
  assert.equal(isLocked('/dev/null'), false);
});

folderTest('who has a file open for writing; under whatever path', (dir) => {
  const path = join(dir, 'log');
  const has = (at: string) => hasOpen(process.pid, filesAt([at]));
  const hasPath = () => hasOpenPath(process.pid, /\/log$/);
  const writer = fs.openSync(path, 'a');
  assert.deepEqual([has(path), hasPath()], [true, true]);
  fs.closeSync(writer);
  assert.deepEqual([has(path), hasPath()], [false, false]);
  const reader = fs.openSync(path, 'r');
  assert.deepEqual([has(path), hasPath()], [false, false]);
  fs.closeSync(reader);
  const both = fs.openSync(path, 'r+');
  assert.equal(has(path), true);
  fs.mkdirSync(join(dir, 'other'));
  const [second, namesake] = [join(dir, 'other/log'), join(dir, 'log')];
  fs.linkSync(path, second);
  assert.equal(has(second), true, 'the same file');
  fs.unlinkSync(path);
  fs.writeFileSync(namesake, '');
  assert.equal(has(namesake), false, 'another file of the same path');
  assert.equal(has(join(dir, 'none')), false);
  fs.symlinkSync(second, join(dir, 'link'));
  assert.equal(has(join(dir, 'link')), false);
  fs.closeSync(both);
  assert.equal(hasOpen(2 ** 22 + 1, filesAt([second])), false);
});
