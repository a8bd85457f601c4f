#!/usr/bin/env bash
# Makes FOLDER/apt of the Debian packages in FOLDER: a repository that apt
# installs from, signed, with the public half of the key beside it.
#
#   repository.sh FOLDER KEY
#   repository.sh --check KEY    whether it can be signed with that
#
# KEY is what gpg calls a user id (a fingerprint, a mail address), or a GnuPG
# home directory that holds one secret key. The repository bears today's date, so
# apt takes a later one in its place.
set -euo pipefail

usage() { sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2; exit 2; }
fail() { echo "repository: $*" >&2; exit 1; }

# find_key KEY: the one secret key's fingerprint into $key.
find_key() {
  local found which=()
  [[ -n $1 ]] || fail "no key is named, and apt takes a signed repository only: say KEY= and one that gpg --list-secret-keys shows, or a GnuPG home directory"
  command -v gpg >/dev/null || fail "no gpg command to sign with: apt install gnupg"
  if [[ -d $1 ]]; then GNUPGHOME=$(realpath "$1"); export GNUPGHOME; else which=("$1"); fi
  mapfile -t found < <(gpg --batch --with-colons --list-secret-keys "${which[@]}" 2>/dev/null |
    awk -F: '$1 == "sec" { primary = 1 } $1 == "fpr" && primary { print $10; primary = 0 }')
  case ${#found[@]} in
    0) fail "key $1: GnuPG has no such secret key, so nothing can be signed: name one that gpg --list-secret-keys shows, or a GnuPG home directory" ;;
    1) key=${found[0]} ;;
    *) fail "key $1: ${#found[@]} secret keys fit (${found[*]}): name one by its fingerprint" ;;
  esac
}

sign() { gpg --yes --quiet --local-user "$key" "$@"; }

[[ $# -eq 2 ]] || usage
find_key "$2"
[[ $1 != --check ]] || exit 0

cd "$1"
compgen -G '*.deb' >/dev/null || fail "$1 holds no .deb: run make release VERSION=x.y.z first"
rm -rf apt
mkdir -p apt/pool/main/a/aes67-sink apt/dists/stable/main
cp -- *.deb apt/pool/main/a/aes67-sink
arches=$(for deb in *.deb; do dpkg-deb --field "$deb" Architecture; done | sort -u | xargs)
(
  cd apt
  for arch in $arches; do
    list=dists/stable/main/binary-$arch/Packages
    mkdir "$(dirname "$list")"
    apt-ftparchive --arch "$arch" -o APT::FTPArchive::MD5=false -o APT::FTPArchive::SHA1=false packages pool >"$list"
    gzip --keep --no-name --best "$list"
  done
  # Written elsewhere first: it lists what is in the folder.
  release=$(
    apt-ftparchive -c <(
      printf 'APT::FTPArchive::%s "%s";\n' MD5 false SHA1 false Release::Origin aes67-sink Release::Label aes67-sink \
        Release::Suite stable Release::Codename stable Release::Components main Release::Architectures "$arches"
    ) release dists/stable
  )
  cd dists/stable
  echo "$release" >Release
  sign --clearsign --output InRelease Release
  sign --armor --detach-sign --output Release.gpg Release
)
gpg --batch --yes --export --output apt/aes67-sink.gpg "$key"
chmod -R u=rwX,go=rX apt
[[ ! -e SHA256SUMS ]] || sign --armor --detach-sign --output SHA256SUMS.asc SHA256SUMS
