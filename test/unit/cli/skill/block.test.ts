/** The marked block in a file of the user: nothing outside of it changes, whatever the file is. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Block,
  blockOf,
  findBlock,
  markedPage,
  versionOfPage,
  withBlock,
  withoutBlock,
} from '../../../../src/cli/skill/block.ts';
import fc from '../../../rig/property.ts';
import { rounds } from '../../../rig/rounds.ts';

const OLD = blockOf('0.3.0', '## Old\n\nold text\n');
const NEW = blockOf('0.4.0', '## New\n\nnew text\nof more lines\n');

function found(file: string): Block {
  const block = findBlock(file);
  assert.ok(block !== null && block !== 'damaged', file);
  return block;
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

test('written and removed again: the file as it was, but for the end of its last line', () => {
  fc.assert(
    fc.property(files, (file) => {
      const put = withBlock(file, NEW, null);
      assert.ok(put.startsWith(file));
      const block = found(put);
      assert.equal(block.version, '0.4.0');
      assert.equal(withoutBlock(put, block), file === '' || file.endsWith('\n') ? file : `${file}\n`);
    }),
    { numRuns: rounds(1000, 2000) },
  );
});

test('replaced: what stands above and below stays, and a second time changes nothing', () => {
  fc.assert(
    fc.property(files, files, (above, below) => {
      const head = above === '' || above.endsWith('\n') ? above : `${above}\n`;
      const file = `${head}${OLD}\n${below}`;
      assert.equal(found(file).version, '0.3.0');
      const put = withBlock(file, NEW, found(file));
      const block = found(put);
      assert.deepEqual([put.slice(0, block.from), put.slice(block.to)], [head, `\n${below}`]);
      assert.equal(block.version, '0.4.0');
      assert.equal(withBlock(put, NEW, block), put);
      // removed: at most one empty line goes with it
      const rest = withoutBlock(put, block);
      assert.ok([0, 1, 2].includes(head.length + below.length - rest.length), JSON.stringify([file, rest]));
      assert.ok(rest.endsWith(below.replace(/^\r?\n/, '')), JSON.stringify([file, rest]));
    }),
    { numRuns: rounds(1000, 2000) },
  );
});

test('an empty line still parts what stood above and below', () => {
  for (const gap of ['\n', '\n\n']) {
    const file = `above\n\n${NEW}${gap}below\n`;
    assert.equal(withoutBlock(file, found(file)), 'above\n\nbelow\n');
  }
});

test('half a block, or more than one, is damaged; what only looks like a mark is none', () => {
  const [begin] = NEW.split('\n');
  for (const file of [
    `a\n${begin}\ntext\n`,
    'a\nb\n<!-- bgjob:end -->\n',
    `${NEW}\n${OLD}\n`,
    `${NEW}\n<!-- bgjob:end -->\n`,
    `${begin}\n${NEW}\n`,
    `  ${begin}\r\ntext`,
    '<!-- bgjob:begin\n',
    '<!--bgjob:end-->',
  ])
    assert.equal(findBlock(file), 'damaged', file);
  for (const file of [
    'see <!-- bgjob:begin',
    '`bgjob:end`',
    '<!-- bgjob:beginning -->',
    '<!-- bgjob: end -->',
  ])
    assert.equal(findBlock(file), null, file);
});

test('a text is known as ours: by this version, and by those that wrote a checksum', () => {
  const page = markedPage('1.2.3-rc.1', 'one\ntwo\n');
  for (const file of [
    page,
    page.replaceAll('\n', '\r\n'),
    page.trimEnd(),
    page.replace(' -->', ' 0123456789abcdef -->'),
  ])
    assert.equal(versionOfPage(file), '1.2.3-rc.1', file);
  for (const file of [`${page}more\n`, 'one\n', '']) assert.equal(versionOfPage(file), undefined, file);
  const old = '<!-- bgjob:begin 0.8.0 0123456789abcdef (bgjob skill --agents-md) -->\nx\n<!-- bgjob:end -->';
  assert.equal(found(old).version, '0.8.0');
  assert.equal(found('<!-- bgjob:begin -->\nx\n<!-- bgjob:end -->').version, null);
});
