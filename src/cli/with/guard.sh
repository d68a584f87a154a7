# The guard of `bgjob with`: reads from the call which job and which tests it has. At the end of the pipe without
# `done` the call was killed: the arguments are the command that ends both. It is a child of no process of the
# call, so that no stop of a whole tree ends it.
exec 3<&0
{
  trap '' HUP INT QUIT TERM
  job=none tests=none
  while read -r kind value; do
    case $kind in
      job) job=$value ;;
      tests) tests=$value ;;
      done) exit 0 ;;
    esac
  done
  [ "$job $tests" = 'none none' ] && exit 0
  trap - HUP INT QUIT TERM
  exec "$@" "$job" "$tests" </dev/null
} <&3 3<&- &
