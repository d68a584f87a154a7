import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BoardState, layoutBoard, renderBoard } from '../../../../src/cli/watch/frame.ts';
import type { WatchRow } from '../../../../src/cli/watch/model.ts';

const INVERSE = '\x1b[7m';
const strip = (line: string): string => line.replace(/\x1b\[[\d;]*m/g, '').trimEnd();

const row = (id: number, more: Partial<WatchRow> = {}): WatchRow => ({
  ...{ id, label: String(id), name: null, sign: '▸', state: 'running', tone: 'live', queue: null },
  ...{ time: '1s', shortTime: '1s', since: '1s', command: 'make', project: '/p', target: '-' },
  ...{ isOld: false, isLive: true, isPaused: false, isWaiting: false, isSplit: false },
  ...{ mayKill: true, mayPause: true, whyNoRestart: null },
  ...more,
});

function boardOf(rows: WatchRow[], columns: number, more: Partial<BoardState> = {}, height = 12): string[] {
  const state: BoardState = {
    ...{ title: '/p', listing: { rows, counts: [], rest: [], none: '' }, rows, top: 0, selected: 0 },
    ...{ everywhere: false, failuresOnly: false, filter: '', message: null },
    log: { stream: '', lines: [] },
    cellsOf: () => ({ lastLine: 'done', ports: '-', usage: ['-', '-'] }),
    ...more,
  };
  return renderBoard(state, { columns, rows: height }, false);
}
const plainBoard = (...args: Parameters<typeof boardOf>): string[] => boardOf(...args).map(strip);

test('the view has a column for targets where a job has one', () => {
  const [, heads, first, second] = plainBoard([row(7, { target: 'box' }), row(6)], 80);
  assert.match(heads!, /^ +ID +JOB +STATE +TIME +IDLE\/END +TARGET +LAST LINE$/);
  assert.match(first!, /^> 7 +make +▸ running +1s +1s +box +done$/);
  assert.match(second!, /^ +6 +make +▸ running +1s +1s +- +done$/);
  assert.match(plainBoard([row(6)], 80)[1]!, /^ +ID +JOB +STATE +TIME +IDLE\/END +LAST LINE$/);
});

test('list and log share the window: the list gets what it needs, up to a half; a small one is the list', () => {
  for (const rows of [1, 3, 5, 9, 10, 12, 13, 14, 24, 25, 50, 200])
    for (const count of [0, 1, 2, 3, 8, 9, 10, 1000]) {
      const layout = layoutBoard({ rows }, count);
      const list = layout.jobs + (layout.hasMore ? 1 : 0);
      const room = Math.max(1, rows - 5);
      assert.ok(list + layout.log <= room, `${rows} rows, ${count} jobs`);
      assert.ok(layout.jobs >= 1);
      if (rows < 13) assert.equal(layout.log, 0);
      else {
        assert.equal(list + layout.log, room);
        assert.ok(layout.log >= Math.ceil(room / 2), 'a useful log');
        assert.ok(
          count <= layout.jobs || list === Math.floor(room / 2),
          'no more than it needs, a useful list',
        );
      }
      assert.equal(layout.hasMore, count > layout.jobs && list > 1);
    }
});

test('below the list is the end of the log of the selected job, under a line that names it', () => {
  const rows = [row(7, { label: 'web 7', name: 'web', queue: 'ci' }), row(6)];
  const lines = Array.from(
    { length: 30 },
    (_, n) => `line ${n}${n === 29 ? ' '.repeat(60) + 'x'.repeat(60) : ''}`,
  );
  const board = boardOf(rows, 80, { log: { stream: 'stderr', lines } }, 24);
  assert.equal(board.length, 24);
  assert.match(board[4]!, /^─ web 7, stderr, queue ci: make ─+$/);
  assert.equal([...board[4]!].length, 80, 'to the edge');
  assert.equal(board[5], 'line 13');
  assert.match(board[21]!, /^line 29 +x+…$/);
  assert.equal([...board[21]!].length, 80);
  // without a log: said so
  assert.match(boardOf(rows, 80, {}, 24)[5]!, /^ {2}no output yet$/);
  // a window too small for both names the job at its end
  const small = plainBoard(rows, 40, { log: { stream: '', lines } }, 10);
  assert.equal(small.length, 10);
  assert.deepEqual(small.slice(7), ['web 7, queue ci: make', '', small[9]]);
  assert.ok(!small.some((line) => /line/.test(line) && !/LAST LINE/.test(line)));
});

test('the selected row is inverse to the edge of the window', () => {
  const board = boardOf([row(7), row(6)], 80, { selected: 1 });
  const inverse = board.filter((line) => line.includes(INVERSE));
  assert.equal(inverse.length, 1);
  assert.match(inverse[0]!, /^\x1b\[7m> 6 .*\x1b\[27m$/);
  assert.equal([...inverse[0]!.slice(INVERSE.length, -'\x1b[27m'.length)].length, 80);
});

test('a line says how many jobs are above and below those that are shown', () => {
  const rows = Array.from({ length: 30 }, (_, n) => row(30 - n));
  const at = (top: number) =>
    plainBoard(rows, 80, { top, selected: top }, 24).find((line) => / more /.test(line));
  assert.equal(at(0), '  22 more below');
  assert.equal(at(5), '  5 more above, 17 more below');
  assert.equal(at(22), '  22 more above');
  assert.equal(
    plainBoard(rows.slice(0, 9), 80, {}, 24).find((line) => / more /.test(line)),
    undefined,
  );
});

test('in 80 columns long names give way before CPU and memory do', () => {
  const names = ['a-name-that-is-much-longer-than-the-others', 'web'];
  const rows = names.map((name, n) => row(n + 1, { name, time: '1m05s of ~2m10s', shortTime: '1m05s' }));
  const cellsOf = () => ({
    lastLine: 'x'.repeat(90),
    ports: '-',
    usage: ['12s', '120M'] as [string, string],
  });
  const [, heads, first] = plainBoard(rows, 80, { cellsOf });
  assert.match(heads!, /CPU +MEMORY +LAST LINE$/);
  assert.match(first!, /^> 1 +a-name-that-is.*… +▸ running +1m05s .* 12s +120M +x{10,}…$/);
  // in a wide window nothing gives way
  const wide = plainBoard(rows, 160, { cellsOf })[2]!;
  assert.match(
    wide,
    /^> 1 +a-name-that-is-much-longer-than-the-others +▸ running +1m05s of ~2m10s +1s +12s +120M +x+/,
  );
  for (const columns of [20, 30, 40, 60, 80, 100, 200])
    for (const line of boardOf(rows, columns, { cellsOf }))
      if (line.includes(INVERSE)) assert.equal([...strip(line)].length <= columns, true, `${columns}`);
});

test('a job without a name shows its command as far as there is room', () => {
  const command = `./deploy --region eu --image registry.example.org/app:${'1'.repeat(30)}`;
  assert.ok(plainBoard([row(1, { command })], 160)[2]!.includes(command.slice(0, 60)));
  // no last line needs the width
  const silent = { cellsOf: () => ({ lastLine: '', ports: '-', usage: ['-', '-'] as [string, string] }) };
  assert.ok(plainBoard([row(1, { command })], 140, silent)[2]!.includes(command));
});

test('the keys are those of the selected job', () => {
  const keysOf = (more: Partial<WatchRow>) => plainBoard([row(1, more)], 120).at(-1)!;
  assert.match(keysOf({}), /x kill {2}r restart {2}p pause/);
  assert.match(keysOf({ isPaused: true }), /p resume/);
  const ended = keysOf({ mayKill: false, mayPause: false, isLive: false });
  assert.match(ended, /⏎ log {2}r restart {2}\/ filter/);
  assert.match(keysOf({ mayPause: false, whyNoRestart: 'it waits' }), /⏎ log {2}x kill {2}\/ filter/);
  assert.equal(plainBoard([], 80).at(-1), '/ filter  F failures  a all  ? keys  q quit');
  // in a narrow window the way out stays
  assert.match(plainBoard([row(1)], 30).at(-1)!, /\? keys {2}q quit$/);
});

test('the head says what hides jobs', () => {
  const rows = [row(1), row(2)];
  const head = (more: Partial<BoardState>) => plainBoard(rows, 80, more)[0]!;
  assert.match(head({ failuresOnly: true }), /^bgjob {2}failures only: 2 of 2 {2}\/p/);
  assert.match(head({ failuresOnly: true, filter: 'web' }), /^bgjob {2}failures only, \/web: 2 of 2/);
  const none = (more: Partial<BoardState>, all: WatchRow[] = rows) =>
    plainBoard([], 80, {
      listing: { rows: all, counts: [], rest: [], none: 'no such jobs here' },
      ...more,
    })[2]!;
  assert.equal(none({ failuresOnly: true }), '  no job of this list failed: F shows all');
  assert.equal(none({ filter: 'web' }), '  no job matches: Esc shows all');
  assert.equal(none({}, []), '  no such jobs here');
  assert.equal(none({ filter: 'web', failuresOnly: true }, []), '  no such jobs here');
});
