#compdef bgjob
# zsh completion for bgjob, made by: bgjob completion zsh
_bgjob() {
  local bgjob=${(Q)words[1]} line ret=1
  local -a typed answer does offered
  typed=("${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}")
  answer=("${(@f)$("$bgjob" completion words -- "$typed[@]" 2>/dev/null </dev/null)}")
  does=(${=answer[1]})
  if [[ $does[1] == command ]]; then
    shift $((does[2] + 1)) words
    (( CURRENT -= does[2] + 1 ))
    if (( CURRENT == 1 )); then _command_names -e; else _normal; fi
    return
  fi
  for line in $answer[2,-1]; do offered+=("${line/$'\t'/:}"); done
  (( $#offered )) && _describe -V word offered && ret=0
  [[ -n $does[2] ]] && compset -P "$does[2]"
  case $does[1] in
    files) _files && ret=0 ;;
    directories) _files -/ && ret=0 ;;
  esac
  return ret
}

if [[ $funcstack[1] == _bgjob ]]; then _bgjob "$@"; else compdef _bgjob bgjob; fi
