/** Searching a log: the same lines as a plain way finds, however the log is cut, and no pattern that hangs it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Pattern, parsePattern } from '../../../../src/base/text/pattern.ts';
import { cleanLine } from '../../../../src/base/text/sanitize.ts';
import { type Hit, Search } from '../../../../src/engine/search/search.ts';
import fc from '../../../rig/property.ts';
import { rounds } from '../../../rig/rounds.ts';
import { TEST_MS } from '../../../rig/until.ts';

function pattern(text: string): Pattern {
  const parsed = parsePattern('--until', text);
  assert.ok(parsed.ok, JSON.stringify(parsed));
  return parsed.value;
}

async function found(search: Search, bytes: Buffer, cuts: number[]): Promise<Hit[]> {
  const hits: Hit[] = [];
  const take = (result: { ok: true; value: Hit[] } | { ok: false; failure: unknown }) => {
    assert.ok(result.ok, JSON.stringify(result));
    hits.push(...result.value);
  };
  const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  for (let n = 1; n < at.length; n++) take(await search.push(bytes.subarray(at[n - 1]!, at[n]!), at[n - 1]!));
  take(await search.end());
  return hits;
}

/** The plain way: every line decoded, cleaned, and tried with each expression. */
function plainly(texts: string[], bytes: Buffer): Hit[] {
  const hits: Hit[] = [];
  for (let from = 0; from < bytes.length; ) {
    const newline = bytes.indexOf(10, from);
    const to = newline === -1 ? bytes.length : newline + 1;
    const text = cleanLine(bytes.toString('utf8', from, newline === -1 ? to : newline));
    const tried = texts.map((each) => {
      const ignore = each.startsWith('(?i)');
      return new RegExp(ignore ? each.slice(4) : each, ignore ? 'i' : '').exec(text);
    });
    const first = tried.findIndex((match) => match !== null);
    if (first !== -1) hits.push({ pattern: first, from, to, text, matched: tried[first]![0] });
    from = to;
  }
  return hits;
}

const PATTERNS = [
  ...[
    'ready',
    'ready in',
    'ready in \\d+ ms',
    '(?i)READY',
    '(?i)é',
    '^ready',
    'in$',
    '^$',
    'x*',
    'a|b',
    'é',
    '👍?',
    '👍+x',
  ],
  ...[
    '(ready|done) in',
    '(?:re)?ady',
    'r[e]ady',
    're(?=ad)',
    '(?<!x)ready',
    'a{2}',
    '(a+)b',
    '(.)\\1',
    '\\bin\\b',
    '[👍]',
  ],
  ...[
    '.',
    '\\t',
    '\\ufffd',
    'r.*y',
    'in (\\d|x)+',
    'a\\u2028?b',
    '(?:a|b){2}',
    '[^a]',
    '\\x1b',
    'a-b',
    '/\\/',
  ],
];
const text = fc.string({
  unit: fc.constantFrom(
    ...[
      'ready',
      ' in ',
      '12',
      ' ms',
      're',
      'ady',
      'READY',
      'a',
      'b',
      'x',
      'é',
      '👍',
      '\t',
      '/',
      'a-b',
      '\n',
      '\n',
      '\n',
      '\r\n',
    ],
    ...[
      '\r',
      '\b',
      '\x1b[31m',
      '\x1b[0m',
      '\x1b[K',
      '\x1b]0;t\x07',
      '\x1b',
      '\x7f',
      '\x00',
      '\x9b',
      '\x85',
      '\u061c',
      '\u202e',
      '\u2028',
    ],
  ),
  maxLength: 60,
});
const bytes = fc.oneof(
  { weight: 6, arbitrary: text.map((each) => Buffer.from(each)) },
  {
    weight: 1,
    arbitrary: fc
      .array(fc.tuple(text, fc.uint8Array({ maxLength: 3 })))
      .map((all) => Buffer.concat(all.flatMap(([each, raw]) => [Buffer.from(each), raw]))),
  },
);

test('a search finds what a plain way finds, wherever the log is cut', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom(...PATTERNS), { minLength: 1, maxLength: 3 }),
      bytes,
      fc.array(fc.nat(400), { maxLength: 5 }),
      async (patterns, log, cuts) => {
        const search = new Search(patterns.map(pattern));
        try {
          assert.deepEqual(await found(search, log, cuts), plainly(patterns, log));
        } finally {
          search.close();
        }
      },
    ),
    { numRuns: rounds(1000, 4000) },
  );
});

test('every character that a line loses is found before the line is left out', async () => {
  const step = rounds(7, 1);
  for (
    let code = Number(process.env['BGJOB_TEST_SEED'] ?? 0) % step;
    code < 0x10000;
    code += code < 0x3000 ? 1 : step
  ) {
    const line = `rea${String.fromCharCode(code)}dy`;
    if (code === 10 || !cleanLine(line).includes('ready')) continue;
    const search = new Search([pattern('ready')]);
    assert.equal((await found(search, Buffer.from(`x\n${line}\n`), [])).length, 1, code.toString(16));
  }
});

/** How many turns the event loop takes while something is done. */
async function turnsDuring(work: Promise<unknown>): Promise<number> {
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  await work;
  clearInterval(timer);
  return turns;
}

for (const [name, line] of [
  ['40 characters', `${'a'.repeat(40)}!`],
  ['1 MiB without a newline', `${'a'.repeat(2 ** 20)}!`],
] as const)
  test(`a pattern that would take for ever is ended: ${name}`, { timeout: TEST_MS }, async () => {
    const search = new Search([pattern('b$'), pattern('(a+)+$')]);
    const before = Buffer.from('first b\nsecond\n');
    const push = search.push(Buffer.concat([before, Buffer.from(line), Buffer.from('\nlast b\n')]), 100);
    const turns = await turnsDuring(push);
    const hits = await push;
    assert.deepEqual(hits.ok && hits.value.map(({ from, text }) => [from, text]), [[100, 'first b']]);
    // whoever waited for the thread would take none; whoever tried the pattern himself would never come here
    assert.ok(turns >= 5, `the event loop went on: ${turns} turns`);
    const failed = await search.end();
    assert.ok(!failed.ok && failed.failure.code === 'pattern-too-slow', JSON.stringify(failed));
    assert.equal(failed.failure.from, 115);
    assert.equal(failed.failure.pattern, '(a+)+$');
    assert.match(failed.failure.line, /^a{40}/);
    assert.ok(failed.failure.line.length < 200);
    search.close();
  });

test('lines that the thread tested before the one that it hangs on are told first', {
  timeout: TEST_MS,
}, async () => {
  const search = new Search([pattern('(a+)+$')]);
  const good = 'a'.repeat(40);
  const hits = await search.push(Buffer.from(`${good}\n${good}!\n`), 0);
  assert.deepEqual(hits, { ok: true, value: [{ pattern: 0, from: 0, to: 41, text: good, matched: good }] });
  const failed = await search.push(Buffer.from('a\n'), 83);
  assert.equal(failed.ok ? '' : failed.failure.code, 'pattern-too-slow');
  search.close();
});

test('closing ends a match that would take for ever, at once', { timeout: TEST_MS }, async () => {
  const search = new Search([pattern('(a+)+$')]);
  const push = search.push(Buffer.from(`${'a'.repeat(40)}!\n`), 0);
  setTimeout(() => search.close(), 100);
  assert.deepEqual(await push, { ok: true, value: [] });
});

test('the unfinished last line can be looked at, and is a line of its own when a piece is missing', async () => {
  const search = new Search([pattern('ready'), pattern('> $')]);
  assert.deepEqual(await search.peek(), { ok: true, value: undefined });
  assert.deepEqual(await search.push(Buffer.from('x\nrea'), 5), { ok: true, value: [] });
  assert.deepEqual(await search.peek(), { ok: true, value: undefined });
  await search.push(Buffer.from('dy > \xc3', 'latin1'), 10);
  const hit = { pattern: 0, from: 7, to: 16, text: 'ready > ', matched: 'ready' };
  assert.deepEqual(await search.peek(), { ok: true, value: hit });
  const after = await search.push(Buffer.from('ready\n'), 1000);
  assert.deepEqual(after.ok && after.value.map(({ from, to, pattern }) => [from, to, pattern]), [
    [7, 16, 0],
    [1000, 1006, 0],
  ]);
  assert.deepEqual(await search.end(), { ok: true, value: [] });
});

test('a line longer than a part is tested part by part, cut between characters', async () => {
  const search = new Search([pattern('é')], 8);
  const hits = await found(search, Buffer.from('aaaaaaaéaaé\nx\n'), [3, 9]);
  assert.deepEqual(
    hits.map(({ from, to, text }) => [from, to, text]),
    [[7, 14, 'éaaé\n'.trim()]],
  );
});

test('an unfinished line matches if it does however it goes on', async () => {
  const cases: [expression: string, line: string, isSure: boolean][] = [
    ['ready', 'ready', true],
    ['ready$', 'ready', false],
    ['ready\\b', 'ready', false],
    ['\\bready', 'is ready', true],
    ['ready(?! not)', 'ready', false],
    ['ready\\w*$', 'ready', false],
    ['ready.{0,80}$', 'ready', false],
    ['ready.*$', 'ready', true],
    ['!|ready$', 'ready', false],
    ['(?i)PASSWORD:', 'Password: ', true],
    ['(a+)+$', 'aaa', false],
    ['^$|x', 'x', true],
    ['\\[y/N\\] $', 'Continue? [y/N] ', false],
    ['> $', 'sqlite> ', false],
  ];
  for (const [expression, line, isSure] of cases) {
    const search = new Search([pattern(expression)]);
    await search.push(Buffer.from(`before\n${line}`), 0);
    const peeked = await search.peek();
    assert.ok(peeked.ok);
    assert.equal(peeked.value !== undefined, isSure, `${expression} on ${line}`);
    const settled = await search.peek(true);
    assert.equal(settled.ok && settled.value !== undefined, isSure || line.endsWith(' '), 'a prompt');
    // the end of the line decides
    const hits = await search.push(Buffer.from('\n'), 7 + line.length);
    assert.equal(hits.ok && hits.value.length, 1, expression);
    search.close();
  }
});
