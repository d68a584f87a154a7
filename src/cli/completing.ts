/** The completions for shells, loaded when somebody asks for one: it is made once, and the shell keeps it. */
import { version } from '../../package.json';
import { bashScript } from './bashtyping.ts';
import type { Verb } from './command.ts';
import { fishScript } from './fishtyping.ts';
import { typingOf } from './typing.ts';
import { zshScript } from './zshtyping.ts';

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;
export type Shell = keyof typeof SCRIPTS;

/** The text that a shell reads. */
export const completionScript = (shell: Shell, verbs: readonly Verb[]): string =>
  SCRIPTS[shell](typingOf(verbs), version);
