# What the control program does otherwise where Slurm runs the jobs: this text replaces some of its functions.
# Before it stand: far_setup, a function that makes the commands of Slurm known; far_sbatch, a function that
# calls sbatch with a limit of minutes or `-`, the user's options, and these words.
#
#     S … MINUTES                     known ID | accepted ID | unsent WHY | maybe WHY | engine WHY, and as for ssh
#     P … MINUTES                     prepares a job for A: prepared, known ID, and as for S
#     A MINUTES UID …                 an array of prepared jobs: as for S
#     L UID …, L all                  lines for each, see far_look_all; then rows of squeue, or down WHY
#     Q                               only the rows
#     K UID SIGNAL HUNDREDTHS         notes a stop, or with 0 nothing; answers as L
#     C wake ID NAME COMMENT          wakes the watcher of its shim; nothing if ID has another name or comment
#     C cancel ID NAME COMMENT        scancel
#     V UID ID OUTPUT                 v RECORD of scontrol; o LINE that Slurm wrote beside the log
#     E UID RECORD                    a record of its end, unless there is one: e RECORD
#     U UID RECORD                    the same, of a job that has not started: and it never will
#     I                               what Slurm says of itself
#
# In the folder of a job: `call`, the words of its shim; `asked`, NAME INDEX COMMENT before sbatch is called;
# `native`, ID after it; `run`, ID RESTARTS NODE, of the shim; `cut`, an end record of the shim that Slurm must
# explain; `beat`, a number that the shim counts up; `stopped`, beside the stops of the shim. In `batch/NAME` the
# uids of an array, in the order of its indexes. Slurm may give a number to another job, so the name and the
# comment decide.
# shellcheck shell=sh
# shellcheck disable=SC2154 # of the control program
# shellcheck disable=SC2034 # `read` needs a name for each word
# shellcheck disable=SC2086 # words are split where that is meant
# shellcheck disable=SC2317 # called by the control program

# variables by which a login gives options of its own to the commands of Slurm
for far_name in SBATCH_WAIT SBATCH_ARRAY_INX SBATCH_REQUEUE SBATCH_NO_REQUEUE SBATCH_OPEN_MODE SLURM_BITSTR_LEN \
  SQUEUE_ACCOUNT SQUEUE_ALL SQUEUE_ARRAY SQUEUE_FORMAT SQUEUE_FORMAT2 SQUEUE_LICENSES SQUEUE_NAMES \
  SQUEUE_PARTITION SQUEUE_QOS SQUEUE_SORT SQUEUE_STATES SQUEUE_USERS SCANCEL_ACCOUNT SCANCEL_BATCH SCANCEL_FULL \
  SCANCEL_HURRY SCANCEL_INTERACTIVE SCANCEL_NAME SCANCEL_PARTITION SCANCEL_QOS SCANCEL_RESERVATION \
  SCANCEL_SIGNAL SCANCEL_STATE SCANCEL_USER SCANCEL_VERBOSE SCANCEL_WCKEY; do
  unset $far_name
done
# squeue prints the sets of indexes in full
export SLURM_BITSTR_LEN=0
set +f
far_setup </dev/null >/dev/null 2>&1
set -f
far_needed="$far_needed sbatch scancel scontrol squeue"
far_sort_of_array=
# slurmctld may die while it is asked: then squeue tries for long
far_limited=
! command -v timeout >/dev/null 2>&1 || far_limited='timeout 20'

# far_line_of TEXT: its last line that says something, without blanks at its ends
far_line_of() { printf '%s\n' "$1" | sed -n 's/^ *//; s/ *$//; /[^*]/p' | tail -n 1; }

# far_ping: whether slurmctld answers; else far_said. The other commands wait for nine seconds when it does not.
far_ping() {
  far_said=$(scontrol ping 2>&1)
  case $far_said in *' UP'*) return 0 ;; esac
  far_said=$(printf '%s\n' "$far_said" | head -n 1)
  return 1
}

# The job is in the hands of Slurm from here on: far_call, the words of its shim.
far_launch() {
  # moved: the job may start meanwhile, if the answer to an earlier submit was lost
  far_text="$far_job $far_end $far_split $far_stdin $far_timeout $far_grace $far_signal $far_max"
  if ! { echo "$far_text" >"$far_dir/$far_job.call" && mv "$far_dir/$far_job.call" "$far_dir/call"; } 2>/dev/null; then
    far_undo
    echo "no-room $far_root"
    return
  fi
  if [ -e "$far_dir/asked" ]; then
    # an answer of sbatch was lost
    read -r far_tag far_index far_comment <"$far_dir/asked"
    if far_ping && far_find "$far_tag"; then
      far_known
      return
    fi
    [ "$far_said" = '' ] || {
      echo "unsent $far_said"
      return
    }
  fi
  if [ "$far_verb" = P ]; then
    echo prepared
  else
    far_ask "$far_uid" - "$far_minutes" "$far_uid"
  fi
}

# far_find NAME: whether Slurm has a job of this name; sets far_id, and far_said if it cannot be known
far_find() {
  far_said=
  far_rows=$($far_limited squeue -h -t all -n "$1" -o %F 2>&1) || {
    far_said=$(far_line_of "$far_rows")
    return 1
  }
  far_id=$(printf '%s\n' "$far_rows" | head -n 1)
  [ "$far_id" ]
}

far_known() {
  echo "$far_id" >"$far_dir/native"
  echo "known $far_id"
}

# What Slurm gets. Its words: ROOT PATH UID, or ROOT PATH NAME array.
far_batch() {
  cat <<'END_OF_FAR_BATCH'
#!/bin/sh
# set by --export=NONE: srun in the job would have no environment
unset SLURM_EXPORT_ENV
far_root=$1 far_path=$2 far_uid=$3
[ "$4" != array ] || far_uid=$(sed -n "$((SLURM_ARRAY_TASK_ID + 1))p" "$far_root/batch/$3")
if [ -z "$far_uid" ] || ! read -r far_call <"$far_root/job/$far_uid/call"; then
  echo "bgjob: error: $far_root has no files of this job on $(uname -n)"
  exit 125
fi
set -- $far_call
exec /bin/sh "$far_root/job/$far_uid/$1.sh" "$far_root" "$far_uid" "$@" "$far_path"
END_OF_FAR_BATCH
}

# far_ask NAME ARRAY MINUTES UID …: calls sbatch. ARRAY: the words of `--array`, or `-`.
far_ask() {
  far_tag=$1 far_array=$2 far_minutes=$3
  shift 3
  if ! far_ping; then
    echo "unsent $far_said"
    return
  fi
  far_comment=bgjob:$far_tag:$(date +%s)
  far_index=0
  mkdir -p "$far_root/batch"
  far_output=$far_root/batch/$far_tag.out
  [ "$far_array" = - ] || far_output=$far_root/batch/$far_tag.out.%a
  if ! { far_batch >"$far_root/batch/$far_tag.sh" && : >>"$far_root/batch/$far_tag.out" && {
    [ "$far_array" = - ] || printf '%s\n' "$@" >"$far_root/batch/$far_tag"
  } && for far_one in "$@"; do
    echo "$far_tag $far_index $far_comment" >"$far_root/job/$far_one/asked" || exit 1
    far_index=$((far_index + 1))
  done; } 2>/dev/null; then
    for far_one in "$@"; do
      far_uid=$far_one far_dir=$far_root/job/$far_one
      far_undo
    done
    echo "no-room $far_root"
    return
  fi
  far_sort_of_array=
  [ "$far_array" = - ] || far_sort_of_array=array
  # by it a job knows the directory from which it was submitted
  far_answer=$(
    exec 2>&1 </dev/null
    cd "${far_cwd:-${HOME:-/}}" 2>/dev/null || cd /
    [ "$far_array" = - ] || set -- "--array=$far_array"
    [ "$far_array" != - ] || set --
    far_sbatch "$far_minutes" --parsable "--job-name=$far_tag" "--comment=$far_comment" --open-mode=append \
      "--output=$far_output" "--error=$far_output" "$@" \
      "$far_root/batch/$far_tag.sh" "$far_root" "$far_path" "$far_tag" $far_sort_of_array
    echo "code $?"
  )
  # a site may let sbatch print more
  far_id=$(printf '%s\n' "$far_answer" | sed -n 's/^\([0-9][0-9]*\)\(;.*\)\{0,1\}$/\1/p' | tail -n 1)
  case $far_answer in *'code 0') ;; *) far_id= ;; esac
  if [ "$far_id" ]; then
    for far_one in "$@"; do echo "$far_id" >"$far_root/job/$far_one/native"; done
    echo "accepted $far_id"
    return
  fi
  far_said=$(far_line_of "$(printf '%s\n' "$far_answer" | sed '/^code [0-9]*$/d')")
  case $far_answer in
  *[Uu]nable\ to\ contact* | *timed\ out* | *[Cc]onnect* | *[Cc]ommunicat* | *ransmit* | *code\ 0 | *temporarily*)
    # it may have come there
    echo "maybe $far_said"
    ;;
  *)
    for far_one in "$@"; do
      far_uid=$far_one far_dir=$far_root/job/$far_one
      far_undo
    done
    rm -f "$far_root/batch/$far_tag" "$far_root/batch/$far_tag.out" "$far_root/batch/$far_tag.sh"
    echo "engine ${far_said#sbatch: error: }"
    ;;
  esac
}

# far_look_all UID …: for each its end, or lines of the other files; one program reads them all
#     d UID, e RECORD   its end     r UID PID NODE   started     c UID   not started
#     a UID   no claim, or sbatch was not called
#     n UID ID     m UID NAME INDEX COMMENT     s UID ID RESTARTS NODE
#     w RECORD     b UID NUMBER                 x UID   a stop was asked for
far_look_all() {
  if [ $# = 0 ]; then return; fi
  # shellcheck disable=SC2016 # the variables are those of awk
  if [ "$1" = all ]; then ls "$far_root/job" 2>/dev/null; else printf '%s\n' "$@"; fi | far_folder=$far_root awk '
    function first(path, line) {
      line = ""
      getline line < path
      close(path)
      sub(/ +$/, "", line)
      return line
    }
    BEGIN { root = ENVIRON["far_folder"] }
    {
      dir = root "/job/" $1 "/"
      if ((line = first(root "/end/" $1)) != "") { print "d", $1; print "e", line; next }
      if ((asked = first(dir "asked")) == "") { print "a", $1; next }
      some = 1
      # 1 PID START BOOT HOST MAIN START SINCE whole
      if (split(shim = first(dir "shim"), word, " ") == 9 && word[9] == "whole" && word[6] != "-")
        print "r", $1, word[6], word[5]
      else
        print "c", $1
      print "m", $1, asked
      if ((line = first(dir "native")) != "") print "n", $1, line
      if (first(dir "stopped") != "") print "x", $1
      # its shim has begun
      if (shim == "") next
      if ((line = first(dir "run")) != "") print "s", $1, line
      if ((line = first(dir "beat")) != "") print "b", $1, line
      if ((line = first(dir "cut")) != "") print "w", line
    }
    END { exit some }' || far_rows
}

# far_rows: a row for each job of ours that Slurm knows
far_rows() {
  if ! far_ping; then
    echo "down $far_said"
  elif far_said=$($far_limited squeue -h -t all -u "$(id -u)" -o '%j|%A|%F|%K|%T|%M|%B|%k|%r' 2>&1); then
    printf '%s\n' "$far_said" | sed -n "/^$far_client-/{s/^/q /;p;d;};/|bgjob:/s/^/q /p"
  else
    echo "down squeue: $(far_line_of "$far_said")"
  fi
}

# The watcher of the shim signals. It finds the stop by itself within 5 seconds, and at once when it is woken.
far_stop() {
  if [ "$2" != 0 ] && [ -d "$far_root/job/$1" ]; then
    { echo "$2" >"$far_root/job/$1/stopped" && mkdir -p "$far_root/job/$1/stop.$2.$3"; } 2>/dev/null
  fi
  far_look_all "$1"
}

far_cancel() {
  if ! far_ping; then
    echo "down $far_said"
    return
  fi
  far_row=$(squeue -h -t all -j "$2" -o '%j %k' 2>/dev/null | head -n 1)
  if [ "$far_row" != "$3 $4" ]; then
    echo other
    return
  fi
  # Its code proves nothing. With a filter such as --name it would cancel all tasks of an array that wait.
  # `--full` reaches the shim and its watcher, and with some plugins the job, too: to that CONT does no harm.
  case $1 in
  cancel) scancel "$2" ;;
  wake) scancel --signal=CONT --full "$2" ;;
  esac >/dev/null 2>&1 </dev/null
  echo sent
}

far_details() {
  if ! far_ping; then
    echo "down $far_said"
    return
  fi
  scontrol -o show job "$2" 2>/dev/null | sed -n '1s/^/v /p'
  tail -n 20 "$far_root/batch/$3" 2>/dev/null | sed -n '/CANCELLED AT/d; /error/p' | head -n 1 | sed 's/^/o /'
}

# a record is never replaced: the shim may have written its own meanwhile
far_settle() {
  far_uid=$1
  shift
  mkdir -p "$far_root/end"
  printf '%s\n' "$*" >"$far_root/job/$far_uid/verdict.record" 2>/dev/null &&
    ln "$far_root/job/$far_uid/verdict.record" "$far_root/end/$far_uid" 2>/dev/null
  rm -f "$far_root/job/$far_uid/verdict.record"
  far_read_end "$far_uid"
}

far_inform() {
  # each of the others would block: for nine seconds, or without a configuration for a minute
  far_ping || return 0
  echo up
  sbatch --version 2>/dev/null | sed -n '1s/^/version /p'
  scontrol show config 2>/dev/null |
    sed -n 's/^\(ClusterName\|MaxArraySize\|MinJobAge\|AccountingStorageType\) *= \([^ ]*\).*/\1 \2/p'
  command -v sinfo >/dev/null 2>&1 && sinfo -h -o '%P %a %D %l' 2>/dev/null | sed 's/^/partition /'
}

# Removed: what has ended; what has not started, and will not.
far_remove() {
  far_tags=
  for far_uid in "$@"; do
    far_dir=$far_root/job/$far_uid
    far_tag=
    { read -r far_tag far_index far_comment <"$far_dir/asked"; } 2>/dev/null
    if [ "$far_tag" ] && [ ! -e "$far_root/end/$far_uid" ]; then
      far_id=
      { read -r far_id <"$far_dir/native"; } 2>/dev/null
      [ "$far_tag" = "$far_uid" ] || far_id=${far_id}_$far_index
      if mkdir "$far_dir/started" 2>/dev/null; then
        far_cancel cancel "$far_id" "$far_tag" "$far_comment" >/dev/null
      elif far_is_busy; then
        echo "live $far_uid"
        continue
      fi
    fi
    rm -f "$far_root/log/$far_uid" "$far_root/log/$far_uid.err" "$far_root/end/$far_uid"
    rm -rf "$far_dir"
    case " $far_tags " in *" $far_tag "*) ;; *) far_tags="$far_tags $far_tag" ;; esac
  done
  for far_tag in $far_tags; do
    if [ -e "$far_root/batch/$far_tag" ]; then
      while read -r far_uid; do [ ! -d "$far_root/job/$far_uid" ] || continue 2; done <"$far_root/batch/$far_tag"
    fi
    set +f
    rm -f "$far_root/batch/$far_tag" "$far_root/batch/$far_tag.sh" "$far_root/batch/$far_tag.out"*
    set -f
  done
  rmdir "$far_root/batch" 2>/dev/null
  far_tidy
}

# far_is_busy: whether Slurm runs the job far_id with the name far_tag, or cannot say
far_is_busy() {
  far_ping || return 0
  [ "$(squeue -h -t R,CG,S,ST -j "$far_id" -o %j 2>/dev/null | head -n 1)" = "$far_tag" ]
}

far_serve_engine() {
  far_verb=$1
  shift
  case $far_verb in
  P) far_submit "$@" ;;
  A)
    far_minutes=$1
    shift
    far_ask "$1.array" "0-$(($# - 1))" "$far_minutes" "$@"
    ;;
  L) far_look_all "$@" ;;
  Q) far_rows ;;
  C) far_cancel "$@" ;;
  V) far_details "$@" ;;
  E) far_settle "$@" ;;
  U) if mkdir "$far_root/job/$1/started" 2>/dev/null; then far_settle "$@"; fi ;;
  I) far_inform ;;
  *) return 1 ;;
  esac
}
