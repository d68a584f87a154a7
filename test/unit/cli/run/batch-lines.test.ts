/** A batch file taken apart: which lines are jobs, which are none, and which cannot be. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LONGEST_WORD_BYTES, parseBatch } from '../../../../src/cli/run/batch-lines.ts';
import { renderIds } from '../../../../src/cli/wait/render-ids.ts';

const texts = (file: string | Buffer) => parseBatch(Buffer.from(file)).lines.map(({ text }) => text);

test('blank lines and comments are no jobs, and the others keep their numbers', () => {
  const { lines, bad } = parseBatch(Buffer.from('#!/bin/sh\n\na b\n  \t\n  # c\n d # e\n'));
  assert.deepEqual(bad, []);
  assert.deepEqual(lines, [
    { number: 3, text: 'a b', name: null },
    { number: 6, text: ' d # e', name: null },
  ]);
});

test('a name before a line is taken off; each name stands once', () => {
  const named = (text: string) => {
    const [line] = parseBatch(Buffer.from(text)).lines;
    return [line?.name, line?.text];
  };
  assert.deepEqual(named('lint: npm run lint'), ['lint', 'npm run lint']);
  assert.deepEqual(named('  a.b-c_9:\t x: y '), ['a.b-c_9', 'x: y ']);
  for (const line of [
    'lint:',
    'lint: ',
    'a:b c',
    ': comment',
    '7: x',
    'a b: c',
    'é: x',
    '"a": b',
    `${'x'.repeat(65)}: y`,
  ])
    assert.deepEqual(named(line), [null, line], line);
  const { lines, bad } = parseBatch(Buffer.from('a: x\nb: y\na: z\na: w\n'));
  assert.deepEqual(
    lines.map(({ name }) => name),
    ['a', 'b'],
  );
  assert.deepEqual(bad, [
    { number: 3, trouble: { kind: 'name-twice', name: 'a', line: 1 } },
    { number: 4, trouble: { kind: 'name-twice', name: 'a', line: 1 } },
  ]);
});

test('CRLF, a mark at the beginning, and a last line without its newline', () => {
  assert.deepEqual(texts('\ufeffa\r\nb\r\n\r\nc'), ['a', 'b', 'c']);
  assert.deepEqual(texts('a\n\ufeffb\rc\r\r\n'), ['a', '\ufeffb\rc\r'], 'elsewhere they are what they are');
  for (const empty of ['', '\n', '\r\n', '\ufeff', '# x', '\n\n'])
    assert.deepEqual(parseBatch(Buffer.from(empty)), { lines: [], bad: [] }, JSON.stringify(empty));
});

test('a line that is not UTF-8, holds NUL or is longer than a word may be is bad, and the others are not', () => {
  const longest = 'x'.repeat(LONGEST_WORD_BYTES);
  const file = Buffer.concat([
    Buffer.from('a\n'),
    Buffer.from([0x62, 0xff, 10]),
    Buffer.from('c\0d\n'),
    Buffer.from(`${longest}y\n${longest}\n`),
    Buffer.from('é\n'),
  ]);
  const { lines, bad } = parseBatch(file);
  assert.deepEqual(
    lines.map(({ number }) => number),
    [1, 5, 6],
  );
  assert.deepEqual(bad, [
    { number: 2, trouble: { kind: 'not-utf-8' } },
    { number: 3, trouble: { kind: 'nul' } },
    { number: 4, trouble: { kind: 'too-long', bytes: LONGEST_WORD_BYTES + 1 } },
  ]);
});

test('ids as a shell takes them: what it makes of them is the same list', () => {
  assert.equal(renderIds([7]), '7');
  assert.equal(renderIds([1, 2, 5]), '1 2 5');
  assert.equal(renderIds([1, 2, 3, 7, 9, 10, 11, 12]), '$(seq 1 3) 7 $(seq 9 12)');
  const odd = Array.from({ length: 60 }, (_, n) => 2 * n + 1);
  assert.equal(renderIds(odd), odd.join(' '));
});
