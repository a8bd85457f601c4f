#!/usr/bin/env bash
# Hear it: what `make run` does.
#
#   run.sh [--demo] [ARGUMENT...]   ARGUMENTs are handed to "aes67-sink run"
#
# On a desktop: the bridge, on this desktop's sound server and network, until
# Ctrl-C. Elsewhere, or with --demo, a demonstration that needs nothing:
#
#     a tone -> private PipeWire -> aes67-sink ==wire==> virtual speaker
#               (in a temp folder)               <--PTP-- (its own grandmaster)
#
# As root the wire joins two network namespaces of its own; otherwise it is the
# loopback interface, without PTP. However it ends, no sound module, process,
# namespace or file is left behind; no default route or setting is touched.
set -euo pipefail

project=$(cd "$(dirname "$0")/.." && pwd)
bridge=$project/build/aes67-sink labtool=$project/build/labtool
net=$project/test/lab/net.sh sound_server=$project/test/lab/sound-server.sh

say() { echo "$*"; }
fail() { echo "run: $*" >&2; exit 1; }

gone() { [[ ! -r /proc/$1/stat ]] || [[ $(<"/proc/$1/stat") == *") Z "* ]]; } 2>/dev/null

# soon SECONDS COMMAND...: try COMMAND until it succeeds, while all parts run.
soon() {
  local end=$((SECONDS + $1)); shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS <= end)) || return 1
    all_run
    sleep 0.05
  done
}

# end PID: ends a part and waits for it.
end() {
  kill "$1" 2>/dev/null || return 0
  for _ in {1..250}; do ! gone "$1" || return 0; sleep 0.02; done
  kill -KILL "$1" 2>/dev/null || true
}

# --- On a desktop ------------------------------------------------------------

# A socket is looked for before pactl, which might start a server by itself.
desktop() {
  local run=${XDG_RUNTIME_DIR:-/run/user/$UID}
  [[ -n ${PULSE_SERVER:-} || -S ${PULSE_RUNTIME_PATH:-$run/pulse}/native ]] || return 1
  ! command -v pactl >/dev/null || timeout 3 pactl info >/dev/null 2>&1
}

may_bind_ptp() {
  ((EUID == 0)) || [[ $(PATH=$PATH:/usr/sbin getcap "$bridge" 2>/dev/null) == *cap_net_bind_service* ]] ||
    (($(</proc/sys/net/ipv4/ip_unprivileged_port_start) <= 319))
}

offer_capability() {
  local answer
  ! may_bind_ptp || return 0
  say "Following a PTP clock needs ports 319 and 320, which the system keeps for programs with leave:"
  say "  sudo setcap cap_net_bind_service+ep build/aes67-sink"
  if [[ -t 0 && -t 1 ]] && command -v sudo >/dev/null; then
    read -rp "Run that now? It gives this one file this one right. [y/N] " answer || answer=n
    if [[ $answer == [yY]* ]]; then
      sudo "PATH=$PATH:/usr/sbin" setcap cap_net_bind_service+ep "$bridge" && return 0
    fi
  fi
  say "Going on without: it sends by its own clock."
}

run_on_desktop() {
  local pid status=0
  offer_capability
  "$bridge" run "$@" &
  pid=$!
  # Ctrl-C reaches the bridge too; a second signal does no harm.
  trap 'kill -TERM "$pid" 2>/dev/null || true' INT TERM HUP
  until gone "$pid"; do wait "$pid" && status=0 || status=$?; done
  exit "$status"
}

# --- Elsewhere ---------------------------------------------------------------

dir='' namespaces='' bridge_pid='' speaker_pid='' tone_pid=''

# ended STATUS: a signal came. Bash leaves out the EXIT trap if it came just as that began.
ended() {
  clean_up
  exit "$1"
}

# clean up: in the order of the sound, so that the bridge can fade out,
# withdraw its sessions and unload its sink while the rest still stands.
clean_up() {
  trap '' INT TERM HUP # make and timeout send theirs twice
  local pid
  # Whatever goes wrong, the next step is taken; and only by this shell, not by
  # a child of it that a signal met before it became another program.
  set +e
  ((BASHPID == $$)) || exit
  trap - EXIT
  for pid in $tone_pid $bridge_pid $speaker_pid; do end "$pid"; done
  if [[ -n $dir ]]; then
    [[ ! -e $dir/env ]] || "$sound_server" stop "$dir" || true
    [[ -z $namespaces ]] || "$net" down "$namespaces" || true
    rm -rf "$dir"
  fi
}

# all_run: ends everything if a part has ended.
all_run() {
  local part
  for part in bridge speaker; do
    local -n pid=${part}_pid
    [[ -n $pid ]] || continue
    gone "$pid" || continue
    # The bridge starts itself anew, and is like a zombie until its first thread has ended.
    sleep 0.1
    gone "$pid" || continue
    pid='' # its number may be another's
    fail "the $part ended: $(tail -n 5 "$dir/$part.log" 2>/dev/null)"
  done
  # One that has crashed is started again.
  ! gone "$(<"$dir/server.pid")" || { sleep 0.5; ! gone "$(<"$dir/server.pid")"; } ||
    fail "the sound server ended: $(tail -n 5 "$dir/server.log")"
}

# in_pc, in_speaker COMMAND...: exec it on that side of the wire, in a session
# of its own: Ctrl-C is for this script, which ends the parts in their order.
in_pc() {
  # shellcheck source=/dev/null
  . "$dir/env"
  [[ -n $namespaces ]] || exec setsid "$@"
  exec setsid "$net" in "$namespaces" pc "$@"
}
in_speaker() {
  [[ -n $namespaces ]] || exec setsid "$@"
  exec setsid "$net" in "$namespaces" speaker "$@"
}

volume_known() { (in_pc "$bridge" status --json) | grep -q '"volume_db"'; }

play() { # CHANNEL
  (in_pc "$bridge" tone --channel "$1" --level -20 --seconds 3) >>"$dir/tone.log" 2>&1 &
  tone_pid=$!
  # Whichever ends first: the tone, as it should, or a part.
  wait -n "$tone_pid" "$bridge_pid" "$speaker_pid" || true
  all_run
  wait "$tone_pid" || { tone_pid=''; fail "no tone: $(tail -n 1 "$dir/tone.log")"; }
  tone_pid=''
}

run_demo() {
  local interface=lo speaker=()
  "$project/scripts/install-packages.sh" run
  for program in pipewire pipewire-pulse wireplumber pactl dbus-daemon; do
    command -v "$program" >/dev/null || fail "no $program: install what the line above names"
  done

  trap clean_up EXIT
  trap 'ended 0' INT
  trap 'ended 143' TERM
  trap 'ended 129' HUP
  # Not TMPDIR: a socket's path must be short.
  dir=$(mktemp -d /tmp/aes67run.XXXXXX)
  setsid "$sound_server" start pipewire "$dir"
  if ((EUID == 0)); then
    namespaces=aes67run-$$ interface=eth0 speaker=(-gm-ppm 20)
    setsid "$net" up "$namespaces"
  fi

  say "A demonstration; no setting of this machine is touched."
  say "  sound server  a private PipeWire in $dir"
  if [[ -n $namespaces ]]; then
    say "  network       namespaces $namespaces-pc and $namespaces-speaker and a wire between them"
    say "  clock         a grandmaster at the speaker, 20 ppm fast"
    say "  to look       (. $dir/env; nsenter --net=/run/netns/$namespaces-pc $bridge status)"
    say "                instead of status also doctor, why, list, bundle; the page: curl http://127.0.0.1:6767/"
  else
    say "  network       loopback, without PTP: namespaces and a grandmaster need root"
    say "  to look       (. $dir/env; $bridge status), and a browser: http://127.0.0.1:6767/"
  fi
  say "  sound         a tone, left and right in turn, into the sink \"AES67 Speakers\""
  say "Ctrl-C ends it and leaves nothing behind."

  (in_speaker "$labtool" speaker -iface "$interface" "${speaker[@]}") 2>"$dir/speaker.log" &
  speaker_pid=$!
  (in_pc "$bridge" run --set "network.interface=$interface" "$@") >"$dir/bridge.log" 2>&1 &
  bridge_pid=$!
  soon 15 volume_known || fail "the sink does not come: $(tail -n 5 "$dir/bridge.log")"
  # The sink starts at -40 dB; nobody listens to this server. In steps, because
  # a jump would rise slowly.
  for _ in 1 2 3 4; do
    (in_pc pactl set-sink-volume aes67 +10dB)
    sleep 0.1
  done
  (in_pc "$sound_server" realtime "$dir") 2>/dev/null || true
  while true; do
    play left
    play right
  done
}

demo=''
[[ ${1:-} != --demo ]] || { demo=yes; shift; }
[[ -x $bridge && -x $labtool ]] || fail "$bridge is not built; say 'make run'"
if [[ -z $demo ]] && desktop; then run_on_desktop "$@"; else run_demo "$@"; fi
