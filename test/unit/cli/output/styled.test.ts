import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isUtf8, toAscii } from '../../../../src/cli/output/state-style.ts';
import { expandTabs, partSideways, sliceMarked } from '../../../../src/cli/output/styled.ts';

test('tabs go to the next tab stop; styles and wide characters are counted as they are shown', () => {
  assert.equal(expandTabs('a\tb'), 'a       b');
  assert.equal(expandTabs('12345678\tb'), `12345678${' '.repeat(8)}b`);
  assert.equal(expandTabs('\x1b[31ma\x1b[0m\tb'), '\x1b[31ma\x1b[0m       b');
  assert.equal(expandTabs('日\tb'), '日      b');
});

test('marks are inverse, and underlined in inverse text; the text around keeps its styles', () => {
  const mark = (from: number, to: number, isCurrent = false) => ({ from, to, isCurrent });
  assert.equal(sliceMarked('one two', 0, 7, [mark(4, 7)]), 'one \x1b[7mtwo\x1b[0m');
  assert.equal(sliceMarked('one two', 0, 7, [mark(4, 7, true)]), 'one \x1b[1;7mtwo\x1b[0m');
  assert.equal(
    sliceMarked('\x1b[31mone two\x1b[0m', 0, 7, [mark(2, 5)]),
    '\x1b[31mon\x1b[0m\x1b[7me t\x1b[0m\x1b[31mwo\x1b[0m',
  );
  assert.equal(sliceMarked('\x1b[7mone\x1b[0m', 0, 3, [mark(0, 3)]), '\x1b[4mone\x1b[0m');
  // 38;5;7 is a colour, and not inverse
  assert.equal(sliceMarked('\x1b[38;5;7mone\x1b[0m', 0, 3, [mark(0, 3)]), '\x1b[7mone\x1b[0m');
  // a match that a wrapped line divides
  assert.equal(sliceMarked('one two', 0, 5, [mark(4, 7)]), 'one \x1b[7mt\x1b[0m');
  assert.equal(sliceMarked('one two', 5, 7, [mark(4, 7)]), '\x1b[7mwo\x1b[0m');
});

test('a window that moves sideways cuts no wide character, and says what follows', () => {
  assert.deepEqual(partSideways('0123456789', 0, 10), { from: 0, to: 10, isCut: false });
  assert.deepEqual(partSideways('0123456789', 2, 4), { from: 2, to: 5, isCut: true });
  assert.deepEqual(partSideways('0123456789', 20, 4), { from: 10, to: 10, isCut: false });
  assert.deepEqual(partSideways('日本語日本語', 0, 6), { from: 0, to: 2, isCut: true });
});

test('where the locale is not UTF-8 our signs and keys are ASCII', () => {
  assert.equal(toAscii('↑↓ ⏎ ✓ ✗ ▸ ◦ ‖ ─ … ·'), 'kj l + ! * . = - ~ -');
  assert.equal(isUtf8({ LANG: 'C.UTF-8' }), true);
  assert.equal(isUtf8({ LANG: 'de_DE.utf8' }), true);
  assert.equal(isUtf8({ LANG: 'C.UTF-8', LC_ALL: 'C' }), false);
  assert.equal(isUtf8({ LC_ALL: '', LC_CTYPE: 'UTF-8' }), true);
  assert.equal(isUtf8({}), false);
  assert.equal(isUtf8({ LANG: 'C.UTF-8', TERM: 'linux' }), false);
});
