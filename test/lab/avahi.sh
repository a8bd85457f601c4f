#!/usr/bin/env bash
# A private system bus with avahi-daemon on it, in this network namespace.
#
#   avahi.sh start DIR INTERFACE [HOST]   bus and daemon; DIR/env names the bus
#   avahi.sh stop DIR                     end both
#   avahi.sh kill-avahi DIR | start-avahi DIR   the daemon alone, killed as by a crash
#   avahi.sh kill-bus DIR | start-bus DIR       the bus, and the daemon with it
#   avahi.sh hang-bus DIR | resume-bus DIR      the bus takes connections and says nothing
#   avahi.sh forbid DIR | leave-out DIR | permit DIR
#       the daemon anew: it lets nobody publish, leaves its interface out, or neither
#
# Run as root; LAB_IPV6=yes has the daemon use IPv6 too. avahi-daemon keeps its socket and process id at fixed places, so
# each runs in a mount namespace with a /run of its own: one machine can hold
# several.
set -euo pipefail

usage() { sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2; exit 2; }
fail() { echo "avahi: $*" >&2; exit 1; }

ended() { [[ ! -d /proc/$1 || $(ps -o stat= -p "$1") == Z* ]]; }

# born PID: when it began, in ticks since the computer did (proc(5), stat).
born() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20; }

# pid_of NAME: its process id, if it runs: that of one which has ended may be another's.
pid_of() {
  local pid
  pid=$(cat "$dir/$1.pid" 2>/dev/null) && [[ -s $dir/$1.born && $(born "$pid") == "$(<"$dir/$1.born")" ]] && echo "$pid"
}

# end NAME SIGNAL: end that process and wait for it.
end() {
  local pid
  pid=$(pid_of "$1") || pid=''
  rm -f "$dir/$1.pid"
  [[ -n $pid ]] && kill -s "$2" "$pid" 2>/dev/null || return 0
  for _ in {1..100}; do ! ended "$pid" || return 0; sleep 0.02; done
  kill -s KILL "$pid" 2>/dev/null || true
}

# launch NAME COMMAND...: in the background, its process id in DIR/NAME.pid.
launch() {
  local name=$1; shift
  # shellcheck disable=SC2016
  unshare --mount --propagation private sh -c 'mount --bind "$0/run" /run; exec "$@"' "$dir" "$@" \
    </dev/null >>"$dir/$name.log" 2>&1 &
  echo $! >"$dir/$name.pid"
  born $! >"$dir/$name.born" || true
}

# soon COMMAND...: try COMMAND for five seconds.
soon() {
  for _ in {1..250}; do ! "$@" >/dev/null 2>&1 || return 0; sleep 0.02; done
  return 1
}

running() {
  dbus-send --bus="unix:path=$socket" --print-reply --dest=org.freedesktop.Avahi / \
    org.freedesktop.Avahi.Server.GetState | grep -q 'int32 2'
}

start_bus() {
  rm -f "$socket"
  launch bus dbus-daemon --config-file="$dir/bus.conf" --nofork --nopidfile
  soon test -S "$socket" || fail "no bus; see $dir/bus.log"
}

start_avahi() {
  rm -f "$dir/run/avahi-daemon/pid"
  DBUS_SYSTEM_BUS_ADDRESS="unix:path=$socket" launch avahi avahi-daemon -f "$dir/avahi.conf" --no-drop-root --no-chroot --no-rlimits
  soon running || fail "avahi-daemon is not running; see $dir/avahi.log"
}

configure() { # INTERFACE HOST
  mkdir -p "$dir/run/dbus" "$dir/run/avahi-daemon"
  cat >"$dir/bus.conf" <<CONF
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path=$socket</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <deny own="*"/>
    <allow own="org.freedesktop.login1"/>
    <deny send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus"/>
    <allow send_destination="org.freedesktop.login1"/>
  </policy>
  <includedir>/usr/share/dbus-1/system.d</includedir>
  <includedir>/etc/dbus-1/system.d</includedir>
</busconfig>
CONF
  cat >"$dir/avahi.conf" <<CONF
[server]
host-name=$2
allow-interfaces=$1
use-ipv6=${LAB_IPV6:-no}
[publish]
publish-workstation=no
publish-hinfo=no
disable-user-service-publishing=no
[wide-area]
enable-wide-area=no
[rlimits]
CONF
  echo "export DBUS_SYSTEM_BUS_ADDRESS='unix:path=$socket'" >"$dir/env"
}

# again FORBIDS KEY: the daemon with another configuration.
again() {
  sed -i "s/^disable-user-service-publishing=.*/disable-user-service-publishing=$1/; s/^\(allow\|deny\)-interfaces=/$2-interfaces=/" "$dir/avahi.conf"
  end avahi TERM
  start_avahi
}

[[ $# -ge 2 ]] || usage
verb=$1
[[ $verb != start ]] || mkdir -p "$2"
dir=$(cd "$2" && pwd) socket=$(cd "$2" && pwd)/run/dbus/system_bus_socket
case $verb in
  start) [[ $# -ge 3 ]] || usage; configure "$3" "${4:-$(uname -n)}"; start_bus; start_avahi ;;
  stop) end avahi TERM; end bus TERM ;;
  kill-avahi) end avahi KILL ;;
  start-avahi) start_avahi ;;
  kill-bus) end bus KILL; end avahi KILL ;;
  start-bus) start_bus; start_avahi ;;
  hang-bus) kill -s STOP "$(pid_of bus)" ;;
  resume-bus) kill -s CONT "$(pid_of bus)" ;;
  forbid) again yes allow ;;
  leave-out) again no deny ;;
  permit) again no allow ;;
  *) usage ;;
esac
