/** The records of answered rounds: the highest counts, and damage is no answer. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { type Home, openHome } from '../../../../src/job/home/home.ts';
import { makeQueue } from '../../../../src/job/queue/queue-files.ts';
import {
  type AnsweredRound,
  claimSince,
  isEndAnswered,
  pruneAnsweredRounds,
  readAnsweredRound,
  readSince,
  writeAnsweredRound,
} from '../../../../src/job/rounds/answered.ts';
import { folderTest } from '../../../rig/folder.ts';

const round = (upTo: number, more: Partial<AnsweredRound> = {}): AnsweredRound => ({
  ...{
    project: '/p',
    queue: null,
    session: null,
    from: 1,
    upTo,
    open: [],
    jobs: [[1, upTo]],
    failed: 0,
    first: null,
    at: 0,
  },
  ...more,
});
function makeHome(dir: string): Home {
  const home = openHome(join(dir, 'home'), true);
  assert.ok(home.ok);
  return home.value;
}
const folderOf = (home: Home): string => `${home.rounds}/${fs.readdirSync(home.rounds)[0]}`;

folderTest('the record that reaches furthest counts, in whatever order they are written', (dir) => {
  const home = makeHome(dir);
  writeAnsweredRound(home, round(9));
  writeAnsweredRound(home, round(4));
  assert.equal(readAnsweredRound(home, { project: '/p', queue: null, session: null })?.upTo, 9);
  writeAnsweredRound(home, round(12));
  assert.deepEqual(fs.readdirSync(folderOf(home)), ['all.12']);
});

folderTest('projects, queues and sessions have records of their own, whatever a queue is called', (dir) => {
  const home = makeHome(dir);
  writeAnsweredRound(home, round(5, { queue: 'a' }));
  writeAnsweredRound(home, round(6, { queue: 'a.7' }));
  writeAnsweredRound(home, round(3));
  writeAnsweredRound(home, round(8, { project: null, queue: 'a' }));
  writeAnsweredRound(home, round(9, { session: 'a' }));
  writeAnsweredRound(home, round(7, { session: 'h:a', queue: 'a' }));
  const upTo = (project: string | null, queue: string | null, session: string | null = null) =>
    readAnsweredRound(home, { project, queue, session })?.upTo;
  assert.deepEqual(
    [upTo('/p', 'a'), upTo('/p', 'a.7'), upTo('/p', null), upTo(null, 'a'), upTo('/q', 'a')],
    [5, 6, 3, 8, undefined],
  );
  assert.deepEqual([upTo('/p', null, 'a'), upTo('/p', 'a', 'h:a'), upTo('/p', 'a', 'a')], [9, 7, undefined]);
});

folderTest('a damaged record is no answer, and that of another project with the same key neither', (dir) => {
  const home = makeHome(dir);
  writeAnsweredRound(home, round(5));
  const path = `${folderOf(home)}/all.5`;
  fs.writeFileSync(path, fs.readFileSync(path, 'utf8').replace('/p', '/q'));
  assert.equal(readAnsweredRound(home, { project: '/p', queue: null, session: null }), undefined);
});

folderTest('what had ended before is noted once; damaged, nothing counts as answered', (dir) => {
  const home = makeHome(dir);
  assert.equal(readSince(home), undefined);
  claimSince(home, { upTo: 7, open: [[3, 3]] });
  claimSince(home, { upTo: 99, open: [] });
  const since = readSince(home)!;
  assert.deepEqual(
    [1, 3, 7, 8].map((id) => isEndAnswered(since, id)),
    [true, false, true, false],
  );
  fs.writeFileSync(`${home.rounds}/since`, '');
  assert.deepEqual(readSince(home), { upTo: 0, open: [] });
});

folderTest('records go with the last job, when their queue or project is gone as well', (dir) => {
  const home = makeHome(dir);
  makeQueue(home, 'there');
  for (const queue of ['there', 'gone']) writeAnsweredRound(home, round(5, { queue }));
  writeAnsweredRound(home, round(5, { project: dir }));
  writeAnsweredRound(home, round(5));
  const left = () => fs.readdirSync(home.rounds).flatMap((name) => fs.readdirSync(`${home.rounds}/${name}`));
  pruneAnsweredRounds(home, 5);
  assert.equal(left().length, 4);
  pruneAnsweredRounds(home, 6);
  assert.deepEqual(left().sort(), ['all.5', 'queue.there.5']);
});
