/** Widths as a terminal counts them: columns stay aligned, cuts fall between characters, narrow tables drop what matters least. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cut, fitColumns, pad, plainTable, widthOf, wrap } from '../../../../src/cli/output/columns.ts';

/** What terminals agree on: columns of each text. */
const WIDTHS: [text: string, columns: number][] = [
  ['', 0],
  ['abc', 3],
  ['naïve Größe', 11],
  ['Привет', 6],
  ['“x” – y…', 8],
  ['日本語', 6],
  ['한국어', 6],
  ['😀', 2],
  ['🫠', 2],
  ['👩‍👩‍👧', 2],
  ['🇩🇪', 2],
  ['e\u0301', 1],
  ['✔ ok', 4],
];

test('wide characters and emoji take two columns, marks none', () => {
  for (const [text, columns] of WIDTHS) assert.equal(widthOf(text), columns, text);
});

test('a cut is never wider than asked, says that something is missing, and halves no character', () => {
  for (const [text, width] of WIDTHS)
    for (let columns = 0; columns <= width + 1; columns++) {
      const short = cut(text, columns);
      assert.ok(widthOf(short) <= columns, `${text} in ${columns}: ${short}`);
      if (columns >= width) assert.equal(short, text);
      else if (columns > 0) assert.ok(short.endsWith('…'), short);
      assert.ok(
        !/[\ud800-\udbff](?![\udc00-\udfff])/.test(short) && text.startsWith(short.replace(/…$/, '')),
        short,
      );
      assert.equal(widthOf(pad(short, columns)), columns);
    }
});

test('wrapping loses nothing and no line is too wide', () => {
  for (const text of [...WIDTHS.map(([one]) => one.repeat(9)), 'x'.repeat(100)])
    for (const columns of [2, 3, 10]) {
      const lines = wrap(text, columns);
      assert.equal(lines.join(''), text);
      for (const line of lines) assert.ok(widthOf(line) <= columns, line);
    }
});

test('the columns of a plain table begin at the same place in each row', () => {
  const rows = WIDTHS.filter(([text]) => text !== '').map(([text], n) => [text, `|${n}`]);
  const lines = plainTable(['NAME', 'N'], rows);
  const places = lines.slice(1).map((line) => widthOf(line.slice(0, line.indexOf('|'))));
  assert.deepEqual(new Set(places), new Set([13]));
});

test('a table fits the window: long cells are cut, spare columns go, the first ones stay', () => {
  const heads = ['ID', 'NAME', 'STATE', 'AGE', 'COMMAND'];
  const rows = [
    ['1', 'a-name', 'lost (supervisor and shim were killed, in a sandbox)', '3m', 'x'.repeat(200)],
  ];
  for (const width of [200, 120, 80, 60, 40, 30]) {
    const { shown, widths } = fitColumns(heads, rows, width, ['AGE']);
    const sum = widths.reduce((all, one) => all + one + 2, -2);
    assert.ok(sum <= width, `${sum} of ${width}`);
    assert.deepEqual(shown.slice(0, 3), [0, 1, 2]);
    assert.equal(shown.at(-1), 4);
    assert.equal(shown.includes(3), width >= 60, `AGE at ${width}`);
  }
  assert.deepEqual(fitColumns(heads, rows, 200, [], ['AGE']).shown, [0, 1, 2, 4]);
});
