/** Patterns: what is wrong with one is told with its place; what is known of one before it is used is never too little. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePattern } from '../../../../src/base/text/pattern.ts';
import { IS_WHOLE } from '../../../rig/rounds.ts';

test('what does not compile is told with its position', () => {
  const refused = (text: string) => {
    const parsed = parsePattern('--until', text);
    assert.ok(!parsed.ok && parsed.failure.code === 'usage', text);
    return parsed.failure.message;
  };
  assert.equal(refused('ready (in'), '--until: at character 7: unterminated group: "ready (in"');
  assert.equal(refused('(?i)ready (in'), '--until: at character 11: unterminated group: "(?i)ready (in"');
  assert.equal(refused('(a)[\\](b'), '--until: at character 4: unterminated character class: "(a)[\\](b"');
  assert.equal(refused('a)'), '--until: at character 2: unmatched \')\': "a)"');
  assert.equal(refused('*a'), '--until: at character 1: nothing to repeat: "*a"');
  assert.equal(refused('[z-a]'), '--until: at character 4: range out of order in character class: "[z-a]"');
  assert.equal(refused(''), '--until: the regular expression is empty: ""');
  assert.equal(refused('(?i)'), '--until: the regular expression is empty: "(?i)"');
  assert.match(refused(`${'('.repeat(50_000)}\x1b`), /^--until: .*"\({80}…\(\+\d+\)"$/);
});

test('nested as deep as V8 takes it, or refused; never an error of ours', () => {
  const shapes: [before: string, after: string][] = [
    ['(?:', ')'],
    ['(', ')'],
    ['(?=', ')'],
    ['(?:', ')+'],
  ];
  // in the whole proof at every depth; the deepest always
  for (const [before, after] of shapes)
    for (const depth of IS_WHOLE ? [100, 1000, 2000, 4000, 7000] : [100, 1000, 7000]) {
      const text = `${before.repeat(depth)}a${after.repeat(depth)}`;
      const parsed = parsePattern('--until', text);
      // taken, or told in words
      if (!parsed.ok) assert.equal(parsed.failure.code, 'usage');
      else assert.ok(parsed.value.costOf(100) > 0, `${before} ${depth}`);
    }
});

test('the strings that every match holds', () => {
  const literals = (text: string) => {
    const parsed = parsePattern('--until', text);
    assert.ok(parsed.ok, text);
    return parsed.value.literals;
  };
  assert.deepEqual(literals('ready in \\d+ ms'), ['ready in ']);
  assert.deepEqual(literals('foo|quux\\d'), ['foo', 'quux']);
  assert.deepEqual(literals('^ab\\bcd$'), ['abcd']);
  assert.deepEqual(literals('(?:abc)+d'), ['abc']);
  assert.deepEqual(literals('(?i)café'), ['caf']);
  assert.deepEqual(literals('ab👍?'), ['ab']);
  for (const none of ['\\d+', 'a|', '(abc)?', '[ab]', '.*', 'abc|\\d', '(?:abc)*'])
    assert.equal(literals(none), null, none);
});

test('the cost of a match is bounded by the shape of the pattern', () => {
  const cost = (text: string, length: number) => {
    const parsed = parsePattern('--until', text);
    assert.ok(parsed.ok, text);
    return parsed.value.costOf(length);
  };
  assert.ok(cost('ready', 1000) < 20_000);
  assert.ok(cost('a.*b', 1000) < 1e7);
  assert.ok(cost('a.*b.*c', 1000) > 1e8);
  assert.ok(cost('(a+)+$', 40) > 1e12);
  assert.ok(cost('(a|a)*$', 60) > 1e12);
  assert.equal(cost('(a+)+$', 2 ** 20), Number.POSITIVE_INFINITY);
});
