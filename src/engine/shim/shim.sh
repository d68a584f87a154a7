#!/bin/sh
# The shim: the process between supervisor and job. It starts the job, records its exit status even if the
# supervisor is killed, and has a dead supervisor replaced. It works in dash, in bash as sh, and in busybox.
#
#     sh -c 'eval "unset BGJOB_ENV_S;$BGJOB_ENV_S"'      where that is: set +eux; PREFACE; THIS TEXT
#
# Neither this text nor a word of the job stands in the arguments: `pkill -f` would kill the shim and lose the
# exit status of the job.
#
# shim.ts writes the preface, which holds the facts that differ between calls and between systems:
#   shim_record       the file for the record of these processes. It and shim_exit, the file of the exit
#                     status, are named through descriptors 7 and 8 where the system can open these anew, else
#                     by path
#   read_stat PID     sets shim_stat to the record of a process: pid, start time and more; PID may be `self`
#   read_main_state   replaces the record in shim_main by the state of that process; empty: it is gone
#   run_job           becomes the job
#   adopt             runs a program that takes the place of a dead supervisor
#   shim_stdin        the FIFO of a held stdin, or empty; shim_end: the FIFO that ends it
#   shim_pty          the shell that the terminal of --pty starts, or empty
#   shim_adopters     how many killed adopters in a row are replaced
#
# Descriptors: 0 the input of the job; 1 the file of the CPU time, or /dev/null; 2 /dev/null, so that messages
# of a shell (`Killed`) do not get into the log; 3 the supervisor's socket: only the watcher reads it, only the
# shim writes it; 4 the FIFO `alive`; 5 the log, 6 that of stderr; 7 the record and 8 the exit status. The files
# are open before the start: the home may be moved, and another may stand at its path. With a held stdin 9 is
# shim_end, and in the holder 1 is shim_stdin (for a moment also 0 and 2: so no open waits for the other end).
#
# Every variable is called shim_* or BGJOB_ENV_*. shim.ts makes sure that variables of the job with such names
# reach it unchanged.
# shellcheck disable=SC2154 # the preface sets these
# shellcheck disable=SC2034 # the content of shim_line is not used
# shellcheck disable=SC2094 # they are FIFOs

shim_nl='
'
# ignored until watcher and holder are forked: these inherit it, so no signal ends them before they set their
# own
trap '' HUP INT QUIT TERM
trap : USR1 USR2 ALRM PIPE

# The holder keeps stdin open for `send`. It ends on a byte in shim_end, or when shim, watcher and owner are
# gone. After its fork no other process holds stdin.
if [ "$shim_stdin" ]; then
  exec <>"$shim_end" 9>"$shim_end" <>"$shim_stdin" 2>"$shim_stdin" </dev/null
  (
    exec 1>&2 2>/dev/null 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- <"$shim_end" 9>&-
    cd /
    read -r shim_line
  ) &
  shim_holder=$!
  exec 2>/dev/null
fi

# The watcher sleeps until the supervisor says `ok` (the end is published) or is gone. Then it starts an
# adopter, and another one each time a signal ends that.
(
  exec 1>&2 5>&- 6>&- 7>&- 8>&-
  cd /
  read -r shim_line <&3 || while
    adopt
    [ $? -gt 128 ] && [ $((shim_adopted = shim_adopted + 1)) -lt "$shim_adopters" ]
  do :; done
) &
shim_watcher=$!
# caught from here on, not ignored: the job would inherit an ignored signal, and `yes | head` would not end
trap : HUP INT QUIT TERM

# The record of shim, watcher and holder is written before the job starts.
read_stat $$
shim_own=$shim_stat
read_stat "$shim_watcher"
shim_own=$shim_own$shim_nl$shim_stat
shim_held=
if [ "$shim_stdin" ]; then
  read_stat "$shim_holder"
  shim_held=$shim_stat
fi
echo "$shim_own${shim_held:+$shim_nl$shim_nl$shim_held}" 1<>"$shim_record"

# A subshell that becomes the job. Without `exec` a shell would run its builtins itself, and `exit 3` would
# record nothing.
(
  read_stat self
  if [ "$shim_pty" ]; then
    echo "$shim_own$shim_nl$shim_nl$shim_held$shim_nl$shim_stat" 1<>"$shim_record"
    # the leader writes the same record with two lines more: its own and that of the job
    export BGJOB_ENV_R="$shim_own" BGJOB_ENV_T="$shim_held$shim_nl$shim_stat" SHELL="$shim_pty"
  else
    echo "$shim_own$shim_nl$shim_stat${shim_held:+$shim_nl$shim_held}" 1<>"$shim_record"
  fi
  # the input comes first: an error of its open does not belong into the log
  [ -z "$shim_stdin" ] || exec <>"$shim_stdin" 9<"$shim_stdin" <&9 9>&-
  # the leader of a terminal needs these two
  [ "$shim_pty" ] || exec 7>&- 8>&-
  exec 1>&5 2>&6 3>&- 4>&- 5>&- 6>&-
  run_job
)
shim_status=$?
shim_recorded=

if [ "$shim_pty" ]; then
  # The status of `script` is 0 for a job that was killed, so the status that the leader recorded counts. If
  # the leader was killed before it recorded itself, the status of `script` counts: `script` may have made no
  # terminal, and the job was not executed. If it was killed later, either the job was killed with it (`kill
  # -9 0`), or the job lives and its end is not known yet.
  if read -r shim_recorded <"$shim_exit"; then
    shim_status=$shim_recorded
  else
    {
      read -r shim_main
      read -r shim_main
      read -r shim_main
      read -r shim_leader
      read -r shim_leader
      read -r shim_leader
    } <"$shim_record"
    if [ -z "$shim_leader" ]; then
      [ $shim_status -gt 128 ] || shim_status=126
      shim_main=
    elif [ "$shim_main" ]; then
      read_main_state
    fi
    case $shim_main in
    "" | [ZX]*) [ $shim_status -gt 125 ] && echo "$shim_status$shim_nl$shim_status" >&8 ;;
    esac
  fi
else
  # over blanks that are on the disk already, so that a full disk cannot lose it; twice: see STATUS in
  # job/home/records.ts
  echo "$shim_status$shim_nl$shim_status" >&8
fi
# after the exit status, which nothing may delay. `$(times)` would be that of a subshell: zero. `command`: mksh
# ends when a builtin like this one cannot write
command times

[ -z "$shim_stdin" ] || echo >&9
# `recorded`: by the leader. The supervisor cannot read `exit.N` in a home that was removed.
echo "$shim_status${shim_recorded:+ recorded}" >&3
# To the process group, which is not that of the job. URG is ignored by default, so it harms neither the
# watcher nor a booting Node, and it wakes an adopter.
kill -s URG 0
# from here on the process that publishes the end holds `alive`, not the shim
exec 1>&2 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
wait "$shim_watcher"
[ -z "$shim_stdin" ] || wait "$shim_holder"
