#!/usr/bin/env bash
# Gathers what waits in changelog/unreleased/ into CHANGELOG.md, by kind, and
# names the release in the metainfo.
#
#   changelog.sh VERSION DATE   such as 0.1.0 2026-11-28
set -euo pipefail

usage() { sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2; exit 2; }
fail() { echo "changelog: $*" >&2; exit 1; }

cd "$(dirname "$0")/.."
[[ $# -eq 2 && $1 != -* ]] || usage
version=$1 date=$2 kinds="Added Changed Fixed Removed"

shopt -s nullglob
fragments=(changelog/unreleased/*.md)
((${#fragments[@]} > 0)) || fail "changelog/unreleased/ is empty: nothing has changed for users: a change adds a file there (changelog/TEMPLATE)"
for fragment in "${fragments[@]}"; do
  kind=$(sed -n '1s/^Kind: //p' "$fragment")
  [[ -n $kind && " $kinds " == *" $kind "* ]] || fail "$fragment: begins with $(head -1 "$fragment"): must begin with 'Kind: ' and one of $kinds"
done

section() {
  echo "## $version ($date)"
  for kind in $kinds; do
    mapfile -t of_kind < <(grep -lx "Kind: $kind" "${fragments[@]}" || true)
    ((${#of_kind[@]} == 0)) || printf '\n### %s\n' "$kind"
    for fragment in "${of_kind[@]}"; do
      echo
      sed -e 1d "$fragment" | sed -e '/./,$!d' | sed -e '1s/^/- /' -e '2,$s/^./  &/'
    done
  done
}

# Before the newest release; a first one takes the place of the sentence.
new=$(mktemp)
trap 'rm -f "$new"' EXIT
{
  sed -e '/^## /,$d' -e '/^No release yet\.$/d' CHANGELOG.md | sed -e '$!b' -e '/^$/d'
  echo
  section
  if grep -q '^## ' CHANGELOG.md; then echo; sed -n '/^## /,$p' CHANGELOG.md; fi
} >"$new"
cat "$new" >CHANGELOG.md
sed -i "/<releases>/a \    <release version=\"$version\" date=\"$date\"/>" packaging/aes67-sink.metainfo.xml
rm "${fragments[@]}"
