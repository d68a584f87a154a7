/** `bgjob completion`: prints the script with which Tab in bash, zsh or fish asks bgjob. */
import { fail, ok } from '../../job/failure.ts';
import { SUCCESS, verb } from '../command/command.ts';
import bash from '../completion/bgjob.bash';
import fish from '../completion/bgjob.fish';
import zsh from '../completion/bgjob.zsh';
import { installHint, notOneOf } from '../messages/usage.ts';

const SCRIPTS: Record<string, string> = { bash, zsh, fish };

export const completion = verb({
  name: 'completion',
  operands: 'bash|zsh|fish',
  arity: [1, 1],
  brief: '',
  summary: 'completion for your shell: commands, options, ids, names',
  description: [
    'Prints a script for the shell. With it, Tab asks bgjob for the words that may stand at the cursor:',
    'commands, options, ids, names, queues.',
    '',
    'Save the script where the shell looks for completions (see the examples); an update of bgjob does not',
    'change it. Or load it when the shell starts: eval "$(bgjob completion bash)" in ~/.bashrc,',
    'eval "$(bgjob completion zsh)" in ~/.zshrc after compinit, bgjob completion fish | source in',
    'config.fish.',
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
    if (output.isTerminal(1)) output.note(installHint(shell));
    return ok(SUCCESS);
  },
});
