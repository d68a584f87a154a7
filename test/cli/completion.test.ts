/** `completion`: what Tab offers, asked of the real shells. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { type Rig, rigTest } from '../rig/rig.ts';

type Shell = 'bash' | 'zsh' | 'fish';
const without = (...tools: string[]): string | false => {
  const missing = tools.filter((tool) => spawnSync('sh', ['-c', `command -v ${tool}`]).status !== 0);
  return missing.length > 0 && `${missing.join(', ')} not installed`;
};

/** A line up to the cursor, and what must be offered there; `not`: what must not be. */
interface Case {
  line: string;
  offers: string[];
  not?: string[];
}

const CASES: Case[] = [
  {
    line: 'bgjob ',
    offers: ['run', 'ls', 'tail', 'wait', 'kill', 'cron', 'completion', 'help'],
    not: ['web'],
  },
  { line: 'bgjob ru', offers: ['run'], not: ['ls'] },
  { line: 'bgjob run --fo', offers: ['--follow'], not: ['--wait'] },
  { line: 'bgjob run --wait=10s --cw', offers: ['--cwd'] },
  { line: 'bgjob kill ', offers: ['web', 'api-1', '1', '2'], not: ['old', '3', '@last'] },
  { line: 'bgjob kill web ', offers: ['api-1'] },
  { line: 'bgjob kill w', offers: ['web'], not: ['api-1', '1'] },
  { line: 'bgjob tail ', offers: ['web', 'old', '1', '3', '@last'], not: ['there', '4'] },
  { line: 'bgjob tail -n 5 o', offers: ['old'] },
  { line: 'bgjob run -Q ', offers: ['api', 'big'], not: ['web', 'afile'] },
  { line: 'bgjob run --queue b', offers: ['big'], not: ['api'] },
  { line: 'bgjob ls --name ', offers: ['web', 'old'], not: ['1'] },
  { line: 'bgjob ls --state ru', offers: ['running'], not: ['queued'] },
  { line: 'bgjob run --on-max-log ', offers: ['trim', 'kill'], not: ['web', 'afile'] },
  { line: 'bgjob run --notify=', offers: ['always', 'failure', 'never'], not: ['web'] },
  { line: 'bgjob run -C ', offers: ['sub'], not: ['afile'] },
  { line: 'bgjob run --env-file ', offers: ['afile', 'b file', 'sub'] },
  { line: 'bgjob run --stdin ', offers: ['null', 'hold', 'afile'] },
  { line: 'bgjob run --after ', offers: ['web', 'old'] },
  // a command of its own
  { line: 'bgjob run -- my-too', offers: ['my-tool'] },
  { line: 'bgjob run -n x my-too', offers: ['my-tool'] },
  { line: 'bgjob run my-tool a', offers: ['afile'], not: ['api'] },
  { line: 'bgjob queue ', offers: ['list', 'set', 'pause', 'resume', 'remove'], not: ['api'] },
  { line: 'bgjob queue pause ', offers: ['api', 'big'], not: ['list'] },
  { line: 'bgjob cron ', offers: ['add', 'ls', 'rm'], not: ['nightly'] },
  { line: 'bgjob cron rm ', offers: ['nightly'] },
  { line: "bgjob cron add '0 3 * * *' -- my-too", offers: ['my-tool'] },
  { line: 'bgjob completion ', offers: ['bash', 'zsh', 'fish'] },
  { line: 'bgjob help t', offers: ['tail'], not: ['run'] },
  { line: 'bgjob frob ', offers: [], not: ['web', 'run'] },
];

/** Some jobs, queues and a schedule; one job and its name belong to another project. */
async function furnish(rig: Rig, shell: Shell): Promise<string> {
  const web = await rig.puppet();
  const api = await rig.puppet();
  await rig.run(['-n', 'web', '--', ...web.command]);
  await rig.run(['-n', 'api-1', '-Q', 'api', '--', ...api.command]);
  await rig.runOut(['-n', 'old', '--', 'true']);
  const elsewhere = join(rig.dir, 'elsewhere');
  fs.mkdirSync(join(elsewhere, '.git'), { recursive: true });
  const there = await rig.puppet();
  await rig.run(['-n', 'there', '--', ...there.command], { cwd: elsewhere });
  await rig.bgjob(['queue', 'set', 'big', '--slots', '3']);
  for (const puppet of [web, api, there]) await puppet.ready();
  fs.mkdirSync(join(rig.home, 'schedules', 'nightly'), { recursive: true, mode: 0o700 });
  fs.chmodSync(join(rig.home, 'schedules'), 0o700);
  fs.mkdirSync(join(rig.project, 'sub'));
  for (const name of ['afile', 'b file']) fs.writeFileSync(join(rig.project, name), '');
  fs.writeFileSync(join(rig.dir, 'bin', 'my-tool'), '#!/bin/sh\n', { mode: 0o755 });
  const { code, stdout, stderr } = await rig.bgjob(['completion', shell]);
  assert.deepEqual([code, stderr], [0, '']);
  const script = join(rig.dir, `completion.${shell}`);
  fs.writeFileSync(script, stdout);
  return script;
}

/** What is offered, one set per case, from text in which a line `== LINE` begins each. */
function check(text: string): void {
  const answers = new Map(
    text
      .split(/^== /m)
      .slice(1)
      .map((part): [string, string[]] => {
        const [line, ...offered] = part.split('\n');
        return [
          line!,
          offered.map((one) => one.split('\t')[0]!.replace(/^--[a-z-]+=|\/$/, '')).filter(Boolean),
        ];
      }),
  );
  for (const { line, offers, not = [] } of CASES) {
    const offered = answers.get(line);
    assert.ok(offered, `${line}: no answer\n${text}`);
    for (const word of offers) assert.ok(offered.includes(word), `${line}: ${word} is not in ${offered}`);
    for (const word of not) assert.ok(!offered.includes(word), `${line}: ${word} is in ${offered}`);
  }
}

/** Ends the jobs, whose puppets would be left. */
const endAll = async (rig: Rig): Promise<void> => {
  assert.equal((await rig.bgjob(['kill', '1', '2', '4', '--now'])).code, 0);
};

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
  { skip: without('script') },
);

const FISH = `
source $argv[1]
for line in $argv[2..-1]
  echo "== $line"
  complete -C $line
end`;

rigTest(
  'fish',
  async (rig) => {
    const script = await furnish(rig, 'fish');
    const lines = CASES.map(({ line }) => line);
    const answer = await rig.start('fish', ['--no-config', '-c', FISH, script, ...lines]).answer;
    assert.equal(answer.stderr, '');
    check(answer.stdout);
    await endAll(rig);
  },
  { skip: without('fish') },
);

/** In the zsh that is typed into: every word that is offered goes into a file, and the end of a Tab is told. */
const ZSH_INSIDE = `
PS1=; setopt no_beep no_list_beep; LISTMAX=10000
fpath+=("$FOLDER")
autoload -U compinit; compinit -u -D
tell() {
  compadd() { local -a got; builtin compadd -O got "$@"; print -rl -- $got >> $OFFERED; builtin compadd "$@"; }
  _main_complete
  unfunction compadd
}
zle -C tell list-choices tell
told() { zle tell; print -r -- "@@told@@"; zle kill-whole-line; }
zle -N told
bindkey '^X' told
print -r -- "@@ready@@"`;

const ZSH = `
zmodload zsh/zpty
zpty -b z zsh -f -i
zpty -w z "source $INSIDE"
zpty -r z out '*@@ready@@*'
for line in "$@"; do
  : > $OFFERED
  zpty -w -n z "$line"$'\\x18'
  zpty -r z out '*@@told@@*'
  print -r -- "== $line"
  sed 's/\\\\\\(.\\)/\\1/g' $OFFERED
done
zpty -d z`;

rigTest(
  'zsh',
  async (rig) => {
    const script = await furnish(rig, 'zsh');
    const folder = join(rig.dir, 'functions');
    fs.mkdirSync(folder);
    // as it is installed; it can also be evaluated
    fs.renameSync(script, join(folder, '_bgjob'));
    const inside = join(rig.dir, 'inside.zsh');
    fs.writeFileSync(inside, ZSH_INSIDE);
    const env = { FOLDER: folder, INSIDE: inside, OFFERED: join(rig.dir, 'offered'), TERM: 'dumb' };
    const lines = CASES.map(({ line }) => line);
    const answer = await rig.start('zsh', ['-f', '-c', ZSH, 'zsh', ...lines], { env }).answer;
    assert.equal(answer.stderr, '');
    check(answer.stdout);
    const evaluated = await rig.start('zsh', [
      '-f',
      '-c',
      'autoload -U compinit; compinit -u -D; eval "$(bgjob completion zsh)"; print $_comps[bgjob]',
    ]).answer;
    assert.deepEqual([evaluated.stdout, evaluated.stderr], ['_bgjob\n', '']);
    await endAll(rig);
  },
  { skip: without('zsh') },
);

rigTest('words that are asked for while somebody types are never an error', async (rig) => {
  const said = async (kind: string, env = {}) => {
    const { code, stdout, stderr } = await rig.bgjob(['completion', 'words', kind], { env });
    assert.deepEqual([code, stderr], [0, '']);
    return stdout;
  };
  assert.equal(await said('jobs'), '');
  assert.equal(await said('frob'), '');
  assert.equal(await said('jobs', { BGJOB_HOME: '/dev/null/no' }), '');
  await rig.runOut(['-n', 'one', '--', 'printf', 'a\tb\u001b[2J']);
  assert.match(await said('jobs'), /^one\texited: printf 'a\\tb\\x1b\[2J'\n1\texited: .*\n@last\t.*\n$/);
  rig.damaged = true;
  fs.writeFileSync(rig.file(1, 'spec.json'), '{"name":"$(reboot)"');
  fs.writeFileSync(rig.file(1, 'state.json'), 'x');
  assert.equal(await said('names'), '');
  for (const args of [['tcsh'], ['bash', 'zsh']]) {
    const { code, stdout, stderr } = await rig.bgjob(['completion', ...args]);
    assert.deepEqual([code, stdout], [125, '']);
    assert.match(stderr, /is none of bash, zsh, fish\n {2}hint: bgjob completion --help\n/);
  }
});
