/** `completion`: what Tab offers in bash; zsh and fish are in test/programs. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { CASES, check, endAll, furnish } from '../../rig/completing.ts';
import { missing } from '../../rig/needs.ts';
import { rigTest } from '../../rig/rig.ts';

const BASH = `
source "$1"; shift
for line in "$@"; do
  # as readline cuts it
  eval "COMP_WORDS=($line)"
  [[ $line == *' ' ]] && COMP_WORDS+=('')
  COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)) COMP_LINE=$line COMP_POINT=\${#line} COMPREPLY=()
  _bgjob bgjob "\${COMP_WORDS[COMP_CWORD]}" "\${COMP_WORDS[COMP_CWORD-1]}"
  echo "== $line"
  printf '%s\\n' "\${COMPREPLY[@]}"
done`;

rigTest('bash: the function', async (rig) => {
  const script = await furnish(rig, 'bash');
  const lines = CASES.map(({ line }) => line);
  const answer = await rig.start('bash', ['--norc', '-c', BASH, 'bash', script, ...lines]).answer;
  assert.equal(answer.stderr.replaceAll(/^.*compopt: .*\n/gm, ''), '');
  check(answer.stdout);
  await endAll(rig);
});

rigTest(
  'bash: Tab in a terminal, also where bash cuts words at = and @',
  async (rig) => {
    const script = await furnish(rig, 'bash');
    const typed = [
      `source ${script}`,
      'bgjob path w\t',
      'bgjob path @l\t',
      'bgjob path @\t',
      'bgjob ls -a --queue=ap\t -q',
      'bgjob show --js\t ol\t',
      'exit',
    ];
    const call = rig.start('script', ['-qec', 'bash --norc --noprofile -i', '/dev/null'], {
      input: `${typed.join('\n')}\n`,
      env: { TERM: 'dumb', INPUTRC: '/dev/null' },
    });
    const { stdout } = await call.answer;
    const log = (id: number) => rig.file(id, 'out/log');
    const lines = stdout.replaceAll('\r', '').split('\n');
    assert.equal(lines.filter((line) => line === log(1)).length, 1, stdout);
    assert.equal(lines.filter((line) => line === log(3)).length, 2, stdout);
    assert.ok(lines.includes('2'), stdout);
    assert.ok(
      lines.some((line) => line.startsWith('{"v":1,"id":3,"name":"old"')),
      stdout,
    );
    await endAll(rig);
  },
  { skip: missing('script') },
);

rigTest('the answer to Tab is never an error, and one line for a word', async (rig) => {
  const answer = async (words: string[], env = {}) => {
    const { code, stdout, stderr } = await rig.bgjob(['completion', 'words', ...words], { env });
    assert.deepEqual([code, stderr], [0, '']);
    return stdout;
  };
  assert.equal(await answer(['--', 'tail', '']), 'words\n');
  assert.equal(await answer(['--', 'tail', ''], { BGJOB_HOME: '/dev/null/no' }), 'words\n');
  assert.equal(await answer(['--', 'frob', '']), 'words\n');
  assert.equal(await answer(['--', 'run', '-n', 'x', '--', 'make', 'a']), 'command 4\n');
  assert.equal(await answer(['--', 'run', 'make', 'a']), 'command 1\n');
  assert.equal(await answer(['--', 'run', '--cwd=s']), 'directories --cwd=\n');
  assert.equal(await answer(['--', 'run', '--env-file', '=', 's']), 'files \n');
  assert.equal(await answer(['--', 'run', '--on-max-log=']), 'words\n--on-max-log=trim\n--on-max-log=kill\n');
  // the scripts of 0.9 ask so, and take other answers
  assert.equal(await answer([]), '');
  assert.equal(await answer(['jobs']), '');
  await rig.runOut(['-n', 'one', '--', 'printf', 'a\tb\u001b[2J']);
  const jobs = await answer(['--', 'tail', '']);
  assert.match(jobs, /^words\none\texited: printf 'a\\tb\\x1b\[2J'\n1\texited: .*\n@last\t.*\n$/);
  rig.damaged = true;
  fs.writeFileSync(rig.file(1, 'spec.json'), '{"name":"$(reboot)"');
  fs.writeFileSync(rig.file(1, 'state.json'), 'x');
  assert.equal(await answer(['--', 'ls', '--name', '']), 'words\n');
});

rigTest('a shell that is not known', async (rig) => {
  for (const word of ['tcsh', 'toString']) {
    const { code, stdout, stderr } = await rig.bgjob(['completion', word]);
    assert.deepEqual([code, stdout], [125, '']);
    assert.match(stderr, /is none of bash, zsh, fish\n {2}hint: bgjob completion --help\n/);
  }
});
