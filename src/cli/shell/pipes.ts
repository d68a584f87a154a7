/**
 * Whether a shell line or a script seems to hold a pipe: in a group, a condition or `$(…)`, too. It is asked only
 * where there is no bash, whose pipefail would see a failure before the last `|`, and only for a hint.
 */

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

export function hasPipe(text: string): boolean {
  let rest = text.slice(0, MOST_CHARACTERS).replace(HEREDOC, '$3');
  for (const pattern of NO_PIPES) rest = rest.replace(pattern, ' ');
  return /(?<![|>])\|(?!\|)/.test(rest);
}
