#!/usr/bin/env bash
# Runs the end-to-end tests with what `make build` made.
#
#   e2e.sh [TEST FLAG]...   such as -test.run '^TestMakeRun$'
#
# ROOT is how to become root ("sudo"); without root the tests say so and are
# skipped. LAB_FULL=1 takes the long measurements. Where there is no Go, the
# test program must be in build/ already.
set -euo pipefail

cd "$(dirname "$0")/.."
if command -v go >/dev/null; then CGO_ENABLED=0 go test -c -trimpath -o build/e2e.test ./test/e2e; fi
read -ra root <<<"${ROOT:-}"
limit=40m
[[ ${LAB_FULL:-} != 1 ]] || limit=4h # each measurement may be tried for 20 minutes
# What chooses among tests goes along, also through sudo.
chosen=()
for name in LAB_FULL LAB_BENCH APPS APPS_UPDATE FAULTS FAULTS_UPDATE FILM FORMATS; do
  chosen+=("$name=${!name:-}")
done
cd test/e2e
# madvdontneed=0: memory that was fetched once stays (main_test.go, furnish).
exec "${root[@]}" env "${chosen[@]}" GODEBUG=madvdontneed=0 ../../build/e2e.test -test.v -test.parallel 4 -test.timeout "$limit" "$@"
