#!/usr/bin/env bash
# Two machines on one wire: network namespaces PREFIX-pc and PREFIX-speaker.
#
#     PREFIX-pc                     PREFIX-speaker
#     eth0 10.67.0.1/24 --- veth --- eth0 10.67.0.2/24
#
#   net.sh up PREFIX [bare]               make them and route multicast to the
#                                         wire; bare: pc's eth0 is not there yet
#   net.sh plug PREFIX                    give a bare pc its eth0
#   net.sh second PREFIX                  another wire between them, eth1 10.68.0.1
#                                         and 10.68.0.2; once it is there again if
#                                         it was pulled out
#   net.sh down PREFIX                    end what runs in them, remove them
#   net.sh hub PREFIX N                   instead: N machines PREFIX-1 … PREFIX-N
#                                         on a switch, eth0 10.67.0.1 … 10.67.0.N
#   net.sh in PREFIX {pc|speaker|N} CMD...  run CMD in one
#
# Run as root. Nothing outside the namespaces is touched; any number of pairs
# and hubs can be there at once.
set -euo pipefail

usage() { sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2; exit 2; }

ended() { [[ ! -d /proc/$1 || $(ps -o stat= -p "$1") == Z* ]]; }

# side NAMESPACE ADDRESS: brings that end of the wire up.
side() {
  ip -n "$1" addr add "$2/24" dev eth0
  ip -n "$1" link set eth0 up multicast on
  ip -n "$1" route add 224.0.0.0/4 dev eth0
}

plug() {
  ip -n "$pc" link add eth0 type veth peer name eth0 netns "$speaker"
  side "$pc" 10.67.0.1
  side "$speaker" 10.67.0.2
}

up() { # [bare]
  ip netns add "$pc"
  trap down ERR
  ip netns add "$speaker"
  ip -n "$pc" link set lo up
  ip -n "$speaker" link set lo up
  [[ ${1:-} == bare ]] || plug
}

second() {
  ip -n "$pc" link add eth1 type veth peer name eth1 netns "$speaker"
  ip -n "$pc" addr add 10.68.0.1/24 dev eth1
  ip -n "$speaker" addr add 10.68.0.2/24 dev eth1
  ip -n "$pc" link set eth1 up multicast on
  ip -n "$speaker" link set eth1 up multicast on
}

hub() { # N
  local n switch=$prefix-switch
  ip netns add "$switch"
  trap down ERR
  # Without snooping: nobody here asks for memberships, so all would age out.
  ip -n "$switch" link add br0 type bridge mcast_snooping 0
  ip -n "$switch" link set br0 up
  for ((n = 1; n <= $1; n++)); do
    ip netns add "$prefix-$n"
    ip -n "$prefix-$n" link set lo up
    ip -n "$prefix-$n" link add eth0 type veth peer name "port$n" netns "$switch"
    ip -n "$switch" link set "port$n" master br0 up
    side "$prefix-$n" "10.67.0.$n"
  done
}

# finish NAMESPACE: ends what runs there, first asked, then forced.
finish() {
  local signal pids pid
  for signal in TERM KILL; do
    pids=$(ip netns pids "$1")
    [[ -n $pids ]] || return 0
    # shellcheck disable=SC2086
    kill -s "$signal" $pids 2>/dev/null || true
    for _ in {1..100}; do
      for pid in $pids; do ended "$pid" || { sleep 0.02; continue 2; }; done
      break
    done
  done
}

down() {
  local path
  for path in /run/netns/"$prefix"-{pc,speaker,switch,[0-9]*}; do
    [[ -e $path ]] || continue
    finish "${path##*/}"
    ip netns del "${path##*/}"
  done
}

[[ $# -ge 2 ]] || usage
verb=$1 prefix=$2 pc=$2-pc speaker=$2-speaker
shift
case $verb in
  up) up "${2:-}" ;;
  plug) plug ;;
  second) second ;;
  hub) [[ ${2:-} =~ ^[1-9][0-9]?$ ]] || usage; hub "$2" ;;
  down) down ;;
  in)
    [[ $# -ge 3 ]] || usage
    namespace=$1-$2; shift 2
    # Not "ip netns exec": it mounts /sys anew.
    exec nsenter --net="/run/netns/$namespace" -- "$@" ;;
  *) usage ;;
esac
