#!/usr/bin/env bash
# Runs every fuzz target of the tree for a while, one after the other.
#
#   fuzz.sh TIME [PATTERN]   TIME such as 10s; PATTERN picks targets by file and name
set -euo pipefail

[[ $# -ge 1 ]] || { sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2; exit 2; }
cd "$(dirname "$0")/.."
time=$1 pattern=${2:-.} passed=0 failed=()

while IFS=: read -r file line; do
  target=${line#func } target=${target%%(*} package=$(dirname "$file")
  [[ $file:$target =~ $pattern ]] || continue
  echo "== $package $target ($time)"
  if go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "$package"; then
    passed=$((passed + 1))
  else
    failed+=("$package $target")
  fi
done < <(grep -rE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*\(' . | sort)

printf 'fuzz: %d without a finding, %d with one\n' "$passed" "${#failed[@]}"
((passed > 0 && ${#failed[@]} == 0)) || { printf '  %s\n' "${failed[@]}"; exit 1; }
