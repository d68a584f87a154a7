/** What only one may have: claims, ids and the token of a home, taken by many processes at once. */
import assert from 'node:assert/strict';
import nodeFs, * as fs from 'node:fs';
import { join } from 'node:path';
import { type Home, openHome } from '../../../../src/job/home/home.ts';
import { claimId, listIds, parseId, raiseFloor } from '../../../../src/job/home/ids.ts';
import { crowd } from '../../../rig/crowd.ts';
import { folderTest } from '../../../rig/folder.ts';

const SIZE = 10;

function makeHome(dir: string): Home {
  const home = openHome(join(dir, 'home'), true);
  assert.ok(home.ok);
  return home.value;
}

folderTest('of many who claim the same, exactly one wins, and the file is of the winner', async (dir) => {
  const members = await crowd<boolean>('claim', join(dir, 'owner'), SIZE, 30);
  for (let n = 0; n < 30; n++) {
    const winners = members.filter(({ results }) => results[n]);
    assert.equal(winners.length, 1);
    assert.equal(fs.readFileSync(join(dir, `owner.${n}`), 'utf8'), `${winners[0]!.pid}\n`);
  }
  assert.equal(fs.readdirSync(dir).length, 30, 'nothing temporary is left');
});

folderTest('ids given to many at once are in order, without gap or double', async (dir) => {
  const home = makeHome(dir);
  const members = await crowd<number>('id', home.path, SIZE, 15);
  for (const { results } of members)
    assert.deepEqual(
      results,
      results.toSorted((a, b) => a - b),
    );
  const ids = members.flatMap(({ results }) => results).sort((a, b) => a - b);
  assert.deepEqual(
    ids,
    Array.from({ length: SIZE * 15 }, (_, n) => n + 1),
  );
  assert.deepEqual(
    listIds(home).sort((a, b) => a - b),
    ids,
  );
  assert.equal(claimId(home), SIZE * 15 + 1);
});

folderTest('a home made by many at once is one home', async (dir) => {
  const members = await crowd<string>('open', join(dir, 'home'), SIZE, 2);
  const tokens = new Set(members.flatMap(({ results }) => results));
  assert.equal(tokens.size, 1);
  assert.match([...tokens][0]!, /^[0-9a-f]{32}$/);
});

folderTest('the hint for the next id is never trusted with an id', (dir) => {
  const home = makeHome(dir);
  assert.deepEqual([claimId(home), claimId(home), claimId(home)], [1, 2, 3]);
  // stale: a stopped launcher wrote it late
  fs.writeFileSync(home.seq, '1\n');
  assert.equal(claimId(home), 4);
  for (const garbage of ['', 'x', '0', '-7', '1e9', '5 6', '\0', '99999999999999999999']) {
    fs.writeFileSync(home.seq, garbage);
    const highest = Math.max(...listIds(home));
    assert.equal(claimId(home), highest + 1, JSON.stringify(garbage));
  }
  fs.rmSync(home.seq);
  const before = Math.max(...listIds(home));
  assert.equal(claimId(home), before + 1);
  fs.rmSync(home.seq);
  fs.mkdirSync(home.seq);
  assert.equal(claimId(home), before + 2, 'it is only a hint');
});

folderTest('a hint or a name near the end of all numbers leads nobody there', (dir) => {
  const home = makeHome(dir);
  assert.deepEqual([claimId(home), claimId(home)], [1, 2]);
  // as a flipped bit makes it: nobody could say an id of 16 digits
  for (const hint of ['999999999999999', '100000', '2000']) {
    fs.writeFileSync(home.seq, `${hint}\n`);
    assert.equal(claimId(home), Math.max(...listIds(home)));
  }
  assert.deepEqual(listIds(home).sort(), [1, 2, 3, 4, 5]);
  fs.mkdirSync(`${home.jobs}/999999999999999`);
  fs.writeFileSync(`${home.path}/floor.999999999999999`, '');
  fs.rmSync(home.seq);
  assert.equal(claimId(home), 6);
});

folderTest('two who raise the floor to the same id at once are no trouble', (dir) => {
  const home = makeHome(dir);
  fs.mkdirSync(`${home.path}/floor.1`);
  raiseFloor(home, 3);
  raiseFloor(home, 3);
  const names = fs.readdirSync(home.path).filter((name) => name.startsWith('floor'));
  assert.deepEqual(names.sort(), ['floor.1', 'floor.3'], 'what is no file stays');
});

folderTest('a hint far behind costs a look at the directory, not a try for each id', (dir, t) => {
  const home = makeHome(dir);
  for (let id = 1; id <= 2000; id++) fs.mkdirSync(home.job(id).dir);
  fs.writeFileSync(home.seq, '1\n');
  const mkdir = t.mock.method(nodeFs, 'mkdirSync');
  assert.equal(claimId(home), 2001);
  assert.ok(mkdir.mock.callCount() < 300, `${mkdir.mock.callCount()} tries`);
  assert.equal(fs.readFileSync(home.seq, 'utf8'), '2001\n');
});

folderTest('what gc removed is never given again, whatever the hint says', (dir) => {
  const home = makeHome(dir);
  for (let n = 0; n < 5; n++) claimId(home);
  raiseFloor(home, 5);
  for (const id of listIds(home)) fs.rmdirSync(home.job(id).dir);
  fs.rmSync(home.seq);
  assert.equal(claimId(home), 6);
  fs.rmdirSync(home.job(6).dir);
  fs.writeFileSync(home.seq, '2\n');
  raiseFloor(home, 3);
  assert.equal(claimId(home), 6, 'the floor is never lowered; 6 was not removed by gc');
  raiseFloor(home, 9);
  assert.equal(claimId(home), 10);
  assert.deepEqual(
    fs.readdirSync(home.path).filter((name) => name.startsWith('floor')),
    ['floor.9'],
  );
});

folderTest(
  'a launcher that slept between choosing an id and taking it does not bring a removed one back',
  (dir, t) => {
    const home = makeHome(dir);
    claimId(home);
    const mkdir = nodeFs.mkdirSync;
    // meanwhile 2 is given, ends, and is removed
    t.mock.method(nodeFs, 'mkdirSync', (path: string, mode: number) => {
      if (path === home.job(2).dir) raiseFloor(home, 2);
      return mkdir(path, mode);
    });
    assert.equal(claimId(home), 3);
    assert.deepEqual(listIds(home).sort(), [1, 3]);
  },
);

folderTest('what lies beside the jobs is no job', (dir) => {
  const home = makeHome(dir);
  claimId(home);
  for (const name of ['0', '01', '-1', '1.5', '1e3', 'x', '1234567890123456', '2 ']) {
    assert.equal(parseId(name), undefined);
    fs.mkdirSync(`${home.jobs}/${name}`);
  }
  assert.deepEqual(listIds(home), [1]);
  assert.equal(fs.statSync(home.job(1).dir).mode & 0o777, 0o700);
});
