#!/usr/bin/env bash
# A firewall that is really on, as a user's desktop has it, on one side of a wire.
#
#   firewall.sh {ufw|firewalld} DIR COMMAND...
#
# Turns it on for the network namespace that it is called in, with what the package
# brings at hand and not let in yet, and runs COMMAND. The firewall's own files are
# copies in DIR, in a mount namespace that COMMAND and its children share: whoever
# enters that of COMMAND (nsenter --mount) can use ufw and firewall-cmd. Run as root.
set -euo pipefail

usage() { sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2; exit 2; }

[[ $# -ge 3 ]] || usage
kind=$1 dir=$2
if [[ -z ${FIREWALL_INSIDE:-} ]]; then
  FIREWALL_INSIDE=1 exec unshare --mount --propagation private "$0" "$@"
fi
unset FIREWALL_INSIDE
shift 2
brings=$(realpath "$(dirname "$0")/../../packaging/firewall")

# own DIRECTORY: puts a copy of it in its place.
own() {
  mkdir -p "$dir${1}"
  cp -a "$1/." "$dir$1/"
  mount --bind "$dir$1" "$1"
}

case $kind in
  ufw)
    own /etc/ufw
    cp "$brings/ufw" /etc/ufw/applications.d/aes67-sink
    ufw --force enable >"$dir/ufw.log" 2>&1 || { cat "$dir/ufw.log" >&2; exit 1; }
    ;;
  firewalld)
    own /etc/firewalld
    mkdir -p "$dir/run/dbus"
    mount --bind "$dir/run" /run
    cp "$brings/firewalld.xml" /etc/firewalld/services/aes67-sink.xml
    dbus-daemon --system --nofork --nopidfile --address=unix:path=/run/dbus/system_bus_socket >"$dir/bus.log" 2>&1 &
    for _ in {1..100}; do [[ ! -S /run/dbus/system_bus_socket ]] || break; sleep 0.05; done
    firewalld --nofork --nopid >"$dir/firewalld.log" 2>&1 &
    for _ in {1..100}; do ! firewall-cmd --state >/dev/null 2>&1 || break; sleep 0.1; done
    firewall-cmd --state >"$dir/state.log" 2>&1 || { cat "$dir"/*.log >&2; exit 1; }
    ;;
  *) usage ;;
esac
exec "$@"
