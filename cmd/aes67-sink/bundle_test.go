package main

import (
	"archive/zip"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// contents are what a bundle holds, by name.
func contents(t *testing.T, path string) map[string]string {
	t.Helper()
	z, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	all := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		all[f.Name] = string(text)
	}
	return all
}

func TestWithoutABridgeABundleTellsOfTheComputer(t *testing.T) {
	h := newHome(t)
	h.write(t, "config/aes67-sink/config.toml", "[stream]\nttl = 7\nname = \"at 10.9.8.7\"\n")
	want := "$ aes67-sink bundle --share b.zip\nb.zip\n[stderr]\naes67-sink: no bridge runs: the bundle tells of the computer alone\n[exit 0]\n"
	if got := h.transcript(t, "bundle", "--share", "b.zip"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	got := contents(t, h.path("b.zip"))
	for name, part := range map[string]string{
		"doctor.txt": "✗ Bridge: no aes67-sink of this user is running", "doctor.json": `"well": false`, "config.toml": "ttl = 7", "version.txt": "aes67-sink devel", "interfaces.txt": "lo: ", "kernel.txt": "Linux host-",
		"errors.txt": "bridge: no aes67-sink of this user is running\n",
	} {
		if !strings.Contains(got[name], part) {
			t.Errorf("%s: no %q in %q", name, part, got[name])
		}
	}
	if !strings.Contains(got["config.toml"], "at 192.0.2.") {
		t.Errorf("an address is told: %q", got["config.toml"])
	}
	for _, name := range []string{"log.txt", "incidents.json"} { // may name others
		if _, there := got[name]; there || !strings.Contains(got["errors.txt"], name+": left out of ") {
			t.Errorf("%s is told: %q", name, got["errors.txt"])
		}
	}
	info, err := os.Stat(h.path("b.zip"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
	}
	again := h.transcript(t, "bundle", "b.zip")
	if !strings.Contains(again, "aes67-sink: bundle: b.zip is there already; give another name\n[exit 1]") {
		t.Errorf("a file that was there: %s", again)
	}
}

func TestABundleIsTheBridgesOwn(t *testing.T) {
	h := newHome(t)
	h.playing(t, "sending")
	for _, arguments := range [][]string{{"bundle", "a.zip"}, {"bundle", "--share", "b.zip"}} {
		if got := h.transcript(t, arguments...); !strings.HasSuffix(got, ".zip\n[exit 0]\n") {
			t.Errorf("got %s", got)
		}
	}
	for path, want := range map[string]string{"a.zip": "a bundle", "b.zip": "one to share"} {
		if text, err := os.ReadFile(h.path(path)); string(text) != want {
			t.Errorf("%s: %q, %v; want %q", path, text, err, want)
		}
	}
}

func TestABridgeThatFailsIsNoEnd(t *testing.T) {
	h := newHome(t)
	h.playing(t, "waiting")
	got := h.transcript(t, "bundle", "b.zip")
	if !strings.Contains(got, "the bundle tells of the computer alone: control socket ") || !strings.HasSuffix(got, "[exit 0]\n") {
		t.Errorf("got %s", got)
	}
	if errs := contents(t, h.path("b.zip"))["errors.txt"]; !strings.Contains(errs, "500 Internal Server Error: no bundle today") {
		t.Errorf("errors %q", errs)
	}
}

func TestTheUsualNameOfABundle(t *testing.T) {
	h := newHome(t)
	for _, arguments := range [][]string{{"bundle"}, {"bundle", "--share"}} {
		h.transcript(t, arguments...)
	}
	files, err := filepath.Glob(h.path("*.zip"))
	if err != nil || len(files) != 2 {
		t.Fatal(files, err)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	date := `[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{6}\.zip$`
	for _, form := range []string{"^aes67-sink-" + date, "^aes67-sink-" + regexp.QuoteMeta(fileName(host)) + "-" + date} {
		if !slices.ContainsFunc(files, func(path string) bool { return regexp.MustCompile(form).MatchString(filepath.Base(path)) }) {
			t.Errorf("none of %v is like %s", files, form)
		}
	}
}

func TestABundleThatCannotBeWrittenSaysWhy(t *testing.T) {
	got := newHome(t).transcript(t, "bundle", "/proc/nowhere/b.zip")
	if !strings.Contains(got, "give the name of a file in a directory that can be written\n[exit 1]") {
		t.Errorf("got %s", got)
	}
}

// Bundle of a played bridge.
func (p picture) Bundle(_ context.Context, w io.Writer) error {
	if p.sessions == nil {
		return errors.New("no bundle today")
	}
	_, err := io.WriteString(w, "a bundle")
	return err
}

func (p picture) SharedBundle(_ context.Context, w io.Writer) error {
	_, err := io.WriteString(w, "one to share")
	return err
}
