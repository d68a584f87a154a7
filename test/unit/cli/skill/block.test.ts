/** The marked block in a file of somebody else's: nothing outside of it changes, whatever the file is. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Block,
  blockOf,
  findBlock,
  markedFile,
  markOfFile,
  withBlock,
  withoutBlock,
} from '../../../../src/cli/skill/block.ts';
import fc from '../../../rig/property.ts';
import { rounds } from '../../../rig/rounds.ts';

const OLD = blockOf('0.3.0', '## Old\n\nold text\n');
const NEW = blockOf('0.4.0', '## New\n\nnew text\nof more lines\n');

function found(file: string): Block | null {
  const result = findBlock(file);
  assert.ok(result.ok, JSON.stringify(result));
  return result.value;
}

/** Files as people have them, and any other text of bytes. */
const files = fc.oneof(
  fc.constantFrom(
    '',
    '\r',
    'x\r',
    '\n',
    '\r\n',
    'x',
    'x\n',
    'x\r\ny\r\n',
    'x\r\ny',
    '# A\n\n\n',
    '\xef\xbb\xbf# A\n',
    '\xff\xfe\n',
  ),
  fc
    .array(fc.constantFrom('text', '', ' ', '## Head', '- é', '<!-- other -->'), { maxLength: 8 })
    .chain((lines) => fc.constantFrom('\n', '\r\n').map((end) => lines.join(end))),
  fc.string({ unit: 'binary-ascii', maxLength: 40 }),
);

test('written and taken away again: the file as it was, byte for byte', () => {
  fc.assert(
    fc.property(files, (file) => {
      const put = withBlock(file, NEW, null);
      assert.ok(put.startsWith(file));
      const block = found(put)!;
      assert.deepEqual(block.mark, { version: '0.4.0', intact: true });
      assert.equal(withoutBlock(put, block), file);
    }),
    { numRuns: rounds(1000, 2000) },
  );
});

test('replaced: what stands above and below stays, and a second time changes nothing', () => {
  fc.assert(
    fc.property(files, files, (above, below) => {
      const head = above === '' || above.endsWith('\n') ? above : `${above}\n`;
      const file = `${head}${OLD}\n${below}`;
      const old = found(file)!;
      assert.equal(old.mark?.version, '0.3.0');
      const put = withBlock(file, NEW, old);
      const block = found(put)!;
      assert.equal(put.slice(0, block.from), head);
      assert.equal(put.slice(block.to), `\n${below}`);
      assert.deepEqual(block.mark, { version: '0.4.0', intact: true });
      assert.equal(withBlock(put, NEW, block), put);
      // taken away: at most one empty line goes with it
      const rest = withoutBlock(put, block);
      assert.ok([0, 1, 2].includes(head.length + below.length - rest.length), JSON.stringify([file, rest]));
      assert.equal(rest.endsWith(below), true);
    }),
    { numRuns: rounds(1000, 2000) },
  );
});

test('an empty line still parts what stood above and below', () => {
  const file = `above\n\n${NEW}\nbelow\n`;
  assert.equal(withoutBlock(file, found(file)!), 'above\n\nbelow\n');
  const spaced = `above\n\n${NEW}\n\nbelow\n`;
  assert.equal(withoutBlock(spaced, found(spaced)!), 'above\n\nbelow\n');
});

test('half a block, or more than one, is told by its line', () => {
  const [begin] = NEW.split('\n');
  const cases: [string, RegExp][] = [
    [`a\n${begin}\ntext\n`, /^line 2 begins what never ends$/],
    ['a\nb\n<!-- bgjob:end -->\n', /^line 3 ends what never began$/],
    [`${NEW}\n${OLD}\n`, /has one more mark$/],
    [`${NEW}\n<!-- bgjob:end -->\n`, /has one more mark$/],
    [`${begin}\n${NEW}\n`, /^line 1 begins what never ends$/],
    [`  ${begin}\r\ntext`, /^line 1 begins/],
    ['<!-- bgjob:begin\n', /^line 1 begins/],
    ['<!--bgjob:end-->', /^line 1 ends/],
  ];
  for (const [file, why] of cases) {
    const result = findBlock(file);
    assert.ok(!result.ok, file);
    assert.match(result.why, why);
  }
  for (const file of [
    'see <!-- bgjob:begin',
    '`bgjob:end`',
    '<!-- bgjob:beginning -->',
    '<!-- bgjob: end -->',
  ])
    assert.equal(found(file), null, file);
});

test('a text is known as ours, changed or not, with either kind of line ends', () => {
  const whole = markedFile('1.2.3-rc.1', 'one\ntwo\n');
  assert.deepEqual(markOfFile(whole), { version: '1.2.3-rc.1', intact: true });
  assert.deepEqual(markOfFile(whole.replaceAll('\n', '\r\n')), { version: '1.2.3-rc.1', intact: true });
  assert.deepEqual(markOfFile(whole.trimEnd()), { version: '1.2.3-rc.1', intact: true });
  assert.equal(markOfFile(whole.replace('two', 'too'))?.intact, false);
  assert.equal(markOfFile(whole.replace('1.2.3', '1.2.4'))?.intact, false);
  assert.equal(markOfFile(`${whole}more\n`), undefined);
  assert.equal(markOfFile('<!-- bgjob skill x -->\n'), undefined);
  assert.equal(found(NEW.replaceAll('\n', '\r\n'))?.mark?.intact, true);
  assert.equal(found(NEW.replace('of more', 'of less'))?.mark?.intact, false);
  assert.equal(found('<!-- bgjob:begin -->\nx\n<!-- bgjob:end -->')?.mark, undefined);
});
