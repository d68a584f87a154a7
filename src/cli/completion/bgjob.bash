# bash completion for bgjob, made by: bgjob completion bash
# Works in bash 3.2 (macOS), with and without the package bash-completion.
_bgjob() {
  local cur=${COMP_WORDS[COMP_CWORD]} does argument word note
  COMPREPLY=()
  # bash cuts --queue=api into three words, and @last into two; bgjob knows that, and is given them so
  {
    IFS=' ' read -r does argument
    [[ $cur == = ]] && cur=
    while IFS=$'\t' read -r word note; do
      [[ $word == "$cur"* || $word == "@$cur"* ]] && COMPREPLY+=("$word")
    done
  } < <("$1" completion words -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null </dev/null)
  compopt -o nosort 2>/dev/null
  local IFS=$'\n'
  case $does in
    command)
      ((argument++))
      if declare -F _comp_command_offset >/dev/null; then _comp_command_offset "$argument"
      elif declare -F _command_offset >/dev/null; then _command_offset "$argument"
      else
        compopt -o filenames 2>/dev/null
        if ((COMP_CWORD == argument)) && [[ $cur != */* ]]; then COMPREPLY=($(compgen -c -- "$cur"))
        else COMPREPLY=($(compgen -f -- "$cur"))
        fi
      fi ;;
    files)
      compopt -o filenames 2>/dev/null
      COMPREPLY+=($(compgen -P "$argument" -f -- "${cur#"$argument"}")) ;;
    directories)
      compopt -o filenames 2>/dev/null
      COMPREPLY+=($(compgen -P "$argument" -d -- "${cur#"$argument"}")) ;;
  esac
}
complete -F _bgjob bgjob
