/** Sets of ids as ranges. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSchema } from '../../../../src/base/schema.ts';
import { countIds, idRanges, idRangesSchema, isInRanges } from '../../../../src/job/rounds/id-ranges.ts';

test('ranges hold just the ids that were given, in whatever order', () => {
  assert.deepEqual(idRanges([]), []);
  assert.deepEqual(idRanges([7]), [[7, 7]]);
  assert.deepEqual(idRanges([9, 3, 4, 5, 3, 10]), [
    [3, 5],
    [9, 10],
  ]);
  for (let set = 0; set < 1 << 10; set++) {
    const ids = Array.from({ length: 10 }, (_, n) => n + 1).filter((id) => set & (1 << (id - 1)));
    const ranges = idRanges(ids);
    assert.equal(countIds(ranges), ids.length);
    for (let id = 0; id <= 11; id++) assert.equal(isInRanges(ranges, id), ids.includes(id), `${set} ${id}`);
  }
});

test('what is no list of ranges is not believed', () => {
  assert.ok(parseSchema(idRangesSchema, '[[1,2],[5,5]]').ok);
  for (const text of ['[[2,1]]', '[[1]]', '[1]', '{}', '[["1","2"]]'])
    assert.ok(!parseSchema(idRangesSchema, text).ok, text);
});
