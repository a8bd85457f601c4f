package state

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

type record struct {
	Levels []uint32 `json:"levels"`
}

func TestWhatIsSavedIsLoaded(t *testing.T) {
	f := File[record]{filepath.Join(t.TempDir(), "state", "aes67-sink", "volume.json")}
	if _, err := f.Load(); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("before the first run: %v", err)
	}
	for _, level := range []uint32{7, 8} {
		if err := f.Save(record{[]uint32{level}}); err != nil {
			t.Fatal(err)
		}
		if got, err := f.Load(); err != nil || len(got.Levels) != 1 || got.Levels[0] != level {
			t.Errorf("loaded %+v, %v", got, err)
		}
	}
	if entries, err := os.ReadDir(filepath.Dir(f.Path)); err != nil || len(entries) != 1 {
		t.Errorf("the directory holds %v, %v; want the one file", entries, err)
	}
	if info, err := os.Stat(f.Path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestWhatIsNoStateIsAnError(t *testing.T) {
	for name, text := range map[string]string{
		"nothing": "", "cut off": `{"levels": [1`, "another type": `{"levels": "loud"}`, "out of range": `{"levels": [-1]}`,
		"too long": `{"levels": [1], "x": "` + strings.Repeat("x", maxSize) + `"}`,
	} {
		f := File[record]{filepath.Join(t.TempDir(), "x.json")}
		if err := os.WriteFile(f.Path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := f.Load(); err == nil || got.Levels != nil {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	directory := t.TempDir()
	link, pipe := filepath.Join(directory, "link"), filepath.Join(directory, "pipe")
	if err := errors.Join(os.Symlink("/etc/hostname", link), syscall.Mkfifo(pipe, 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{directory, link, pipe} {
		if _, err := (File[record]{path}).Load(); err == nil || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is read: %v", path, err)
		}
	}
}

func TestAFileOfSomebodyElseIsNotBelieved(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a file away")
	}
	f := File[record]{filepath.Join(t.TempDir(), "x.json")}
	if err := f.Save(record{[]uint32{1}}); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(f.Path, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	if got, err := f.Load(); err == nil || got.Levels != nil {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestAKeeperWritesTheLatest(t *testing.T) {
	fail := func(err error) { t.Error(err) }
	k := NewKeeper[record](filepath.Join(t.TempDir(), "x.json"), fail)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- k.Run(ctx) }()
	for level := range uint32(100) {
		k.Save(record{[]uint32{level}})
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	k.Save(record{[]uint32{100}}) // after the end, by one that ends later
	k.Flush()
	if got, err := k.Load(); err != nil || len(got.Levels) != 1 || got.Levels[0] != 100 {
		t.Errorf("kept %+v, %v; want the latest", got, err)
	}
}

func TestWhatCannotBeWrittenIsTold(t *testing.T) {
	file := filepath.Join(t.TempDir(), "in the way")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var told error
	k := NewKeeper[record](filepath.Join(file, "x.json"), func(err error) { told = err })
	k.Flush()
	if told != nil {
		t.Error("nothing to write, and yet", told)
	}
	k.Save(record{})
	k.Flush()
	if told == nil {
		t.Error("a directory that cannot be made is not told of")
	}
}

// What could not be written is written when it can be, by itself and at the end.
func TestWhatCouldNotBeWrittenIsWrittenLater(t *testing.T) {
	for _, itself := range []bool{true, false} {
		directory := filepath.Join(t.TempDir(), "away")
		if err := os.WriteFile(directory, nil, 0o600); err != nil { // where a directory is to be
			t.Fatal(err)
		}
		failed := make(chan error, 100)
		k := NewKeeper[record](filepath.Join(directory, "x.json"), func(err error) { failed <- err })
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { _ = k.Run(ctx); close(done) }()
		k.Save(record{[]uint32{7}})
		if err := <-failed; err == nil {
			t.Error("failed without an error")
		}
		if err := os.Remove(directory); err != nil {
			t.Fatal(err)
		}
		for start := time.Now(); itself && time.Since(start) < 20*time.Second; time.Sleep(10 * time.Millisecond) {
			if _, err := k.Load(); err == nil {
				break
			}
		}
		stop()
		<-done
		if !itself && !k.Flush() {
			t.Error("the end writes nothing")
		}
		if got, err := k.Load(); err != nil || len(got.Levels) != 1 || got.Levels[0] != 7 {
			t.Errorf("by itself %v: %v, %v", itself, got, err)
		}
	}
}
