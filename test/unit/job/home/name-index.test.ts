/** The index of names: the same as the folder, or not believed. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { test } from 'node:test';
import { isSameClock, listedNames } from '../../../../src/job/home/name-index.ts';
import { folderTest } from '../../../rig/folder.ts';
import { until } from '../../../rig/until.ts';

const COUNT = 2000;
const nameOf = (n: number): string => `${String(n).padStart(14, '0')}.a-name-as-long-as-others`;

interface Place {
  cache: string;
  folder: string;
  index: string;
  read: () => string[];
}

/** A folder of many names, and its index as soon as the folder is old enough for one. */
async function indexed(dir: string): Promise<Place> {
  const [cache, folder] = [`${dir}/cache`, `${dir}/folder`];
  fs.mkdirSync(cache);
  fs.mkdirSync(folder);
  for (let n = 0; n < COUNT; n++) fs.writeFileSync(`${folder}/${nameOf(n)}`, '');
  const { dev, ino } = fs.statSync(folder);
  const place = {
    cache,
    folder,
    index: `${cache}/names.${dev}.${ino}`,
    read: () => listedNames({ cache }, folder),
  };
  await until(
    () => place.read().length === COUNT && fs.existsSync(place.index),
    (is) => is,
  );
  return place;
}

const truth = ({ folder }: Place): string[] => fs.readdirSync(folder).sort();

/** The index with another name in it, which shows whether it is read. */
function falsify({ index }: Place): string {
  const text = fs.readFileSync(index, 'utf8').replace(nameOf(7), nameOf(COUNT + 7));
  fs.writeFileSync(index, text);
  return text;
}

folderTest('the index is read instead of the folder, and not after a change of it', async (dir) => {
  const place = await indexed(dir);
  assert.deepEqual(place.read(), truth(place));
  falsify(place);
  assert.ok(place.read().includes(nameOf(COUNT + 7)), 'the index was read');
  // as many names as before, so that only the stamp tells
  fs.renameSync(`${place.folder}/${nameOf(3)}`, `${place.folder}/${nameOf(COUNT)}`);
  assert.deepEqual(place.read(), truth(place));
  falsify(place);
  const { atime, mtime } = fs.statSync(place.folder);
  fs.rmSync(`${place.folder}/${nameOf(4)}`);
  fs.utimesSync(place.folder, atime, mtime);
  assert.deepEqual(place.read(), truth(place), 'the time of the folder was set back');
});

folderTest('an index is made only of a folder that has not changed for 50 ms', async (dir) => {
  const place = await indexed(dir);
  for (let n = 0; n < 20; n++) {
    fs.writeFileSync(`${place.folder}/${nameOf(COUNT + n)}`, '');
    assert.deepEqual(place.read(), truth(place));
    const [, stamp, , , wallMs] = fs.readFileSync(place.index, 'utf8').split('\n', 1)[0]!.split(' ');
    const changedMs = Number(BigInt(stamp!.split('.')[1]!) / 1_000_000n);
    assert.ok(Number(wallMs) - changedMs >= 50, `${wallMs} ${changedMs}`);
  }
});

folderTest('an index that is cut, or something else, is not believed', async (dir) => {
  const place = await indexed(dir);
  const text = falsify(place);
  const header = text.split('\n', 1)[0]!;
  const others = [
    ...[0, 1, header.length, header.length + 1, text.length - 1, text.length - 5].map((at) =>
      text.slice(0, at),
    ),
    text.replace(/^1 /, '2 '),
    `${header}\n`,
    `${text}x/`,
    'no index at all',
    text.replace(/^(1 \S+ \d+ )\S*/, '$1another-boot'),
    text.replace(/ (\d+) ([\d.]+)\n/, (_, wall, monotonic) => ` ${wall - 5000} ${monotonic}\n`),
  ];
  for (const other of others) {
    fs.writeFileSync(place.index, other);
    assert.deepEqual(place.read(), truth(place), other.slice(0, 80));
  }
  // what a writer left that was killed
  fs.rmSync(place.index);
  fs.writeFileSync(`${place.index}.tmp`, text.slice(0, 500));
  assert.deepEqual(place.read(), truth(place));
  await until(
    () => place.read().length === COUNT && fs.existsSync(place.index),
    (is) => is,
  );
  assert.deepEqual(place.read(), truth(place));
  // a cache that is none
  fs.rmSync(place.cache, { recursive: true });
  assert.deepEqual(place.read(), truth(place));
  assert.deepEqual(listedNames(place, `${place.folder}/none`), []);
});

test('the clock: another boot, a step, a suspend; NTP may adjust it', () => {
  const then = { boot: 'a', wallMs: 1_000_000, monotonicMs: 5000 };
  const after = (wallMs: number, monotonicMs: number, boot = 'a') =>
    isSameClock(then, { boot, wallMs: then.wallMs + wallMs, monotonicMs: then.monotonicMs + monotonicMs });
  assert.ok(after(0, 0));
  assert.ok(after(10_000, 10_000));
  assert.ok(after(3_600_000, 3_600_500), 'adjusted');
  assert.equal(after(10_000, 10_000, 'b'), false, 'another boot');
  assert.equal(after(9000, 10_000), false, 'set back');
  assert.equal(after(11_000, 10_000), false, 'set forward, or suspended');
  assert.equal(after(-1000, -1000), false, 'a boot without an id');
});
