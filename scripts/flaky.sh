#!/usr/bin/env bash
# Runs tests many times over and prints a table of how each of them went.
#
#   flaky.sh TIMES RUN   RUN is a regular expression as of go test -run; unit tests
#                        run under the race detector (simulations do not), end-to-end
#                        tests as make lab does (as root, or ROOT=sudo)
set -euo pipefail

[[ $# -eq 2 ]] || { sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2; exit 2; }
cd "$(dirname "$0")/.."
times=$1 run=$2

# The packages with a test of that name: a program of each is made once.
mapfile -t packages < <(grep -rE --include='*_test.go' '^func Test\w+\(' . |
  sed -E 's|/[^/]*:func (Test\w+).*| \1|' | awk -v run="${run%%/*}" '$2 ~ run { print $1 }' | sort -u)
((${#packages[@]} > 0)) || { echo "flaky: no test matches $run" >&2; exit 1; }
echo "flaky: $times times $run of ${packages[*]}" >&2

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
# Simulations of one goroutine leave themselves out under the race detector.
simulated=" $(sed -n 's/^SIMULATED = //p' Makefile) ./bridge "
for package in "${packages[@]}"; do
  race=(-race)
  [[ $simulated != *" $package "* ]] || race=()
  [[ $package == ./test/e2e ]] || go test "${race[@]}" -c -o "$dir/${package//\//-}.test" "$package"
done
for ((n = 1; n <= times; n++)); do
  for package in "${packages[@]}"; do
    if [[ $package == ./test/e2e ]]; then
      scripts/e2e.sh -test.run "$run" >"$dir/out" 2>&1 || true
    else
      (cd "$package" && "$dir/${package//\//-}.test" -test.v -test.timeout 10m -test.run "$run") >"$dir/out" 2>&1 || true
    fi
    go tool test2json -p "$package" <"$dir/out" >>"$dir/events"
  done
  echo "flaky: run $n of $times done" >&2
done
go run ./internal/flaky <"$dir/events"
