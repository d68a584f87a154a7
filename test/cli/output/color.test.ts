/** Colours: those of a job are kept on a terminal, and --color rules all of a call. */
import assert from 'node:assert/strict';
import { missing } from '../../rig/needs.ts';
import { type Rig, rigTest } from '../../rig/rig.ts';

const skip = missing('script');
const RED = '\x1b[31m';

/** Prints two red lines, of which the first is not ended, a title, hidden text, and a bar that is rewritten. */
const JOB = [
  'sh',
  '-c',
  String.raw`printf '\033[31mred\nstill\033[0m\n\033]0;t\007\033[8mseen\n\033[33m1%%\r\033[32m9%%\n'`,
];
const KEPT = `${RED}red\x1b[0m\n${RED}still\x1b[0m\nseen\n\x1b[32m9%\x1b[0m\n`;
const BARE = 'red\nstill\nseen\n9%\n';

/** stdout of a shell line on a terminal. */
async function onTerminal(rig: Rig, line: string, env: Record<string, string> = {}): Promise<string> {
  const all = { TERM: 'xterm', SHELL: '/bin/sh', ...env };
  const { stdout } = await rig.start('script', ['-qec', `${line} 2>&-`, '/dev/null'], { env: all }).answer;
  return stdout.replaceAll('\r\n', '\n');
}

rigTest(
  'the colours of a job are kept on a terminal, and everything else that steers it is not',
  async (rig) => {
    assert.equal(await onTerminal(rig, `bgjob run -f -- ${shellWords(JOB)}`), KEPT);
    for (const call of ['tail 1', 'tail --full 1', 'tail -f 1', 'tail -f --full 1', 'restart -f 1'])
      assert.equal(await onTerminal(rig, `bgjob ${call}`), KEPT, call);
    assert.equal(
      await onTerminal(rig, "bgjob tail --grep 'red|9' 1"),
      `${RED}red\x1b[0m\n\x1b[32m9%\x1b[0m\n`,
    );
    for (const [call, env] of [
      ['tail --color=never 1', {}],
      ['tail --color never -f 1', { FORCE_COLOR: '1' }],
      ['tail 1', { NO_COLOR: '1' }],
      ['tail -f 1', { TERM: 'dumb' }],
    ] as const)
      assert.equal(await onTerminal(rig, `bgjob ${call}`, env), BARE, call);
    assert.ok(!(await onTerminal(rig, 'bgjob tail --json --color=always 1')).includes('\x1b'));
  },
  { skip },
);

const shellWords = (words: string[]): string =>
  words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');

rigTest('in a pipe no colour of a job is printed, unless --color=always asks for it', async (rig) => {
  await rig.bgjob(['run', '-w', '--', ...JOB]);
  for (const call of [
    ['tail', '1'],
    ['tail', '-f', '1'],
    ['tail', '--full', '1'],
  ]) {
    assert.equal((await rig.bgjob(call, { env: { FORCE_COLOR: '1' } })).stdout, BARE);
    assert.equal((await rig.bgjob([...call, '--color=auto'])).stdout, BARE);
    const env = { NO_COLOR: '1' };
    assert.equal((await rig.bgjob([...call, '--color=always'], { env })).stdout, KEPT);
    assert.equal((await rig.bgjob([...call, '--color', 'always'], { env })).stdout, KEPT);
  }
  const { stdout } = await rig.bgjob(['tail', '--json', '--color=always', '1']);
  assert.ok(!/\x1b|\\u001b/.test(stdout));
});

rigTest('--color rules every colour of a call, errors in its words too', async (rig) => {
  await rig.bgjob(['run', '-w', '--', 'false']);
  for (const call of [['ls'], ['ls', '--frob'], ['wait', '1'], ['frob'], ['wait', 'nosuch']]) {
    const always = await rig.bgjob([...call, '--color=always'], { env: { NO_COLOR: '1' } });
    assert.ok((always.stdout + always.stderr).includes(RED), call.join(' '));
    const never = await rig.bgjob([...call, '--color=never'], { env: { FORCE_COLOR: '1' } });
    assert.ok(!(never.stdout + never.stderr).includes('\x1b'), call.join(' '));
  }
  const wrong = await rig.bgjob(['ls', '--color=blue']);
  assert.equal(wrong.code, 125);
  assert.match(wrong.stderr, /--color: "blue" is not never, always or auto/);
});

rigTest('repeated lines are folded by their text, and a limit counts no colours', async (rig) => {
  const line = String.raw`printf '\033[31msame\033[0m\nsame\n\033[32msame\033[0m\n'`;
  await rig.bgjob(['run', '-w', '--', 'sh', '-c', line]);
  const { stdout } = await rig.bgjob(['tail', '1', '--color=always']);
  assert.equal(stdout, `${RED}same\x1b[0m (×3)\n`);
  const [plain, colored] = [
    await rig.bgjob(['tail', '1', '-n2']),
    await rig.bgjob(['tail', '1', '-n2', '--color=always']),
  ];
  assert.equal(colored.stdout.replaceAll(/\x1b\[\d+m/g, ''), plain.stdout);
  assert.equal(colored.stderr, plain.stderr);
});
