package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// repositoryOf makes the apt repository of a package as a release does, signed
// with a key of its own, and copies it into the machine.
func (m *machine) repositoryOf(deb, to string) {
	m.t.Helper()
	folder, home := tempDir(m.t, "release"), tempDir(m.t, "key")
	mustOutput(m.t, nil, "cp", deb, folder)
	mustOutput(m.t, nil, "gpg", "--homedir", home, "--batch", "--quiet", "--passphrase", "", "--quick-generate-key", "lab@aes67-sink.invalid", "ed25519", "sign", "never")
	mustOutput(m.t, nil, filepath.Join(project, "scripts/repository.sh"), folder, home)
	mustOutput(m.t, nil, "gpgconf", "--homedir", home, "--kill", "all")
	mustOutput(m.t, nil, "cp", "-rT", filepath.Join(folder, "apt"), filepath.Join("/proc", m.leader(), "root", to))
}

// source makes a signed repository the machine's only one.
func (m *machine) source(repository, key string) {
	m.t.Helper()
	m.root("sh", "-c", `rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*
		echo "deb [signed-by=$1] file:$0 stable main" >/etc/apt/sources.list.d/aes67-sink.list`, repository, key)
}

func (m *machine) aptGet(arguments ...string) (string, error) {
	return output(m.env, append([]string{script("machine.sh"), "in", m.dir, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--yes", "--quiet"}, arguments...)...)
}

func (m *machine) mustAptGet(arguments ...string) {
	m.t.Helper()
	if _, err := m.aptGet(arguments...); err != nil {
		m.t.Fatal(err)
	}
}

// TestPackageRepository installs from the folder that a release makes for apt:
// it is taken from the key that is named and from no other, brings what PTP
// needs, and runs at once, also where the package was removed before.
func TestPackageRepository(t *testing.T) {
	_, deb := packages(t)
	need(t, "gpg", "gpgconf", "apt-ftparchive")
	m := bootMachine(t, newWire(t), "bookworm", "pipewire", false)
	m.mustAs("bob", "systemctl", "--user", "mask", "aes67-sink.service")
	m.repositoryOf(deb, "/srv/apt")
	m.repositoryOf(deb, "/srv/strange")

	m.source("/srv/strange", "/srv/apt/aes67-sink.gpg")
	if out, err := m.aptGet("update"); err == nil {
		t.Errorf("apt takes a repository that another key has signed: %s", out)
	}
	m.source("/srv/apt", "/srv/apt/aes67-sink.gpg")
	m.mustAptGet("update")
	m.mustAptGet("install", "aes67-sink")
	m.active("alice", 20*time.Second)

	for _, unit := range []string{"wireplumber", "pipewire-pulse", "aes67-sink"} { // as the documents advise
		m.mustAs("alice", "systemctl", "--user", "restart", unit)
	}
	m.active("alice", 20*time.Second)

	// stopped by its user it stays so on an upgrade
	m.mustAs("alice", "systemctl", "--user", "stop", "aes67-sink")
	m.mustAptGet("install", "--reinstall", "aes67-sink")
	if got := m.unit("alice", "ActiveState"); got != "inactive" {
		t.Errorf("alice has stopped the unit, and after an upgrade it is %s", got)
	}

	m.mustAptGet("remove", "aes67-sink")
	if state := m.root("dpkg-query", "--show", "--showformat=${db:Status-Status}", "aes67-sink"); state != "config-files" {
		t.Fatalf("the removed package is %s", state)
	}
	m.mustAptGet("install", "aes67-sink")
	m.active("alice", 20*time.Second)
	if got := m.unit("bob", "ActiveState"); got != "inactive" {
		t.Errorf("bob has masked the unit, and it is %s", got)
	}

	m.mustAptGet("purge", "aes67-sink", "libcap2-bin")
	if out, err := m.aptGet("install", "--no-install-recommends", "aes67-sink"); err == nil || !strings.Contains(out+err.Error(), "Depends: libcap2-bin") {
		t.Errorf("without setcap, and so without PTP, apt says %v: %s", err, out)
	}
	if _, err := os.Stat(filepath.Join("/proc", m.leader(), "root/run/aes67-sink.installed")); err == nil {
		t.Error("the mark of an installation is left")
	}
}
