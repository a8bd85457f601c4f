#!/usr/bin/env bash
# A whole Debian machine with systemd, booted in about a second: a package can
# be truly installed, and its user unit truly started.
#
#   machine.sh make SUITE              make the base tree of bookworm or trixie
#                                      unless it is there; prints its path
#   machine.sh up TREE DIR NAMESPACE   boot it in that network namespace; what it
#                                      writes is thrown away
#   machine.sh keep TREE DIR           first copy the tree to DIR/tree: "up DIR/tree
#                                      DIR NAMESPACE" then keeps what is written
#   machine.sh in DIR CMD...           run CMD in it as root
#   machine.sh as DIR USER CMD...      as alice or bob, in their sessions
#   machine.sh down DIR                end it at once, as a power cut does
#   machine.sh off DIR                 shut it down
#
# Run as root. alice and bob linger: each has a "systemd --user" with PipeWire
# without being logged in at a seat. LAB_SOUND=pulseaudio gives the machine
# PulseAudio in its place. Trees are kept in $XDG_CACHE_HOME/aes67-sink, else in
# /var/tmp/aes67-sink. The host's /dev is never mounted into a tree.
set -euo pipefail

usage() { sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2; exit 2; }
fail() { echo "machine: $*" >&2; exit 1; }

cache=${XDG_CACHE_HOME:-/var/tmp}/aes67-sink
base=systemd,systemd-sysv,dbus,dbus-user-session,libpam-systemd,procps,iproute2,libcap2-bin
sound=pipewire,pipewire-pulse,pipewire-bin,wireplumber,libspa-0.2-modules,pulseaudio-utils
desktop=avahi-daemon,rtkit,polkitd
if [[ ${LAB_SOUND:-pipewire} == pulseaudio ]]; then
  sound=pulseaudio,pulseaudio-utils
fi

make_tree() { # SUITE
  local tree=$cache/machine-$1-${LAB_SOUND:-pipewire} new user
  if [[ ! -d $tree ]]; then
    new=$tree.$$
    mkdir -p "$cache"
    trap 'rm -rf --one-file-system "$new"' EXIT
    debootstrap --variant=minbase --include="$base,$sound,$desktop" "$1" "$new" >&2
    for user in alice:1000 bob:1001; do
      chroot "$new" useradd --create-home --shell /bin/bash --uid "${user#*:}" "${user%:*}"
      mkdir -p "$new/var/lib/systemd/linger"
      touch "$new/var/lib/systemd/linger/${user%:*}"
    done
    # Who lingers has no seat; at a real desktop the policy says yes.
    mkdir -p "$new/etc/polkit-1/rules.d"
    cat >"$new/etc/polkit-1/rules.d/10-rtkit.rules" <<'RULE'
polkit.addRule(function(action, subject) {
  if (action.id.indexOf("org.freedesktop.RealtimeKit1.") == 0 && (subject.user == "alice" || subject.user == "bob"))
    return polkit.Result.YES;
});
RULE
    rm -rf "$new"/var/cache/apt/archives/*.deb
    mv "$new" "$tree"
    trap - EXIT
  fi
  echo "$tree"
}

enter() { nsenter --target "$(<"$dir/leader.pid")" --all "$@"; }

session() { # USER CMD...
  local uid
  case $1 in alice) uid=1000 ;; bob) uid=1001 ;; *) usage ;; esac
  enter setpriv --reuid="$uid" --regid="$uid" --init-groups env -i PATH=/usr/bin:/bin HOME="/home/$1" USER="$1" LANG=C.UTF-8 \
    XDG_RUNTIME_DIR="/run/user/$uid" DBUS_SESSION_BUS_ADDRESS="unix:path=/run/user/$uid/bus" "${@:2}"
}

settled() { [[ $("$@" 2>/dev/null) =~ ^(running|degraded)$ ]]; }

soon() { # SECONDS CMD...
  local deadline=$((SECONDS + $1)); shift
  until "$@"; do ((SECONDS < deadline)) || return 1; sleep 0.05; done
}

leader() { pgrep --parent "$1" --exact systemd >"$dir/leader.pid"; }

up() { # TREE NAMESPACE
  local nspawn how=--volatile=overlay
  [[ $1 != "$dir/tree" ]] || how=--quiet
  # Not "ip netns exec": it hides /sys/fs/cgroup. systemd-nspawn wants to remove
  # its propagation folder and refuses on a disk.
  # shellcheck disable=SC2016
  nsenter --net="/run/netns/$2" unshare --mount --propagation private sh -c '
    mkdir -p /run/systemd/nspawn && mount -t tmpfs lab /run/systemd/nspawn && exec "$@"' sh \
    systemd-nspawn --quiet --directory="$1" --boot "$how" --register=no --keep-unit \
    --machine="lab-$$" --hostname=lab-pc --resolv-conf=off --console=pipe --capability=CAP_NET_ADMIN \
    --system-call-filter="landlock_create_ruleset landlock_add_rule landlock_restrict_self" \
    </dev/null >>"$dir/console.log" 2>&1 &
  nspawn=$!
  echo "$nspawn" >"$dir/nspawn.pid"
  soon 10 leader "$nspawn" || fail "did not start; see $dir/console.log"
  soon 30 settled enter systemctl is-system-running || fail "did not boot"
  soon 20 settled session alice systemctl --user is-system-running || fail "alice has no session"
}

ended() { [[ ! -d /proc/$1 || $(ps -o stat= -p "$1") == Z* ]]; }

down() {
  local pid
  [[ -s $dir/nspawn.pid ]] || return 0
  pid=$(<"$dir/nspawn.pid"); rm -f "$dir/nspawn.pid"
  # One that has ended by itself: its number may be another's.
  grep -qszx -- "--machine=lab-.*" "/proc/$pid/cmdline" || return 0
  # The kernel ends all processes of a process namespace with its first.
  if leader "$pid"; then kill -s KILL "$(<"$dir/leader.pid")" 2>/dev/null || true; fi
  for _ in {1..100}; do ! ended "$pid" || return 0; sleep 0.02; done
  kill -s KILL "$pid" 2>/dev/null || true
}

off() {
  local pid
  pid=$(<"$dir/nspawn.pid")
  enter systemctl poweroff >/dev/null 2>&1 || true
  for _ in {1..500}; do ! ended "$pid" || { rm -f "$dir/nspawn.pid"; return 0; }; sleep 0.04; done
  fail "does not shut down"
}

[[ $# -ge 2 ]] || usage
verb=$1; shift
case $verb in
  make) make_tree "$1" ;;
  keep) [[ $# -eq 2 ]] || usage; dir=$2; mkdir -p "$dir"; cp --archive --reflink=auto "$1" "$dir/tree" ;;
  up) [[ $# -eq 3 ]] || usage; dir=$2; mkdir -p "$dir"; up "$1" "$3" ;;
  in) dir=$1; shift; enter "$@" ;;
  as) dir=$1; shift; session "$@" ;;
  down) dir=$1; down ;;
  off) dir=$1; off ;;
  *) usage ;;
esac
