/**
 * Claims to names: by many at once, by another project with the same key, and whoever crosses: exactly one
 * may start.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Home, openHome } from '../../../../src/job/home/home.ts';
import { projectKey } from '../../../../src/job/home/job-index.ts';
import {
  type ClaimState,
  claimName,
  forgetNames,
  judgeClaims,
  pruneNameClaims,
  readClaims,
  readClaimsEverywhere,
  withdrawClaims,
} from '../../../../src/job/home/name-claims.ts';
import { crowd } from '../../../rig/crowd.ts';
import { folderTest } from '../../../rig/folder.ts';
import { rounds } from '../../../rig/rounds.ts';

const WEB = { name: 'web', project: '/p' };

function makeHome(dir: string): Home {
  const home = openHome(join(dir, 'home'), true);
  assert.ok(home.ok);
  return home.value;
}
const folder = (home: Home): string => join(home.names, `${projectKey('/p')}.web`);

folderTest(
  'many claim one name at once: each has a generation of its own, and nothing temporary is left',
  async (dir) => {
    const home = makeHome(dir);
    const members = await crowd<number>('name', home.path, 10, 12);
    const generations = members.flatMap(({ results }) => results).sort((a, b) => a - b);
    assert.deepEqual(
      generations,
      Array.from({ length: 120 }, (_, n) => n + 1),
    );
    assert.deepEqual(
      readClaims(home, WEB).map(({ generation }) => generation),
      generations.toReversed(),
    );
    assert.equal(fs.readdirSync(folder(home)).length, 120);
  },
);

folderTest(
  'a claim says project and name in full; another project with the same key, or another case, is not ours',
  (dir) => {
    const home = makeHome(dir);
    assert.deepEqual([readClaims(home, WEB), readClaimsEverywhere(home, 'web')], [[], []]);
    assert.equal(claimName(home, WEB, 7), 1);
    assert.equal(claimName(home, WEB, 9), 2);
    const claim = { generation: 2, id: 9, ...WEB };
    assert.deepEqual(readClaims(home, WEB), [claim, { ...claim, generation: 1, id: 7 }]);
    const write = (n: number, value: unknown) =>
      fs.writeFileSync(join(folder(home), `claim.${n}`), JSON.stringify(value));
    write(3, { v: 1, id: 11, name: 'web', project: '/other' });
    write(4, { v: 1, id: 12, name: 'Web', project: '/p' });
    write(5, { v: 1, id: 'x', name: 'web', project: '/p' });
    assert.deepEqual(
      readClaims(home, WEB).map(({ id }) => id),
      [9, 7],
    );
    assert.equal(claimName(home, WEB, 13), 6, 'but their generations are taken');
    assert.deepEqual(
      readClaimsEverywhere(home, 'web').map(({ id }) => id),
      [13, 11, 9, 7],
    );
    withdrawClaims(home, WEB, 13);
    assert.deepEqual(
      readClaims(home, WEB).map(({ id }) => id),
      [9, 7],
    );
  },
);

folderTest('the oldest of the dead claims go, and with the last job of a name its folder', (dir) => {
  const home = makeHome(dir);
  for (let id = 1; id <= 20; id++) claimName(home, WEB, id);
  pruneNameClaims(home, WEB, readClaims(home, WEB).slice(1));
  assert.deepEqual(
    readClaims(home, WEB).map(({ id }) => id),
    [20, 19, 18, 17, 16, 15, 14, 13, 12],
  );
  fs.mkdirSync(home.job(14).dir);
  forgetNames(home, []);
  assert.equal(readClaims(home, WEB).length, 9, 'one of its jobs is there');
  fs.rmdirSync(home.job(14).dir);
  forgetNames(home, [WEB]);
  assert.equal(readClaims(home, WEB).length, 9, 'an older job of the name is there');
  // of a launcher that is at it, and of one that was killed long ago
  const fresh = join(folder(home), 'claim.21.5.0.tmp');
  const stale = join(folder(home), 'claim.21.6.0.tmp');
  for (const path of [fresh, stale]) fs.writeFileSync(path, '');
  fs.utimesSync(stale, 1, 1);
  forgetNames(home, []);
  assert.deepEqual(fs.readdirSync(folder(home)), ['claim.21.5.0.tmp'], 'what is being made stays');
  fs.rmSync(fresh);
  forgetNames(home, []);
  assert.deepEqual(fs.readdirSync(home.names), []);
  claimName(home, WEB, 30);
  withdrawClaims(home, WEB, 30);
  assert.deepEqual(fs.readdirSync(home.names), []);
});

/** One contender as the protocol has it: list, link, then list and judge until it is decided. */
interface Contender {
  step: 'list' | 'link' | 'judge' | 'won' | 'lost';
  next: number;
  generation: number;
  /** Has written its owner. */
  holds: boolean;
}

/** Plays contenders in a random order of their steps; `forget` takes dead claims away in between. */
function play(size: number, random: () => number, forget: boolean): Contender[] {
  const all: Contender[] = Array.from({ length: size }, () => ({
    step: 'list',
    next: 0,
    generation: 0,
    holds: false,
  }));
  let links = new Map<number, Contender | null>([[5, null]]);
  const claimState = (one: Contender | null | undefined): ClaimState =>
    !one || one.step === 'lost' ? 'none' : one.holds ? 'owns' : 'pending';
  for (let turns = 0; turns < 10_000; turns++) {
    const open = all.filter((one) => one.step !== 'lost' && !(one.step === 'won' && one.holds));
    const one = open[Math.floor(random() * open.length)];
    if (!one) return all;
    if (forget && random() < 0.3)
      links = new Map([...links].filter(([, owner]) => claimState(owner) !== 'none'));
    if (one.step === 'list') {
      one.next = Math.max(0, ...links.keys()) + 1;
      one.step = 'link';
    } else if (one.step === 'link') {
      if (links.has(one.next)) one.step = 'list';
      else {
        links.set(one.next, one);
        one.generation = one.next;
        one.step = 'judge';
      }
    } else if (one.step === 'judge') {
      const others = [...links].filter(([, owner]) => owner !== one);
      const judged = judgeClaims(
        one.generation,
        others.map(([generation, owner]) => ({ generation, claimState: claimState(owner) })),
      );
      if (judged === 'wait') continue;
      one.step = judged === 'free' ? 'won' : 'lost';
      if (judged === 'taken') links.delete(one.generation);
    } else one.holds = true;
  }
  throw new Error(`they never come to an end: ${JSON.stringify(all)}`);
}

test('in thousands of orders of their steps exactly one of several contenders wins', () => {
  let state = Number(process.env['BGJOB_TEST_SEED'] ?? 1) | 0;
  const random = () => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return (state >>> 8) / 2 ** 23;
  };
  for (let game = 0; game < rounds(5000, 20_000); game++) {
    const all = play(2 + (game % 4), random, game % 2 === 0);
    assert.equal(all.filter(({ step }) => step === 'won').length, 1, JSON.stringify(all));
  }
});

test('who holds the name has it; of two that cross the later gives way and the earlier waits', () => {
  assert.equal(judgeClaims(3, []), 'free');
  assert.equal(judgeClaims(3, [{ generation: 2, claimState: 'none' }]), 'free');
  assert.equal(judgeClaims(3, [{ generation: 2, claimState: 'pending' }]), 'taken');
  assert.equal(judgeClaims(3, [{ generation: 4, claimState: 'pending' }]), 'wait');
  for (const generation of [2, 4])
    assert.equal(judgeClaims(3, [{ generation, claimState: 'owns' }]), 'taken');
});
