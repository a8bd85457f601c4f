#!/usr/bin/env bash
# Builds Debian packages into build/deb/ (or OUT), checks them with lintian, and
# tries the foreign ones under qemu-user.
#
#   deb.sh [ARCH]...   amd64 and arm64 unless told otherwise
#
# The version is that of the commit's tag (v1.2.3), else the newest release's and
# the commit's time (before the first release 0.1.0~ and that); VERSION overrides
# it. The same commit gives the same packages, bit for bit: time stamps are the
# commit's, paths are left out, modules are those of go.sum.
set -euo pipefail

usage() { sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2; exit 2; }
say() { echo "deb: $*" >&2; }

project=$(cd "$(dirname "$0")/.." && pwd)
out=$project/${OUT:-build/deb}
cd "$project"
[[ ${1:-} != -* ]] || usage
arches=("$@")
(($# > 0)) || arches=(amd64 arm64)

commit=$(git rev-parse HEAD)
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
if [[ -z ${VERSION:-} ]]; then
  if tag=$(git describe --tags --exact-match --match 'v[0-9]*' 2>/dev/null); then
    VERSION=${tag#v}
  else
    newest=$(sed -n 's/^## \([0-9.]*\) .*/\1/p' CHANGELOG.md | head -1)
    VERSION=${newest:+$newest+git}
    VERSION=${VERSION:-0.1.0~git}$(date --utc --date="@$SOURCE_DATE_EPOCH" +%Y%m%d%H%M%S).${commit:0:8}
  fi
fi

# stage DIR: the source as it is in the work tree, with its modules beside it.
stage() {
  rm -rf "$1"
  mkdir -p "$1"
  git ls-files -z --cached --others --exclude-standard | grep -zv '^\.' | xargs -0 cp --parents --target-directory="$1" --
  (cd "$1" && go mod vendor)
  cp -r "$1/packaging/debian" "$1/debian"
  # dh_installsystemduser takes the unit under this name.
  mv "$1/systemd/aes67-sink.service" "$1/debian/aes67-sink.user.service"
  cp "$1/debian/aes67-sink.user.service" "$1/systemd/aes67-sink.service"
  echo "$commit" >"$1/debian/commit"
  cat >"$1/debian/changelog" <<LOG
aes67-sink ($VERSION) unstable; urgency=medium

  * Built from commit ${commit:0:12}; CHANGELOG.md tells what changed.

 -- aes67-sink maintainers <maintainers@aes67-sink.invalid>  $(LC_ALL=C date --utc --date="@$SOURCE_DATE_EPOCH" '+%a, %d %b %Y %H:%M:%S +0000')
LOG
}

mkdir -p "$out"
for arch in "${arches[@]}"; do
  work=$out/work-$arch
  stage "$work/aes67-sink"
  say "building $VERSION for $arch"
  (cd "$work/aes67-sink" && dpkg-buildpackage --build=binary --host-arch="$arch" --unsigned-source --unsigned-changes \
    --no-check-builddeps >"$work/build.log" 2>&1) || { tail -30 "$work/build.log" >&2; exit 1; }
  package=aes67-sink_${VERSION}_$arch.deb
  rm -f "$out"/aes67-sink_*_"$arch".deb # of other versions
  mv "$work/$package" "$out/$package"
  say "lintian $package"
  lintian --allow-root --fail-on error,warning "$out/$package"
  # Documents link one another by these names.
  grep -q '/docs/troubleshooting\.md$' <<<"$(dpkg-deb --contents "$out/$package")" || { say "$package has its documents under other names"; exit 1; }
  if [[ $arch != "$(dpkg --print-architecture)" ]]; then
    dpkg-deb --extract "$out/$package" "$work/tree"
    emulate=qemu-$(sed 's/^arm64$/aarch64/; s/^amd64$/x86_64/' <<<"$arch")-static
    say "$("$emulate" "$work/tree/usr/bin/aes67-sink" version | head -1), under $emulate"
    "$emulate" "$work/tree/usr/bin/aes67-sink" check --config "$work/tree/usr/share/doc/aes67-sink/examples/config.toml"
  fi
  rm -rf "$work"
  (cd "$out" && sha256sum "$package")
done
