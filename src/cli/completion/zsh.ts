/** The completion for zsh: a function for each verb, in the language of _arguments. */
import type { OptionWords, VerbWords, Words } from './grammar.ts';

/** Within single quotes of the shell. */
const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
/** Within the brackets of an option. */
const note = (text: string): string => text.replace(/[\\[\]:]/g, '\\$&');

const actionOf = ({ literal, live, path }: Words): string =>
  literal.length === 0 && live === null && path === null
    ? ' '
    : `{__bgjob_words "${literal.join(' ')}" "${live ?? ''}" "${path ?? ''}"}`;

/** One option, as _arguments takes it: `'(-n --name)'{-n+,--name=}'[its name]:NAME:…'`. */
function optionSpec({ long, short, text, value, isOptional, isRepeatable }: OptionWords): string {
  const name = value && note(value.name);
  const long_ = `--${long}${value ? (isOptional ? '=-' : '=') : ''}`;
  const rest = value
    ? `[${note(text)}]${isOptional ? '::' : ':'}${name}:${actionOf(value.words)}`
    : `[${note(text)}]`;
  if (short === null) return quote(`${isRepeatable ? '*' : ''}${long_}${rest}`);
  // what is optional takes no next word, also with its short name
  if (isOptional)
    return `${quote(`(-${short} --${long})--${long}=-${rest}`)} ${quote(`(-${short} --${long})-${short}[${note(text)}]`)}`;
  const both = `{-${short}${value ? '+' : ''},${long_}}`;
  return isRepeatable ? `'*'${both}${quote(rest)}` : `${quote(`(-${short} --${long})`)}${both}${quote(rest)}`;
}

function verbFunction({ name, options, runsCommand, actions, operands }: VerbWords): string {
  const words = runsCommand
    ? [`'(-)1:command:_command_names -e'`, `'*::argument:_normal'`]
    : actions.length > 0
      ? [`'1:action:(${actions.map((action) => action.name).join(' ')})'`, `'*::word:->after'`]
      : [quote(`*:word:${actionOf(operands)}`)];
  const head = runsCommand ? `_arguments -s -S -A '-*' :` : '_arguments -s -S -C :';
  const after =
    actions.length === 0
      ? []
      : [
          `  if [[ $state == after ]]; then`,
          // a -- begins a command: add EXPR -- npm test
          `    local at=\${all[(I)--]}`,
          `    if (( at && at < place )); then words=("\${(@)all[at+1,-1]}"); (( CURRENT = place - at )); _normal; return; fi`,
          `    case $line[1] in`,
          ...actions
            .filter(({ words: own }) => actionOf(own) !== ' ')
            .map((action) => `      ${action.name}) ${actionOf(action.words).slice(1, -1)} && ret=0 ;;`),
          `    esac`,
          `  fi`,
        ];
  return [
    `__bgjob_${name}() {`,
    `  local ret=1 state context curcontext=$curcontext place=$CURRENT`,
    `  local -a line all=("$words[@]")`,
    `  local -A opt_args`,
    `  ${[head, ...options.map(optionSpec), ...words].join(' \\\n    ')} && ret=0`,
    ...after,
    `  return ret`,
    `}`,
  ].join('\n');
}

/** The script: for a folder of $fpath, and to be evaluated. */
export function zshScript(verbs: VerbWords[], version: string): string {
  return `#compdef bgjob
# zsh completion for bgjob ${version}, made by: bgjob completion zsh

# LITERAL LIVE PATH: one of these words, one that bgjob is asked for, a path
__bgjob_words() {
  local ret=1 line
  local -a literal=(\${=1}) live
  if (( $#literal )); then compadd -- $literal && ret=0; fi
  if [[ -n $2 ]]; then
    for line in \${(f)"$("$bgjob" completion words $2 2>/dev/null </dev/null)"}; do
      live+=("\${line/$'\\t'/:}")
    done
    _describe -V $2 live && ret=0
  fi
  case $3 in
    file) _files && ret=0 ;;
    directory) _files -/ && ret=0 ;;
  esac
  return ret
}

${verbs.map(verbFunction).join('\n\n')}

_bgjob() {
  local bgjob=\${(Q)words[1]}
  local -a verbs=(
${verbs.map(({ name, summary }) => `    ${quote(`${name}:${summary}`)}`).join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe -V command verbs
  else
    local verb=$words[2]
    shift words
    (( CURRENT-- ))
    if (( $+functions[__bgjob_$verb] )); then __bgjob_$verb; else _message "no command $verb"; fi
  fi
}

if [[ $funcstack[1] == _bgjob ]]; then _bgjob "$@"; else compdef _bgjob bgjob; fi`;
}
