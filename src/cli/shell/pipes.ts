/**
 * Whether a shell line or a script holds a pipe, anywhere: in a group, a condition or `$(…)`, too. Asked only where no bash is, whose
 * pipefail would see a command fail before the last `|`.
 */
import { hasParsedPipe } from './shell-parser.ts';

/** What only a shell can take apart is looked at by patterns, and no further, characters. */
const MOST_CHARACTERS = 20_000;
/** What may hold a `|` that is no pipe, in the order in which it is taken out. */
const NO_PIPES: RegExp[] = [
  // escapes, strings, comments
  /\\[\s\S]/g,
  /'[^']*'/g,
  /"(?:[^"$`]|\$(?!\())*"/g,
  /(?<=^|\s)#.*$/gm,
  // `[[ a =~ (b|c) ]]`, `((a | b))`
  /\[\[[^\n]*?\]\]/g,
  /\(\([^\n]*?\)\)/g,
  // the patterns of a `case`: `start|stop)`
  /(?<=^|[\s;])(?<!\([ \t]*)[^\s|;&()]+(?:[ \t]*\|[ \t]*[^\s|;&()]+)+[ \t]*\)/gm,
];

/** A here-document; the rest of its first line may hold a pipe, its body none. */
const HEREDOC = /<<-?[ \t]*(['"]?)(\w+)\1([^\n]*)\n[\s\S]*?\n[ \t]*\2(?=\n|$)/g;

/** Where the parser gave up. */
function seemsToPipe(text: string): boolean {
  let rest = text.slice(0, MOST_CHARACTERS).replace(HEREDOC, '$3');
  for (const pattern of NO_PIPES) rest = rest.replace(pattern, ' ');
  return /(?<![|>])\|(?!\|)/.test(rest);
}

export const hasPipe = (text: string): boolean =>
  text.includes('|') && (hasParsedPipe(text) ?? seemsToPipe(text));
