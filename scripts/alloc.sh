#!/usr/bin/env bash
# Runs the tests that count allocations, in a plain build: under the race
# detector the runtime allocates by itself. They are found by what they call.
set -euo pipefail

cd "$(dirname "$0")/.."
# shellcheck disable=SC2016
find='/^func / { name = $2; sub(/\(.*/, "", name) }
  /testing\.AllocsPerRun\(/ && name ~ /^Test/ && !seen[FILENAME, name]++ { print FILENAME, name }'
declare -A tests
while read -r file name; do
  package=$(dirname "$file")
  tests[$package]+="${tests[$package]:+|}$name"
done < <(find . -name '*_test.go' -print0 | xargs -r0 awk "$find" | sort)

((${#tests[@]} > 0)) || { echo "alloc: no test counts allocations" >&2; exit 1; }
for package in "${!tests[@]}"; do
  go test -count=1 -run "^(${tests[$package]})\$" "$package"
done
