#!/usr/bin/env bash
# Installs the Debian packages that a make target needs, if they are missing.
#
#   install-packages.sh SET...
#
# Sets: run     a private sound server and network namespaces (make run)
#       test    what the unit tests and linters use (make unit, make lint)
#       lab     independent grandmaster, receivers and the other sound server
#               (make lab, with run)
#       trixie  debootstrap, for a Debian 13 tree (make lab-trixie)
#       deb     what builds and checks the package (make deb, make release)
#       peers   the resamplers of others (make bench-resample)
#       page    a browser without a window (make page-test)
#       pictures  the sound settings on a screen that nobody sees (make pictures, with page)
#       apps    the programs that play (make apps, with run, lab and trixie)
#       film    a player and a screen that nobody sees (make film, with run, lab and trixie)
#       desktops  GNOME's and KDE's sound settings (make pictures)
#       npm     what fetches axe-core for it, where it is not there already
#       machines  what boots whole machines (make package-test)
#
# Nothing is removed, and a desktop's sound server gets no rival: where one
# answers, no second one is installed. Without root and sudo it says what is
# missing and succeeds; the tests that need it then say so and are skipped.
set -euo pipefail

usage() { sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2; exit 2; }
say() { echo "install-packages: $*" >&2; }

declare -A sets=(
  [run]="pipewire pipewire-bin pipewire-pulse wireplumber libspa-0.2-modules pulseaudio-utils dbus-daemon iproute2 procps util-linux"
  [test]="gcc libc6-dev git shellcheck"
  [lab]="pulseaudio linuxptp ptpd strace ffmpeg gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good
    gstreamer1.0-plugins-bad libcap2-bin avahi-daemon avahi-utils dbus-bin curl ufw alsa-utils libasound2-plugins sox libsox-fmt-pulse"
  [trixie]="debootstrap"
  [deb]="appstream apt-utils debhelper dpkg-dev fakeroot gnupg lintian file qemu-user-static"
  [peers]="g++ libsamplerate0-dev libsoxr-dev libspeexdsp-dev libzita-resampler-dev"
  [page]="chromium-headless-shell fonts-dejavu-core"
  [pictures]="xvfb pavucontrol imagemagick x11-utils pngquant"
  [apps]="mpv mpd mpc vlc-bin vlc-plugin-base chromium firefox-esr"
  [film]="mpv xvfb"
  [desktops]="gnome-control-center adwaita-icon-theme systemsettings plasma-pa qml-module-org-kde-kcoreaddons qml-module-org-kde-kitemmodels
    breeze-icon-theme"
  [npm]="npm"
  [machines]="debootstrap systemd-container"
)
# servers are the packages that would compete with a desktop's sound server.
servers=" pipewire pipewire-pulse wireplumber pulseaudio "

installed() { [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]; }

desktop() {
  [[ -n ${PULSE_SERVER:-} ]] || compgen -G '/run/user/*/pulse/native' >/dev/null || compgen -G '/run/user/*/pipewire-0' >/dev/null
}

# root COMMAND...: runs it as root; fails where there is no way to.
root() {
  if ((EUID == 0)); then "$@"; elif [[ -t 2 ]]; then sudo "$@"; else sudo --non-interactive "$@"; fi
}

may_be_root() {
  ((EUID == 0)) && return 0
  command -v sudo >/dev/null || return 1
  [[ -t 0 && -t 2 ]] || sudo --non-interactive true 2>/dev/null
}

apt() {
  root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=900 -o Acquire::Retries=3 "$@"
}

fetch() { apt install --yes --quiet --no-install-recommends --no-remove "$@" >&2; }

[[ $# -ge 1 ]] || usage
missing=() left=()
for set in "$@"; do
  [[ -v sets[$set] ]] || usage
  for package in ${sets[$set]}; do
    installed "$package" && continue
    if [[ $servers == *" $package "* ]] && desktop; then left+=("$package"); else missing+=("$package"); fi
  done
done

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  say "not a Debian system: install what Debian calls ${missing[*]} yourself"
  exit 0
fi
((${#left[@]} == 0)) || say "left out beside this desktop's sound server: ${left[*]}"
((${#missing[@]} > 0)) || exit 0
if ! may_be_root; then
  say "missing, and not root: ${missing[*]}; what needs them is skipped (as root: apt-get install ${missing[*]})"
  exit 0
fi
say "installing ${missing[*]}"
# The lists are fetched only where they are missing or too old to serve.
if ! compgen -G '/var/lib/apt/lists/*Packages*' >/dev/null || ! fetch "${missing[@]}"; then
  apt update --quiet >&2
  fetch "${missing[@]}"
fi
