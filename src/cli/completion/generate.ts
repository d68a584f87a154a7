/** The completions for shells, loaded when somebody asks for one: it is made once, and the shell keeps it. */
import { version } from '../../../package.json';
import type { Verb } from '../command/command.ts';
import { bashScript } from './bash.ts';
import { fishScript } from './fish.ts';
import { typingOf } from './grammar.ts';
import { zshScript } from './zsh.ts';

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;
export type Shell = keyof typeof SCRIPTS;

/** The text that a shell reads. */
export const completionScript = (shell: Shell, verbs: readonly Verb[]): string =>
  SCRIPTS[shell](typingOf(verbs), version);
