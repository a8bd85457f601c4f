#!/usr/bin/env bash
# Makes a release of the last commit: the changelog gathered in a commit of its
# own, with a tag, and in build/release/ the Debian packages, the source, their
# SHA256 checksums and, given a key, an apt repository.
#
#   release.sh VERSION [KEY]        VERSION is x.y.z, KEY as in repository.sh
#   release.sh --build COMMIT DIR   what that commit's packages, source and
#                                   checksums are, bit for bit, in DIR
#   release.sh --compare            builds the last commit twice, in different
#                                   circumstances, and compares
#
# All is built in a clone; commit and tag come into this tree when it is done.
# ARCHES are the architectures of the packages (amd64 arm64).
set -euo pipefail

usage() { sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2; exit 2; }
say() { echo "release: $*" >&2; }
refuse() { say "$@"; exit 1; }

cd "$(dirname "$0")/.."
project=$PWD
read -ra arches <<<"${ARCHES:-amd64 arm64}"
work=$(mktemp -d)
trap 'chmod -R u+w "$work" && rm -rf "$work"' EXIT

newest() { sed -n 's/^## \([0-9.]*\) .*/\1/p' CHANGELOG.md | head -1; }

# clone DIR COMMIT: the tree of a commit, nothing else.
clone() {
  git clone --quiet --shared --no-checkout "$project" "$1"
  git -C "$1" checkout --quiet --detach "$2"
}

# build DIR OUT: what the commit in the clone DIR is released as.
build() (
  mkdir -p "$2"
  out=$(realpath "$2")
  cd "$1"
  version=$(newest)
  : "${version:=0.0.0}" # of a tree without a release: it is only compared
  VERSION=$version scripts/deb.sh "${arches[@]}" >&2
  mv build/deb/*.deb "$out"
  git -c tar.umask=0022 archive --prefix="aes67-sink-$version/" HEAD | gzip --no-name --best >"$out/aes67-sink-$version.tar.gz"
  cd "$out"
  sha256sum -- *.deb *.tar.gz >SHA256SUMS
)

# check VERSION: refuses what cannot be released.
check() {
  local last changes
  [[ $1 =~ ^(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*)){2}$ ]] || refuse "version '$1': not three numbers x.y.z: say make release VERSION=0.1.0"
  changes=$(git status --porcelain)
  [[ -z $changes ]] || refuse "the tree differs from its last commit (${changes%%$'\n'*}), and a release is what a commit holds: commit that, or put it aside with git stash --include-untracked"
  ! grep -q "^## ${1//./\\.} " CHANGELOG.md || refuse "CHANGELOG.md has $1 already, and a version is released once: take the next number, or build it again with scripts/release.sh --build v$1 DIR"
  ! git rev-parse --quiet --verify "refs/tags/v$1" >/dev/null || refuse "the tag v$1 is there already, and a version is released once: take the next number"
  last=$(newest)
  [[ -z $last ]] || dpkg --compare-versions "$1" gt "$last" || refuse "version $1: older than $last, so apt would upgrade nobody to it: take a number above $last"
}

release() { # VERSION KEY
  local tree=$work/tree stamp=${SOURCE_DATE_EPOCH:-$(date +%s)} out=build/release
  export GIT_AUTHOR_DATE="@$stamp +0000" GIT_COMMITTER_DATE="@$stamp +0000"
  check "$1"
  [[ -z $2 ]] || scripts/repository.sh --check "$2"
  clone "$tree" HEAD
  "$tree/scripts/changelog.sh" "$1" "$(date --utc --date="@$stamp" +%F)"
  for identity in user.name user.email; do # this tree's own, if it has one
    ! git config "$identity" >/dev/null || git -C "$tree" config "$identity" "$(git config "$identity")"
  done
  git -C "$tree" commit --quiet --all --message "release: $1"
  build "$tree" "$work/out"
  if [[ -n $2 ]]; then
    scripts/repository.sh "$work/out" "$2"
  else
    say "no KEY is named, so there is no apt repository: make repository KEY=... adds it"
  fi
  git fetch --quiet "$tree" HEAD
  git merge --quiet --ff-only FETCH_HEAD
  git tag --annotate --message "aes67-sink $1" "v$1"
  rm -rf "$out"
  mkdir -p build
  cp -r "$work/out" "$out"
  say "$1 is in $out/; publish the commit and the tag with git push --follow-tags"
}

# compare builds with another path, file mode, time zone and language, and
# without what was compiled before.
compare() {
  clone "$work/one" HEAD
  build "$work/one" "$work/first"
  clone "$work/another tree" HEAD
  (
    umask 077
    export TZ=Asia/Kolkata LC_ALL=C GOCACHE=$work/cache
    build "$work/another tree" "$work/second"
  )
  diff "$work/first/SHA256SUMS" "$work/second/SHA256SUMS" || refuse "two builds of $(git rev-parse HEAD) differ, as above: look with diffoscope at what scripts/release.sh --build HEAD DIR makes"
  cat "$work/first/SHA256SUMS"
  say "two builds of $(git rev-parse --short HEAD) are the same, bit for bit"
}

case ${1:-} in
  --build) [[ $# -eq 3 ]] || usage; clone "$work/tree" "$2"; build "$work/tree" "$3" ;;
  --compare) [[ $# -eq 1 ]] || usage; compare ;;
  -*) usage ;;
  *) [[ $# -eq 1 || $# -eq 2 ]] || usage; release "$1" "${2:-}" ;;
esac
