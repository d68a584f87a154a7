#!/bin/sh
# The leader of a terminal: the shell that `script` starts for --pty. It sets the size of the terminal, runs
# the job, and records the exit status of the job, because the status of `script` is 0 for a job that was
# killed.
#
# pty-shim.ts writes the preface: read_stat PID as in shim.sh; run_job, which becomes the job; shim_record, as
# in shim.sh; shim_stty, shim_columns, shim_rows. Descriptors 7 and 8 are those of the shim. BGJOB_ENV_R and
# BGJOB_ENV_T come from shim.sh: the lines of the record before and after that of the job.
# shellcheck disable=SC2154 # the preface sets these

shim_nl='
'
# messages of the shell itself (`Killed`) are dropped
exec 2>/dev/null
trap : HUP INT QUIT TERM USR1 USR2 ALRM PIPE TSTP
read_stat $$
shim_leader=$shim_stat
echo "$BGJOB_ENV_R$shim_nl$shim_nl$BGJOB_ENV_T$shim_nl$shim_leader" 1<>"$shim_record"
"$shim_stty" columns "$shim_columns" rows "$shim_rows"
(
  read_stat self
  echo "$BGJOB_ENV_R$shim_nl$shim_stat$shim_nl$BGJOB_ENV_T$shim_nl$shim_leader" 1<>"$shim_record"
  exec 2>&1 7>&- 8>&-
  run_job
)
shim_status=$?
echo "$shim_status$shim_nl$shim_status" >&8
