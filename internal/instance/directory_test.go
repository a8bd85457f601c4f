package instance

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDirectory(t *testing.T) {
	runtime := privateRuntime(t)
	if got, want := Directory(), filepath.Join(runtime, "aes67-sink"); got != want {
		t.Errorf("with XDG_RUNTIME_DIR: %s, want %s", got, want)
	}
	t.Run("others may look in", func(t *testing.T) {
		if err := os.Mkdir(Directory(), 0o755); err != nil {
			t.Fatal(err)
		}
		defer os.Remove(Directory())
		if _, err := MakeDirectory(); err == nil || !strings.Contains(err.Error(), "open to other users; remove it") {
			t.Errorf("got %v, want it refused", err)
		}
	})
	t.Run("a link to elsewhere", func(t *testing.T) {
		if err := os.Symlink(t.TempDir(), Directory()); err != nil {
			t.Fatal(err)
		}
		defer os.Remove(Directory())
		if _, err := MakeDirectory(); err == nil || !strings.Contains(err.Error(), "not a directory") {
			t.Errorf("got %v, want it refused", err)
		}
	})
	t.Run("XDG_RUNTIME_DIR is not there", func(t *testing.T) {
		missing := filepath.Join(t.TempDir(), "missing")
		t.Setenv("XDG_RUNTIME_DIR", missing)
		want := "XDG_RUNTIME_DIR: " + missing + ": no such file or directory; run the bridge in the user's own session"
		if _, err := MakeDirectory(); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	})
	t.Run("a relative XDG_RUNTIME_DIR does not count", func(t *testing.T) {
		t.Setenv("XDG_RUNTIME_DIR", "run")
		if got := Directory(); !filepath.IsAbs(got) {
			t.Errorf("got %s", got)
		}
	})
	t.Run("another user's XDG_RUNTIME_DIR", func(t *testing.T) {
		if os.Geteuid() != 0 {
			t.Skip("only root can give a directory away")
		}
		theirs := t.TempDir()
		if err := os.Chown(theirs, 12345, 12345); err != nil {
			t.Fatal(err)
		}
		t.Setenv("XDG_RUNTIME_DIR", theirs)
		if _, err := MakeDirectory(); err == nil || !strings.Contains(err.Error(), "belongs to another user") {
			t.Errorf("got %v, want it refused", err)
		}
	})
}
