/** `bgjob completion`: what Tab offers in bash, zsh and fish. */
import { safe } from '../../base/text/sanitize.ts';
import { fail, ok } from '../../job/failure.ts';
import { SUCCESS, type Verb, verb } from '../command/command.ts';
import { liveWords, WORD_KINDS } from '../completion/candidates.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;

/** Where each of them looks. */
const INSTALL: Record<(typeof SHELLS)[number], string> = {
  bash: 'bgjob completion bash > ~/.local/share/bash-completion/completions/bgjob',
  zsh: 'bgjob completion zsh > ~/.zsh/_bgjob, where ~/.zsh is in fpath before compinit',
  fish: 'bgjob completion fish > ~/.config/fish/completions/bgjob.fish',
};

/** The verb; it is given the table in which it stands itself. */
export const completion = (verbs: () => readonly Verb[]): Verb =>
  verb({
    name: 'completion',
    operands: 'bash|zsh|fish',
    // `completion words KIND`, what the scripts themselves call
    arity: [1, 2],
    brief: '',
    summary: 'what Tab offers in your shell: commands, options, ids, names',
    description: [
      'Prints a script for the shell, made of the commands and options of this bgjob; ids, names and queues are asked of bgjob as you type.',
      'Keep it where the shell looks for completions (below), and make it anew after an update; or evaluate it at each start, from',
      '~/.bashrc: eval "$(bgjob completion bash)", from ~/.zshrc after compinit: eval "$(bgjob completion zsh)",',
      'from config.fish: bgjob completion fish | source.',
    ],
    examples: [
      ['bgjob completion bash > ~/.local/share/bash-completion/completions/bgjob', 'needs bash-completion'],
      ['bgjob completion zsh > ~/.zsh/_bgjob', 'with fpath+=~/.zsh before compinit'],
      ['bgjob completion fish > ~/.config/fish/completions/bgjob.fish', 'needs nothing else'],
    ],
    options: {},
    async run(context, { words }) {
      const { output } = context;
      const [asked, kind] = words;
      if (asked === 'words') {
        // whatever is wrong: somebody is typing, and no message may come between
        const home = context.home();
        const known = WORD_KINDS.find((one) => one === kind);
        if (home.ok && home.value && known)
          for (const line of liveWords(home.value, context.here(), known)) output.line(line);
        return ok(SUCCESS);
      }
      const shell = SHELLS.find((one) => one === asked);
      if (!shell || kind !== undefined)
        return fail({
          code: 'usage',
          message: `completion: "${safe(words.join(' '))}" is none of ${SHELLS.join(', ')}`,
          hint: 'bgjob completion --help',
        });
      const { completionScript } = await import('../completion/generate.ts');
      const script = completionScript(shell, verbs());
      if (output.json) output.object({ v: 1, shell, script });
      else output.line(script);
      if (output.isTerminal(1)) output.note(`(to install it: ${INSTALL[shell]})`);
      return ok(SUCCESS);
    },
  });
