# The control program of a target: answers one request per line, until its input ends. It keeps nothing in
# memory. Before it stand: far_nonce, far_folder (empty: the default), far_client, far_grades; the
# text of processes.sh; far_shim, a function that prints the text of the shim; far_stream, a function that
# becomes the log stream if this session is one, and a program that it needs is there; far_engine, a function
# that replaces functions of this text where an engine other than sh runs the jobs (slurm.sh).
#
#     hello                           printed once, when the program has begun: see far_hello
#     T                               writes a file and removes it           t | cannot-write WHY
#     S UID SPLIT STDIN TIMEOUT GRACE SIGNAL MAXLOG TRIM
#       + TEXT …  .                   cwd: bytes as for `printf %b`
#       + TEXT …  .                   the script that becomes the job
#                                     accepted | known | no-cwd | no-room WHY | cannot-write WHY
#     L UID …                         one line for each, see far_look
#     K UID SIGNAL HUNDREDTHS         k SIGNALLED DENIED; `blind`: environments cannot be read
#     R UID STREAM OFFSET LENGTH      bytes N, N bytes, a newline
#     Z                               z NAME SIZE for each log, e NAME for each end
#     F                               f UID for each claim
#     D UID …                         live UID for each that was kept
#
# Each answer ends with a line of one dot.
# shellcheck shell=sh
# shellcheck disable=SC2154 # see above
# shellcheck disable=SC2045 # our names have no blanks
# shellcheck disable=SC2034 # `read` needs a name for each word
# shellcheck disable=SC2086 # words are split where that is meant

umask 077
set -f
case $far_folder in
'') far_folder=${HOME:-/nowhere}/.bgjob-far ;;
/*) ;;
*) far_folder=${HOME:-/nowhere}/$far_folder ;;
esac
far_root=$far_folder/$far_client
far_count=0
far_needed='awk cat cksum date dd grep head kill ls mkdir mv rm rmdir sed sleep sort tail uname wc'

# far_hello: grade|system|host|user|home|folder|seconds since 1970|can trim|missing programs
far_hello() {
  far_missing=
  for far_tool in $far_needed; do
    command -v $far_tool >/dev/null 2>&1 || far_missing="$far_missing $far_tool"
  done
  [ "$far_proc" ] || command -v ps >/dev/null 2>&1 || far_missing="$far_missing ps"
  far_grade='sh'
  for far_tool in $far_grades; do
    # it may be there and not run
    [ "$("$far_tool" -c 'print(4)' 2>/dev/null || "$far_tool" -e 'print 4' 2>/dev/null)" = 4 ] || continue
    far_grade=$far_tool
    break
  done
  far_trim=0
  far_user=$(id -un 2>/dev/null)
  printf '\n%s ready %s|%s|%s|%s|%s|%s|%s|%s|%s\n' "$far_nonce" "$far_grade" "$(uname -s)" "$far_host" \
    "$far_user" "${HOME-}" "$far_folder" "$(date +%s)" "$far_trim" "${far_missing# }"
}

# far_make: our folders; says why not
far_make() {
  mkdir -p "$far_root/end" "$far_root/log" "$far_root/job" 2>&1
}

# far_probe: whether a file can be written
far_probe() {
  far_said=$(far_make) || {
    echo "cannot-write $far_said"
    return
  }
  far_file=$far_root/probe.$$
  if { printf '%s\n' "$far_nonce" >"$far_file"; } 2>/dev/null && [ -s "$far_file" ]; then
    echo t
  else
    echo cannot-write "$far_file"
  fi
  rm -f "$far_file"
  far_tidy
}

# far_tidy: nothing of ours stays where no job is left. Only folders that are empty go: a submit of another
# connection may have begun.
far_tidy() {
  rmdir "$far_root/job" 2>/dev/null || return
  rmdir "$far_root/end" "$far_root/log" "$far_root" "$far_folder" 2>/dev/null
}

# far_take FILE: the bytes of the request into a file, or with `-` into far_text; far_failed says that it failed
far_take() {
  far_text='' far_failed=''
  while IFS= read -r far_line; do
    case $far_line in
    .) return ;;
    +*)
      if [ "$1" = - ]; then
        far_text=$far_text${far_line#+}
      else
        printf %b "${far_line#+}" 2>/dev/null >>"$1" || far_failed=1
      fi
      ;;
    esac
  done
  # the connection broke in the middle
  exit 0
}

# far_reserve FILE: blanks for a record
far_reserve() {
  { printf '%-250s\n' '' >"$1"; } 2>/dev/null && [ -s "$1" ]
}

far_submit() {
  far_uid=$1 far_split=$2 far_stdin=$3 far_timeout=$4 far_grace=$5 far_signal=$6 far_max=$7 far_minutes=${8-}
  far_count=$((far_count + 1))
  far_dir=$far_root/job/$far_uid far_job=job.$$.$far_count far_end=end.$$.$far_count
  far_said=$(far_make && mkdir -p "$far_dir/verdict" 2>&1)
  far_made=$?
  far_take -
  far_cwd=$(printf '%b.' "$far_text")
  far_cwd=${far_cwd%.}
  far_take "$far_dir/$far_job"
  if [ -d "$far_dir/started" ]; then
    rm -f "$far_dir/$far_job"
    echo known
    return
  elif [ $far_made != 0 ]; then
    case $far_said in
    *[Nn]o\ space* | *[Qq]uota*) echo "no-room $far_said" ;;
    *) echo "cannot-write $far_said" ;;
    esac
    return
  elif [ "$far_cwd" ] && { [ ! -d "$far_cwd" ] || [ ! -x "$far_cwd" ]; }; then
    far_undo
    echo no-cwd
    return
  fi
  far_log=$far_root/log/$far_uid
  if [ "$far_failed" ] || ! far_reserve "$far_dir/$far_end" || ! far_reserve "$far_dir/$far_job.shim" ||
    ! { far_shim >"$far_dir/$far_job.sh"; } 2>/dev/null || ! far_open_log; then
    far_undo
    echo "no-room $far_root"
    return
  fi
  far_launch
}

far_launch() {
  # A shell has what it starts with `&` ignore INT and QUIT, and so would the job. So the shim is started in
  # the foreground of a subshell, and ends that: nothing waits for it then.
  (
    /bin/sh -c '
      [ "$PPID" = "$1" ] || kill -s KILL "$PPID"
      shift
      exec "$@"
    ' sh $$ $far_own_session /bin/sh "$far_dir/$far_job.sh" "$far_root" "$far_uid" "$far_job" "$far_end" \
      "$far_split" "$far_stdin" "$far_timeout" "$far_grace" "$far_signal" "$far_max" "$far_path" \
      </dev/null >/dev/null 2>&1
    :
  ) 2>/dev/null
  echo accepted
}

# far_open_log: makes the logs
far_open_log() {
  # the folder may have been removed as the last job was. Not with `:`, at whose failure dash ends
  { printf '' >>"$far_log"; } 2>/dev/null ||
    { far_make >/dev/null && printf '' >>"$far_log"; } 2>/dev/null || return 1
  [ "$far_split" != 1 ] || { printf '' >>"$far_log.err"; } 2>/dev/null
}

# far_undo: of a submit that is refused, unless another one of this uid succeeded meanwhile
far_undo() {
  rm -f "$far_dir/$far_job" "$far_dir/$far_job.sh" "$far_dir/$far_job.shim" "$far_dir/$far_end"
  mkdir "$far_dir/started" 2>/dev/null || return
  rm -rf "$far_dir" "$far_root/log/$far_uid" "$far_root/log/$far_uid.err"
  far_tidy
}

# far_look UID: one of
#     e RECORD|LINE|LINE|  the end record, and the lines of `usage`
#     r UID PID HOST HUNDREDTHS since the start       h UID HOST   it is on another host
#     c UID   not started yet        b UID   the machine was restarted since
#     g UID   no process, no end     a UID   no claim
far_look() {
  far_read_end "$1" && return
  if ! far_read_record "$1"; then
    if [ -d "$far_root/job/$1" ]; then echo "c $1"; else echo "a $1"; fi
  elif [ "$far_record_host" != "$far_host" ]; then
    echo "h $1 $far_record_host"
  elif [ "$far_record_boot" != "$far_boot" ]; then
    echo "b $1"
  elif far_is_alive "$far_main" "$far_main_start" || far_is_alive "$far_shim" "$far_shim_start"; then
    far_now
    if [ "$far_main" = - ]; then echo "c $1"; else echo "r $1 $far_main $far_host $((far_t - far_t0))"; fi
  else
    # the shim may have ended between the two looks
    far_read_end "$1" || echo "g $1"
  fi
}

far_read_end() {
  far_line=
  { read -r far_line <"$far_root/end/$1"; } 2>/dev/null
  [ "$far_line" ] || return 1
  far_record=$far_line far_used=''
  # the job may have put a FIFO there, or a file without an end
  if [ -f "$far_root/job/$1/usage" ]; then
    while [ ${#far_used} -lt 1000 ] && read -r far_line; do
      far_used="$far_used$far_line|"
    done 2>/dev/null <"$far_root/job/$1/usage"
  fi
  echo "e $far_record|$far_used"
}

far_stop() {
  far_now
  far_wait=$((far_t + 500))
  while :; do
    # the shim may be between its claim and the start
    if far_read_record "$1"; then
      [ "$far_main" = - ] || break
      far_is_alive "$far_shim" "$far_shim_start" || break
    fi
    [ -d "$far_root/job/$1" ] || break
    [ ! -e "$far_root/end/$1" ] || break
    [ "$far_t" -lt $far_wait ] || break
    sleep 0.05 2>/dev/null || sleep 1
    far_now
  done
  far_hit=0 far_denied=0 far_most=0
  if [ ! -d "$far_root/job/$1" ]; then
    # what an ended job left: its records are removed, and its marker tells
    far_sweep "$1" "$2"
  elif [ "$far_record_host" = "$far_host" ]; then
    if [ "$2" != 0 ]; then mkdir -p "$far_root/job/$1/stop.$2.$3" 2>/dev/null; fi
    far_signal=$2 far_sent=$far_root/job/$1/sent.$2
    # a job gets a signal once, as here: a second stop shortens the grace
    if [ "$2" != KILL ] && [ -d "$far_sent" ] && [ ! -e "$far_root/end/$1" ]; then far_signal=0; fi
    far_sweep "$1" "$far_signal"
    if [ "$far_signal" != 0 ] && [ $far_hit != 0 ]; then mkdir "$far_sent" 2>/dev/null; fi
  fi
  if [ "$2" != 0 ] && [ -d "$far_root/job/$1/stop.$2.$3" ]; then
    # It goes on when this connection is cut. The program is that of the job: ours may be of another version.
    set +f
    for far_file in "$far_root/job/$1"/job.*.sh; do
      $far_own_session /bin/sh "$far_file" "$far_root" "$1" reap "$3" </dev/null >/dev/null 2>&1 &
      break
    done
    set -f
  fi
  if [ "$far_proc" ]; then echo "k $far_hit $far_denied"; else echo "k $far_hit $far_denied blind"; fi
}

far_read() {
  far_file=$far_root/log/$1
  [ "$2" = out ] || far_file=$far_file.err
  # shellcheck disable=SC2012 # `ls -n` has the size in its fifth field everywhere
  far_size=$(ls -ln "$far_file" 2>/dev/null | { read -r far_a far_b far_c far_d far_e far_rest && echo "$far_e"; })
  far_size=$((${far_size:-0} - $3))
  [ $far_size -gt 0 ] || far_size=0
  [ $far_size -lt "$4" ] || far_size=$4
  echo "bytes $far_size"
  # `tail` of some systems reads all that is before the offset
  [ $far_size = 0 ] || dd if="$far_file" bs=65536 skip=$(($3 / 65536)) 2>/dev/null |
    tail -c +$(($3 % 65536 + 1)) | head -c $far_size
  echo
}

# far_sizes: one start of ls for all logs
far_sizes() {
  # shellcheck disable=SC2012 # our names have no blanks
  ls -ln "$far_root/log" 2>/dev/null | while read -r far_a far_b far_c far_d far_e far_rest; do
    [ -z "$far_rest" ] || echo "z ${far_rest##* } $far_e"
  done
  for far_name in $(ls "$far_root/end" 2>/dev/null); do far_read_end "$far_name"; done
}

far_remove() {
  for far_uid in "$@"; do
    if [ ! -e "$far_root/end/$far_uid" ] && far_read_record "$far_uid" && {
      [ "$far_record_host" != "$far_host" ] || {
        [ "$far_record_boot" = "$far_boot" ] && {
          far_is_alive "$far_main" "$far_main_start" || far_is_alive "$far_shim" "$far_shim_start"
        }
      }
    }; then
      echo "live $far_uid"
      continue
    fi
    # the claim goes last: until then no submit starts this uid again
    rm -f "$far_root/log/$far_uid" "$far_root/log/$far_uid.err" "$far_root/end/$far_uid"
    rm -rf "$far_root/job/$far_uid"
  done
  far_tidy
}

# far_serve_engine VERB …: answers what is its own; fails if it is none of it
far_serve_engine() { return 1; }

far_serve() {
  while IFS= read -r far_line; do
    set -- $far_line
    # the end of the program, which some shells leave for us to read
    [ $# != 0 ] || continue
    if far_serve_engine "$@"; then
      echo .
      continue
    fi
    far_verb=$1
    shift
    case $far_verb in
    T) far_probe ;;
    S) far_submit "$@" ;;
    L) for far_uid in "$@"; do far_look "$far_uid"; done ;;
    K) far_stop "$@" ;;
    R) far_read "$@" ;;
    Z) far_sizes ;;
    F) for far_uid in $(ls "$far_root/job" 2>/dev/null); do echo "f $far_uid"; done ;;
    D) far_remove "$@" ;;
    esac
    echo .
  done
}

# one command, so that the shell has read all of it before an answer asks for more
{
  far_engine
  far_hello
  far_stream
  far_serve
  exit 0
}
