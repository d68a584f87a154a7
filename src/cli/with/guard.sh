# The guard of `bgjob with`: reads on descriptor 3 which job and which tests the call has. At the end of the
# pipe without `done` the call was killed. Then the guard runs the command of its arguments, which ends both.
# The guard is a child of no process of the call, so that no stop of a whole tree ends it.
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
