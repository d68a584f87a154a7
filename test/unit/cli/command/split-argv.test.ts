/** The words after a verb: options, their values, and where the command begins. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { COMMON, type Verb } from '../../../../src/cli/command/command.ts';
import { parseOptions } from '../../../../src/cli/command/parse-options.ts';
import { parseFlags, parseWords } from '../../../../src/cli/command/split-argv.ts';
import { VERBS } from '../../../../src/cli/verbs.ts';

const verbOf = (name: string): Verb => VERBS.find((one) => one.name === name)!;
const RUN = verbOf('run');
const TAIL = verbOf('tail');
const SHOW = verbOf('show');

function parsed(declared: Verb, argv: string[]) {
  const result = parseWords(declared, argv);
  assert.ok(result.ok, `${argv.join(' ')}: ${JSON.stringify(result)}`);
  return result.value as {
    options: Record<string, any>;
    words: string[];
    separated: boolean;
    json: boolean;
    help: boolean;
  };
}
function refused(declared: Verb, argv: string[]): { message: string; hint?: string } {
  const result = parseWords(declared, argv);
  assert.equal(result.ok, false, argv.join(' '));
  const { failure } = result as Extract<typeof result, { ok: false }>;
  assert.equal(failure.code, 'usage');
  return failure as { message: string; hint?: string };
}

test('an optional value comes only with =', () => {
  const wait = (argv: string[]) => parsed(RUN, argv);
  assert.deepEqual(wait(['--wait=10s', 'npm', 'test']).options['wait'], { ms: 10_000 });
  assert.deepEqual(wait(['--wait=10s', 'npm', 'test']).words, ['npm', 'test']);
  assert.deepEqual(wait(['--wait', 'npm', 'test']).options['wait'], { ms: null });
  assert.deepEqual(wait(['--wait', 'npm', 'test']).words, ['npm', 'test']);
  assert.deepEqual(wait(['-w', '10s']).words, ['10s']);
  assert.equal(wait(['npm', '--wait=10s']).options['wait'], null);
  assert.deepEqual(wait(['--wait', '--wait=5s', 'x']).options['wait'], { ms: 5000 });
  assert.match(refused(RUN, ['--wait=soon', 'x']).message, /--wait: "soon" is not a duration/);
  assert.match(refused(RUN, ['--wait=', 'x']).message, /--wait: "" is not a duration/);
});

test('the command begins at the first word that is no option, and everything after is its own', () => {
  for (const argv of [
    ['npm', 'test', '--json', '-f', '--', '-C', 'x'],
    ['npm', '--help'],
    ['-', '--json'],
  ]) {
    const { words, separated, json, help, options } = parsed(RUN, argv);
    assert.deepEqual([words, separated, json, help, options['cwd']], [argv, false, false, false, null]);
  }
  const marked = parsed(RUN, ['--json', '--', '--json', '--', 'x']);
  assert.deepEqual([marked.words, marked.separated, marked.json], [['--json', '--', 'x'], true, true]);
  // elsewhere options may stand behind the words
  const tail = parsed(TAIL, ['42', '-n', '5', '--json']);
  assert.deepEqual([tail.words, tail.options['lines'], tail.json], [['42'], 5, true]);
  assert.deepEqual(parsed(TAIL, ['--', '-n']).words, ['-n']);
});

test('a value follows, is attached, or stands behind other short options', () => {
  for (const argv of [
    ['-C', 'DIR'],
    ['-CDIR'],
    ['--cwd', 'DIR'],
    ['--cwd=DIR'],
    ['-fC', 'DIR'],
    ['-fCDIR'],
    ['-wfC', 'DIR'],
  ]) {
    const { options, words } = parsed(RUN, [...argv, 'npm', 'test']);
    assert.deepEqual([options['cwd'], words], ['DIR', ['npm', 'test']], argv.join(' '));
    assert.equal(options['follow'], argv[0]!.startsWith('-f') || argv[0]!.startsWith('-wf'));
  }
  const attached = parsed(RUN, ['-CDIR', 'npm', '--json']);
  assert.deepEqual(
    [attached.words, attached.json],
    [['npm', '--json'], false],
    'the next word is not its value',
  );
  // a value may look like anything
  assert.equal(parsed(RUN, ['-C', '--', 'x']).options['cwd'], '--');
  assert.equal(parsed(RUN, ['--cwd=a=b', 'x']).options['cwd'], 'a=b');
  assert.equal(parsed(RUN, ['--cwd=a\nb', 'x']).options['cwd'], 'a\nb');
  assert.equal(parsed(RUN, ['--cwd=', 'x']).options['cwd'], '');
});

test('lists are repeated, in their order', () => {
  const { options } = parsed(RUN, ['-e', 'A=1', '--env=B=--x', '-eC=3', '--env', '-D=4', 'x']);
  assert.deepEqual(options['env'], ['A=1', 'B=--x', 'C=3', '-D=4']);
  assert.deepEqual(parsed(RUN, ['x']).options['env'], []);
});

test('durations, sizes and counts are checked, and the message says what was expected', () => {
  assert.equal(parsed(RUN, ['--timeout', '1h30m', 'x']).options['timeout'], 5_400_000);
  assert.match(refused(RUN, ['--timeout', '1y', 'x']).message, /^--timeout: "1y" is not a duration such as /);
  assert.match(refused(TAIL, ['42', '-n', '-1']).message, /^--lines: "-1" is not a whole number$/);
  assert.match(refused(TAIL, ['42', '-n', '1e3']).message, /not a whole number/);
});

test('unknown options are refused with what may have been meant', () => {
  const near = refused(RUN, ['--timeot', '5s', 'x']);
  assert.deepEqual(near, {
    code: 'usage',
    message: "unknown option '--timeot'",
    hint: 'bgjob run --timeout DUR',
  });
  const hintOf = (declared: Verb, ...argv: string[]) => refused(declared, argv).hint;
  // no guess beyond two edits
  assert.equal(hintOf(RUN, '--cpus', '4', 'x'), 'bgjob run --help');
  // what other tools call it
  assert.equal(hintOf(RUN, '--at', '5m', 'x'), 'bgjob run --delay DUR');
  assert.equal(hintOf(RUN, '--workdir=/tmp', 'x'), 'bgjob run --cwd DIR');
  assert.equal(hintOf(RUN, '-j4', 'x'), 'bgjob run --slots N');
  assert.match(hintOf(RUN, '--detach', 'x')!, /^leave it out: /);
  assert.match(hintOf(RUN, '-c', 'a && b')!, /bgjob run 'make && make test'$/);
  assert.equal(hintOf(verbOf('kill'), '--force', '1'), 'bgjob kill --now');
  assert.equal(hintOf(verbOf('gc'), '--force'), 'bgjob gc --help');
  assert.equal(hintOf(TAIL, '1', '--filter', 'x'), 'bgjob tail --grep RE');
  assert.equal(hintOf(verbOf('ls'), '--limit', '5'), 'bgjob ls --number N');
  for (const argv of [
    ['--frobnicate', 'x'],
    ['-Z', 'x'],
    ['-fZ', 'x'],
    ['--follow=yes', 'x'],
    ['--no-follow', 'x'],
    ['---', 'x'],
  ])
    refused(RUN, argv);
  for (const argv of [['-C'], ['--cwd'], ['--timeout']])
    assert.match(refused(RUN, argv).message, /argument missing/);
});

test('a prefix of an option is not the option', () => {
  refused(RUN, ['--time', '5s', 'x']);
  refused(RUN, ['--fol', 'x']);
});

test('too few and too many words, unless help was asked for', () => {
  assert.match(refused(SHOW, []).message, /^show needs /);
  assert.match(refused(SHOW, ['1', '2']).message, /^too many words: "2"$/);
  assert.equal(parsed(RUN, ['--help']).help, true);
  assert.equal(parsed(TAIL, ['-h', '1', '2']).help, true);
});

test('every option of every verb is read in each of its forms', () => {
  const sample = {
    text: 'v',
    list: 'v',
    duration: '5s',
    size: '5k',
    count: '5',
    integer: '-5',
    flag: '',
    'optional-duration': '',
    'optional-text': '',
  };
  const value: Record<string, unknown> = {
    text: 'v',
    list: ['v'],
    duration: 5000,
    size: 5120,
    count: 5,
    integer: -5,
    flag: true,
    'optional-duration': { ms: null },
    'optional-text': { text: null },
  };
  for (const one of VERBS) {
    const operands = Array(one.arity[0]).fill('w');
    for (const [name, { kind, short }] of Object.entries(one.options)) {
      for (const word of [`--${name}`, ...(short ? [short] : [])]) {
        const argv = [word, ...(sample[kind] ? [sample[kind]] : []), ...operands];
        const { options, words } = parsed(one, argv);
        assert.deepEqual([options[name], words], [value[kind], operands], `${one.name} ${argv.join(' ')}`);
      }
      const untouched = parsed(one, operands).options[name];
      assert.deepEqual(
        untouched,
        kind === 'flag' ? false : kind === 'list' ? [] : null,
        `${one.name} --${name}`,
      );
    }
  }
});

test('words without a value mean the same with and without commander', () => {
  for (const declared of VERBS) {
    const options = { ...declared.options, ...COMMON };
    const flags = Object.entries(options).flatMap(([name, { kind, short }]) =>
      kind === 'flag' || kind.startsWith('optional-') ? [`--${name}`, ...(short ? [short] : [])] : [],
    );
    const word = fc.oneof(fc.constantFrom(...flags), fc.constantFrom('a', '5', 'web=x'));
    fc.assert(
      fc.property(fc.array(word, { maxLength: 5 }), (words) => {
        const own = declared.passThrough ? words.filter((one) => one.startsWith('-')) : words;
        const quick = parseFlags(options, own)!;
        const slow = parseOptions(declared, own);
        assert.ok(slow.ok);
        assert.deepEqual(quick.operands, slow.value.operands);
        // commander also names a `--no-x` that was not typed
        const typed = Object.fromEntries(
          Object.entries(slow.value.raw).filter(([name]) => name in quick.raw),
        );
        assert.deepEqual(quick.raw, typed);
        for (const [name, value] of Object.entries(slow.value.raw))
          if (!(name in quick.raw)) assert.ok(value === true && `no-${name}` in options, name);
      }),
    );
    // a value, or a word that is no option, is for commander
    for (const stray of ['-5', '--', '-', '--frob', `${flags[0]}=`, '-ab'])
      assert.equal(parseFlags(options, [stray]), undefined, stray);
  }
});
