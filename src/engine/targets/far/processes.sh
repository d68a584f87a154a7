#!/bin/sh
# What the control program and the shim of a target know of processes there. Both texts begin with this one.
# It works in dash, in bash as sh, in busybox and in mksh; with /proc most of it starts no program.
#
# Every variable is called far_*. The callers set far_root, the folder of our records.
# shellcheck disable=SC2034 # the callers use what is set here
# shellcheck disable=SC2046,SC2086 # words are split where that is meant
# shellcheck disable=SC2154 # far_root is the callers'
# shellcheck disable=SC2016 # a line of perl

# options that the environment of a login may give: `-a` would give our variables to the job
set +aCeux
# a login may have a PATH in which nothing is found; the job gets that of the login all the same
far_path=${PATH-/usr/bin:/bin}
PATH=$far_path:/usr/bin:/bin:/usr/sbin:/sbin
far_proc=
[ -r /proc/self/stat ] && far_proc=1
# no variable of ours may reach the job: `unset` also makes them not exported
unset far_boot far_host far_uid far_main far_hit far_denied BGJOB_REMOTE

# Not the time of the start: on some systems that changes when the clock is set.
{ read -r far_boot </proc/sys/kernel/random/boot_id; } 2>/dev/null ||
  far_boot=$(sysctl -n kern.bootsessionuuid 2>/dev/null || sysctl -n kern.boot_id 2>/dev/null)
far_boot=${far_boot:-unknown}
far_host=$(uname -n)

# far_now: sets far_t to hundredths of a second since boot, else since 1970. Only differences of it are used.
far_now() {
  if { read -r far_t far_rest </proc/uptime; } 2>/dev/null; then
    far_t=${far_t%.*}${far_t#*.}
    # 0.35 would be an octal number
    while case $far_t in 0?*) : ;; *) false ;; esac do far_t=${far_t#0}; done
  else
    far_t=$(date +%s)00
  fi
}

# far_read_start PID: sets far_start to the start time of a process; fails if it is gone or a zombie. With /proc it
# sets far_cpu, too: the CPU time of the process and of its children for which it has waited, hundredths of a second.
far_read_start() {
  far_start='' far_cpu=0
  if [ "$far_proc" ]; then
    far_stat=
    # the name of a program may hold blanks, brackets and newlines
    while read -r far_rest; do far_stat="$far_stat $far_rest"; done 2>/dev/null <"/proc/$1/stat"
    set -- ${far_stat##*) }
    [ $# -ge 20 ] || return 1
    case $1 in [ZX]) return 1 ;; esac
    far_start=${20} far_cpu=$((${12} + ${13} + ${14} + ${15}))
  else
    set -- $(ps -o stat= -o lstart= -p "$1" 2>/dev/null)
    case ${1:-Z} in [ZX]*) return 1 ;; esac
    shift
    far_start=$(echo "$*" | tr ' ' _)
  fi
}

# far_is_alive PID START
far_is_alive() { [ "$1" != - ] && far_read_start "$1" && [ "$far_start" = "$2" ]; }

# far_read_record UID: reads the record that the shim wrote before the start. Fails if there is none.
far_read_record() {
  far_shim=- far_shim_start=- far_main=- far_main_start=- far_t0=- far_record_host=$far_host
  far_line=
  { read -r far_line <"$far_root/job/$1/shim"; } 2>/dev/null || return 1
  set -- $far_line
  # in place over blanks, so the last word tells whether it is whole
  [ $# = 9 ] && [ "$9" = whole ] || return 1
  far_shim=$2 far_shim_start=$3 far_record_boot=$4 far_record_host=$5 far_main=$6 far_main_start=$7 far_t0=$8
  # a pid of before a restart means nothing, also if the times are equal
  [ "$far_record_boot" = "$far_boot" ] || far_shim=- far_main=-
}

# far_tree UID: prints the processes of a job, parents before children: its main process, each process with its
# marker, all their descendants, and the sessions that these lead. The shim is none of them. far_main and
# far_main_start name the main process; `-`: none.
far_tree() {
  far_seed=
  # the pid of a main process that is gone may be that of another session by now: then only the marker counts
  far_is_alive "$far_main" "$far_main_start" && far_seed=$far_main
  {
    # the control program expands no patterns
    set +f
    [ -z "$far_seed" ] || echo "m $far_seed"
    # those that were signalled: they may have lost their parent by that, and their environment before
    while read -r far_pid far_since; do
      far_is_alive "$far_pid" "$far_since" && echo "m $far_pid"
    done 2>/dev/null <"$far_root/job/$1/swept"
    if [ "$far_proc" ]; then
      grep -l "BGJOB_REMOTE=$1\\." /proc/[0-9]*/environ 2>/dev/null | sed 's|^/proc/\([0-9]*\)/.*|m \1|'
      # the name of a program may hold newlines, and bytes that are no text in the language of the login
      cat /proc/[0-9]*/stat 2>/dev/null |
        LC_ALL=C sed -e :a -e '/) [A-Za-z] [0-9]/!{' -e N -e ba -e '}' -e 's/^\([0-9][0-9]*\) (.*) /\1 /'
    else
      ps -A -o pid= -o stat= -o ppid= -o pgid= -o pgid=
    fi
  } | awk '
    $1 == "m" { ours[$2] = 1; next }
    { state[$1] = $2; parent[$1] = $3; session[$1] = $5 }
    END {
      do {
        grown = 0
        for (pid in parent)
          if (!(pid in ours) && ((parent[pid] in ours) || (session[pid] in ours))) grown = ours[pid] = 1
      } while (grown)
      for (pid in ours) if (state[pid] ~ /^[^ZX]/) {
        # a child has the lower pid when the kernel has begun again with the numbers
        depth = 0
        for (up = parent[pid]; (up in ours) && depth < 1000; up = parent[up]) depth++
        print depth, pid
      }
    }' | sort -n -k 1,1 -k 2,2 | sed 's/.* //'
}

# far_sweep UID SIGNAL: signals the processes of a job once; 0 only counts them. Sets far_hit, and far_denied:
# those of another user. The CPU time of all of them is noted before they die: nothing waits for the children of a
# process that is killed, so `times` misses it. far_most: what was noted of this job by this program.
far_most=0
far_sweep() {
  far_hit=0 far_denied=0 far_sum=0
  far_pids=$(far_tree "$1")
  [ "$2" = 0 ] || for far_pid in $far_pids; do
    far_read_start "$far_pid" || continue
    { echo "$far_pid $far_start" >>"$far_root/job/$1/swept"; } 2>/dev/null
    far_sum=$((far_sum + far_cpu))
  done
  # a kill may need many rounds
  if [ "$far_sum" -gt "$far_most" ] && [ -f "$far_root/job/$1/usage" ]; then
    far_most=$far_sum
    { echo "sampled $far_sum" >>"$far_root/job/$1/usage"; } 2>/dev/null
  fi
  for far_pid in $far_pids; do
    if kill -s "$2" "$far_pid" 2>/dev/null; then
      far_hit=$((far_hit + 1))
      # a stopped process would not see it
      case $2 in 0 | KILL | STOP) ;; *) kill -s CONT "$far_pid" 2>/dev/null ;; esac
    elif far_read_start "$far_pid"; then
      far_denied=$((far_denied + 1))
    fi
  done
}

# far_floods: the shim has another
far_floods() { false; }

# far_reap UID HUNDREDTHS: waits until no process of a job is left, and kills those that are left after the
# grace, or as soon as far_floods. Gives up half a minute later: a process in the kernel, or of another user,
# cannot be killed.
far_reap() {
  far_now
  far_deadline=$((far_t + $2)) far_empty=0
  while [ $far_empty -lt 2 ] && [ "$far_t" -lt $((far_deadline + 3000)) ]; do
    if [ "$(far_tree "$1")" ]; then
      far_empty=0
      if [ "$far_t" -ge $far_deadline ] || far_floods; then far_sweep "$1" KILL; fi
    else
      far_empty=$((far_empty + 1))
    fi
    [ $far_empty -ge 2 ] || sleep 0.1 2>/dev/null || sleep 1
    far_now
  done
}

# What gives a program a session of its own; empty: nothing there does.
if command -v setsid >/dev/null 2>&1; then
  far_own_session=setsid
elif command -v perl >/dev/null 2>&1; then
  far_own_session='perl -MPOSIX -e POSIX::setsid();exec{$ARGV[0]}@ARGV'
else
  far_own_session=
fi
