/**
 * Jobs that lose pipefail: without bash, a shell does not notice a failure before the last `|`. Whether a
 * line holds a pipe is guessed by patterns; it serves hints only.
 */
import { findTool } from '../../engine/os/programs.ts';
import type { Spec } from '../../job/spec.ts';
import { shellOf } from '../../job/view.ts';
import { noPipefailText } from '../messages/warnings.ts';
import { parseShebang } from './script.ts';

/** Only the beginning of a longer text is read. */
const MOST_CHARACTERS = 20_000;
/** What may hold a `|` that is no pipe, in the order in which it is taken out. */
const NO_PIPES: RegExp[] = [
  // escapes, strings, comments
  /\\[\s\S]/g,
  /'[^']*'/g,
  /"(?:[^"$`]|\$(?!\())*"/g,
  /(?<=^|\s)#.*$/gm,
  // `[[ a =~ (b|c) ]]`, `((a | b))`
  /\[\[[^\n]{0,500}?\]\]/g,
  /\(\([^\n]{0,500}?\)\)/g,
  // the patterns of a `case`: `start|stop)`
  /(?<=^|[\s;])(?<!\([ \t]*)[^\s|;&()]+(?:[ \t]*\|[ \t]*[^\s|;&()]+){1,50}[ \t]*\)/gm,
];

/** A here-document; the rest of its first line may hold a pipe, its body none. */
const HEREDOC = /<<-?[ \t]*(['"]?)(\w+)\1([^\n]*)\n[\s\S]*?\n[ \t]*\2(?=\n|$)/g;

/** Whether a shell line or a script holds a pipe: in a group, a condition or `$(…)`, too. */
export function hasPipe(text: string): boolean {
  let rest = text.slice(0, MOST_CHARACTERS).replace(HEREDOC, '$3');
  for (const pattern of NO_PIPES) rest = rest.replace(pattern, ' ');
  return /(?<![|>])\|(?!\|)/.test(rest);
}

/** The parts of a job that say which shell runs it. */
type ShellCall = Pick<Spec, 'argv' | 'line' | 'script'> & { scriptBytes?: Uint8Array };

/**
 * Whether a shell without pipefail runs a job with a pipe. The interpreter of a `#!` line is the user's
 * choice.
 */
export function losesPipefail(call: ShellCall): boolean {
  if (shellOf(call) !== 'sh') return false;
  const { line, scriptBytes } = call;
  const script = scriptBytes && !parseShebang(scriptBytes) ? Buffer.from(scriptBytes).toString() : '';
  return hasPipe(line ?? script);
}

/** The hints for a job, unless --no-pipefail is given, and for its --on-exit. */
export function pipefailNotes(
  { onExit, ...call }: ShellCall & Pick<Spec, 'onExit'>,
  pipefail = true,
): string[] {
  const own = pipefail && losesPipefail(call) ? [noPipefailText()] : [];
  const isBlind = onExit !== null && findTool('bash') === undefined && hasPipe(onExit);
  return isBlind ? [...own, `--on-exit: ${noPipefailText()}`] : own;
}
