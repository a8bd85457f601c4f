package packaging

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// copied returns a clone of the project as it is in the work tree, with one
// fragment of a changelog and no release yet.
func copied(t *testing.T) string {
	t.Helper()
	need(t, "test", "git", "dpkg")
	dir := filepath.Join(t.TempDir(), "copy")
	mustRun(t, project, nil, "test/lab/clone.sh", dir)
	mustRun(t, dir, nil, "git", "switch", "--quiet", "--force-create", "main") // the checkout may be of no branch
	mustRun(t, dir, nil, "sed", "-i", "/^## /,$d", "CHANGELOG.md")
	mustRun(t, dir, nil, "sed", "-i", "/<release version/d", "packaging/"+metainfo)
	mustRun(t, dir, nil, "rm", "-rf", "changelog/unreleased")
	write(t, dir, "changelog/unreleased/wall.md", "Kind: Added\n\nIt was silent.\nNow it `sounds`.\n")
	commit(t, dir)
	return dir
}

func write(t *testing.T, dir, file, text string) {
	t.Helper()
	path := filepath.Join(dir, file)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func commit(t *testing.T, dir string) {
	t.Helper()
	mustRun(t, dir, nil, "git", "add", "--all")
	mustRun(t, dir, nil, "git", "commit", "--quiet", "--message", "test: so far")
}

// What is no release is refused with its reason and remedy, and nothing is changed.
func TestReleaseRefuses(t *testing.T) {
	dir := copied(t)
	start := mustRun(t, dir, nil, "git", "rev-parse", "HEAD")
	refuses := func(says string, arguments ...string) {
		t.Helper()
		out, err := run(dir, []string{"GNUPGHOME=" + dir + "/no-keys"}, append([]string{"scripts/release.sh"}, arguments...)...)
		if err == nil || !strings.Contains(out, says) {
			t.Errorf("release %q says %q (%v), want %q", arguments, out, err, says)
		}
	}
	refuses("version '1.2': not three numbers x.y.z: say make release VERSION=0.1.0", "1.2")
	refuses("version '': not three numbers", "")
	refuses("key somebody@aes67-sink.invalid: GnuPG has no such secret key, so nothing can be signed: name one", "0.1.0", "somebody@aes67-sink.invalid")

	write(t, dir, "new.txt", "not committed\n")
	refuses("the tree differs from its last commit (?? new.txt), and a release is what a commit holds: commit that", "0.1.0")
	mustRun(t, dir, nil, "rm", "new.txt")

	mustRun(t, dir, nil, "git", "tag", "v0.1.0")
	refuses("the tag v0.1.0 is there already", "0.1.0")
	mustRun(t, dir, nil, "git", "tag", "--delete", "v0.1.0")

	if now := mustRun(t, dir, nil, "git", "rev-parse", "HEAD"); now != start || mustRun(t, dir, nil, "git", "status", "--porcelain") != "" {
		t.Error("a refused release has changed the tree")
	}

	mustRun(t, dir, nil, "scripts/changelog.sh", "0.2.0", "2026-11-28")
	commit(t, dir)
	refuses("CHANGELOG.md has 0.2.0 already, and a version is released once: take the next number", "0.2.0")
	refuses("version 0.1.0: older than 0.2.0", "0.1.0")
	refuses("changelog/unreleased/ is empty: nothing has changed for users", "0.3.0")
}

// The changelog has each release's entries by kind, the newest release first,
// and the metainfo names both.
func TestChangelogIsGathered(t *testing.T) {
	dir := copied(t)
	write(t, dir, "changelog/unreleased/door.md", "Kind: Fixed\n\nIt creaked.\n\nIt is quiet now.\n")
	write(t, dir, "changelog/unreleased/arch.md", "Kind: Added\n\nAn arch.\n")
	mustRun(t, dir, nil, "scripts/changelog.sh", "0.1.0", "2026-11-28")
	write(t, dir, "changelog/unreleased/roof.md", "Kind: Changed\n\nThe roof.\n")
	mustRun(t, dir, nil, "scripts/changelog.sh", "0.1.1", "2026-12-24")
	const want = `

## 0.1.1 (2026-12-24)

### Changed

- The roof.

## 0.1.0 (2026-11-28)

### Added

- An arch.

- It was silent.
  Now it ` + "`sounds`" + `.

### Fixed

- It creaked.

  It is quiet now.
`
	got := read(t, filepath.Join(dir, "CHANGELOG.md"))
	if _, entries, _ := strings.Cut(got, "at a release."); entries != want {
		t.Errorf("the changelog is\n%s", got)
	}
	const releases = `  <releases>
    <release version="0.1.1" date="2026-12-24"/>
    <release version="0.1.0" date="2026-11-28"/>
  </releases>`
	if text := read(t, filepath.Join(dir, "packaging", metainfo)); !strings.Contains(text, releases) {
		t.Errorf("the metainfo is\n%s", text)
	}
	if left := mustRun(t, dir, nil, "git", "ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate", "changelog/unreleased"); strings.TrimSpace(left) != "changelog/unreleased/wall.md" {
		t.Errorf("fragments are left:\n%s", left)
	}
	if _, err := os.Stat(filepath.Join(dir, "changelog/unreleased/wall.md")); err == nil {
		t.Error("a fragment that was gathered is left")
	}

	write(t, dir, "changelog/unreleased/odd.md", "Kind: Broken\n\nWhat?\n")
	out, err := run(dir, nil, "scripts/changelog.sh", "0.1.2", "2026-12-25")
	if err == nil || !strings.Contains(out, "odd.md: begins with Kind: Broken: must begin with 'Kind: ' and one of Added Changed Fixed Removed") {
		t.Errorf("an odd fragment: %q (%v)", out, err)
	}
}

// testKey makes a key in a GnuPG home of its own.
func testKey(t *testing.T) (home string) {
	t.Helper()
	need(t, "deb", "gpg", "gpgconf", "apt-ftparchive")
	home, err := os.MkdirTemp("", "key") // its socket's name is bounded
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		mustRun(t, home, []string{"GNUPGHOME=" + home}, "gpgconf", "--kill", "all")
		if err := os.RemoveAll(home); err != nil {
			t.Error(err)
		}
	})
	mustRun(t, home, nil, "gpg", "--homedir", home, "--batch", "--quiet", "--passphrase", "", "--quick-generate-key", "test@aes67-sink.invalid", "ed25519", "sign", "never")
	return home
}

// builder stands in for scripts/deb.sh, which takes minutes.
const builder = `#!/bin/sh
set -e
cd "$(dirname "$0")/.."
export SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
mkdir -p build/deb
for arch in "$@"; do
	mkdir -p build/$arch/DEBIAN
	printf 'Package: aes67-sink\nVersion: %s\nArchitecture: %s\nMaintainer: a <a@b.invalid>\nDescription: test\n' "$VERSION" "$arch" >build/$arch/DEBIAN/control
	dpkg-deb --root-owner-group --build build/$arch build/deb/aes67-sink_${VERSION}_$arch.deb
done
`

// A release is a commit, a tag, and all that is published; one that fails on its
// way leaves the tree as it was.
func TestReleaseMakesAllOrNothing(t *testing.T) {
	home, dir := testKey(t), copied(t)
	write(t, dir, "scripts/deb.sh", "#!/bin/sh\necho no compiler\nexit 1\n")
	commit(t, dir)
	before := mustRun(t, dir, nil, "git", "rev-parse", "HEAD")
	if _, err := run(dir, nil, "scripts/release.sh", "0.1.0", home); err == nil {
		t.Error("a release without packages has succeeded")
	}
	if mustRun(t, dir, nil, "git", "rev-parse", "HEAD") != before || mustRun(t, dir, nil, "git", "status", "--porcelain", "--ignored")+mustRun(t, dir, nil, "git", "tag") != "" {
		t.Error("a release that failed has changed the tree")
	}

	write(t, dir, "scripts/deb.sh", builder)
	commit(t, dir)
	mustRun(t, dir, []string{"SOURCE_DATE_EPOCH=1795910400"}, "scripts/release.sh", "0.1.0", home)
	if got := mustRun(t, dir, nil, "git", "log", "-1", "--format=%s, %cI, %D"); got != "release: 0.1.0, 2026-11-29T00:00:00+00:00, HEAD -> main, tag: v0.1.0\n" {
		t.Errorf("the release is the commit %q", got)
	}
	if text := read(t, filepath.Join(dir, "CHANGELOG.md")); !strings.Contains(text, "\n## 0.1.0 (2026-11-29)\n") {
		t.Errorf("the changelog is\n%s", text)
	}
	out := filepath.Join(dir, "build/release")
	if got := mustRun(t, out, nil, "sha256sum", "--check", "SHA256SUMS"); got != "aes67-sink_0.1.0_amd64.deb: OK\naes67-sink_0.1.0_arm64.deb: OK\naes67-sink-0.1.0.tar.gz: OK\n" {
		t.Errorf("checksums: %s", got)
	}
	if files := mustRun(t, out, nil, "tar", "tf", "aes67-sink-0.1.0.tar.gz"); !strings.Contains(files, "\naes67-sink-0.1.0/CHANGELOG.md\n") {
		t.Errorf("the source is\n%s", files)
	}
	mustRun(t, out, nil, "gpgv", "--keyring", out+"/apt/aes67-sink.gpg", "SHA256SUMS.asc", "SHA256SUMS")
	suite := filepath.Join(out, "apt/dists/stable")
	mustRun(t, suite, nil, "gpgv", "--keyring", out+"/apt/aes67-sink.gpg", "Release.gpg", "Release")
	mustRun(t, suite, nil, "gpgv", "--keyring", out+"/apt/aes67-sink.gpg", "InRelease")
	for _, arch := range []string{"amd64", "arm64"} {
		list := read(t, filepath.Join(suite, "main/binary-"+arch+"/Packages"))
		if strings.Count(list, "Package: ") != 1 || !strings.Contains(list, "Filename: pool/main/a/aes67-sink/aes67-sink_0.1.0_"+arch+".deb\n") {
			t.Errorf("for %s there is\n%s", arch, list)
		}
	}

	// The tag gives the same files elsewhere.
	mustRun(t, dir, nil, "scripts/release.sh", "--build", "v0.1.0", home+"/again")
	if a, b := read(t, out+"/SHA256SUMS"), read(t, home+"/again/SHA256SUMS"); a != b {
		t.Errorf("built again from its tag the release is\n%s, not\n%s", b, a)
	}

	// Without a key there is no repository, with a word on how to add it.
	write(t, dir, "changelog/unreleased/door.md", "Kind: Fixed\n\nIt creaked.\n")
	commit(t, dir)
	if said := mustRun(t, dir, nil, "scripts/release.sh", "0.1.1"); !strings.Contains(said, "no KEY is named, so there is no apt repository: make repository KEY=... adds it") {
		t.Errorf("without a key it says %q", said)
	}
	if _, err := os.Stat(out + "/apt"); err == nil {
		t.Error("there is a repository that nobody signed")
	}
	mustRun(t, dir, nil, "scripts/repository.sh", "build/release", home)
	mustRun(t, suite, nil, "gpgv", "--keyring", out+"/apt/aes67-sink.gpg", "InRelease")
}
