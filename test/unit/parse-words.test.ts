/**
 * Parsers of words, lines and files, on text that nobody foresaw: none throws, what is accepted is what was written.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import * as util from 'node:util';
import { COMMON } from '../../src/cli/command/command.ts';
import { parseWords } from '../../src/cli/command/split-argv.ts';
import { messageOf } from '../../src/cli/messages/failures.ts';
import { parseEnvFile } from '../../src/cli/run/env-file.ts';
import { parseNaming } from '../../src/cli/run/name-policy.ts';
import { parseCommand } from '../../src/cli/shell/command-line.ts';
import { neededByEnv, parseShebang, renderScript } from '../../src/cli/shell/script.ts';
import { VERBS } from '../../src/cli/verbs.ts';
import { CONDITION_OPTIONS, parseConditions } from '../../src/cli/wait/parse-conditions.ts';
import { parseUrl, renderUrl } from '../../src/engine/wait/url.ts';
import { quoteWord } from '../../src/job/view.ts';
import { always, anyText, nearly, RUNS, told } from '../rig/anytext.ts';
import fc from '../rig/property.ts';

test('scripts: any bytes; a #! line gives its words back', () => {
  always(fc.uint8Array({ maxLength: 60 }), (bytes) => {
    for (const script of [bytes, Buffer.concat([Buffer.from('#!'), bytes])]) {
      const shebang = parseShebang(script);
      if (shebang) neededByEnv(shebang);
      if (script.length > 0) assert.ok(renderScript(script).length < 100);
    }
  });
  const word = fc.stringMatching(/^[!-~]{1,20}$/);
  always(fc.tuple(word, fc.option(word)), ([interpreter, argument]) => {
    const line = `#! ${interpreter}${argument === null ? '' : ` \t${argument} `}\necho`;
    assert.deepEqual(parseShebang(Buffer.from(line)), { interpreter, argument });
  });
});

test('--env-file: any bytes; what is written in quotes is read back, and a refusal shows no value', () => {
  always(fc.uint8Array({ maxLength: 60 }), (bytes) => {
    const parsed = parseEnvFile(Buffer.from(bytes), 'vars');
    told(parsed);
    if (parsed.ok) for (const entry of parsed.value) assert.match(entry, /^[^=\0\s]+=[^\0]*$/);
  });
  const name = fc.stringMatching(/^[A-Za-z_][\w.-]{0,10}$/).filter((text) => text !== 'export');
  const quote = fc.constantFrom('"', "'", '`');
  const held = fc.string({ unit: 'grapheme' });
  const variables = fc.array(fc.tuple(name, held, quote), { maxLength: 5 });
  const before = fc.constantFrom('', 'export ', 'export\t ', '  ');
  const after = fc.constantFrom('', ' ', ' # no', '#no');
  always(fc.tuple(variables, before, after, fc.constantFrom('\n', '\r\n')), ([all, start, end, nl]) => {
    const good = all.map(([key, value, q]) => {
      const fits = value.replaceAll(q, '').replaceAll('\0', '').replaceAll('\r\n', '');
      return [key, q === '"' ? fits.replaceAll('\\n', '') : fits, q];
    });
    const text = good
      .map(([key, value, q]) => `${start}${key} = ${q}${value}${q}${end}${nl}# no${nl}`)
      .join(nl);
    const parsed = parseEnvFile(Buffer.from(text), 'vars');
    assert.deepEqual(
      parsed.ok && parsed.value,
      good.map(([key, value]) => `${key}=${value}`),
    );
    for (const line of [
      '=s3cret',
      's3cret',
      '"s3cret"=1',
      'a s3cret=1',
      'A="s3cret',
      'A=""s3cret',
      'A=s3cret\0',
    ]) {
      const bad = parseEnvFile(Buffer.from(`${text}${line}${nl}`), 'vars');
      assert.ok(!bad.ok && !JSON.stringify(messageOf(bad.failure)).includes('s3cret'), line);
      const number = text.split('\n').length;
      assert.match(messageOf(bad.failure).message, new RegExp(`^vars:${number}: `));
    }
  });
});

test('--env-file: what it takes is what the parseEnv of this Node reads', { skip: !util.parseEnv }, () => {
  // its errors are left out: it reads some comments and lines without = as names
  const value = nearly('x', ' ', '#', '"', "'", '`', '\\n', '$A', '=', '\n');
  const quoted = fc
    .tuple(fc.constantFrom('"', "'", '`'), value)
    .map(([q, text]) => q + text.replaceAll(q, '') + q);
  const bare = value.map((text) => text.replaceAll('\n', '').replace(/^[ "'`]+/, ''));
  const line = fc
    .tuple(
      fc.constantFrom('', ' ', 'export '),
      fc.constantFrom('A', 'B_2', 'c.d-e', '1'),
      fc.constantFrom('=', ' = '),
      fc.oneof(quoted, bare),
      fc.constantFrom('', ' ', ' # x'),
    )
    .map((parts) => parts.join(''));
  const file = fc.array(line, { maxLength: 6 });
  always(fc.tuple(file, fc.constantFrom('\n', '\r\n')), ([lines, nl]) => {
    const text = lines.join(nl);
    const parsed = parseEnvFile(Buffer.from(text), 'vars');
    const own = (parsed.ok ? parsed.value : []).map((entry) => entry.split(/=(.*)/s, 2));
    assert.deepEqual([parsed.ok, Object.fromEntries(own)], [true, { ...util.parseEnv(text) }]);
  });
});

test('URLs: only http and https, shown without name and password', () => {
  const pieces = nearly(
    'http',
    's',
    '://',
    'user:pw@',
    'localhost',
    '[::1]',
    ':80',
    ':99999',
    '/',
    '?q=1',
    '#',
    '\n',
    '\u0000',
  );
  always(fc.oneof(anyText, pieces, fc.webUrl()), (text) => {
    const url = parseUrl(text);
    told(url);
    if (!url.ok) return;
    assert.match(url.value.protocol, /^https?:$/);
    assert.doesNotMatch(renderUrl(url.value), /^https?:\/\/[^/]*@|[\x00-\x1f]/);
  });
});

test('words: whatever is typed is an answer or a refusal, and what follows -- is untouched', () => {
  const names = VERBS.flatMap(({ options }) =>
    Object.entries(options).flatMap(([name, { short }]) => [
      `--${name}`,
      `--${name}=x`,
      ...(short ? [short, `${short}5`] : []),
    ]),
  );
  const word = fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(...names, '-', '-5', '--json', '5', '5s') },
    anyText,
  );
  const typed = fc.record({
    verb: fc.constantFrom(...VERBS),
    before: fc.array(word, { maxLength: 6 }),
    behind: fc.array(fc.oneof(word, fc.constant('--')), { minLength: 1, maxLength: 4 }),
  });
  always(
    typed,
    ({ verb, before, behind }) => {
      const parsed = parseWords(verb, [...before, '--', ...behind]);
      told(parsed);
      if (!parsed.ok) return;
      // unless it is the value of the option before it
      if (!names.includes(before.at(-1) ?? ''))
        assert.deepEqual(parsed.value.words.slice(-behind.length), behind);
      // every option has a value of its kind, and no other is there
      assert.deepEqual(
        Object.keys(parsed.value.options).sort(),
        [...Object.keys({ ...verb.options, ...COMMON })].sort(),
      );
    },
    RUNS * 2,
  );
});

test('commands: words as they are; a line goes to a shell as one word', () => {
  always(fc.tuple(fc.array(anyText, { minLength: 1, maxLength: 4 }), fc.boolean()), ([words, separated]) => {
    const parsed = parseCommand(words, separated, true, false);
    told(parsed);
    if (!parsed.ok) return;
    if (separated || words.length > 1) assert.deepEqual(parsed.value, { argv: words, line: null, needs: [] });
    else assert.deepEqual([parsed.value.line, parsed.value.argv.at(-1)], [words[0], words[0]]);
  });
});

test('a quoted word is the same word to a shell', () => {
  const word = fc.oneof(anyText, nearly("'", '"', '\\', '$x', '`', '~', '!', '*', '\n', '-', '=', 'a', ' '));
  const words = fc
    .sample(word, RUNS)
    .concat('~', 'a=~', 'a=b:~/c', '--x=~', 'a~')
    // what no argv can hold
    .map((text) => Buffer.from(text.replaceAll('\0', '')).toString());
  for (const shell of ['sh', 'bash']) {
    const script = words.map((text) => `printf '%s\\0' ${quoteWord(text)}`).join('\n');
    const { stdout } = spawnSync(shell, [], { input: script, encoding: 'utf8' });
    assert.deepEqual(stdout.split('\0').slice(0, -1), words, shell);
  }
});

test('conditions and names: refused or taken, nothing in between', () => {
  const texts = fc.array(anyText, { maxLength: 2 });
  const options = fc.record({
    until: texts,
    'fail-on': texts,
    'until-port': texts,
    'any-owner': fc.boolean(),
    'until-url': texts,
    'until-status': texts,
    // a shell checks it, and no word of a call has a NUL
    'until-cmd': texts.map((lines) => lines.map((line) => line.replaceAll('\0', ''))),
    insecure: fc.boolean(),
    'until-file': texts,
    'until-idle': fc.option(fc.nat()),
  });
  always(fc.tuple(options, fc.option(anyText)), ([typed, since]) => {
    assert.deepEqual(Object.keys(typed).sort(), Object.keys(CONDITION_OPTIONS).sort());
    const parsed = parseConditions(typed, since, () => ({ ok: true, value: '/' }));
    told(parsed);
    if (!parsed.ok || !parsed.value) return;
    for (const file of parsed.value.files) assert.match(file, /^\//);
    for (const port of parsed.value.ports) assert.ok(port >= 1 && port <= 65535);
  });
  const naming = fc.record({ name: fc.option(anyText), reuse: fc.boolean(), replace: fc.boolean() });
  always(naming, (typed) => told(parseNaming(typed)));
});
