import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LogSearch } from '../../../../src/cli/watch/log-search.ts';
import type { LogEnding } from '../../../../src/cli/watch/log-tail.ts';

const endingOf = (lines: string[], from = 0): LogEnding => {
  const starts = lines.map((_, n) => from + n * 100);
  return {
    lines,
    starts,
    end: from + lines.length * 100,
    bytes: from + lines.length * 100,
    isWhole: from === 0,
  };
};
const TOP = { line: 0, from: 0 };

test('a search is literal, ignores case unless the text has capitals, and reads through styles', () => {
  const ending = endingOf(['a.b', 'axb', 'A.B and a.b', '\x1b[31ma\x1b[0m.b', '[\\^$']);
  const count = (term: string) => /of ([\d,]+) /.exec(noted(term))?.[1] ?? '0';
  const noted = (term: string) => {
    const search = new LogSearch(term);
    search.find(ending, 1, TOP);
    return search.noteOf(ending, 7);
  };
  assert.equal(count('a.b'), '4');
  assert.equal(count('A.b'), '0');
  assert.equal(count('A.B'), '1');
  assert.equal(count('[\\^$'), '1');
  assert.equal(noted('zzz'), '/zzz: not found');
  const part = new LogSearch('zzz');
  assert.match(
    part.noteOf(endingOf(['x'], 500), 7),
    /not found in the end of the log .*: bgjob tail 7 --grep/,
  );
});

test('n and N go through all matches, and say when they went round; the first is in the window', () => {
  const ending = endingOf(['x', 'hit hit', 'x', 'hit']);
  const search = new LogSearch('hit');
  const at = (by: 1 | -1, top = TOP) => {
    const match = search.find(ending, by, top)!;
    return `${match.line}:${match.from} ${search.noteOf(ending, 7)}`;
  };
  assert.equal(at(1, { line: 2, from: 0 }), '3:0 /hit: 3 of 3 matches');
  assert.equal(at(1), '1:0 /hit: 1 of 3 matches (the search went on at the start)');
  assert.equal(at(1), '1:4 /hit: 2 of 3 matches');
  assert.equal(at(-1), '1:0 /hit: 1 of 3 matches');
  assert.equal(at(-1), '3:0 /hit: 3 of 3 matches (the search went on at the end)');
  assert.deepEqual(
    [...search.marksIn(ending, 0, 9)].map(([line, marks]) => [
      line,
      marks.map(({ from, isCurrent }) => [from, isCurrent]),
    ]),
    [
      [
        1,
        [
          [0, false],
          [4, false],
        ],
      ],
      [3, [[0, true]]],
    ],
  );
  // the current one stays the same while lines come and go
  const later = endingOf(['hit hit', 'x', 'hit', 'hit'], 100);
  assert.equal(search.noteOf(later, 7), '/hit: 3 of 4 matches (the search went on at the end)');
  assert.equal(search.find(later, 1, TOP)!.line, 3);
  const gone = endingOf(['hit'], 9000);
  assert.equal(search.noteOf(gone, 7), '/hit: 1 match');
});
