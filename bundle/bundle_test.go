package bundle

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"aes67-sink/internal/redact"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// files are what a zip holds, by name.
func files(t *testing.T, zipped []byte) map[string]string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(zipped), int64(len(zipped)))
	if err != nil {
		t.Fatal(err)
	}
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

func says(name, text string) Part {
	return Now(name, func() ([]byte, error) { return []byte(text), nil })
}

func TestAPartThatFailsIsALineAndNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		forever := make(chan struct{})
		defer close(forever)
		parts := []Part{
			says("well.txt", "well"),
			Now("half.txt", func() ([]byte, error) { return []byte("half"), errors.New("the rest\nis missing") }),
			Now("none.txt", func() ([]byte, error) { return nil, errors.New("not there") }),
			Now("broken.txt", func() ([]byte, error) { panic("a crash") }),
			{Name: "slow.txt", Make: func(ctx context.Context) ([]byte, error) { <-ctx.Done(); return nil, ctx.Err() }},
			{Name: "deaf.txt", Within: time.Second, Make: func(context.Context) ([]byte, error) { <-forever; return nil, nil }},
			{Name: "long.txt", Within: 9 * time.Second, Make: func(context.Context) ([]byte, error) {
				time.Sleep(8 * time.Second)
				return []byte("at last"), nil
			}},
			Now("huge.txt", func() ([]byte, error) { return make([]byte, mostBytes+1), nil }),
		}
		var zipped bytes.Buffer
		began := time.Now()
		if err := Write(t.Context(), &zipped, began, parts, nil); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took != 8*time.Second {
			t.Errorf("took %v, want as long as the slowest part, 8 s", took)
		}
		got := files(t, zipped.Bytes())
		if len(got["huge.txt"]) != mostBytes {
			t.Errorf("%d bytes are kept, want %d", len(got["huge.txt"]), mostBytes)
		}
		delete(got, "huge.txt")
		lines := strings.Split(strings.TrimSpace(got[errorsName]), "\n")
		delete(got, errorsName)
		if diff := cmp.Diff(map[string]string{"well.txt": "well", "half.txt": "half", "long.txt": "at last"}, got); diff != "" {
			t.Errorf("parts (-want +got):\n%s", diff)
		}
		want := []string{
			"half.txt: the rest; is missing", "none.txt: not there", "broken.txt: internal error: a crash", "slow.txt: ",
			"deaf.txt: not ready within 1s", fmt.Sprintf("huge.txt: %d bytes, of which %d are kept", mostBytes+1, mostBytes),
		}
		if len(lines) != len(want) {
			t.Fatalf("%d lines, want %d: %q", len(lines), len(want), lines)
		}
		for i, begin := range want {
			if !strings.HasPrefix(lines[i], begin) {
				t.Errorf("line %q, want %q", lines[i], begin)
			}
		}
	})
}

func TestNamesAreReplacedInEveryPart(t *testing.T) {
	var zipped bytes.Buffer
	shared := redact.New(redact.Known{Hosts: []string{"studio-pc"}})
	parts := []Part{says("a.txt", "studio-pc at 10.0.0.1"), Now("b.txt", func() ([]byte, error) {
		return []byte("10.0.0.1"), errors.New("studio-pc is ill")
	})}
	if err := Write(t.Context(), &zipped, time.Time{}, parts, shared); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"a.txt": "host-1 at 192.0.2.1", "b.txt": "192.0.2.1", errorsName: "b.txt: host-1 is ill\n"}
	if diff := cmp.Diff(want, files(t, zipped.Bytes())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// full takes no more.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestWhatCannotBeWrittenIsAnError(t *testing.T) {
	if err := Write(t.Context(), full{}, time.Time{}, []Part{says("a.txt", "a")}, nil); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("got %v, want %v", err, io.ErrShortWrite)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Write(ctx, io.Discard, time.Time{}, nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

func TestTheLastLinesAreKept(t *testing.T) {
	l := NewLines(func() time.Time { return time.Date(2026, 11, 29, 10, 36, 19, 5e6, time.FixedZone("", 3600)) })
	if got := l.Text(); len(got) != 0 {
		t.Errorf("%q before anything was written", got)
	}
	for i := range keptLines + 3 {
		fmt.Fprintf(l, "line %d\n", i)
	}
	lines := strings.Split(strings.TrimSpace(string(l.Text())), "\n")
	if len(lines) != keptLines || lines[0] != "2026-11-29T09:36:19.005Z line 3" || !strings.HasSuffix(lines[keptLines-1], fmt.Sprintf("line %d", keptLines+2)) {
		t.Errorf("%d lines from %q to %q", len(lines), lines[0], lines[len(lines)-1])
	}
	if n, err := l.Write(make([]byte, 1<<20)); n != 1<<20 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if got := len(l.Text()); got > keptLines*50+lineBytes+50 {
		t.Errorf("%d bytes are kept", got)
	}
}

func TestTheMachineIsTold(t *testing.T) {
	var zipped bytes.Buffer
	if err := Write(t.Context(), &zipped, time.Time{}, Machine("1.2.3"), nil); err != nil {
		t.Fatal(err)
	}
	got := files(t, zipped.Bytes())
	for name, part := range map[string]string{
		"version.txt": "aes67-sink 1.2.3, go1.", "kernel.txt": "Linux ", "interfaces.txt": "lo: ", "goroutines.txt": "goroutine profile", "process.txt": "Threads:",
	} {
		if !strings.Contains(got[name], part) {
			t.Errorf("%s: no %q in %q; %s", name, part, got[name], got[errorsName])
		}
	}
}

// TestNothingOfThisMachineSurvives takes the computer that it runs on.
func TestNothingOfThisMachineSurvives(t *testing.T) {
	var zipped bytes.Buffer
	known := Secrets()
	if err := Write(t.Context(), &zipped, time.Time{}, Machine("1.2.3"), redact.New(known)); err != nil {
		t.Fatal(err)
	}
	got := files(t, zipped.Bytes())
	if len(known.Hosts) == 0 {
		t.Fatalf("not even the host is known: %+v", known)
	}
	kernel := strings.Fields(got["kernel.txt"])
	if len(kernel) < 2 || !strings.HasPrefix(kernel[1], "host-") {
		t.Errorf("the kernel's name of the host is in %q", kernel)
	}
	for name, text := range got {
		for _, device := range known.Devices {
			if len(device) == 12 && strings.Trim(device, "0") != "" && strings.Contains(text, device[:2]+":"+device[2:4]+":"+device[4:6]+":"+device[6:8]) {
				t.Errorf("%s tells of the card %s", name, device)
			}
		}
	}
}
