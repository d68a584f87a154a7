/** `completion`: what Tab offers in zsh and fish. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { CASES, check, endAll, furnish } from '../rig/completing.ts';
import { missing } from '../rig/needs.ts';
import { rigTest } from '../rig/rig.ts';

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
  { skip: missing('fish') },
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
  { skip: missing('zsh') },
);
