/** Lists of jobs that have not ended: whatever moves while they are read is in at least one of them. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, mock, test } from 'node:test';
import { listUnended } from '../../../../src/engine/observe/unended.ts';
import { type Home, openHome } from '../../../../src/job/home/home.ts';
import { markEnded, markLive, unmarkLive } from '../../../../src/job/home/job-index.ts';
import { addEntry, makeQueue, markStarted, renameEntry } from '../../../../src/job/queue/queue-files.ts';

let dir: string;
let home: Home;
before(() => {
  dir = fs.mkdtempSync(join(tmpdir(), 'bgjob-unended-'));
  const opened = openHome(join(dir, 'home'), true);
  assert.ok(opened.ok && opened.value);
  home = opened.value;
});
after(() => fs.rmSync(dir, { recursive: true, force: true }));

const NAME = '500000.000000000000007.abc.def';
const LATER = `${NAME}.t1`;

/**
 * Calls `move` just before the nth folder is read, and returns what was listed; null: so many are not read.
 */
function listWhile(n: number, move: () => void): number[] | null {
  const read = fs.readdirSync;
  let count = 0;
  const mocked = mock.method(fs, 'readdirSync', ((...args: Parameters<typeof read>) => {
    if (count++ === n) move();
    return read(...args);
  }) as typeof read);
  try {
    const ids = listUnended(home);
    return count > n ? ids : null;
  } finally {
    mocked.mock.restore();
  }
}

/** Where a job is before, and how it moves. */
const MOVES: Record<string, [prepare: () => void, move: () => void]> = {
  'from its queue to those that run': [
    () => addEntry(makeQueue(home, 'q'), NAME),
    () => markStarted(home, 7, { folder: home.queue('q').waiting, name: NAME }),
  ],
  'from a batch to those that run': [
    () => {
      makeQueue(home, 'q');
      fs.mkdirSync(home.queue('q').batch(7));
      fs.writeFileSync(`${home.queue('q').batch(7)}/${NAME}`, '');
    },
    () => markStarted(home, 7, { folder: home.queue('q').batch(7), name: NAME }),
  ],
  'from a batch to those that were added alone': [
    () => {
      makeQueue(home, 'q');
      fs.mkdirSync(home.queue('q').batch(7));
      fs.writeFileSync(`${home.queue('q').batch(7)}/${NAME}`, '');
    },
    () => renameEntry(home.queue('q'), { folder: home.queue('q').batch(7), name: NAME }, LATER),
  ],
};

for (const [name, [prepare, move]] of Object.entries(MOVES))
  test(`a job that moves ${name}`, () => {
    for (let n = 0; ; n++) {
      fs.rmSync(home.queues, { recursive: true, force: true });
      unmarkLive(home, 7);
      prepare();
      const ids = listWhile(n, move);
      if (ids === null) break;
      assert.deepEqual(ids, [7], `before folder ${n}`);
    }
  });

test('one that is put back while its supervisor holds it', () => {
  for (let n = 0; ; n++) {
    fs.rmSync(home.queues, { recursive: true, force: true });
    const queue = makeQueue(home, 'q');
    markLive(home, 7);
    fs.symlinkSync('7.abc', queue.admission(1));
    fs.mkdirSync(home.job(7).dir, { recursive: true });
    // a reader of a FIFO, as a supervisor is
    const fifo = home.job(7).alive;
    const { execFileSync } = require('node:child_process') as typeof import('node:child_process');
    if (!fs.existsSync(fifo)) execFileSync('mkfifo', [fifo]);
    const held = fs.openSync(fifo, fs.constants.O_RDWR);
    let isLocked = true;
    const ids = listWhile(n, () => {
      addEntry(queue, LATER);
      unmarkLive(home, 7);
      fs.closeSync(held);
      isLocked = false;
    });
    if (isLocked) fs.closeSync(held);
    if (ids === null) break;
    assert.deepEqual(ids, [7], `before folder ${n}`);
  }
});

test('one that ended is in the list of those, when that is read afterwards', () => {
  markLive(home, 8);
  const ids = listWhile(0, () => markEnded(home, { id: 8, project: dir, session: null }, Date.now()));
  const ended = fs.readdirSync(home.ended);
  assert.ok(ids!.includes(8) || ended.some((name) => name.includes('.8.')));
});
