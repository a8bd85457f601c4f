#!/usr/bin/env bash
# Runs the tests that count allocations, in a plain build: under the race
# detector the runtime allocates by itself. They are found by what they call.
set -euo pipefail

cd "$(dirname "$0")/.."
# shellcheck disable=SC2016
find='/^func / { name = $2; sub(/\(.*/, "", name) }
  /testing\.AllocsPerRun\(/ && name ~ /^Test/ && !seen[FILENAME, name]++ { print FILENAME, name }'
names=() packages=()
while read -r file name; do
  names+=("$name") packages+=("$(dirname "$file")")
done < <(find . -name '*_test.go' -print0 | xargs -r0 awk "$find" | sort)

((${#names[@]} > 0)) || { echo "alloc: no test counts allocations" >&2; exit 1; }
mapfile -t packages < <(printf '%s\n' "${packages[@]}" | sort -u)
# One call, so that packages are built and run beside one another; built as for the program.
CGO_ENABLED=0 go test -trimpath -count=1 -run "^($(IFS='|'; echo "${names[*]}"))\$" "${packages[@]}"
