#!/usr/bin/env bash
# A Debian 13 (trixie) tree to run tests in, for its sound servers (PipeWire
# 1.4, PulseAudio 17).
#
#   trixie.sh make              make the tree unless it is there; prints its path
#   trixie.sh run TREE CMD...   run CMD in it, in this folder's project
#
# Run as root. The tree is kept in $XDG_CACHE_HOME/aes67-sink, else in
# /var/tmp/aes67-sink; removing it is safe at any time. Mounts are made in a
# private mount namespace, so they end with the command.
set -euo pipefail

usage() { sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2; exit 2; }
fail() { echo "trixie: $*" >&2; exit 1; }

project=$(cd "$(dirname "$0")/../.." && pwd)
cache=${XDG_CACHE_HOME:-/var/tmp}/aes67-sink

# within TREE CMD...: the project is at /project there, read-only.
within() {
  # shellcheck disable=SC2016
  unshare --mount --propagation private sh -ec '
    tree=$1 project=$2; shift 2
    # "ip" remounts /, which must be a mount point for that.
    mount --bind "$tree" "$tree"
    mkdir -p "$tree/project"
    mount -t proc proc "$tree/proc"
    mount -t sysfs -o ro sys "$tree/sys"
    mount -t tmpfs run "$tree/run"
    mount -t tmpfs tmp "$tree/tmp"
    mount -t tmpfs shm "$tree/dev/shm"
    mount --bind "$project" "$tree/project"
    mount -o remount,bind,ro "$tree/project"
    exec chroot "$tree" env -i PATH=/usr/sbin:/usr/bin HOME=/root LANG=C.UTF-8 LAB_FULL="${LAB_FULL:-}" \
      sh -c "cd /project && exec \"\$@\"" sh "$@"' sh "$1" "$project" "${@:2}"
}

make_tree() {
  local tree=$cache/trixie new=$cache/trixie.$$
  if [[ ! -d $tree ]]; then
    ((EUID == 0)) || fail "must be root to make $tree"
    mkdir -p "$cache"
    trap 'rm -rf --one-file-system "$new"' EXIT
    debootstrap --variant=minbase trixie "$new" >&2
    # Nothing is started while packages are installed.
    printf '#!/bin/sh\nexit 101\n' >"$new/usr/sbin/policy-rc.d"
    chmod 755 "$new/usr/sbin/policy-rc.d"
    within "$new" scripts/install-packages.sh run lab >&2
    rm -rf "$new"/var/cache/apt/archives/*.deb
    mv "$new" "$tree"
    trap - EXIT
  fi
  echo "$tree"
}

[[ $# -ge 1 ]] || usage
case $1 in
  make) make_tree ;;
  run)
    [[ $# -ge 3 ]] || usage
    ((EUID == 0)) || fail "must be root to enter a tree"
    within "${@:2}" ;;
  *) usage ;;
esac
