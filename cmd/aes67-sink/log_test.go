package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"
)

func TestLogToAFileIsJSONOfTheLevelAskedFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	t.Setenv("JOURNAL_STREAM", "1:2") // somebody else's
	log, err := newLogger("info", file)
	if err != nil {
		t.Fatal(err)
	}
	log.Debug().Msg("unimportant")
	log.Info().Int64("offset_ns", -120).Msg("clock locked")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var entry struct {
		Level, Message, Time string
		OffsetNS             int64 `json:"offset_ns"`
	}
	if err := json.Unmarshal(text, &entry); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if entry.Level != "info" || entry.Message != "clock locked" || entry.OffsetNS != -120 || len(entry.Time) < len("2026-01-01T00:00:00.000Z") {
		t.Errorf("got %s", text)
	}
}

func TestEveryLevelOfTheConfigurationIsKnown(t *testing.T) {
	for _, level := range []string{"trace", "debug", "info", "warn", "error"} {
		if _, err := newLogger(level, os.Stderr); err != nil || zerolog.GlobalLevel().String() != level {
			t.Errorf("%s: %v, %v", level, zerolog.GlobalLevel(), err)
		}
	}
}

func TestTheJournalIsKnownByItsFile(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "journal"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var stat unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &stat); err != nil {
		t.Fatal(err)
	}
	if own := fmt.Sprintf("%d:%d", stat.Dev, stat.Ino); !isJournal(file, own) {
		t.Errorf("%s is not taken for the journal", own)
	}
	for _, other := range []string{"", "x", fmt.Sprintf("%d:%d", stat.Dev, stat.Ino+1)} {
		if isJournal(file, other) {
			t.Errorf("%q is taken for the journal", other)
		}
	}
	if isTerminal(file) {
		t.Error("a file is taken for a terminal")
	}
}

// memory is a writer for two goroutines.
type memory struct {
	mu   sync.Mutex
	text strings.Builder
}

func (m *memory) Write(b []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.text.Write(b)
}

func (m *memory) String() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.text.String()
}

func TestQuitDumpsStacksAndGoesOn(t *testing.T) {
	var w memory
	stop := dumpOnQuit(&w)
	for n := 1; n <= 2; n++ {
		if err := unix.Kill(os.Getpid(), unix.SIGQUIT); err != nil {
			t.Fatal(err)
		}
		eventually(t, "all stacks are written", func() bool {
			return strings.Count(w.String(), "TestQuitDumpsStacksAndGoesOn") >= n
		})
	}
	stop()
}
