// Package packaging holds what is installed, and how a release is made, to tests.
package packaging

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const project = ".."

// run runs a command in a folder, with variables added to the environment.
func run(dir string, env []string, command ...string) (string, error) {
	c := exec.Command(command[0], command[1:]...)
	c.Dir, c.Env = dir, append(os.Environ(), env...)
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	if err := c.Run(); err != nil {
		return out.String(), fmt.Errorf("%s: %w: %s", strings.Join(command, " "), err, out.String())
	}
	return out.String(), nil
}

func mustRun(t *testing.T, dir string, env []string, command ...string) string {
	t.Helper()
	out, err := run(dir, env, command...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func need(t *testing.T, set string, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("needs %s: say 'scripts/install-packages.sh %s'", p, set)
		}
	}
}

// noGo is a go command that is not there, as for root by way of sudo.
const noGo = "GO=/nonexistent/go"

// What is installed was built before: `sudo make install` needs no Go.
func TestInstallDoesNotBuild(t *testing.T) {
	need(t, "test", "make")
	dir := t.TempDir()
	built, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	mustRun(t, project, nil, "make", "install", noGo, "PROGRAM="+built, "DESTDIR="+dir)
	for _, file := range []string{"bin/aes67-sink", "lib/systemd/user/aes67-sink.service", "share/zsh/site-functions/_aes67-sink"} {
		if _, err := os.Stat(filepath.Join(dir, "usr/local", file)); err != nil {
			t.Error(err)
		}
	}
	linksLead(t, filepath.Join(dir, "usr/local/share/doc/aes67-sink"))
	mustRun(t, project, nil, "make", "uninstall", noGo, "PROGRAM="+built, "DESTDIR="+dir)
	left := mustRun(t, dir, nil, "find", ".", "-type", "f", "-o", "-type", "d", "-name", "aes67-sink")
	if left != "" {
		t.Errorf("left by make uninstall:\n%s", left)
	}
}

// link is one of a document to another file of the project.
var link = regexp.MustCompile(`\]\(([^):#]+)(#[^)]*)?\)`)

// linksLead holds that what installed documents link is installed.
func linksLead(t *testing.T, dir string) {
	t.Helper()
	n := 0
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".md" {
			return err
		}
		text, err := os.ReadFile(path)
		for _, target := range link.FindAllStringSubmatch(string(text), -1) {
			n++
			// A package has its licence in the file copyright.
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), target[1])); err != nil && target[1] != "LICENSE" {
				t.Errorf("%s links %s, which is not installed", path, target[1])
			}
		}
		return err
	})
	if err != nil || n < 40 {
		t.Errorf("%d links in installed documents (%v)", n, err)
	}
}

func TestInstallAsksForWhatIsNotBuilt(t *testing.T) {
	need(t, "test", "make")
	out, err := run(project, nil, "make", "install", noGo, "PROGRAM=build/nothing", "DESTDIR="+t.TempDir())
	if err == nil || !strings.Contains(out, "no build/nothing to install: run make build first") {
		t.Errorf("it says %q (%v)", out, err)
	}
}

// Without setcap there is no PTP, the heart of the thing, whether or not
// recommended packages are taken.
func TestSetcapIsNoRecommendation(t *testing.T) {
	control := read(t, "debian/control")
	if !regexp.MustCompile(`(?m)^Depends: .*\blibcap2-bin\b`).MatchString(control) {
		t.Error("libcap2-bin is not among the package's Depends")
	}
}

// The package holds the code of others, each of whom its copyright names.
func TestCopyrightNamesEveryModule(t *testing.T) {
	var named []string
	for _, line := range regexp.MustCompile(`(?m)^Files: (.+)$`).FindAllStringSubmatch(read(t, "debian/copyright"), -1) {
		for _, pattern := range strings.Fields(line[1]) {
			named = append(named, strings.TrimSuffix(strings.TrimPrefix(pattern, "vendor/"), "*"))
		}
	}
	modules := strings.Fields(mustRun(t, project, nil, "go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}{{end}}{{end}}", "./cmd/aes67-sink"))
	if len(modules) < 5 {
		t.Fatalf("only %d packages of others", len(modules))
	}
	slices.Sort(modules)
	for _, module := range slices.Compact(modules) {
		if !slices.ContainsFunc(named, func(prefix string) bool { return prefix != "" && strings.HasPrefix(module+"/", prefix) }) {
			t.Errorf("debian/copyright does not name %s", module)
		}
	}
}
