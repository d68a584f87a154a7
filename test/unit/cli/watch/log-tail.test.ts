import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LogTail } from '../../../../src/cli/watch/log-tail.ts';
import { Pager } from '../../../../src/cli/watch/log-view.ts';
import type { WatchModel } from '../../../../src/cli/watch/model.ts';

/** A log of numbered lines, of which a reader gets the last ten; each has ten bytes. */
class FakeLog {
  count = 0;
  reads = 0;
  isGone = false;
  logStamp = () => (this.isGone ? '' : String(this.count));
  readLog = () => {
    this.reads++;
    if (this.isGone) return undefined;
    const from = Math.max(0, this.count - 10);
    const numbers = Array.from({ length: this.count - from }, (_, n) => from + n);
    return {
      lines: numbers.map((n) => `line ${n}`),
      starts: numbers.map((n) => n * 10),
      ...{ end: this.count * 10, bytes: this.count * 10, isWhole: from === 0 },
    };
  };
}
const LOOK = { styled: false, clipAt: 100, byLine: false };
const tailOf = (log: FakeLog) => new LogTail(log, 1, { lines: 10, bytes: 1000 }, LOOK);

test('a log is read again only when it has changed, and its last lines stay when it is gone', () => {
  const log = new FakeLog();
  const tail = tailOf(log);
  log.count = 3;
  assert.equal(tail.refresh(), true);
  assert.equal(tail.refresh(), false);
  assert.equal(log.reads, 1);
  log.isGone = true;
  tail.refresh();
  assert.deepEqual(tail.ending.lines, ['line 0', 'line 1', 'line 2']);
});

test('lines at which a reader looks are not lost while the log floods; at the end it follows again', () => {
  const log = new FakeLog();
  const pager = new Pager(log as unknown as WatchModel, { id: 1, label: 'web 1' }, false);
  const press = (text: string) => pager.press({ name: text.toLowerCase(), text }, undefined);
  const shown = () => {
    pager.refresh();
    return pager.render(undefined, null, { columns: 80, rows: 7 }, false);
  };
  log.count = 10;
  assert.deepEqual(shown().slice(1, 5), ['line 6', 'line 7', 'line 8', 'line 9']);
  log.count = 12;
  assert.equal(shown()[4], 'line 11');
  press('k');
  assert.deepEqual(shown().slice(1, 5), ['line 7', 'line 8', 'line 9', 'line 10']);
  // it stays at its lines while the log grows
  log.count = 14;
  assert.deepEqual(shown().slice(1, 5), ['line 7', 'line 8', 'line 9', 'line 10']);
  log.count = 500;
  assert.deepEqual(shown().slice(1, 5), ['line 7', 'line 8', 'line 9', 'line 10']);
  assert.match(shown()[0]!, / more than 3 lines below$/);
  const { reads } = log;
  log.count = 900;
  shown();
  assert.equal(log.reads, reads, 'meanwhile the log is not read');
  press('G');
  assert.equal(shown()[4], 'line 899');
  // emptied: nothing is below
  press('k');
  shown();
  log.count = 0;
  assert.match(shown()[0]!, / 0 B {2}end$/);
  assert.equal(shown()[2], '  no output yet');
});
