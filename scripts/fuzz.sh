#!/usr/bin/env bash
# Runs every fuzz target of the tree for a while, one on each processor at a time.
#
#   fuzz.sh TIME [PATTERN]   TIME such as 10s; PATTERN picks targets by file and name
set -euo pipefail

[[ $# -ge 1 ]] || { sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2; exit 2; }
cd "$(dirname "$0")/.."
export FUZZ_TIME=$1
pattern=${2:-.}

targets=()
while IFS=: read -r file line; do
  target=${line#func } target=${target%%(*}
  [[ ! $file:$target =~ $pattern ]] || targets+=("$(dirname "$file") $target")
done < <(grep -rE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*\(' . | sort)
((${#targets[@]} > 0)) || { echo "fuzz: no target matches $pattern" >&2; exit 1; }

# An input that reaches something new is made smaller in a hundred tries at most: Go's
# own limit is a minute, in which nothing else is tried. So is a finding. A target that ran
# fewer than LEAST times beside its corpus has stood still.
export LEAST=1000
# A target's whole output is printed at its end, so that two do not mix. Go calls it a
# failure, too, now and then, when the time ends (go.dev/issue/75804, until 1.27):
# "context deadline exceeded", without an input that fails.
# shellcheck disable=SC2016
one='
  if out=$(go test -run "^$" -parallel 1 -fuzz "^$2\$" -fuzztime "$FUZZ_TIME" -fuzzminimizetime 100x "$1" 2>&1) ||
    { grep -qx " *context deadline exceeded" <<<"$out" && ! grep -qE "Failing input|seed corpus|panic:" <<<"$out"; }; then
    execs=$(grep -oE "execs: [0-9]+" <<<"$out" | tail -n1 | tr -dc 0-9)
    known=$(grep -oE "total: [0-9]+" <<<"$out" | tail -n1 | tr -dc 0-9)
    if ((${execs:-0} < ${known:-0} + LEAST)); then
      printf "FAIL %s %s: %s runs, want %s and more\n%s\n" "$1" "$2" "${execs:-no}" "$((${known:-0} + LEAST))" "$out"
      exit 1
    fi
    echo "ok   $1 $2: execs: $execs"
  else
    printf "FAIL %s %s\n%s\n" "$1" "$2" "$out"
    exit 1
  fi'
if printf '%s\n' "${targets[@]}" | xargs -P "$(nproc)" -L 1 bash -c "$one" fuzz; then
  echo "fuzz: ${#targets[@]} targets without a finding"
else
  echo "fuzz: a target failed, see FAIL above" >&2
  exit 1
fi
