/**
 * Hostile values for every option and operand of every verb, from the table of verbs itself: a new option is
 * covered by
 * its kind, and one that takes text must say here what it refuses. Each is refused with 125, in one sentence.
 * The built program
 * answers them in one process (rig/inprocess.ts), and a few of them in processes of their own.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Kind, Verb } from '../../src/cli/command/command.ts';
import { VERBS } from '../../src/cli/verbs.ts';
import { answersOf } from '../rig/inprocess.ts';
import { assertRefused, pathsIn } from '../rig/refusal.ts';
import { type Answer, type Rig, rigTest } from '../rig/rig.ts';

const LONG = 'x'.repeat(300);
const NUMBERLESS = [
  '',
  '-1',
  '1e3',
  '1e400',
  '0x10',
  '\uff11',
  '\u0661',
  '1 ',
  '1\n',
  'NaN',
  '__proto__',
  LONG,
];

/** What no option of this kind takes; a flag takes nothing at all. */
const BAD_OF_KIND: Record<Exclude<Kind, 'text' | 'list'>, string[]> = {
  flag: ['', '1', 'false'],
  count: [...NUMBERLESS, '1.5', '1,0', '9999999999'],
  integer: [...NUMBERLESS.filter((text) => text !== '-1'), '1.5', '1,0', '--1', '+', '9999999999'],
  duration: [
    ...NUMBERLESS,
    '-5m',
    '5 m',
    '5M',
    '1h30',
    '1.',
    '99999999999d',
    '36501d',
    '5mm',
    '9'.repeat(13),
  ],
  'optional-duration': [...NUMBERLESS, 'soon', '99999999999d'],
  'optional-text': ['', 'yes', 'Always', 'always,failure', LONG],
  size: [...NUMBERLESS, '-5M', '5 M', 'M', '1.5.2G', '9000T', '5mm', '5iM', '9'.repeat(16)],
};

const NAMES = [
  '',
  '-x',
  '../x',
  '.',
  '_',
  '__proto__',
  'a b',
  'a/b',
  'a\nb',
  '42',
  '\uff14\uff12',
  '@last',
  LONG,
];
const PATTERNS = [
  '',
  '(?i)',
  '(',
  ')',
  '[',
  '*',
  '\\',
  'a{2,1}',
  '(?<n>',
  '(?<n>a)(?<n>b)',
  '('.repeat(5000),
  `${'x'.repeat(30)}(`,
];
const TAGS = ['', ',', 'a,,b', ' ', 'a b', '-x', '../x', '__proto__', 'a\nb', '\u202e', LONG];

/** What an option that takes text refuses; by `verb option` where one verb differs. */
const BAD_TEXT: Record<string, string[]> = {
  name: NAMES,
  reader: NAMES.filter((name) => name !== '42'),
  cwd: ['', '\n', '/nonexistent', '/etc/passwd', '/etc/passwd/x', 'x'.repeat(5000)],
  env: ['', '=', '=x', 'NAME', '\n', '__proto__', LONG],
  'env-file': ['', '\n', '/', '/nonexistent', '/etc/passwd/x', 'x'.repeat(5000), '/dev/zero'],
  tag: TAGS,
  on: ['', 'none', 'ssh:', 'ssh:-oProxyCommand=x', 'ssh:a b', 'a\nb', '__proto__', LONG],
  event: ['', ',', 'a b', 'a\nb', LONG],
  session: ['', 'a b', '../x', 'a\nb', LONG],
  tell: ['', 'Always', '__proto__', LONG],
  'self-test': ['', 'none', 'pty,none', '__proto__', LONG],
  listen: ['', 'nowhere.invalid', '127.0.0.1:99999', ':', LONG],
  header: ['=', 'A B', 'A:', LONG],
  host: ['', 'a b', 'a/b', LONG],
  trigger: ['', '42', '../x', 'none', '__proto__'],
  tz: ['', 'Mars/X', '__proto__', LONG],
  overlap: ['', 'Skip', '__proto__', LONG],
  'pass-env': ['=', '1A', 'A B'],
  stdin: ['', '\n', '/', '/nonexistent', '/etc/passwd/x', 'x'.repeat(5000), '/dev/zero'],
  'on-exit': ['', ' ', '\n', '(', 'if true', '`', 'echo "'],
  'on-max-log': ['', 'TRIM', 'trim,kill', '__proto__', 'kill ', LONG],
  until: PATTERNS,
  'fail-on': PATTERNS,
  grep: PATTERNS,
  'until-port': [
    '',
    '0',
    '-1',
    '65536',
    '080808',
    'http',
    '80,',
    '80-90',
    '1e3',
    '\uff18\uff10',
    '__proto__',
  ],
  'until-url': [
    '',
    ' ',
    'localhost:80',
    'ftp://x/',
    'http://',
    'http://[::1',
    'file:///etc/passwd',
    '//x',
    '\n',
    'http://x:99999/',
  ],
  'until-status': ['', '0', '99', '600', '600-', '399-200', '200,', '2xx', '__proto__', LONG],
  'retry-on': ['', '0', '256', '5-3', '1,', 'x', '1-', '-1', '__proto__', LONG],
  'set timeout': ['', '0', 'x', '5 m', '-1', 'None', '__proto__', LONG],
  'set idle-timeout': ['', '0', 'x', '1e3', '-1', '__proto__', LONG],
  'until-cmd': ['', ' ', '(', 'if true', '`', 'echo "'],
  'until-file': [''],
  state: ['', 'RUNNING', 'running,', '__proto__', 'constructor', 'ended', LONG],
  since: ['', '-1', '1e3', '5 m', '99999999999d', '\uff11', 'x', '9'.repeat(16), '999999999999', LONG],
  queue: NAMES,
  after: ['', '../x', '__proto__', '0', '-1', '01', '@', '\uff11', '1,2', '1,', LONG],
  'after-any': ['', '../x', 'constructor', '1.0', '@LAST', ' 1', '1,x'],
  batch: ['', '\n', '/', '/nonexistent', '/etc/passwd/x', '/dev/zero', 'x'.repeat(5000)],
  signal: ['', '0', '-1', '65', '1e1', 'FOO', 'SIGFOO', 'TERM ', '__proto__', 'constructor', '\uff19', LONG],
};
const REFERENCES = [
  '',
  '../x',
  '__proto__',
  '0',
  '-1',
  '1e3',
  '01',
  '1.0',
  '@',
  '@@last',
  '@LAST',
  '\uff11',
  ' 1',
  '1\n',
  '1,2',
  '9'.repeat(16),
  '1/../1',
  LONG,
];

/** What else has to be said so that the value is what is refused. */
const COMPANIONS: Record<string, string[]> = {
  'tail context': ['--grep', 'x'],
  'tail max': ['--grep', 'x'],
  'tail reader': ['--new'],
  'wait since': ['--until', 'x'],
  'run slots': ['-Q', 'q'],
  'run priority': ['-Q', 'q'],
  'run backoff': ['--retry', '1'],
  'run retry-on': ['--retry', '1'],
};
/** What a verb needs before it looks at its operands. */
const NEEDED: Record<string, string[]> = { send: ['--eof'], move: ['--first'], set: ['--priority', '1'] };

const operandsOf = ({ name, arity }: Verb): string[] =>
  name === 'queue' ? ['set', 'q'] : name === 'run' ? ['--', 'true'] : arity[1] === 0 ? [] : ['1'];

test('every option that takes text says what it refuses', () => {
  for (const { name, options } of VERBS)
    for (const [option, { kind }] of Object.entries(options))
      if (kind === 'text' || kind === 'list')
        assert.ok(
          BAD_TEXT[`${name} ${option}`] ?? BAD_TEXT[option],
          `${name} --${option}: add it to BAD_TEXT`,
        );
});

/** Each option with each of its values. */
function optionCalls(): string[][] {
  // `hook` ends with 0 always: cli/hook
  return VERBS.filter(({ name }) => name !== 'hook').flatMap((verb) =>
    Object.entries(verb.options).flatMap(([option, { kind }]) => {
      const ofText = BAD_TEXT[`${verb.name} ${option}`] ?? BAD_TEXT[option];
      const values = ofText ?? (kind === 'text' || kind === 'list' ? [] : BAD_OF_KIND[kind]);
      const companions = COMPANIONS[`${verb.name} ${option}`] ?? [];
      return values.map((value) => {
        const words =
          kind === 'flag' || kind.startsWith('optional-') ? [`--${option}=${value}`] : [`--${option}`, value];
        return [verb.name, ...companions, ...words, ...operandsOf(verb)];
      });
    }),
  );
}

const shorten = (args: string[]): string => JSON.stringify(args.map((word) => word.slice(0, 60)));

/** The answer to each of these calls. */
async function ask(rig: Rig, calls: string[][]): Promise<[args: string[], answer: Answer][]> {
  const answers = await answersOf(
    rig,
    calls.map((args) => ({ args })),
  );
  return calls.map((args, n) => [args, answers[n]!]);
}

rigTest('every option refuses what is not of its kind', async (rig) => {
  await rig.runOut(['true']);
  const before = pathsIn(rig.home);
  const accepted: string[] = [];
  const answers = await ask(rig, optionCalls());
  for (const [args, answer] of answers) {
    try {
      assertRefused(answer, 125, /^.{8,6000}$/s, shorten(args));
    } catch (thrown) {
      accepted.push((thrown as Error).message);
    }
  }
  assert.deepEqual(accepted, []);
  assert.deepEqual(pathsIn(rig.home), before);
  console.log(`${answers.length} calls with a hostile value`);
});

rigTest('every operand that is no reference is refused', async (rig) => {
  await rig.runOut(['true']);
  const before = pathsIn(rig.home);
  const takers = VERBS.filter(({ operands }) => operands.startsWith('REF')).map(({ name }) => name);
  const called = (name: string, reference: string) => [name, ...(NEEDED[name] ?? []), '--', reference];
  // each with what an object would know, too
  const references = [...REFERENCES, 'constructor', 'toString'];
  const calls = takers.flatMap((name) => references.map((reference) => called(name, reference)));
  for (const [args, answer] of await ask(rig, calls))
    assertRefused(answer, 125, /^bgjob: no job "/, shorten(args));
  const single = VERBS.filter(({ arity }) => arity[1] !== Number.POSITIVE_INFINITY).map(({ name }) => name);
  const tooMany = single.flatMap((name) =>
    ['', '-', 'x', '\n'].map((extra) => [name, '--', '1', extra, '1']),
  );
  for (const [args, answer] of await ask(rig, tooMany))
    assertRefused(answer, 125, /too many words: "/, shorten(args));
  assert.deepEqual(pathsIn(rig.home), before);
});

rigTest('a word of 100 KB is refused in a few lines', async (rig) => {
  await rig.runOut(['true']);
  const word = 'x'.repeat(100_000);
  const calls = [[word], ['wait', word], ['ls', word], ['ls', `--${word}`], ['run', '-n', word, 'true']];
  calls.push(['run', '--', `./${word}`], ['run', '-C', word, 'true'], ['wait', '1', '--timeout', word]);
  calls.push(['tail', '1', '--grep', `(${word}`], ['ls', '--state', word], ['kill', '-s', word, '1']);
  const inJson = ([verb = '', ...args]: string[]) =>
    verb === 'run' ? [verb, '--json', ...args] : [verb, ...args, '--json'];
  for (const [args, { code, stdout, stderr }] of await ask(rig, [...calls, ...calls.map(inJson)])) {
    assert.ok([125, 126, 127].includes(code) && stdout === '', shorten(args));
    assert.ok(stderr.length < 12_000, `${shorten(args)}: ${stderr.length} characters`);
  }
});

rigTest('what is no verb and no option is refused, whatever it looks like', async (rig) => {
  const verbs = [
    '',
    ' ',
    'RUN',
    ' run',
    '../x',
    '__proto__',
    'constructor',
    'toString',
    '-',
    '--',
    '-x',
    '-5',
    '--version=1',
    '\n',
    LONG,
  ];
  const named = await ask(
    rig,
    verbs.map((name) => [name, 'x']),
  );
  for (const [args, answer] of named) {
    const message = args[0]!.startsWith('-') ? /^bgjob: unknown option '-/ : /^bgjob: no command "/;
    assertRefused(answer, 125, message, shorten(args));
  }
  const options = [
    '-5',
    '-w5',
    '-w5s',
    '-=',
    '---',
    '--=',
    '--=x',
    '-\n',
    '--__proto__',
    '--constructor',
    '--__proto__=x',
    '--wait\u0001=5',
    '--wait\u0001',
  ];
  const optioned = await ask(
    rig,
    options.map((option) => ['run', option, '--', 'true']),
  );
  for (const [args, answer] of optioned)
    assertRefused(answer, 125, /unknown option|is not a duration/, shorten(args));
  assert.equal(pathsIn(rig.home), undefined, 'nothing was made');
});

rigTest('the largest values that are allowed are taken as they are', async (rig) => {
  const limits = [
    '--timeout',
    '36500d',
    '--idle-timeout',
    '36500d',
    '--grace',
    '36500d',
    '--max-log',
    '8191T',
  ];
  const { code } = await rig.bgjob([
    'run',
    '-w',
    '-n',
    'constructor',
    '-t',
    'toString',
    ...limits,
    '--',
    'seq',
    '9',
  ]);
  assert.equal(code, 0);
  for (const args of [
    ['status', 'constructor'],
    ['ls', '-n', '999999999', '--tag', 'toString', '--name', 'constructor'],
    ['tail', '-n', '999999999', '1'],
    ['tail', '--head', '-n', '999999999', '1'],
    ['tail', '-C', '999999999', '--max', '999999999', '--grep', '9', '1'],
    ['wait', '--timeout', '36500d', '1'],
    ['wait', '--until', `${'(?:'.repeat(200)}9${')'.repeat(200)}`, '1'],
    ['kill', '--grace', '36500d', '1'],
    ['gc', '--keep', '999999999', '--older-than', '36500d', '--max-total', '8191T'],
  ])
    assert.equal((await rig.bgjob(args)).code, 0, shorten(args));
  assert.equal((await rig.bgjob(['ls', '-q', '-n', '5', '--tag', 'toString,other'])).stdout, '');
  assert.equal((await rig.bgjob(['ls', '-q', '-n', '5', '--tag', 'toString,toString'])).stdout, '1\n');
});
