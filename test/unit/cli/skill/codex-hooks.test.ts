/** Hooks in the hooks file of Codex: added and removed without a trace. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hookEntries } from '../../../../src/cli/hook/hooks-json.ts';
import { hooksTrouble, withOurHooks, withoutOurHooks } from '../../../../src/cli/skill/codex-hooks.ts';
import { isOurHandler } from '../../../../src/cli/skill/hooks.ts';
import fc from '../../../rig/property.ts';

const handlerOf = (event: string) => hookEntries('codex')[event]![0]!.hooks[0]!;
const foreign = (command: string) => ({ hooks: [{ type: 'command', command }] });

/** The hooks of a file without ours, by event. */
function othersOf(file: string): unknown {
  const { hooks = {}, ...rest } = JSON.parse(file);
  const others = Object.entries(hooks).map(([event, groups]) => [
    event,
    (groups as any[]).filter((group) => !group?.hooks?.some(isOurHandler)),
  ]);
  return { ...rest, hooks: Object.fromEntries(others.filter(([, groups]) => (groups as any[]).length > 0)) };
}

/** What Codex finds of ours: each event once, and behind the others. */
function assertInstalled(file: string): void {
  for (const event of Object.keys(hookEntries('codex'))) {
    const groups: any[] = JSON.parse(file).hooks[event];
    assert.equal(groups.flatMap((group) => group?.hooks ?? []).filter(isOurHandler).length, 1, event);
    assert.deepEqual(groups.at(-1), { hooks: [handlerOf(event)] });
  }
}

const FILES = [
  '{}',
  ' { }\n',
  '{"hooks":{}}',
  '{"hooks": { } }',
  '{\n  "hooks": {\n  }\n}',
  '{"description":null,"hooks":{"Stop":[],"X":[ ]}}',
  '{ "hooks": { "Stop": [ {} ] } }',
  '{\r\n\t"description": "}],[{\\"",\r\n\t"hooks": {\r\n\t\t"Stop": [\r\n\t\t\t{"hooks": []}\r\n\t\t]\r\n\t}\r\n}\r\n',
  '{\n"hooks" : {"Stop" : [ {"hooks" :[{"type":"command","command":"a \\u00e4 ä"}]}\n, null,7 ]\n,\n\n"Other":[]}\n,"x":[1]}',
];

test('a thousand times added and removed, the file of others is as before, byte for byte', () => {
  for (const file of FILES) {
    let now = file;
    for (let round = 0; round < 1000 / FILES.length; round += 1) {
      const added = withOurHooks(now).text!;
      if (round === 0) {
        assertInstalled(added);
        assert.deepEqual(othersOf(added), othersOf(file));
        assert.equal(withOurHooks(added).text, added, 'twice is once');
      }
      now = withoutOurHooks(added).text!;
      assert.equal(now, file);
    }
  }
});

test('line ends and indentation are those of the file', () => {
  const tabs = withOurHooks(FILES[7]!).text!;
  assert.doesNotMatch(tabs, /[^\r]\n/);
  assert.match(tabs, /\r\n\t\t\t\{\r\n\t\t\t\t"hooks": \[\r\n/);
  assert.doesNotMatch(withOurHooks('{"hooks":{"A":[]},"x":1}').text!, /\n/);
});

test('a file that was made for them goes with them', () => {
  const { text } = withOurHooks(null);
  assertInstalled(text!);
  assert.equal(withoutOurHooks(text!).text, null);
});

/** JSON with blanks from `gaps`, one after the other, wherever JSON allows them. */
function written(value: unknown, gaps: string[]): string {
  let n = 0;
  const gap = () => gaps[n++ % gaps.length]!;
  const write = (part: unknown): string => {
    if (Array.isArray(part)) return `[${gap()}${part.map(write).join(`${gap()},${gap()}`)}${gap()}]`;
    if (typeof part !== 'object' || part === null) return JSON.stringify(part);
    const members = Object.entries(part).map(
      ([key, item]) => `${JSON.stringify(key)}${gap()}:${gap()}${write(item)}`,
    );
    return `{${gap()}${members.join(`${gap()},${gap()}`)}${gap()}}`;
  };
  return gap() + write(value) + gap();
}

test('any file of others, however it is laid out, is given back byte for byte', () => {
  const groups = fc.array(fc.string({ unit: 'binary' }).map(foreign), { maxLength: 3 });
  const hooks = fc.dictionary(fc.constantFrom('Stop', 'SessionStart', 'PostToolUse', 'Other'), groups);
  const value = fc.record({ hooks, description: fc.string() }, { requiredKeys: [] });
  const gaps = fc.array(fc.constantFrom('', '', ' ', '\n', '\n  ', '\r\n\t\t'), { minLength: 1 });
  fc.assert(
    fc.property(value, gaps, (others, blanks) => {
      const file = written(others, blanks);
      const added = withOurHooks(file).text!;
      assertInstalled(added);
      assert.deepEqual(othersOf(added), othersOf(file));
      assert.equal(withoutOurHooks(added).text, file);
    }),
  );
});

test('a hook of ours that was changed or moved is replaced; others in its group stay', () => {
  const once = withOurHooks('{"hooks":{"Stop":[]}}').text!;
  const older = once.replace('"timeout":5', '"timeout":3');
  assert.notEqual(older, once);
  assert.equal(withOurHooks(older).text, once);
  const group = { hooks: [handlerOf('Stop'), ...foreign('mine').hooks] };
  const moved = JSON.stringify({ hooks: { Stop: [group], Old: [{ hooks: [handlerOf('Stop')] }] } });
  assert.equal(withoutOurHooks(moved).text, JSON.stringify({ hooks: { Stop: [foreign('mine')] } }));
  const replaced = JSON.parse(withOurHooks(moved).text!).hooks;
  assert.deepEqual(replaced.Stop, [foreign('mine'), { hooks: [handlerOf('Stop')] }]);
  assert.equal(replaced.Old, undefined);
});

test('what Codex could not read is not touched', () => {
  const why: [string, RegExp][] = [
    ['', /not JSON/],
    ['\ufeff{}', /not JSON/],
    ['{} // a comment', /not JSON/],
    ['{"hooks":{},}', /not JSON/],
    ['[]', /no object/],
    ['null', /no object/],
    ['{"hooks":[]}', /"hooks" is no object/],
    ['{"hooks":{"Stop":{}}}', /"Stop" is no list/],
    ['{"hooks":{},"hooks":{}}', /a key twice/],
    ['{"hooks":{"Stop":[],"St\\u006fp":[]}}', /an event twice/],
  ];
  for (const [file, trouble] of why) assert.match(hooksTrouble(file) ?? '', trouble, file);
  for (const file of FILES) assert.equal(hooksTrouble(file), undefined, file);
});
