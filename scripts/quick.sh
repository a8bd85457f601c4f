#!/usr/bin/env bash
# Format, vet and unit tests of the packages that differ from the last commit.
set -euo pipefail

cd "$(dirname "$0")/.."
packages=()
while read -r folder; do
  if compgen -G "$folder/*.go" >/dev/null && [[ $folder != test/e2e ]]; then packages+=("./$folder"); fi
done < <({ git diff --name-only HEAD; git ls-files --others --exclude-standard; } | grep '\.go$' | xargs -rn1 dirname | sort -u)

((${#packages[@]} > 0)) || { echo "quick: nothing differs from the last commit"; exit 0; }
unformatted=$(gofmt -l "${packages[@]}")
[[ -z $unformatted ]] || { printf 'not formatted:\n%s\n' "$unformatted" >&2; exit 1; }
go vet "${packages[@]}"
go test "${packages[@]}"
