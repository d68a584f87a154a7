import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BoardState, renderBoard } from '../../../../src/cli/watch/frame.ts';
import type { WatchRow } from '../../../../src/cli/watch/model.ts';

const row = (id: number, target: string): WatchRow => ({
  ...{ id, label: String(id), name: null, state: 'running', tone: 'live', age: '1s', idle: '1s' },
  ...{ command: 'make', project: '/p', isOld: false, isLive: true, isPaused: false, target, isSplit: false },
});

function boardOf(rows: WatchRow[], columns: number): string[] {
  const state: BoardState = {
    ...{ title: '/p', listing: { rows, counts: [], rest: [] }, rows, top: 0, selected: 0 },
    ...{
      lastLine: () => 'done',
      ports: () => '-',
      usage: () => ['-', '-'] as [string, string],
      everywhere: false,
      filter: '',
      message: null,
    },
  };
  return renderBoard(state, { columns, rows: 12 }, false).map((line) => line.trimEnd());
}

test('the view has a column for targets where a job has one', () => {
  const [, heads, first, second] = boardOf([row(7, 'box'), row(6, '-')], 80);
  assert.match(heads!, /^ +ID +JOB +STATE +AGE +IDLE +TARGET +LAST LINE$/);
  assert.match(first!, /^> 7 +make +running +1s +1s +box +done$/);
  assert.match(second!, /^ +6 +make +running +1s +1s +- +done$/);
  assert.match(boardOf([row(6, '-')], 80)[1]!, /^ +ID +JOB +STATE +AGE +IDLE +LAST LINE$/);
});
