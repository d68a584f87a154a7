#!/bin/sh
# The shim of a batch: it runs the plain jobs of one batch, one after the other, as its supervisor orders
# them. For one job it does what shim.sh does. It works in dash, on Linux.
#
# An order is one line in descriptor 9: the id, the slot (`-`: none), five descriptors of the supervisor
# (`alive`, the record, the log, the exit status, the CPU time), and the words of the job, quoted.
# batch-shim.ts writes it. The shim says in
# descriptor 3:
#
#     ID +       the main process is on record, and is about to become the job
#     ID -       nothing was started: the files or the directory were not there
#     ID CODE    the job ended with this status, which exit.N holds
#
# The files are opened through shim_fds, which is /proc/PID/fd of the supervisor. So the shim takes over the
# lock of `alive` while the supervisor holds it, or cannot take it: a job whose supervisor died before is not
# started here, because it waits again for other processes. A process that gets the pid of the supervisor
# later is not meant by that directory.
#
# The preface has, beside what shim.sh has: shim_cwd, the directory of the jobs; shim_token, the token of a
# job's marker, which the shim itself does not carry. All that a job may change is in a subshell of its own.
# shellcheck disable=SC2154 # the preface sets these
# shellcheck disable=SC2034 # the content of shim_line is not used

shim_nl='
'
read_stat $$
shim_self=$shim_stat
# a signal ends neither the wait for an order nor the watchers, which inherit this
trap '' HUP INT QUIT TERM USR1 USR2 ALRM PIPE
while read -r shim_id shim_slot shim_alive shim_row shim_log shim_code shim_cpu shim_words <&9; do
  if ! [ . -ef "$shim_cwd" ] || ! command exec 4<>"$shim_fds/$shim_alive" 5>>"$shim_fds/$shim_log" \
    7<>"$shim_fds/$shim_row" 8<>"$shim_fds/$shim_code" 1<>"$shim_fds/$shim_cpu"; then
    echo "$shim_id -" >&3
    break
  fi
  # before the watcher is forked: its adopter must see that the shim lives
  echo "$shim_self" 1<>"$shim_record"

  # into descriptor 1, here and after the job: the difference is its CPU time
  times

  # each job has a watcher of its own. The supervisor kills it when the end is published
  (
    exec 1>&2 5>&- 6>&- 7>&- 8>&- 9>&-
    cd /
    read -r shim_line <&3 || while
      adopt "$shim_id"
      [ $? -gt 128 ] && [ $((shim_adopted = shim_adopted + 1)) -lt "$shim_adopters" ]
    do :; done
  ) &
  shim_stat=
  read_stat $!
  shim_own=$shim_self$shim_nl$shim_stat
  echo "$shim_own" 1<>"$shim_record"
  # caught, not ignored: the job would inherit an ignored signal
  trap : HUP INT QUIT TERM USR1 USR2 ALRM PIPE

  (
    read_stat self
    echo "$shim_own$shim_nl$shim_stat" 1<>"$shim_record"
    # if the supervisor is dead, this would end the subshell
    trap '' PIPE
    echo "$shim_id +" >&3
    trap - PIPE
    export BGJOB_ID="$shim_id" BGJOB_TOKEN="$shim_token"
    [ "$shim_slot" = - ] || export BGJOB_SLOT="$shim_slot"
    eval "set -- $shim_words"
    exec 1>&5 2>&5 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
    run_job "$@"
  )
  shim_status=$?

  # see shim.sh
  echo "$shim_status$shim_nl$shim_status" >&8
  times
  echo "$shim_id $shim_status" >&3
  kill -s URG 0
  trap '' HUP INT QUIT TERM USR1 USR2 ALRM PIPE
  exec 1>&2 4>&- 5>&- 7>&- 8>&-
done
exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
# a watcher that has an adopter lives until that has published the end
wait
