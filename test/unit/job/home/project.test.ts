/** Which project a directory belongs to, what a reference means, and the index of live and ended jobs. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openHome } from '../../../../src/job/home/home.ts';
import {
  listEnded,
  listLive,
  markEnded,
  markLive,
  projectKey,
  unmarkEnded,
  unmarkLive,
} from '../../../../src/job/home/job-index.ts';
import { parseReference, projectOf, projectsHere } from '../../../../src/job/home/project.ts';
import { folderTest } from '../../../rig/folder.ts';

folderTest('the nearest folder with .git, else the directory itself', (dir) => {
  fs.mkdirSync(join(dir, 'outer/inner/deep'), { recursive: true });
  const at = (...names: string[]) => projectOf(join(dir, ...names));
  assert.equal(at('outer', 'inner'), join(dir, 'outer/inner'));
  fs.mkdirSync(join(dir, 'outer/.git'));
  assert.deepEqual([at('outer', 'inner', 'deep'), at('outer')], [join(dir, 'outer'), join(dir, 'outer')]);
  // of a worktree or a submodule it is a file
  fs.writeFileSync(join(dir, 'outer/inner/.git'), 'gitdir: …');
  assert.equal(at('outer', 'inner', 'deep'), join(dir, 'outer/inner'));
  assert.equal(projectOf('/'), '/');
});

folderTest(
  'this project: a repository alone, else the folders up to the own directory or the root',
  (dir) => {
    fs.mkdirSync(join(dir, 'me/notes/deep'), { recursive: true });
    const [me, notes, deep] = [join(dir, 'me'), join(dir, 'me/notes'), join(dir, 'me/notes/deep')];
    assert.deepEqual(projectsHere(deep, me), [deep, notes, me]);
    assert.deepEqual(projectsHere(me, me), [me]);
    // not below the own directory: up to the root
    const outside = projectsHere(dir, me);
    assert.deepEqual([outside[0], outside.at(-1)], [dir, '/']);
    assert.deepEqual(projectsHere('/', me), ['/']);
    fs.mkdirSync(join(notes, '.git'));
    assert.deepEqual([projectsHere(deep, me), projectsHere(notes, me)], [[notes], [notes]]);
    assert.deepEqual(projectsHere(me, me), [me], 'a repository below is another project');
    // of a worktree or a submodule it is a file
    fs.writeFileSync(join(deep, '.git'), 'gitdir: …');
    assert.deepEqual(projectsHere(deep, me), [deep]);
    fs.rmSync(join(notes, '.git'), { recursive: true });
    fs.rmSync(join(deep, '.git'));
    fs.mkdirSync(join(me, '.git'));
    assert.deepEqual(projectsHere(deep, me), [me], 'also where the own directory is a repository');
  },
);

test('references', () => {
  assert.deepEqual(parseReference('42'), { kind: 'id', id: 42 });
  assert.deepEqual(parseReference('@last'), { kind: 'last' });
  for (const name of ['web', 'a', '0x', '1.2', 'A-b_c.d', `a${'b'.repeat(63)}`])
    assert.deepEqual(parseReference(name), { kind: 'name', name });
  const bad = [
    '',
    '0',
    '042',
    '-1',
    '+1',
    ' 1',
    '1\n',
    '@',
    '@first',
    '.a',
    '-a',
    '_a',
    'a b',
    'a/b',
    '../x',
    'ü',
    `a${'b'.repeat(64)}`,
    '1234567890123456',
  ];
  for (const text of bad) assert.equal(parseReference(text), undefined, JSON.stringify(text));
});

test('keys of projects are short, stable and apart', () => {
  assert.equal(projectKey('/home/me/project'), projectKey('/home/me/project'));
  const keys = new Set(Array.from({ length: 20_000 }, (_, n) => projectKey(`/home/me/project-${n}`)));
  assert.equal(keys.size, 20_000);
  for (const key of [...keys, projectKey(''), projectKey('/ü€👍')]) assert.match(key, /^[0-9a-z]{1,14}$/);
});

folderTest('a job moves from the live to the ended, the latest end first', (dir) => {
  const opened = openHome(join(dir, 'home'), true);
  assert.ok(opened.ok);
  const home = opened.value;
  for (const id of [1, 2, 3, 10]) markLive(home, id);
  assert.deepEqual(
    listLive(home).sort((a, b) => a - b),
    [1, 2, 3, 10],
  );
  markEnded(home, { id: 1, project: '/p', session: null }, 5_000.4);
  markEnded(home, { id: 10, project: '/p', session: null }, 999);
  markEnded(home, { id: 2, project: '/q', session: null }, 40_000);
  // one whose live marker a power cut took
  unmarkLive(home, 3);
  markEnded(home, { id: 3, project: '/p', session: null }, 7_000);
  markEnded(home, { id: 3, project: '/p', session: null }, 7_000);
  assert.deepEqual(listLive(home), []);
  const ended = listEnded(home);
  assert.deepEqual(
    ended.map(({ id, endedAt, project }) => [id, endedAt, project]),
    [
      [2, 40_000, projectKey('/q')],
      [3, 7_000, projectKey('/p')],
      [1, 5_000, projectKey('/p')],
      [10, 999, projectKey('/p')],
    ],
  );
  for (const name of ['x', '1.2.p', '00000000005000.x.p', '00000000005000.1.P', '00000000005000.1.p.tmp'])
    fs.writeFileSync(join(home.ended, name), '');
  assert.equal(listEnded(home).length, 4);
  unmarkEnded(ended[0]!);
  unmarkEnded(ended[0]!);
  assert.deepEqual(
    listEnded(home).map(({ id }) => id),
    [3, 1, 10],
  );
});
