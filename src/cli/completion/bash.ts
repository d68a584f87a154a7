/** The completion for bash: works in 3.2 (macOS) and without the package bash-completion; with it, commands of `run` are completed as theirs. */
import { flagsOf, type VerbWords, type Words } from './grammar.ts';

/** Assignments for what a word may be. */
const assign = ({ literal, live, path }: Words): string =>
  [
    literal.length > 0 && `literal='${literal.join(' ')}'`,
    live !== null && `live=${live}`,
    path !== null && `path=${path}`,
  ]
    .filter(Boolean)
    .join(' ') || ':';

/** Cases of one `case "$1 $2"`, those with the same answer in one. */
function cases(pairs: [pattern: string, answer: string][]): string[] {
  const answers = new Map<string, string[]>();
  for (const [pattern, answer] of pairs) answers.set(answer, [...(answers.get(answer) ?? []), pattern]);
  return [...answers].map(
    ([answer, patterns]) => `    ${patterns.map((one) => `'${one}'`).join('|')}) ${answer} ;;`,
  );
}

const valuesOf = (verbs: VerbWords[], optional: boolean): string[] =>
  cases(
    verbs.flatMap(({ name, options }) =>
      options.flatMap((option): [string, string][] =>
        option.value === null || option.isOptional !== optional
          ? []
          : flagsOf(option).map((flag) => [`${name} ${flag}`, assign(option.value!.words)]),
      ),
    ),
  );

const operandsOf = (verbs: VerbWords[]): string[] =>
  cases(
    verbs.flatMap(({ name, actions, operands }): [string, string][] =>
      actions.length === 0
        ? assign(operands) === ':'
          ? []
          : [[name, assign(operands)]]
        : [
            [`${name} `, `literal='${actions.map((action) => action.name).join(' ')}'`],
            ...actions
              .filter(({ words }) => assign(words) !== ':')
              .map(({ name: action, words }): [string, string] => [`${name} ${action}`, assign(words)]),
          ],
    ),
  ).map((line) => line.replace(/'(\w+)'(?=[|)])/g, "'$1 '*"));

/** The script. */
export function bashScript(verbs: VerbWords[], version: string): string {
  const runners = verbs.filter(({ runsCommand }) => runsCommand).map(({ name }) => name);
  return `# bash completion for bgjob ${version}, made by: bgjob completion bash

# VERB OPTION: what its value may be; fails if the next word is none
_bgjob_value() {
  case "$1 $2" in
${valuesOf(verbs, false).join('\n')}
    *)
      case "$1 $2" in
${valuesOf(verbs, true)
  .map((line) => `    ${line}`)
  .join('\n')}
      esac
      return 1 ;;
  esac
}

# VERB ACTION: what the next word may be
_bgjob_operand() {
  case "$1 $2" in
${operandsOf(verbs).join('\n')}
  esac
}

_bgjob_options() {
  case $1 in
${verbs.map(({ name, options }) => `    ${name}) literal='${options.flatMap(flagsOf).join(' ')}' ;;`).join('\n')}
  esac
}

# the command of a job, from this word on
_bgjob_command() {
  if declare -F _comp_command_offset >/dev/null; then _comp_command_offset "$1"
  elif declare -F _command_offset >/dev/null; then _command_offset "$1"
  else
    local IFS=$'\\n'
    compopt -o filenames 2>/dev/null
    if ((COMP_CWORD == $1)) && [[ $cur != */* ]]; then COMPREPLY=($(compgen -c -- "$cur"))
    else COMPREPLY=($(compgen -f -- "$cur"))
    fi
  fi
}

_bgjob() {
  local cur=\${COMP_WORDS[COMP_CWORD]} verb= action= pending= previous= prefix= word note i
  local literal= live= path= IFS=$' \\t\\n'
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    # bash cuts --queue=api into three words, @last into two
    if [[ $word == @ ]]; then continue
    elif [[ $word == = && $previous == --* ]]; then pending=$previous
    elif [[ $pending ]]; then pending=
    elif [[ ! $verb ]]; then verb=$word
    elif [[ $word == -- ]]; then _bgjob_command $((i + 1)); return
    elif [[ $word == -?* ]]; then
      if _bgjob_value "$verb" "$word"; then pending=$word; fi
    else
      case $verb in ${runners.join('|')}) _bgjob_command $i; return ;; esac
      : "\${action:=$word}"
    fi
    previous=$word
  done
  if [[ $cur == = && $previous == --* ]]; then pending=$previous cur=
  elif [[ $cur == --*=* ]]; then pending=\${cur%%=*} prefix=$pending= cur=\${cur#*=}
  fi
  literal= live= path=
  if [[ $pending ]]; then _bgjob_value "$verb" "$pending"
  elif [[ ! $verb ]]; then literal='${verbs.map(({ name }) => name).join(' ')} --help --version'
  elif [[ $cur == -* ]]; then _bgjob_options "$verb"
  else
    case $verb in ${runners.join('|')}) _bgjob_command $COMP_CWORD; return ;; esac
    _bgjob_operand "$verb" "$action"
  fi
  if [[ $live == jobs && ( $cur == @ || \${COMP_WORDS[COMP_CWORD - 1]} == @ ) ]]; then
    live= literal=@last cur=@\${cur#@}
  fi
  if [[ $live ]]; then
    compopt -o nosort 2>/dev/null
    while IFS=$'\\t' read -r word note; do literal+=" $word"; done < <("$1" completion words $live 2>/dev/null </dev/null)
  fi
  [[ $literal ]] && COMPREPLY=($(compgen -W "$literal" -- "$cur"))
  if [[ $path ]]; then
    compopt -o filenames 2>/dev/null
    IFS=$'\\n'
    if [[ $path == directory ]]; then COMPREPLY+=($(compgen -d -- "$cur"))
    else COMPREPLY+=($(compgen -f -- "$cur"))
    fi
  fi
  if [[ $prefix ]]; then COMPREPLY=("\${COMPREPLY[@]/#/$prefix}"); fi
}
complete -F _bgjob bgjob`;
}
