# The shim of a target: starts one job, holds its limits, and records its end. It needs no connection.
#
#     sh SHIM ROOT UID JOB END SPLIT STDIN TIMEOUT GRACE SIGNAL MAXLOG PATH
#     sh SHIM ROOT UID reap HUNDREDTHS
#
# SHIM is JOB.sh: each job has its own, so that no other job and no other version of bgjob replaces or removes it.
# JOB and END are files in ROOT/job/UID: the script that becomes the job, and the end record, reserved. STDIN
# is a file there, or `-`. TIMEOUT and GRACE are hundredths of a second, MAXLOG bytes; `-`: none. PATH is that of
# the login, which the script gives to the job. JOB.shim is reserved for the record of the start.
# The text of processes.sh stands before this one, and before that far_slurm: where Slurm runs the job, `once`, or
# `again` if Slurm may start it again. Slurm must explain an end after a TERM that is not ours, or by KILL: such a
# record is left in the file `cut`.
# In the file `usage`: the number of the start that wrote it, what `times` says before the job and after it, and
# lines of far_sweep. It decides nothing. The job may put a FIFO in its place, whose open would not return.
# shellcheck shell=sh
# shellcheck disable=SC2154 # of processes.sh
# shellcheck disable=SC2034,SC2046,SC2086 # words are split where that is meant

far_root=$1 far_uid=$2
cd "$far_root/job/$far_uid" || exit 125
# caught, not ignored: the job would inherit an ignored signal
trap : HUP INT QUIT TERM USR1 USR2 ALRM PIPE

far_cut=
far_is_stopped() {
  for far_dir in stop.*; do [ ! -d "$far_dir" ] || return 0; done
  return 1
}

if [ "$3" = reap ]; then
  far_read_record "$far_uid"
  far_reap "$far_uid" "$4"
  exit 0
fi
far_job=$3 far_end=$4 far_split=$5 far_stdin=$6 far_timeout=$7 far_grace=$8 far_signal=$9
shift 9
far_max=$1 far_path=$2

# The claim. A second submit of this uid started a second shim: it ends here. So does one that Slurm starts again,
# unless the user allowed that, and no end is known.
if mkdir started 2>/dev/null; then
  mv "$far_job.shim" shim
else
  [ "$far_slurm" ] || exit 0
  far_again=${SLURM_RESTART_COUNT:-0}
  if [ "$far_slurm" != again ] || [ "$far_again" = 0 ] || [ -e "$far_root/end/$far_uid" ] || far_is_stopped ||
    ! mkdir "started.$far_again" 2>/dev/null; then
    echo "bgjob: error: $far_uid was started before, and is not started again"
    exit 125
  fi
  # its end is not that of this attempt
  [ ! -e cut ] || mv cut "$far_end"
  for far_file in "$far_end" shim; do printf '%-250s' '' 1<>"$far_file"; done
  for far_dir in verdict.*; do [ ! -d "$far_dir" ] || mv "$far_dir" verdict; done
fi
if [ "$far_slurm" ]; then
  # stopped before the start
  ! far_is_stopped || exit 125
  trap far_cut=1 TERM
  # scontrol names the task of an array so
  echo "${SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}${SLURM_ARRAY_JOB_ID:+_$SLURM_ARRAY_TASK_ID} ${SLURM_RESTART_COUNT:-0} $far_host" >run
fi

# far_write FILE LINE: overwrites reserved blanks, so that a full disk cannot lose the line. Fails if the line
# is not there after it.
far_write() {
  { printf '%s' "$2" 1<>"$1"; } 2>/dev/null
  far_back=
  { read -r far_back <"$1"; } 2>/dev/null
  [ "$far_back" = "$2" ]
}

far_read_start $$
far_own="1 $$ $far_start $far_boot $far_host"
far_write shim "$far_own - - - whole"

# far_limit NAME: stops the job for a limit, unless its end was seen before. Renaming this folder decides.
far_limit() {
  mv verdict "verdict.$1" 2>/dev/null || exit 0
  far_read_record "$far_uid"
  # a fast program would write on until it is found
  [ "$1" != max-log ] || ! far_is_alive "$far_main" "$far_main_start" ||
    kill -s STOP -- "-$far_main" 2>/dev/null || kill -s STOP "$far_main"
  far_sweep "$far_uid" "$far_signal"
  far_reap "$far_uid" "$far_grace"
  exit 0
}

# far_floods: whether a job that is stopped for its log has written that much again
far_floods() {
  [ -d verdict.max-log ] || return 1
  far_log_size
  [ $((far_size / 2)) -ge "$far_max" ] && [ "$far_size" -ge 67108864 ]
}

# far_log_size: sets far_size. `wc -c` of some systems reads the whole file.
far_log_size() {
  far_size=0
  for far_log in "$far_root/log/$far_uid" "$far_root/log/$far_uid.err"; do
    [ -f "$far_log" ] || continue
    # shellcheck disable=SC2012 # `ls -n` has the size in its fifth field everywhere
    set -- $(ls -ln "$far_log")
    far_size=$((far_size + ${5:-0}))
  done
}

# A nap that ends early when the logs have so many bytes, or the job ended; in perl it costs no start of a program.
# Words: bytes, hundredths of a second, the logs. `alarm` counts by a clock that nobody sets.
# shellcheck disable=SC2016 # the variables are those of perl
far_doze='
  my ($max, $left, @logs) = @ARGV;
  my ($last, $quiet) = (-1, 0);
  $SIG{ALRM} = sub { exit 0 };
  alarm int($left / 100) if $left >= 100;
  while ($left > 0 && -d "verdict") {
    my $size = 0;
    $size += -s $_ || 0 for @logs;
    exit 0 if $size >= $max;
    $quiet = $size == $last ? $quiet + 1 : 0;
    $last = $size;
    my $nap = $quiet < 50 ? 0.05 : 0.25;
    select undef, undef, undef, $nap;
    $left -= 100 * $nap if $left < 100;
  }'

# The watcher of the limits. With perl it sees a log within a quarter of a second. Else its naps are as long as
# no limit can be passed by much: 100 MB/s are assumed, half a second at least, five at most; of a log that grows
# 1 GB/s, and a tenth of a second.
far_leave() {
  [ -z "$far_naps" ] || kill "$!" 2>/dev/null
  exit 0
}
far_watch() {
  far_naps=
  # `$!` is known as soon as the nap is there; one that has ended may be the number of another process
  if [ "$far_slurm" ]; then
    # a signal wakes it: perhaps a stop was asked for
    trap '[ ! -d verdict.ended ] || far_leave' HUP INT QUIT TERM CONT USR1 USR2 ALRM PIPE
  else
    trap far_leave TERM
  fi
  # a signal from before this trap is lost; the job had ended then
  [ ! -d verdict.ended ] || exit 0
  far_now
  far_over='' far_perl='' far_before=0 far_beat=0 far_reaped=' '
  ! command -v perl >/dev/null 2>&1 || far_perl=1
  [ "$far_timeout" = - ] || far_over=$((far_t + far_timeout))
  while :; do
    # a day at most: a timer may be short by a little
    far_nap=8640000
    if [ "$far_slurm" ]; then
      far_nap=500
      # each 20 seconds: a file system of a network has many jobs
      [ $((far_beat % 4)) != 0 ] || echo $far_beat >beat
      far_beat=$((far_beat + 1))
      for far_dir in stop.*; do
        case $far_reaped in *" $far_dir "*) continue ;; esac
        [ -d "$far_dir" ] || continue
        far_read_record "$far_uid"
        # about to start
        [ "$far_main" != - ] || { far_nap=10 && continue; }
        far_reaped="$far_reaped$far_dir "
        far_text=${far_dir#stop.}
        far_sweep "$far_uid" "${far_text%.*}"
        /bin/sh "$far_job.sh" "$far_root" "$far_uid" reap "${far_dir##*.}" &
      done
    fi
    if [ "$far_max" != - ]; then
      far_log_size
      [ "$far_size" -lt "$far_max" ] || far_limit max-log
      if [ -z "$far_perl" ]; then
        far_speed=1000000 far_least=50
        [ "$far_size" = "$far_before" ] || far_speed=10000000 far_least=10
        far_before=$far_size
        far_nap=$(((far_max - far_size) / far_speed))
        [ $far_nap -gt $far_least ] || far_nap=$far_least
        [ $far_nap -lt 500 ] || far_nap=500
      fi
    fi
    far_now
    if [ "$far_over" ]; then
      far_left=$((far_over - far_t))
      [ $far_left -gt 0 ] || far_limit timeout
      [ $far_left -gt $far_nap ] || far_nap=$far_left
    fi
    if [ "$far_perl" ] && [ "$far_max" != - ]; then
      far_naps=1
      perl -e "$far_doze" "$far_max" $far_nap "$far_root/log/$far_uid" "$far_root/log/$far_uid.err" 2>/dev/null &
      # it may be there and not run
      wait $! || { [ "$far_slurm" ] && kill $! 2>/dev/null; } || far_perl=
    else
      far_part=$((far_nap % 100))
      [ $far_part -gt 9 ] || far_part=0$far_part
      far_naps=1
      sleep $((far_nap / 100)).$far_part 2>/dev/null &
      # a signal that is caught ends it
      wait $! || { [ "$far_slurm" ] && kill $! 2>/dev/null; } || { sleep 1 & wait $!; }
    fi
    far_naps=
  done
}

far_watcher=
if [ "$far_timeout" != - ] || [ "$far_max" != - ] || [ "$far_slurm" ]; then
  far_watch </dev/null >/dev/null 2>&1 &
  far_watcher=$!
fi

# In the foreground: a shell has what it starts with `&` ignore INT and QUIT. The subshell becomes the job.
far_now
far_t0=$far_t
far_start_number=0
[ -z "$far_slurm" ] || far_start_number=${SLURM_RESTART_COUNT:-0}
# `$(times)` would be that of a subshell: zero. `command`: a shell may end when a builtin like this one cannot write
if [ -f usage ] || [ ! -e usage ]; then
  { echo "$far_start_number" >usage && command times >>usage; } 2>/dev/null
fi
(
  if [ "$far_proc" ]; then read -r far_pid far_rest </proc/self/stat; else far_pid=$(exec sh -c 'echo $PPID'); fi
  far_read_start "$far_pid"
  far_write shim "$far_own $far_pid $far_start $far_t0 whole"
  [ "$far_stdin" = - ] && far_stdin=/dev/null
  if [ "$far_split" = 1 ]; then
    exec <"$far_stdin" >>"$far_root/log/$far_uid" 2>>"$far_root/log/$far_uid.err"
  else
    exec <"$far_stdin" >>"$far_root/log/$far_uid" 2>&1
  fi
  exec $far_own_session /bin/sh "./$far_job" "$far_path"
)
far_status=$?
# before our own programs count; before the end record, so that a reader of that finds it
[ ! -f usage ] || { command times >>usage; } 2>/dev/null
far_now
far_took=$((far_t - far_t0))
[ $far_took -ge 0 ] || far_took=0
# ksh
[ $far_status -le 255 ] || far_status=$((far_status - 128))

far_why=- far_stopped=0
if [ "$far_watcher" ]; then
  if mv verdict verdict.ended 2>/dev/null; then
    kill "$far_watcher" 2>/dev/null
  else
    far_stopped=1
    for far_dir in verdict.*; do far_why=${far_dir#verdict.}; done
  fi
  wait "$far_watcher"
fi
# of a stop: its first signal was sent by the control program. The end is recorded when the rest is gone, too.
for far_dir in stop.*; do
  [ -d "$far_dir" ] || continue
  far_stopped=1
  far_main=-
  far_reap "$far_uid" "${far_dir##*.}"
done

# The end: in place over the reserved blanks, then moved. The move is what makes it the end. A disk that fails
# may work later: tried until the record stands, or until the folder of the job is gone.
far_text="1 $far_uid $far_status $far_why $far_took $far_stopped" far_place=$far_root/end/$far_uid
if [ "$far_slurm" ]; then
  far_text="2 $far_uid $far_status $far_why $far_took $far_stopped $far_start_number - -"
  # the processes of a job get a TERM of Slurm one after the other
  sleep 0.1 2>/dev/null
  case $far_status in 137 | 143) far_cut=1 ;; esac
  [ -z "$far_cut" ] || [ $far_stopped = 1 ] || far_place=$far_root/job/$far_uid/cut
fi
far_nap=1
while [ -e "$far_root/job/$far_uid/shim" ]; do
  far_sum=$(printf %s "$far_text" | cksum)
  if [ "${far_sum%% *}" ] && far_write "$far_end" "$far_text ${far_sum%% *}"; then
    mv -f "$far_end" "$far_place" 2>/dev/null && break
    # the folder may have been removed as the last job before was
    mkdir -p "$far_root/end" 2>/dev/null && mv -f "$far_end" "$far_place" 2>/dev/null && break
  fi
  sleep $far_nap
  [ $far_nap -gt 60 ] || far_nap=$((far_nap * 2))
done
# Slurm tells it to its own users, and to jobs that wait for this one
[ -z "$far_slurm" ] || exit "$far_status"
