/** Shapes: a record is believed only if every field is what it should be, and the error names the place. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as is from '../../../src/base/schema.ts';
import { identitySchema } from '../../../src/job/identity.ts';
import { specSchema } from '../../../src/job/spec.ts';
import { firstSignalSchema, stateSchema } from '../../../src/job/state.ts';
import fc from '../../rig/property.ts';

const why = (shape: is.Schema<unknown>, value: unknown): string => {
  const parsed = is.parseSchema(shape, JSON.stringify(value));
  return parsed.ok ? 'fine' : parsed.why;
};

test('plain values', () => {
  const wrong: [is.Schema<unknown>, unknown[], string][] = [
    [is.text, [1, null, [], {}], 'the record is not a text'],
    [is.flag, [0, 'true', null], 'the record is not true or false'],
    [is.amount, [-1, '1', null, []], 'the record is not an amount'],
    [is.count, [-1, 1.5, 2 ** 53, '1', null], 'the record is not a whole number'],
    [is.literal('a', 'b'), ['c', null, ['a']], 'the record is not a or b'],
    [is.nullable(is.text), [1], 'the record is not a text'],
    [is.listOf(is.text), [{}, 'a', null], 'the record is not a list'],
    [is.object({}), [[], null, 'a', 1], 'the record is not an object'],
  ];
  for (const [shape, values, message] of wrong)
    for (const value of values) assert.equal(why(shape, value), message);
  const fine: [is.Schema<unknown>, unknown[]][] = [
    [is.text, ['']],
    [is.flag, [true, false]],
    [is.amount, [0, 0.5, 1e300]],
    [is.count, [0, 2 ** 53 - 1]],
    [is.literal(1), [1]],
    [is.nullable(is.text), [null, 'a']],
    [is.listOf(is.text), [[], ['a']]],
  ];
  for (const [shape, values] of fine) for (const value of values) assert.equal(why(shape, value), 'fine');
  assert.throws(() => is.amount(Number.NaN, ''), is.SchemaError);
  assert.throws(() => is.amount(Number.POSITIVE_INFINITY, ''), is.SchemaError);
});

test('the place of the error, however deep', () => {
  const shape = is.object({ a: is.listOf(is.object({ b: is.nullable(is.listOf(is.count)) })) });
  assert.equal(why(shape, { a: [{ b: null }, { b: [1, -1] }] }), 'a[1].b[1] is not a whole number');
  assert.equal(why(shape, { a: [null] }), 'a[0] is not an object');
  assert.equal(why(is.listOf(is.text), ['a', 1]), '[1] is not a text');
  assert.equal(why(shape, {}), 'a is not a list');
});

test('variants are told apart by their key, and nothing inherited is a case or a field', () => {
  const shape = is.variant('kind', { one: { a: is.count }, none: {} });
  assert.deepEqual(is.parseSchema(shape, '{"kind":"one","a":1,"b":2}'), {
    ok: true,
    value: { kind: 'one', a: 1 },
  });
  assert.equal(why(shape, { kind: 'one' }), 'a is not a whole number');
  assert.equal(why(shape, {}), 'kind is not a text');
  for (const kind of ['two', '', 'toString', '__proto__', 'constructor'])
    assert.match(why(shape, { kind }), /^kind is not one or none$/, kind);
  const proto = is.parseSchema(is.object({ a: is.count }), '{"__proto__":{"a":1}}');
  assert.equal(proto.ok, false);
});

test('unknown keys are dropped; what is no JSON is told', () => {
  assert.deepEqual(is.parseSchema(is.object({ a: is.count }), '{"a":1,"z":2}'), {
    ok: true,
    value: { a: 1 },
  });
  for (const json of ['', '{', 'undefined', '{"a":1}x', '\0'])
    assert.deepEqual(is.parseSchema(is.text, json), { ok: false, why: 'it is not JSON' });
});

test('no JSON whatever makes a shape throw, and what it accepts it accepts again unchanged', () => {
  for (const shape of [specSchema, stateSchema, identitySchema, firstSignalSchema] as is.Schema<unknown>[]) {
    fc.assert(
      fc.property(fc.json(), (json) => {
        const parsed = is.parseSchema(shape, json);
        if (!parsed.ok) assert.match(parsed.why, / is not |it is not JSON/);
      }),
    );
  }
  const stop = {
    by: fc.string(),
    cause: fc.constantFrom('kill', 'timeout'),
    signal: fc.string(),
    graceMs: fc.nat(),
    at: fc.nat(),
  };
  const status = fc.record({
    phase: fc.constant('stopping'),
    startedAt: fc.nat(),
    startedMonotonicMs: fc.double({ min: 0, max: 1e12, noNaN: true }),
    stop: fc.record(stop),
    sent: fc.array(fc.string()),
    ended: fc.option(
      fc.record({
        code: fc.option(fc.nat({ max: 255 })),
        at: fc.nat(),
        known: fc.boolean(),
        tookMs: fc.option(fc.nat()),
      }),
    ),
  });
  const state = fc.record({
    v: fc.constant(1),
    generation: fc.nat(),
    attempt: fc.nat(),
    attempts: fc.constant([]),
    status,
    forced: fc.nat(),
    stopped: fc.nat(),
    left: fc.constant([]),
    logBytes: fc.option(fc.nat()),
    spec: fc.constant(null),
  });
  fc.assert(
    fc.property(state, (value) => {
      const parsed = is.parseSchema(stateSchema, JSON.stringify(value));
      assert.deepEqual(parsed, { ok: true, value: JSON.parse(JSON.stringify(value)) });
    }),
  );
});
