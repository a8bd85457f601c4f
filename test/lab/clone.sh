#!/usr/bin/env bash
# A clone of the project as it is in the work tree, all of it committed, to
# release from.
#
#   clone.sh DIR
set -euo pipefail

usage() { sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2; exit 2; }

[[ $# -eq 1 && $1 != -* ]] || usage
cd "$(dirname "$0")/../.."
git clone --quiet --shared --no-tags . "$1"
git ls-files -z --deleted | xargs -0r git -C "$1" rm --quiet --
git ls-files -z --modified --others --exclude-standard | while IFS= read -rd '' file; do
  [[ ! -e $file ]] || cp --parents "$file" "$1"
done
git -C "$1" config user.name lab
git -C "$1" config user.email lab@aes67-sink.invalid
git -C "$1" add --all
git -C "$1" commit --quiet --allow-empty --message "lab: the work tree as it is"
