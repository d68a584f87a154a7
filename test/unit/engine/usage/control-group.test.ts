/** How --memory is kept, decided on trees as they were recorded; how a group is read. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  chooseMemoryWay,
  enterGroup,
  groupName,
  readGroup,
  type SystemTree,
} from '../../../../src/engine/usage/control-group.ts';

const ALL = 'cpuset cpu io memory hugetlb pids rdma misc\n';
const CGROUP = '/sys/fs/cgroup';
const MANAGER = `${CGROUP}/user.slice/user-1000.slice/user@1000.service`;
const RUNTIME = '/run/user/1000';

/** `writable`: the directories that the user may write, with their files. */
const tree = (files: Record<string, string>, writable: string[] = []): SystemTree => ({
  read: (path) => files[path] ?? '',
  exists: (path) => path in files,
  isWritable: (path) => writable.some((one) => path === one || path === `${one}/cgroup.procs`),
});

/** Debian 12, a login by ssh. */
const DEBIAN = {
  '/proc/self/cgroup': '0::/user.slice/user-1000.slice/session-4.scope\n',
  [`${CGROUP}/cgroup.controllers`]: ALL,
  [`${CGROUP}/cgroup.subtree_control`]: 'cpu memory pids\n',
  [`${CGROUP}/user.slice/cgroup.subtree_control`]: 'cpu memory pids\n',
  [`${CGROUP}/user.slice/user-1000.slice/cgroup.subtree_control`]: 'cpu memory pids\n',
  [`${MANAGER}/cgroup.controllers`]: 'cpu memory pids\n',
  [`${MANAGER}/cgroup.subtree_control`]: 'memory pids\n',
  [`${RUNTIME}/systemd/private`]: '',
};

test('a user manager of systemd that has the memory controller: a scope', () => {
  assert.deepEqual(chooseMemoryWay(tree(DEBIAN), 1000, RUNTIME, true), { way: 'scope' });
  const slice = `${MANAGER}/app.slice`;
  const terminal = {
    ...DEBIAN,
    '/proc/self/cgroup': '0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-terminal-7.scope\n',
    [`${slice}/cgroup.subtree_control`]: 'memory pids\n',
  };
  assert.deepEqual(chooseMemoryWay(tree(terminal, [slice, MANAGER]), 1000, RUNTIME, true), { way: 'scope' });
});

test('no scope without systemd-run, its directory, its socket or the controller; then samples', () => {
  const { [`${RUNTIME}/systemd/private`]: _, ...noSocket } = DEBIAN;
  const noController = { ...DEBIAN, [`${MANAGER}/cgroup.controllers`]: 'pids\n' };
  for (const way of [
    chooseMemoryWay(tree(DEBIAN), 1000, RUNTIME, false),
    chooseMemoryWay(tree(DEBIAN), 1000, undefined, true),
    chooseMemoryWay(tree(noSocket), 1000, RUNTIME, true),
    chooseMemoryWay(tree(noController), 1000, RUNTIME, true),
    chooseMemoryWay(tree(DEBIAN), 1001, RUNTIME, true),
  ])
    assert.deepEqual(way, { way: 'samples' });
});

test('a part of the tree that may be written, and gives its groups the controller', () => {
  const path = '/system.slice/ci-runner.service';
  const delegated = {
    '/proc/self/cgroup': `0::${path}/worker\n`,
    [`${CGROUP}/cgroup.controllers`]: ALL,
    [`${CGROUP}/cgroup.subtree_control`]: 'memory pids\n',
    [`${CGROUP}${path}/cgroup.subtree_control`]: 'memory pids\n',
    [`${CGROUP}${path}/worker/cgroup.subtree_control`]: '\n',
  };
  const own = [`${CGROUP}${path}`, `${CGROUP}${path}/worker`];
  assert.deepEqual(chooseMemoryWay(tree(delegated, own), 999, undefined, true), {
    way: 'group',
    parent: `${CGROUP}${path}`,
  });
  assert.deepEqual(chooseMemoryWay(tree(delegated, own.slice(1)), 999, undefined, true), { way: 'samples' });
  assert.deepEqual(chooseMemoryWay(tree(delegated), 999, undefined, true), { way: 'samples' });
});

test('containers: a tree that is read-only, one of their own, and one above the namespace', () => {
  const docker = { '/proc/self/cgroup': '0::/\n', [`${CGROUP}/cgroup.controllers`]: ALL };
  assert.deepEqual(chooseMemoryWay(tree(docker), 0, undefined, false), { way: 'samples' });
  const kind = { ...docker, '/proc/self/cgroup': '0::/init\n', [`${CGROUP}/cgroup.subtree_control`]: ALL };
  assert.deepEqual(chooseMemoryWay(tree(kind, [CGROUP]), 0, undefined, false), {
    way: 'group',
    parent: CGROUP,
  });
  const above = { ...kind, '/proc/self/cgroup': '0::/../other\n' };
  assert.deepEqual(chooseMemoryWay(tree(above, [CGROUP]), 0, undefined, false), { way: 'samples' });
});

test('cgroup v1, both at once (this project is built so), no cgroups, macOS: samples', () => {
  const v1 = { '/proc/self/cgroup': '4:memory:/process_api/1\n1:cpu:/\n0::/\n' };
  const hybrid = { ...v1, [`${CGROUP}/unified/cgroup.controllers`]: '\n' };
  for (const files of [v1, hybrid, {}, { '/proc/self/cgroup': '4:memory:/\n' }])
    assert.deepEqual(chooseMemoryWay(tree(files, [CGROUP]), 0, RUNTIME, true), { way: 'samples' });
});

/** Read on 2026-11-30 in the machine that tests this project: v2 is there, at another place and without memory. */
const HERE = {
  '/proc/self/cgroup': [
    '9:name=systemd:/',
    '8:pids:/',
    '7:blkio:/',
    '6:freezer:/',
    '5:devices:/',
    '4:memory:/process_api/cb41e2da37486e9fd7641e78a262de3e',
    '3:cpuset:/',
    '2:cpuacct:/',
    '1:cpu:/',
    '0::/\n',
  ].join('\n'),
  [`${CGROUP}/unified/cgroup.controllers`]: 'hugetlb\n',
  [`${CGROUP}/unified/cgroup.subtree_control`]: '\n',
};

test('a recorded machine: root, systemd-run is installed, v1 has the memory, and v2 only hugetlb', () => {
  const writable = [CGROUP, `${CGROUP}/unified`, `${CGROUP}/memory`];
  const way = chooseMemoryWay(tree(HERE, writable), 0, undefined, true);
  assert.deepEqual(way, { way: 'samples' });
  // the same v2 tree at its usual place, as it is in a mount namespace
  const moved = {
    ...HERE,
    [`${CGROUP}/cgroup.controllers`]: 'hugetlb\n',
    [`${CGROUP}/cgroup.subtree_control`]: '\n',
  };
  assert.deepEqual(chooseMemoryWay(tree(moved, writable), 0, undefined, true), { way: 'samples' });
});

test('a group of its own: its limits are written, and a shell that cannot enter it runs the job anyway', () => {
  const parent = fs.mkdtempSync(join(tmpdir(), 'bgjob-group-'));
  try {
    const name = groupName({ token: '0123456789abcdef' }, 42, 1);
    assert.equal(name, 'bgjob-0123456789ab-42-1');
    const entry = enterGroup({ way: 'group', parent }, name, 8 * 2 ** 30, () => assert.fail('no scope'))!;
    assert.deepEqual(entry.words, []);
    const read = (file: string) => fs.readFileSync(join(parent, name, file), 'utf8');
    assert.deepEqual(['memory.max', 'memory.oom.group', 'memory.swap.max'].map(read), [
      '8589934592',
      '1',
      '0',
    ]);
    const run = (line: string) => spawnSync('sh', ['-c', `${line}echo it runs`], { encoding: 'utf8' });
    assert.equal(run(entry.line).stdout, 'it runs\n');
    assert.equal(read('cgroup.procs'), '0\n');
    fs.rmSync(join(parent, name), { recursive: true });
    const { stdout, stderr } = run(entry.line);
    assert.deepEqual([stdout, stderr], ['it runs\n', '']);
    assert.equal(enterGroup({ way: 'group', parent: `${parent}/no` }, name, 1, () => true)?.line, undefined);
  } finally {
    fs.rmSync(parent, { recursive: true, force: true });
  }
});

test('what a group counted', () => {
  const files: Record<string, string> = {
    '/g/cpu.stat': 'usage_usec 1234567\nuser_usec 1000000\nsystem_usec 234567\n',
    '/g/memory.peak': '4096\n',
    '/g/memory.events': 'low 0\nhigh 0\nmax 12\noom 1\noom_kill 3\noom_group_kill 1\n',
  };
  const read = (path: string) => files[path] ?? '';
  assert.deepEqual(readGroup('/g', read), { cpuMs: 1235, peakBytes: 4096, wasKilled: true });
  files['/g/memory.events'] = 'low 0\nhigh 0\nmax 12\noom 0\noom_kill 0\n';
  delete files['/g/memory.peak'];
  assert.deepEqual(readGroup('/g', read), { cpuMs: 1235, peakBytes: null, wasKilled: false });
  assert.equal(readGroup('/gone', read), undefined);
});
