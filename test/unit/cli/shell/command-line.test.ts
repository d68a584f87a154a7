/** What `run` is asked to run: words or a shell line; and the variables of -e and --env-file. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readOverrides } from '../../../../src/cli/run/env-file.ts';
import { parseCommand } from '../../../../src/cli/shell/command-line.ts';
import { folderTest } from '../../../rig/folder.ts';

function parsed(words: string[], { separated = false, pipefail = true, hasFunctions = false } = {}) {
  const command = parseCommand(words, separated, pipefail, hasFunctions);
  assert.ok(command.ok, JSON.stringify(command));
  return command.value;
}

test('several words, or words after --, are the command as it is', () => {
  for (const words of [
    ['npm', 'test'],
    ['echo', ''],
    ['a b', '$x'],
  ])
    assert.deepEqual(parsed(words), { argv: words, line: null, needs: [] });
  for (const words of [['true'], ['a | b'], ['']])
    assert.deepEqual(parsed(words, { separated: true }), { argv: words, line: null, needs: [] });
});

test('one word alone is a shell line, whose pipes fail', () => {
  const { argv, line } = parsed(['npm test | tee x']);
  assert.equal(line, 'npm test | tee x');
  assert.deepEqual(argv.slice(1), ['-o', 'pipefail', '-c', line]);
  assert.match(argv[0]!, /^\/.*\/bash$/);
  assert.deepEqual(parsed(['x'], { pipefail: false }).argv.slice(1), ['-c', 'x']);
  const [program, ...args] = parsed(['exit 3 | cat']).argv;
  assert.equal(spawnSync(program!, args).status, 3);
});

test('what a plain line needs is known, what only a shell can tell is not', () => {
  const needs = (line: string) => parsed([line]).needs;
  for (const line of ['npm', 'npm test', ' npm  test ', 'npm run build --prod=1'])
    assert.deepEqual(needs(line), ['npm'], line);
  assert.deepEqual(needs('./a-b/c.sh x'), ['./a-b/c.sh']);
  const open = [
    'A=1 npm',
    'cd x',
    'exit 3',
    'for',
    'npm && x',
    'npm; x',
    '$X',
    '~/x',
    '`x`',
    '"a b"',
    "'npm'",
    'a*',
    '(x)',
    '{ x',
    '! x',
    'npm\nx',
    'npm\ttest',
    '# x',
    'a\\ b',
    '[ x ]',
    ': x',
    'ünpm',
  ];
  for (const line of open) assert.deepEqual(needs(line), [], line);
  assert.deepEqual(parsed(['npm test'], { hasFunctions: true }).needs, []);
});

test('every builtin and keyword of bash may begin a line', () => {
  const listed = spawnSync('bash', ['-c', 'compgen -b; compgen -k'], { encoding: 'utf8' }).stdout;
  const words = listed.split('\n').filter((word) => /^[\w.:-]+$/.test(word));
  assert.ok(words.length > 60);
  for (const word of words) assert.deepEqual(parsed([`${word} x`]).needs, [], word);
});

test('refused: nothing, and what no argv can hold', () => {
  for (const words of [[''], [' '], ['\n'], ['a\0b'], ['echo', '\0']]) {
    const command = parseCommand(words, false, true, false);
    assert.equal(command.ok ? '' : command.failure.code, 'usage', JSON.stringify(words));
  }
  assert.equal(parseCommand(['\0'], true, true, false).ok, false);
});

folderTest('variables of files and of -e, files first', (dir) => {
  const file = (name: string, text: string) => {
    fs.writeFileSync(join(dir, name), text);
    return name;
  };
  const read = (env: string[], files: string[]) => readOverrides(env, files, (path) => join(dir, path));
  const text = `# comment\n\n  \t\nA=1\r\nexport B=two words\n  C = x\nD="quoted # not a comment"\nE=it''s\nF=\nG==\nH=a"b\n  # indented\nexport\tI=tab\nJ="x" \nk.l=odd\nL=3 # note\nM=\`1\n2="\``;
  assert.deepEqual(read(['A=last', 'N=a\nb'], [file('one', text), file('two', 'Z=1')]), {
    ok: true,
    value: [
      'A=1',
      'B=two words',
      'C=x',
      'D=quoted # not a comment',
      "E=it''s",
      'F=',
      'G==',
      'H=a"b',
      'I=tab',
      'J=x',
      'k.l=odd',
      'L=3',
      'M=1\n2="',
      'Z=1',
      'A=last',
      'N=a\nb',
    ],
  });
  assert.deepEqual(read([], [file('empty', '')]), { ok: true, value: [] });
});

folderTest('a bad variable is told by its place, never by its value', (dir) => {
  fs.writeFileSync(join(dir, 'bad'), 'A=1\n=secret\n');
  fs.writeFileSync(join(dir, 'word'), 'A=1\n\nexport NAME\n');
  const told = (env: string[], files: string[]) => {
    const read = readOverrides(env, files, (path) => join(dir, path));
    assert.equal(read.ok, false);
    return read.ok ? '' : JSON.stringify(read.failure);
  };
  assert.match(told([], ['bad']), /bad:2: the name is empty/);
  assert.match(told([], ['word']), /word:3: the line has no =/);
  assert.match(told([], ['none']), /ENOENT/);
  for (const env of ['=secret', 'A=secret\0x', 'A\0=secret']) assert.doesNotMatch(told([env], []), /secret/);
  assert.match(told(['NAME'], []), /--env: \\"NAME\\" has no =/);
});
