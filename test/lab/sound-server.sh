#!/usr/bin/env bash
# A private desktop sound server without hardware: its own runtime directory,
# home and session bus, so that no other server on the machine is touched.
#
#   sound-server.sh start {pipewire|pulseaudio} DIR  start it; DIR/env holds the
#                                                    variables its clients need
#   sound-server.sh stop DIR                         stop all of it
#   sound-server.sh down DIR | up DIR                stop or start the server alone
#   sound-server.sh restart DIR                      down and up, as an upgrade does
#   sound-server.sh kill DIR                         the server alone, as a crash does
#   sound-server.sh realtime DIR                     SCHED_RR 20 for its data threads,
#                                                    as rtkit gives on a desktop
#   sound-server.sh client DIR CMD...                run CMD where the server's own
#                                                    programs are (LAB_CHROOT)
#   sound-server.sh run {pipewire|pulseaudio} CMD... start, run CMD, stop; CMD finds
#                                                    DIR in SOUND_SERVER_DIR
#
# DIR must be short: a socket's path has at most 107 bytes. Data threads appear
# when a sink is loaded, so ask for real time after that. With LAB_CHROOT=ROOT
# the servers of that root directory are run (as root); DIR and the sockets in
# it are the same on both sides.
set -euo pipefail

usage() { sed -n '/^#   /s/^# *//p' "$0" >&2; exit 2; }
fail() { echo "sound-server: $*" >&2; exit 1; }

# soon SECONDS COMMAND...: try COMMAND until it succeeds.
soon() {
  local end=$((SECONDS + $1)); shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS <= end)) || return 1
    sleep 0.02
  done
}

# gone PID: it has ended; a zombie that its parent has not reaped counts as ended.
gone() { local stat; stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0; [[ $stat == *") Z "* ]]; }

# inside COMMAND...: exec it, within LAB_CHROOT if that is set. The mounts live
# in a namespace of their own and vanish with the process.
inside() {
  [[ -n ${LAB_CHROOT:-} ]] || exec "$@"
  mkdir -p "$LAB_CHROOT$dir"
  # shellcheck disable=SC2016
  exec unshare --mount --propagation private sh -c '
    root=$1 dir=$2; shift 2
    mount --bind "$dir" "$root$dir" && mount -t proc proc "$root/proc" &&
      mount -t tmpfs shm "$root/dev/shm" && exec chroot "$root" "$@"' sh "$LAB_CHROOT" "$dir" "$@"
}

# spawn NAME COMMAND...: in the background, its process id in DIR/NAME.pid.
spawn() {
  local name=$1; shift
  (export LAB_PART=$dir/$name; inside "$@") </dev/null >>"$dir/$name.log" 2>&1 &
  echo $! >"$dir/$name.pid"
}

# keep NAME COMMAND...: as spawn, and started again if it crashes, as systemd does:
# Debian 12's pipewire-pulse reads a stream that has ended now and then. One that is to end
# (DIR/down), or was begun anew meanwhile, is not.
keep() {
  local name=$1 code pid; shift
  while :; do
    spawn "$name" "$@"
    code=0 pid=$!
    [[ -d $dir && ! -e $dir/down ]] || { kill "$pid" 2>/dev/null || true; return 0; }
    wait "$pid" || code=$?
    ((code == 128 + 11)) || return 0 # SIGSEGV
    sleep 0.1
    [[ $(cat "$dir/$name.pid" 2>/dev/null) == "$pid" ]] || return 0
    echo "sound-server: $name has crashed and is started again" >>"$dir/$name.log"
  done
}

# pid_of NAME: its process id, if it runs: that of one which has ended may be another's.
pid_of() {
  local pid
  pid=$(cat "$dir/$1.pid" 2>/dev/null) && grep -qszxF "LAB_PART=$dir/$1" "/proc/$pid/environ" && echo "$pid"
}

# reap NAME: end that process and wait for it.
reap() {
  local pid
  pid=$(pid_of "$1") || pid=''
  rm -f "$dir/$1.pid"
  [[ -n $pid ]] && kill "$pid" 2>/dev/null || return 0
  soon 5 gone "$pid" || kill -KILL "$pid" 2>/dev/null || true
}

prepare() {
  mkdir -p "$dir"/{run,home}
  dir=$(cd "$dir" && pwd)
  chmod 700 "$dir/run"
  ((${#dir} <= 80)) || fail "$dir: too long a path for sockets; choose a shorter DIR"
  echo "$kind" >"$dir/kind"
  # PulseAudio's own limit of 200 ms kills it when a thread that stands still has left the
  # others too much to do.
  mkdir -p "$dir/home/.config/pulse"
  echo "rlimit-rttime = -1" >>"$dir/home/.config/pulse/daemon.conf"
  cat >"$dir/env" <<ENV
export HOME='$dir/home'
export XDG_RUNTIME_DIR='$dir/run'
export XDG_CONFIG_HOME='$dir/home/.config'
export XDG_STATE_HOME='$dir/home/.local/state'
export XDG_DATA_HOME='$dir/home/.local/share'
export XDG_CACHE_HOME='$dir/home/.cache'
export DBUS_SESSION_BUS_ADDRESS='unix:path=$dir/run/bus'
export PULSE_RUNTIME_PATH='$dir/run/pulse'
unset DISPLAY WAYLAND_DISPLAY PULSE_SERVER PULSE_COOKIE PULSE_CLIENTCONFIG PULSE_SINK PULSE_SOURCE PIPEWIRE_REMOTE
ENV
}

environment() {
  [[ -r $dir/env ]] || fail "$dir: no sound server was started there"
  kind=$(<"$dir/kind")
  # shellcheck source=/dev/null
  . "$dir/env"
}

up() {
  rm -f "$dir/down"
  # Made beforehand: pipewire-pulse gives up if a client makes it at the same time.
  mkdir -p "$dir/run/pulse"; chmod 700 "$dir/run/pulse"
  case $kind in
    pipewire)
      spawn pipewire pipewire
      soon 5 test -S "$dir/run/pipewire-0" || fail "pipewire does not start; see $dir/pipewire.log"
      spawn wireplumber wireplumber
      keep server pipewire-pulse </dev/null >/dev/null 2>&1 & # nobody waits for it
      soon 5 pid_of server || fail "pipewire-pulse does not start; see $dir/server.log" ;;
    pulseaudio)
      # A null sink beside ours is what module-always-sink would make anyway.
      cat >"$dir/default.pa" <<'PA'
.fail
load-module module-native-protocol-unix
load-module module-always-sink
load-module module-rescue-streams
load-module module-suspend-on-idle
PA
      spawn server pulseaudio -n -F "$dir/default.pa" --daemonize=no --exit-idle-time=-1 \
        --use-pid-file=no --log-target=stderr -v ;;
    *) usage ;;
  esac
  soon 10 pulse_answers || fail "the server does not answer; see $dir/server.log"
  [[ $kind == pulseaudio ]] || soon 10 outputs_are_chosen || fail "the session manager does not come; see $dir/wireplumber.log"
}

pulse_answers() { (inside pactl info); }

# Who chooses the default output comes up after the server, which refuses such a choice
# until then ("Not supported").
outputs_are_chosen() { (inside pw-metadata -n default | grep -q '^Found'); }

down() {
  : >"$dir/down"
  reap server; reap wireplumber; reap pipewire
  rm -rf "$dir"/run/pulse "$dir"/run/pipewire-0*
}

start() {
  prepare
  environment
  spawn bus dbus-daemon --session --nofork --nopidfile --address="$DBUS_SESSION_BUS_ADDRESS"
  soon 5 test -S "$dir/run/bus" || fail "no session bus; see $dir/bus.log"
  up
}

# stop goes on whatever fails: nothing may be left running.
stop() {
  down || true
  reap bus || true
  # The mount point that "inside" made; never its parents, which are not ours.
  [[ -z ${LAB_CHROOT:-} ]] || rmdir "$LAB_CHROOT$dir" || true
}

realtime() {
  local name pid task comm promoted=0
  for name in server pipewire; do
    pid=$(pid_of "$name") || continue
    for task in "/proc/$pid/task"/*; do
      comm=$(<"$task/comm") 2>/dev/null || continue
      case $comm in
        data-loop* | pw-data-loop* | null-sink* | module-null-sink*) ;;
        pipewire | pipewire-pulse) # before 1.0 PipeWire names no threads
          [[ ${task##*/} != "$pid" ]] || continue ;;
        *) continue ;;
      esac
      chrt --rr --pid 20 "${task##*/}" 2>/dev/null ||
        { echo "sound-server: real time is not allowed here" >&2; return 0; }
      promoted=$((promoted + 1))
    done
  done
  echo "sound-server: $promoted data threads run in real time" >&2
}

[[ $# -ge 2 ]] || usage
verb=$1; shift
case $verb in
  start) [[ $# -eq 2 ]] || usage; kind=$1 dir=$2; start ;;
  run)
    kind=$1; shift
    [[ $# -ge 1 ]] || usage
    dir=$(mktemp -d /tmp/sound.XXXXXX)
    trap 'stop; rm -rf "$dir"' EXIT
    start
    SOUND_SERVER_DIR=$dir "$@" ;;
  client)
    [[ $# -ge 2 ]] || usage
    dir=$(cd "$1" && pwd); shift
    environment
    inside "$@" ;;
  stop | down | up | realtime | restart | kill)
    [[ $# -eq 1 ]] || usage
    dir=$(cd "$1" && pwd)
    environment
    case $verb in
      restart) down; up ;;
      kill) kill -KILL "$(pid_of server)" ;;
      *) "$verb" ;;
    esac ;;
  *) usage ;;
esac
