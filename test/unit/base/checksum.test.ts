/** The seal of a record: whatever flips, the record is not believed; and one without a seal still is. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasWrongChecksum, listWithChecksum, withChecksum } from '../../../src/base/checksum.ts';
import * as is from '../../../src/base/schema.ts';
import fc from '../../rig/property.ts';

const shape = is.object({ v: is.literal(1), code: is.count, why: is.text });
const RECORD = { v: 1, code: 0, why: 'ü"\\\u2028\ud800' } as const;

test('a sealed record is JSON, and reads as what it was', () => {
  const text = withChecksum(RECORD);
  assert.match(text, /,"sum":"[0-9a-f]{8}"\}\n$/);
  assert.equal(JSON.parse(text).code, 0);
  assert.deepEqual(is.parseSchema(shape, text), { ok: true, value: { ...RECORD } });
  assert.deepEqual(is.parseSchema(shape, JSON.stringify(RECORD)), { ok: true, value: { ...RECORD } });
});

test('no bit of it can flip unseen', () => {
  // the last character before the seal is a quote in the one, and a digit in the other
  for (const record of [RECORD, { v: 1, why: 'x', code: 4 }]) {
    const bytes = Buffer.from(withChecksum(record));
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      const copy = Buffer.from(bytes);
      copy[bit >> 3]! ^= 1 << (bit & 7);
      const parsed = is.parseSchema(shape, copy.toString());
      if (parsed.ok) assert.deepEqual(parsed.value, record, copy.toString());
    }
  }
  const changed = withChecksum(RECORD).replace('"code":0', '"code":1');
  assert.deepEqual(is.parseSchema(shape, changed), {
    ok: false,
    why: 'its checksum is wrong: it was changed',
  });
});

test('any record keeps its seal, and any other text is no broken one', () => {
  const record = fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1 });
  fc.assert(fc.property(record, (any) => !hasWrongChecksum(withChecksum(any))));
  fc.assert(fc.property(fc.json(), (json) => !hasWrongChecksum(json)));
  for (const text of ['', '}\n', ',"sum":"', ',"sum":"01234567"}'])
    assert.equal(hasWrongChecksum(text), false);
});

test('a sealed list in which anything was changed is not believed; one without a seal is', () => {
  const list = ['A=1', 'B=ü"\\\u2028\ud800', 'C='];
  const parse = (text: string) => is.parseSchema(is.variables, text);
  assert.deepEqual(parse(listWithChecksum(list)), { ok: true, value: list });
  assert.deepEqual(parse(JSON.stringify(list)), { ok: true, value: list });
  // sealed anew it has one seal
  assert.equal(listWithChecksum(JSON.parse(listWithChecksum(list))), listWithChecksum(list));
  assert.deepEqual(parse(listWithChecksum([])), { ok: true, value: [] });
  const bytes = Buffer.from(listWithChecksum(list));
  for (let bit = 0; bit < 8 * bytes.length; bit++) {
    const copy = Buffer.from(bytes);
    copy[bit >> 3]! ^= 1 << (bit & 7);
    const parsed = parse(copy.toString());
    // where the name of the seal itself is damaged, the rest is not
    if (parsed.ok) assert.deepEqual(parsed.value.slice(0, list.length), list, copy.toString());
  }
  assert.deepEqual(parse(listWithChecksum(list).replace('A=1', 'A=2')), {
    ok: false,
    why: 'its checksum is wrong: it was changed',
  });
  fc.assert(
    fc.property(fc.array(fc.string()), (any) => {
      const own = any.filter((entry) => !entry.startsWith('BGJOB_SUM='));
      assert.deepEqual(parse(listWithChecksum(own)), { ok: true, value: own });
    }),
  );
});
