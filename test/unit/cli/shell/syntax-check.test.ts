/**
 * Which lines the shell would refuse: as bash itself says, for what people write and for what nobody would.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { test } from 'node:test';
import { refusedLines } from '../../../../src/cli/shell/syntax-check.ts';
import { folderTest } from '../../../rig/folder.ts';
import { rounds } from '../../../rig/rounds.ts';

/**
 * What bash says itself; with what it does not like within `[[` it runs nothing, and calls that a success.
 */
const isRefusedByBash = (line: string): boolean => {
  const { status, stderr } = spawnSync('bash', ['-n', '-c', '--', line], { encoding: 'utf8' });
  return status !== 0 || stderr.split('\n').some((said) => said !== '' && !said.includes('warning:'));
};

const GOOD = [
  'true',
  `echo "a b" 'c' $x \${y:-z} > out 2>&1`,
  'a | b && c || d; e &',
  'if a; then b; else c; fi',
  'for i in $(seq 3); do echo $i; done > x',
  'case $x in a) b;; *) c;; esac',
  'f() { echo; }; f',
  '[[ -f x && $y == z* ]] && echo',
  `a=(1 2 3); echo \${a[@]}`,
  '(cd x; make)',
  '! true',
  'time make',
  'cat <<< "a"',
  'cat <<END',
  'diff <(a) <(b)',
  'echo $((1 + 2)) $(echo "$(date)")',
  'echo a \\',
  'echo #) "',
  '{ a; b; }',
  '-x',
];
const BAD = [
  'echo "a',
  "it's",
  'a )',
  '(a',
  'if true',
  'if a; fi',
  'for i in a; do b',
  'a |',
  'a &&',
  '| a',
  'a ;; b',
  '} x',
  'done',
  '{ }',
  '( )',
  '[[ a b ]]',
  'a | ! b |',
  'case x in a) b',
  'echo $(',
  'echo `a',
  'x; } ; { y',
  'x ) ; ( y',
  'x; fi; if y; then z',
  'a >',
  'for; do x; done',
];

test('what is right is taken, what is wrong is told with a reason', () => {
  const lines = GOOD.flatMap((good, n) => [good, ...(BAD[n] === undefined ? [] : [BAD[n]])]);
  lines.push(...BAD.slice(GOOD.length));
  const refused = refusedLines(lines);
  for (const [n, line] of lines.entries()) {
    assert.equal(refused.has(n), BAD.includes(line), line);
    assert.equal(refused.has(n), isRefusedByBash(line), line);
  }
  for (const reason of refused.values()) assert.ok(reason.length > 3 && !reason.includes('line 1'), reason);
});

folderTest('nothing of a line is run', (dir) => {
  const place = `${dir}/run`;
  const lines = [
    `touch ${place}`,
    `}; touch ${place}; {`,
    `) ; touch ${place}; (`,
    `fi; touch ${place}; if :; then :`,
    `set +n; touch ${place} )`,
    `: $(touch ${place}`,
    `case x in x) touch ${place};; esac`,
    `touch ${place} <<X; touch ${place}`,
  ];
  assert.ok(refusedLines(lines).size > 0);
  assert.ok(!fs.existsSync(place));
});

test('all of a long file is judged: long lines, many odd ones, many wrong ones', () => {
  const COUNT = rounds(1000, 3000);
  const long = 'x'.repeat(125_000);
  const lines = [
    ...Array.from({ length: COUNT }, (_, n) => `if true; then echo ${n}; fi`),
    ...Array.from({ length: COUNT }, (_, n) => `if true; then echo ${n}`),
    `echo "${long}" $((1))`,
    `echo "${long} $((1))`,
    `case ${long.slice(0, 60_000)} in x) echo;; esac`,
    `case ${long.slice(0, 60_000)} in x) echo;;`,
  ];
  const refused = refusedLines(lines);
  assert.deepEqual(
    lines.flatMap((_, n) => (refused.has(n) ? [n] : [])),
    [...Array.from({ length: COUNT }, (_, n) => COUNT + n), 2 * COUNT + 1, 2 * COUNT + 3],
  );
});

const PIECES = (
  `a b ; ( ) { } if then fi else do done while case in esac ;; | || & && ! for [[ ]] < > ' " \` $( \${ # \\ <<E x= f() (( )) time ` +
  `function elif select <( >& 2> -f == |& &> <<< {x}> $ ~ * a=b >| 2>&1 >&- $' &>> $(( 1 é x[`
).split(' ');

test('of lines at random the same are refused as by bash', () => {
  let seed = (20260 + Number(process.env['BGJOB_TEST_SEED'] ?? 0)) % 2147483648;
  const random = (below: number): number => {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    return Math.floor((seed / 2147483648) * below);
  };
  const lines = Array.from(
    { length: rounds(150, 600) },
    () =>
      Array.from({ length: 1 + random(7) }, () => PIECES[random(PIECES.length)]).join(random(4) ? ' ' : ''),
    // bash takes `[[ ]]`, and `for ((` that is never closed, at the end of its input, and nowhere else
  ).filter((line) => !/\[\[\s*\]\]|for\s*\(\((?!.*\)\))/.test(line));
  const refused = refusedLines(lines);
  assert.ok(refused.size > 0 && refused.size < lines.length, `${refused.size}`);
  for (const [n, line] of lines.entries()) assert.equal(refused.has(n), isRefusedByBash(line), line);
});
