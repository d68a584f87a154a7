/** The first line that says what failed, in the words of many programs; and lines that only look like it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findFirstFailure, findLastFailure } from '../../../../src/engine/search/first-failure.ts';
import type { Log } from '../../../../src/job/log/log.ts';

const logOf = (text: string, from = 0): Log =>
  ({ lastLines: () => ({ bytes: Buffer.from(text), from }) }) as unknown as Log;

/** The line that is found, as it was written. */
function found(text: string): string | undefined {
  const at = findFirstFailure(logOf(text));
  if (at === undefined) return undefined;
  const bytes = Buffer.from(text).subarray(at);
  const newline = bytes.indexOf(10);
  return bytes.subarray(0, newline === -1 ? undefined : newline).toString();
}

const AROUND = ['> app@1.0.0 test', 'collecting …', ''];

for (const line of [
  'not ok 3 - parses a tree',
  '    not ok 1 - nested',
  ' FAIL  src/a.test.ts > adds',
  'FAIL src/a.test.js',
  '\x1b[41m\x1b[1m FAIL \x1b[22m\x1b[49m src/a.test.js',
  '--- FAIL: TestParse (0.00s)',
  'FAIL\texample.com/pkg\t0.01s',
  'FAIL: test_parse (tests.TestTree.test_parse)',
  'ERROR: test_parse (tests.TestTree.test_parse)',
  'FAILED tests/test_a.py::test_b - assert 1 == 2',
  'tests/test_a.py::test_b FAILED                    [ 50%]',
  'E       assert 1 == 2',
  '\x1b[1m\x1b[31mE       assert 1 == 2\x1b[0m',
  'test tree::parses ... FAILED',
  '[  FAILED  ] Tree.Parses (0 ms)',
  'test_parse (tests.TestTree.test_parse) ... FAIL',
  '---- tree::parses stdout ----',
  '✖ failing tests:',
  '  2 failing',
  '  1) [chromium] › tree.spec.ts:3:1 › parses ────',
  '1/2 Test #1: parses ...........***Failed    0.01 sec',
  'CMake Error at CMakeLists.txt:3 (find_package):',
  "  3:5  error  'x' is assigned a value but never used  no-unused-vars",
  '✖ parses a tree (1.5ms)',
  '  ✗ parses a tree',
  '   × adds two numbers 3ms',
  '  ● tree › parses',
  'ParserTest > parses() FAILED',
  'src/a.c:3:5: error: expected ‘;’ before ‘}’ token',
  'src/a.c:1:10: fatal error: missing.h: No such file or directory',
  "a.cc:3:5: error: no matching function for call to 'f'",
  'error: no such file or directory',
  'error: null pointer passed to f',
  'error[E0425]: cannot find value `x` in this scope',
  "src/a.ts(3,5): error TS2304: Cannot find name 'x'.",
  "src/a.ts:3:5 - error TS2304: Cannot find name 'x'.",
  "Error: Cannot find module './x'",
  'TypeError [ERR_INVALID_ARG_TYPE]: The "path" argument must be a string',
  'Exception in thread "main" java.lang.NullPointerException: x is null',
  'Traceback (most recent call last):',
  "ValueError: invalid literal for int() with base 10: 'x'",
  'KeyboardInterruptError',
  'panic: runtime error: index out of range',
  "thread 'main' panicked at src/main.rs:2:5:",
  '[ERROR] COMPILATION ERROR :',
  '2026-11-30 10:00:00 ERROR connection lost',
  'npm ERR! code ELIFECYCLE',
  'npm error code ELIFECYCLE: x',
  'make: *** [Makefile:2: all] Error 1',
  "gmake[2]: *** No rule to make target 'x'.  Stop.",
  'fatal: not a git repository (or any of the parent directories): .git',
  'bash: line 1: frobnicate: command not found',
  'sh: 1: frobnicate: not found',
  'Segmentation fault (core dumped)',
  "a.out: a.c:3: main: Assertion `x == 1' failed.",
  "/usr/bin/ld: a.c:(.text+0x5): undefined reference to `f'",
  'BUILD FAILED in 3s',
  'FAILURE: Build failed with an exception.',
  '> Task :compileJava FAILED',
])
  test(`found: ${line.trim()}`, () => {
    assert.equal(found([...AROUND, line, 'later', ''].join('\n')), line);
    assert.equal(found(line), line, 'alone, without a newline');
    assert.equal(found(`${AROUND.join('\r\n')}\r\n${line}\r\nlater\r\n`), `${line}\r`);
  });

for (const line of [
  'ok 3 - no error here',
  'not ok 3 - later # TODO not written yet',
  'not ok 4 # SKIP no network',
  '0 errors, 0 warnings',
  '# fail 0',
  '# FAIL:  0',
  'FAIL: 0',
  'failures: 0',
  'test result: ok. 3 passed; 0 failed; 0 ignored',
  'Tests: 0 failed, 12 passed',
  'no error: all is well',
  'error: none',
  'error: 0, warnings: 3',
  'error: no.',
  'errors: 0',
  'compiling src/error.ts',
  'copying error-page.html',
  'GET /error 200',
  'gcc -Werror -c a.c',
  'terror: a film',
  'the failover is ready',
  '  ● Console',
  'fatality rate 3 %',
  'panicked? no',
  '3 × 4 = 12',
])
  test(`passed over: ${line.trim()}`, () => {
    assert.equal(found([...AROUND, line, 'later', ''].join('\n')), undefined);
  });

test('a failed test counts before an error, which a test may expect', () => {
  const lines = ['Error: expected by a test', 'not ok 2 - the real one', 'Error: later'];
  assert.equal(found(lines.join('\n')), lines[1]);
  assert.equal(found(lines.toSpliced(1, 1).join('\n')), lines[0]);
});

test('what failed counts before the list of all tests, where it is only named', () => {
  for (const [listed, said] of [
    ['a.py::test_b FAILED    [ 50%]', 'E       assert 1 == 2'],
    ['test tree::parses ... FAILED', '---- tree::parses stdout ----'],
    ['✖ parses (1 ms)', '✖ failing tests:'],
    ['   × parses 3ms', ' FAIL  src/a.test.ts > parses'],
  ]) {
    assert.equal(found(['Error: x', listed, 'ok', said].join('\n')), said);
    assert.equal(found(['Error: x', listed, 'ok'].join('\n')), listed);
  }
});

test('findLastFailure finds the last failing line, for the end of a log', () => {
  const text = 'größer ✓\nnot ok 1\nError: x\nlater\n';
  assert.equal(findLastFailure(Buffer.from(text)), Buffer.from(text).indexOf('Error: x'));
  assert.equal(findLastFailure(Buffer.from('all is well\n')), undefined);
});

test('the first of many failing lines; the offset counts bytes from the beginning of the log', () => {
  const text = 'größer ✓\nnot ok 1\nnot ok 2\n';
  assert.equal(findFirstFailure(logOf(text, 1000)), 1000 + Buffer.byteLength('größer ✓\n'));
});

test('bytes that are no UTF-8 do not shift the offset', () => {
  const bytes = Buffer.concat([Buffer.from([0xff, 0xfe, 10]), Buffer.from('not ok 1\n')]);
  assert.equal(findFirstFailure({ lastLines: () => ({ bytes, from: 0 }) } as unknown as Log), 3);
});

test('a log of 4 MiB that looks like failures and has none is read at once', () => {
  for (const part of ['a.', '::', ' > ', 'x: ']) {
    const line = `${part.repeat(1990 / part.length)}failed x\n`;
    const begun = process.cpuUsage();
    assert.equal(found(line.repeat(2100)), undefined);
    const { user } = process.cpuUsage(begun);
    assert.ok(user < 2_000_000, `${part}: ${user / 1000} ms`);
  }
});
