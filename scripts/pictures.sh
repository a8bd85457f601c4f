#!/usr/bin/env bash
# The pictures of docs/pictures, taken anew of the real thing: what `make pictures` does.
#
#     music -> private PipeWire -> aes67-sink ==wire==> speaker with the grandmaster
#
#   pictures.sh [DIR]   DIR: where to, docs/pictures if none is given
#
# The computer in them is called studio-pc. As root; however it ends, no process,
# namespace or file of it is left behind.
set -euo pipefail

readonly host=studio-pc
project=$(cd "$(dirname "$0")/.." && pwd)
bridge=$project/build/aes67-sink labtool=$project/build/labtool shoot=$project/build/shoot
net=$project/test/lab/net.sh sound_server=$project/test/lab/sound-server.sh avahi=$project/test/lab/avahi.sh
into=$(realpath -m "${1:-$project/docs/pictures}")

fail() { echo "pictures: $*" >&2; exit 1; }

((EUID == 0)) || fail "namespaces need root: make pictures ROOT=sudo"
# A host name of its own; nothing else of this computer may be in a picture.
if [[ $(uname -n) != "$host" ]]; then
  # shellcheck disable=SC2016
  exec unshare --uts sh -c 'hostname "$0" && exec "$@"' "$host" "$0" "$into"
fi

gone() { [[ ! -r /proc/$1/stat ]] || [[ $(<"/proc/$1/stat") == *") Z "* ]]; } 2>/dev/null

# soon SECONDS COMMAND...: try COMMAND until it succeeds.
soon() {
  local end=$((SECONDS + $1)); shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS <= end)) || return 1
    sleep 0.1
  done
}

dir='' namespaces=aes67pic-$$ pids=()

clean_up() {
  set +e
  ((BASHPID == $$)) || exit
  trap - EXIT
  trap '' INT TERM HUP
  for ((n = ${#pids[@]} - 1; n >= 0; n--)); do
    kill "${pids[n]}" 2>/dev/null || continue
    for _ in {1..250}; do ! gone "${pids[n]}" || break; sleep 0.02; done
    gone "${pids[n]}" || kill -KILL "${pids[n]}" 2>/dev/null
  done
  [[ ! -e $dir/avahi/env ]] || "$avahi" stop "$dir/avahi"
  [[ ! -e $dir/env ]] || "$sound_server" stop "$dir"
  "$net" down "$namespaces"
  rm -rf "$dir"
}

# in_pc, in_speaker COMMAND...: exec it on that side of the wire.
in_pc() {
  # shellcheck source=/dev/null
  . "$dir/env"
  # shellcheck source=/dev/null
  . "$dir/avahi/env"
  export LANG=C.UTF-8 TZ=UTC NO_AT_BRIDGE=1
  [[ -z $display ]] || export DISPLAY=$display
  exec setsid --wait "$net" in "$namespaces" pc "$@"
}
in_speaker() { exec setsid --wait "$net" in "$namespaces" speaker "$@"; }
display=''

# part NAME SIDE COMMAND...: a part that runs until the end.
part() {
  local name=$1 side=$2; shift 2
  ("$side" "$@") >"$dir/$name.log" 2>&1 &
  pids+=($!)
}

unlisted() { grep -q "RAVENNA receivers" < <(in_pc "$bridge" doctor); }
says() { (in_pc "$bridge" status --json) | grep -q "$1"; }

# music: two minutes and more of chords whose level moves, left another than right.
music() {
  local left='' right='' hz
  for hz in 110 220 277.18 329.63 440; do
    left+="+sin(2*PI*$hz*t)*exp(-3*mod(t*$hz/220,1))"
    right+="+sin(2*PI*$hz*1.5*t)*exp(-2*mod(t*$hz/220+0.5,1))"
  done
  local swell='0.16*(0.55+0.45*sin(2*PI*t/37))'
  ffmpeg -nostdin -v error -f lavfi -i "aevalsrc=exprs='$swell*(${left#+})|$swell*(${right#+})':s=48000:d=420" -c:a pcm_s16le "$dir/music.wav"
}

# terminal FILE COMMAND...: a picture of what a terminal of 100 columns shows of a
# command; its text can be selected.
terminal() {
  local file=$1; shift
  local lines line colour y=0 longest=0 name=aes67-sink
  mapfile -t lines < <((in_pc script -qec "stty cols 100; \"$bridge\" $*" /dev/null) </dev/null | tr -d '\r')
  lines=("\$ $name $*" "${lines[@]}")
  for line in "${lines[@]}"; do ((${#line} <= longest)) || longest=${#line}; done
  {
    echo "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"$((longest * 84 / 10 + 40))\" height=\"$((${#lines[@]} * 20 + 36))\" font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace\" font-size=\"14\">"
    echo "<title>$name $*</title>"
    echo '<rect width="100%" height="100%" rx="8" fill="#16181d"/>'
    for line in "${lines[@]}"; do
      colour='#d6dae1'
      case $line in
        '$ '*) colour='#8fb8ff' ;;
        '✗'*) colour='#ff8f8f' ;;
        '!'*) colour='#f0c674' ;;
        '✓'*) colour='#8fd19e' ;;
        '    '*) ;;
      esac
      y=$((y + 20))
      line=${line//&/&amp;} line=${line//</&lt;} line=${line//>/&gt;}
      echo "<text x=\"20\" y=\"$((y + 12))\" fill=\"$colour\" xml:space=\"preserve\">$line</text>"
    done
    echo '</svg>'
  } >"$into/$file.svg"
}

# page FILE OPTION...: a picture of the page, of few colours, for it is small then.
page() {
  local file=$1; shift
  (in_pc "$shoot" -out "$dir/$file.png" "$@")
  small "$file"
}

small() { pngquant --force --strip --speed 1 --output "$into/$1.png" 256 "$dir/$1.png"; }

settings() {
  mkdir -p "$dir/home/.config"
  printf '[window]\nwidth=760\nheight=420\nsinkInputType=0\nsourceOutputType=0\nsinkType=0\nsourceType=1\nshowVolumeMeters=1\n' >"$dir/home/.config/pavucontrol.ini"
  Xvfb -displayfd 3 -screen 0 1024x768x24 -nolisten tcp 3>"$dir/display" >"$dir/xvfb.log" 2>&1 &
  pids+=($!)
  soon 10 test -s "$dir/display" || fail "no display: $(<"$dir/xvfb.log")"
  display=:$(<"$dir/display")
  part settings in_pc pavucontrol --tab=3
  soon 20 window || fail "no sound settings: $(<"$dir/settings.log")"
  sleep 3 # the level meters move
  (in_pc import -window "$(window)" "$dir/sound-settings.png")
  small sound-settings
}
window() { (in_pc xwininfo -root -tree) | sed -n 's/^ *\(0x[0-9a-f]*\) "Volume Control".*/\1/p' | head -1 | grep .; }

# desktop FILE NAME COMMAND...: a picture of the sound settings of that desktop, where
# they are installed.
desktop() {
  local file=$1 name=$2 pid; shift 2
  command -v "$1" >/dev/null || { echo "pictures: no $1: $file.png stays as it is" >&2; return 0; }
  (export XDG_CURRENT_DESKTOP=$name QT_QUICK_BACKEND=software; in_pc "$@") >"$dir/$file.log" 2>&1 &
  pid=$!
  sleep 20 # it draws when its devices are known
  (in_pc import -window root "$dir/$file.png")
  kill "$pid" 2>/dev/null || true
  mogrify -trim "$dir/$file.png"
  small "$file"
}

# stall: the sound server gives nothing for a while; that is what `why` explains.
stall() {
  kill -STOP "$(<"$dir/pipewire.pid")"
  sleep 0.25
  kill -CONT "$(<"$dir/pipewire.pid")"
}
incidents() { (in_pc "$bridge" why --all 2>/dev/null) | wc -l; }

# until_calm: one stall, and 80 s in which nothing else broke off. A
# busy computer has incidents of its own: it is tried again, three times.
until_calm() {
  local before
  for _ in 1 2 3; do
    before=$(incidents)
    stall
    sleep 80
    says '"problem": *"[^"]' || return 0
    echo "pictures: this computer is busy: $(($(incidents) - before - 1)) incidents of its own" >&2
  done
}

trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
# Not TMPDIR: a socket's path must be short.
dir=$(mktemp -d /tmp/aes67pic.XXXXXX)
export LANG=C.UTF-8
mkdir -p "$into"
music
setsid "$sound_server" start pipewire "$dir"
setsid "$net" up "$namespaces"
"$net" in "$namespaces" pc "$avahi" start "$dir/avahi" eth0 "$host"
part gm in_speaker "$labtool" gm -i eth0 -ppm 20
# A buffer that outlasts most of what a busy computer does.
part bridge in_pc setpriv --bounding-set=-sys_time --inh-caps=-sys_time -- "$bridge" run --set network.interface=eth0 --set sink.latency=60ms
soon 20 says '"volume_db"' || fail "the sink does not come: $(tail -n 5 "$dir/bridge.log")"
# The sink starts at -40 dB; in steps, because a jump would rise slowly.
for _ in 1 2 3; do
  (in_pc pactl set-sink-volume aes67 +10dB)
  sleep 0.2
done
(in_pc "$sound_server" realtime "$dir") 2>/dev/null
soon 60 says '"state": *"locked"' || fail "no clock is followed: $(tail -n 5 "$dir/gm.log")"
part music in_pc paplay --device=aes67 --client-name="Music player" --stream-name="Evening in A" "$dir/music.wav"
until_calm
page page-light -until '#strip'
page page-dark -until '#strip' -dark
terminal why why
settings
kill "${pids[-1]}"
desktop sound-settings-gnome GNOME gnome-control-center sound
desktop sound-settings-kde KDE systemsettings kcm_pulseaudio
# Something for the doctor to find.
(in_pc pactl set-sink-mute aes67 1)
"$avahi" kill-avahi "$dir/avahi"
soon 90 unlisted || fail "nobody misses Avahi"
terminal doctor doctor
