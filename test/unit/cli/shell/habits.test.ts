/** Which command lines are warned about: certain ones only, and never at the price of time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { warningsOf } from '../../../../src/cli/shell/habits.ts';
import fc from '../../../rig/property.ts';
import { IS_WHOLE, rounds } from '../../../rig/rounds.ts';
import { TEST_MS } from '../../../rig/until.ts';

const codesOf = (line: string): string =>
  warningsOf([line], false)
    .map(({ code }) => code)
    .join(' ');

const WARNED: [line: string, codes: string][] = [
  ['make &', 'background'],
  ['make&', 'background'],
  ['make & # in the background', 'background'],
  ['make &\n', 'background'],
  ['cd x && make &', 'background'],
  ['a & b &', 'background'],
  ['(cd x; make) &', 'background'],
  ['while true; do x; done &', 'background'],
  ["echo '&' &", 'background'],
  ['f() { make; }; f &', 'background'],
  ['npm run build && npm start &', 'background'],
  ['python3 -m http.server 8000 > "server $(date +%F).log" 2>&1 &', 'background'],
  ['python -c "print(1)" &', 'background'],
  ["bash -c 'while true; do date; sleep 1; done' &", 'background'],
  ["PORT=3000 npm start & # the server, it's slow", 'background'],
  ['nohup make', 'nohup'],
  ['nohup make; echo done', 'nohup'],
  ['A=1 B="2 3" nohup make', 'nohup'],
  ['exec /usr/bin/nohup make', 'nohup'],
  ['cd x && nohup ./serve', 'nohup'],
  ['nohup ./serve > out.log 2>&1 &', 'nohup file background'],
  ['nohup npm run dev > /dev/null 2>&1 &', 'nohup dev-null background'],
  ['nohup sh -c "make && make install" &> log &', 'nohup file background'],
  ['export A=1; nohup python train.py', 'nohup'],
  ['setsid make', 'setsid'],
  ['cd x; setsid -f make', 'setsid'],
  ['setsid nohup make', 'nohup setsid'],
  ['make & disown', 'disown'],
  ['make & disown -h %1;', 'disown'],
  ['make &\ndisown', 'disown'],
  ['make | tail', 'tail'],
  ['make 2>&1 | tail -20', 'tail'],
  ['make |& tail -n 20', 'tail'],
  ['make | tail --lines=5;', 'tail'],
  ['make | grep x | /usr/bin/tail -n5', 'tail'],
  ['make \\\n | tail -n 5', 'tail'],
  ['{ a; b; } 2>&1 | tail -5', 'tail'],
  ['npm test 2>&1 | tail -n 50', 'tail'],
  ["pytest -k 'a or b' -x 2>&1 | tail -100", 'tail'],
  ['cd app && npm run build 2>&1 | tail -30', 'tail'],
  ['cargo build 2>&1 | grep -E "error|warning" | head -20', 'head'],
  ['make | head', 'head'],
  ['make | head -n 5', 'head'],
  ['make | head -c 100', 'head'],
  ['make > build.txt', 'file'],
  ['make >build.txt 2>&1', 'file'],
  ['make 2>&1 >> build.txt', 'file'],
  ['make &> build.txt', 'file'],
  ['make &>> build.txt', 'file'],
  ['make >& build.txt', 'file'],
  ['make 1>build.txt', 'file'],
  ['> build.txt make', 'file'],
  ['make > "build one.txt"', 'file'],
  ['make > ~/build.txt', 'file'],
  ['make > a 2>&1 > b', 'file'],
  ['for i in 1 2; do echo $i; done > x.txt', 'file'],
  ['for ((i=0; i<3; i++)); do echo $i; done > x.txt', 'file'],
  ['if [[ a > b ]]; then x; else y; fi > x.txt', 'file'],
  ['echo $((1 > 2)) > x.txt', 'file'],
  ["echo $'it\\'s' > x.txt", 'file'],
  ['npm test > test.log 2>&1', 'file'],
  ['cd app && npm test > ../test.log 2>&1', 'file'],
  ['set -e\nmake > log', 'file'],
  ['make > /dev/null', 'dev-null'],
  ['make > /dev/null 2>&1', 'dev-null'],
  ['make | tail -5 > x.txt', 'tail file'],
];
const NOT_WARNED = [
  'make',
  'make && test',
  'sleep 5 & wait',
  'a & b',
  'a & echo $!',
  'make \\&',
  'echo "make &"',
  "echo 'make &'",
  'echo a # make &',
  'echo $(make &)',
  'echo `make &`',
  '(make &)',
  'for i in 1 2; do x & done',
  'for i in 1 2; do x & done; wait',
  'cat <<E\nmake > x &\nE',
  "cat <<-'E'\n\tmake | tail\n\tE",
  'echo nohup make',
  'nohup --help',
  'setsid --wait make',
  'setsid -w make',
  'setsid -fw make',
  'setsid make | cat',
  'time setsid make',
  'make || setsid make',
  'disown',
  'a & b; disown',
  'tail -n 5 x.txt',
  'a | tail -f',
  'a | tail -n +5',
  'a | tail -n+5',
  'a | tail --lines=+5',
  'a | tail +5',
  'a | tail -5 x.txt',
  'a | tail -n $N',
  'a | tail < x.txt',
  'a | tail -5 | grep x',
  'a | tail; b',
  'a || tail',
  'a | head -n -5',
  'a | tailor',
  'make 2> x.txt',
  'make 2>> x.txt',
  'make >&2',
  'make 1>&2 2> x.txt',
  'make > x.txt >&2',
  'make > x.txt; test',
  'make > x.txt || true',
  'make > x.txt | cat',
  'make 2>&1 | tee x.txt',
  'make > >(tee x.txt)',
  'make > /dev/stderr',
  'make > /dev/fd/3',
  'make > $X',
  'make > "$DIR/x.txt"',
  'make 3> x.txt',
  'make {log}> x.txt',
  'make 3>&1 > x.txt 1>&3',
  'make < x.txt',
  'cat <<< "a > b"',
  'make && echo ok > stamp',
  ': > x.txt',
  '> x.txt',
  'exec > x.txt',
  '[[ a > b ]]',
  '((a > b))',
  'echo $((a > b))',
  'echo a\\>b',
  'diff <(a > x) <(b)',
  'make > log-$(date +%F).txt',
  'make > {a,b}',
  'make > *.txt',
  'cargo test --workspace',
  'find . -name "*.ts" -exec grep -l "a > b" {} +',
  "awk '$1 > 5 { print $2 }' data.txt",
  'git log --pretty="%h > %s"',
  'echo "a & b" | sort',
  'curl "http://localhost/?a=1&b=2"',
  'test $a -gt 1 && echo yes',
  'ls | head -3 | wc -l',
  'docker compose up -d && sleep 5',
  'trap "kill 0" EXIT; a & b & wait',
  // in doubt
  'echo "$(a "b)" c)" &',
  'cat <<E &\nbody $( "\nE',
  'echo $' + '{x:-"}"} `a | b` > x.txt',
  'case x in a) make > x ;; esac &',
  'echo "unbalanced &',
  'echo $(a &',
  'cat <<E &\nno end',
  '{ make &',
  'make | &',
  'make && &',
  ' & ',
  '',
];

for (const [line, codes] of WARNED)
  test(`warned: ${JSON.stringify(line)}`, () => assert.equal(codesOf(line), codes));
for (const line of NOT_WARNED)
  test(`not warned: ${JSON.stringify(line)}`, () => assert.equal(codesOf(line), ''));

test('words are not a shell line, and a script is left alone', () => {
  const codes = (words: string[], separated = false) => warningsOf(words, separated).map(({ code }) => code);
  assert.deepEqual(codes(['nohup', 'make']), ['nohup']);
  assert.deepEqual(codes(['setsid', 'make'], true), ['setsid']);
  for (const words of [
    ['setsid', '-w', 'make'],
    ['make', '&'],
    ['echo', 'nohup'],
    ['make', '>', 'x'],
    ['nohup'],
  ])
    assert.deepEqual(codes(words), [], words.join(' '));
  assert.deepEqual(codes(['make &'], true), []);
  assert.deepEqual(codes(['-']), []);
  assert.deepEqual(codes(['-', 'nohup', 'x']), []);
});

test('a warning is one line, names what to do, and holds no control byte of the line', () => {
  const say = (line: string) => warningsOf([line], false)[0]!.message;
  assert.match(say('make >> b.txt 2>&1'), /; 2>&1 \| tee -a b\.txt does both$/);
  assert.match(say('make > b.txt'), /^stdout goes to b\.txt, .*; \| tee b\.txt does both$/);
  assert.match(say("make > 'a\x1b[31m\nb'"), /^[\x20-\x7e…]+$/);
  assert.match(say(`make > ${'long'.repeat(100)}`), /\| tee FILE does both$/);
  for (const [line] of WARNED)
    for (const { message } of warningsOf([line], false)) assert.ok(message.length <= 115, message);
});

test('any line at all is read without an error', () => {
  const piece = fc.constantFrom(
    ...' |\t|\n|&|&&|||;|;;|(|)|((|))|{|}|[[|]]|$(|$((|${|`|"|\'|\\|\\\n|<|>|>>|<<|<<-|<<<|>&|&>|2>&1|>(|#|$|!'.split(
      '|',
    ),
    ...'|if|then|fi|for|do|done|case|esac|time|tail|head|nohup|setsid|disown|a|x=1|E|/dev/null|-n|5'.split(
      '|',
    ),
  );
  const line = fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join(''));
  const spaced = fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join(' '));
  fc.assert(
    fc.property(fc.oneof(line, spaced, fc.string()), (text) => {
      for (const { message } of warningsOf([text], false)) assert.ok(!message.includes('\n'));
    }),
    { numRuns: rounds(1500, 5000) },
  );
});

// a quadratic way would take minutes for them; others each time
test('long lines are read at once, whatever they repeat', { timeout: TEST_MS }, () => {
  const pieces =
    '$( |( |{ |"$(|${|`|a |a;|a|\\|\\\n|<<E |<<E\n|>x |$((|((|[[ |\'|"|#\n|"a" |a|b|x=1 |- |setsid |nohup '.split(
      '|',
    );
  const ends = ['', ' &', '\nE\n&'];
  const length = rounds(40_000, 100_000);
  const first = Number(process.env['BGJOB_TEST_SEED'] ?? 0);
  for (const [n, piece] of pieces.entries())
    for (const end of IS_WHOLE ? ends : [ends[(first + n) % ends.length]!])
      warningsOf([`${piece.repeat(Math.ceil(length / Math.max(1, piece.length)))}${end}`], false);
});
