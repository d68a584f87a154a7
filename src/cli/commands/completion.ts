/** `bgjob completion`: the script with which Tab in bash, zsh or fish asks bgjob. */
import { fail, ok } from '../../job/failure.ts';
import { SUCCESS, verb } from '../command/command.ts';
import bash from '../completion/bgjob.bash';
import fish from '../completion/bgjob.fish';
import zsh from '../completion/bgjob.zsh';
import { installHint, notOneOf } from '../messages/usage.ts';

const SCRIPTS: Record<string, string> = { bash, zsh, fish };

/** Where each shell looks. */
const INSTALL: Record<string, string> = {
  bash: 'bgjob completion bash > ~/.local/share/bash-completion/completions/bgjob',
  zsh: 'bgjob completion zsh > ~/.zsh/_bgjob, where ~/.zsh is in fpath before compinit',
  fish: 'bgjob completion fish > ~/.config/fish/completions/bgjob.fish',
};

export const completion = verb({
  name: 'completion',
  operands: 'bash|zsh|fish',
  arity: [1, 1],
  brief: '',
  summary: 'what Tab offers in your shell: commands, options, ids, names',
  description: [
    'Prints a script for the shell. With it, Tab asks bgjob what may stand at the cursor: commands, options, ids, names, queues.',
    'Save it where the shell looks for completions (below); it stays right after an update. Or evaluate it at each start, in',
    '~/.bashrc: eval "$(bgjob completion bash)", in ~/.zshrc after compinit: eval "$(bgjob completion zsh)",',
    'in config.fish: bgjob completion fish | source.',
  ],
  examples: [
    ['bgjob completion bash > ~/.local/share/bash-completion/completions/bgjob', 'needs bash-completion'],
    ['bgjob completion zsh > ~/.zsh/_bgjob', 'with fpath+=~/.zsh before compinit'],
    ['bgjob completion fish > ~/.config/fish/completions/bgjob.fish', 'needs nothing else'],
  ],
  options: {},
  async run({ output }, { words }) {
    const shell = words[0]!;
    const script = Object.hasOwn(SCRIPTS, shell) ? SCRIPTS[shell]!.trimEnd() : undefined;
    if (script === undefined)
      return fail(notOneOf('completion', shell, Object.keys(SCRIPTS), 'bgjob completion --help'));
    if (output.json) output.object({ v: 1, shell, script });
    else output.line(script);
    if (output.isTerminal(1)) output.note(installHint(INSTALL[shell]!));
    return ok(SUCCESS);
  },
});
