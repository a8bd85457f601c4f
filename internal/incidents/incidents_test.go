package incidents

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aes67-sink/recorder"
)

// at is an incident at a minute after 20:00.
func at(minute int) *recorder.Kept {
	when := time.Date(2026, 11, 29, 20, minute, 3, 0, time.UTC)
	return &recorder.Kept{
		Incident: recorder.Incident{
			ID: when.Format("20060102-150405"), At: when, Cause: recorder.CauseTimer, Sentence: fmt.Sprintf("At %s it was late: why", when.Format(time.TimeOnly)),
			Bill: []recorder.Share{{Name: recorder.BillTimer, Percent: 100, MS: 2}}, Context: []string{"when       then", "state      sending"},
		},
		Records: make(recorder.Records, recorder.MostRecords),
	}
}

func TestTheNewestAreKept(t *testing.T) {
	s := In(filepath.Join(t.TempDir(), "state"))
	if all, err := s.List(); err != nil || len(all) != 0 {
		t.Errorf("before the first: %d, %v", len(all), err)
	}
	for minute := range 30 {
		if err := s.Save(at(minute)); err != nil {
			t.Fatal(err)
		}
	}
	all, err := s.List()
	if err != nil || len(all) != MostFiles || all[0].At.Minute() != 29 || all[MostFiles-1].At.Minute() != 10 {
		t.Errorf("%d, %v", len(all), err)
	}
	files, _ := os.ReadDir(s.Directory)
	var bytes int64
	for _, file := range files {
		info, _ := file.Info()
		bytes += info.Size()
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v", file.Name(), info.Mode())
		}
	}
	if len(files) != MostFiles || bytes > MostBytes {
		t.Errorf("%d files of %d bytes", len(files), bytes)
	}
}

func TestLargeFilesGoSooner(t *testing.T) {
	s := In(t.TempDir())
	for minute := range 10 {
		if err := s.Save(at(minute)); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(s.path(at(minute).ID), 2<<20); err != nil {
			t.Fatal(err)
		}
	}
	if files, err := os.ReadDir(s.Directory); err != nil || len(files) != 4 {
		t.Errorf("%d files of 2 MiB, %v; want 4", len(files), err)
	}
}

func TestAFullDiskStaysAsItIs(t *testing.T) {
	s := In(t.TempDir())
	const gb = 1 << 30
	for _, test := range []struct {
		free, size uint64
		kept       bool
	}{
		{100 << 20, 100 * gb, true},
		{50 << 20, 100 * gb, false},
		{3 << 20, 40 << 20, true}, // a small disk: a twentieth is 2 MB
		{2 << 20, 40 << 20, false},
	} {
		s.disk = func(string) (free, size uint64, err error) { return test.free, test.size, nil }
		if err := s.Save(at(1)); (err == nil) != test.kept {
			t.Errorf("%+v: %v", test, err)
		}
	}
	s.disk = func(string) (free, size uint64, err error) { return 0, 0, errors.New("no such disk") }
	if err := s.Save(at(2)); err == nil {
		t.Error("written to a disk that is not known")
	}
	if free, size, err := diskOf(s.Directory); err != nil || free > size || size == 0 {
		t.Errorf("%d of %d, %v", free, size, err)
	}
}

func TestWhatIsBrokenIsToldBesideTheRest(t *testing.T) {
	s := In(t.TempDir())
	for minute := range 3 {
		if err := s.Save(at(minute)); err != nil {
			t.Fatal(err)
		}
	}
	for name, content := range map[string]string{at(1).ID + ".json": "{", "notes.txt": "x", "x.json": "{}"} {
		if err := os.WriteFile(filepath.Join(s.Directory, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	all, err := s.List()
	if len(all) != 2 || err == nil || !strings.Contains(err.Error(), at(1).ID) || strings.Contains(err.Error(), "notes") {
		t.Errorf("%d, %v", len(all), err)
	}
}

func TestTimesChooseIncidents(t *testing.T) {
	all := []recorder.Kept{*at(15), *at(14), *at(4)}
	east := time.FixedZone("", 3600)
	for meant, want := range map[string]int{
		"21:14": 1, "21:14:03": 1, "21:": 3, "20:14": 0, "20261129-2014": 1, "2026": 3, "2026-11-29": 3, "2026-11-30": 0, "2026-11-29 21:14": 1, "2026-11-29T21:14:03": 1, "2026-11": 3, "2": 0, "": 0, "noon": 0,
	} {
		if got := When(all, meant, east); len(got) != want {
			t.Errorf("%q: %d, want %d", meant, len(got), want)
		}
	}
}

func TestWordsFitATerminal(t *testing.T) {
	i := at(14).Incident
	i.Sentence = strings.Repeat("very long words ", 20) + "\x1b[2J"
	i.Context[1] = "state      " + strings.Repeat("sending ", 20)
	got := Words(&i, 60)
	for line := range strings.Lines(got) {
		if len(strings.TrimRight(line, "\n")) > 60 || strings.Contains(line, "\x1b") {
			t.Errorf("%q", line)
		}
	}
	for _, want := range []string{"100.0 %        2.0 ms  timer\n", "  when       then\n", "  id         20261129-201403\n"[:13]} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
}
