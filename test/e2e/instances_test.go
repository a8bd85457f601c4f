package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestTermKillTwoInstances ends bridges in every way and starts two at once:
// there is one sink while one runs, and none after a proper end.
func TestTermKillTwoInstances(t *testing.T) {
	shared(t)
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			w, s := newWire(t), startServer(t, kind)

			first := startBridge(t, w, s)
			first.loud(10 * time.Second)
			first.hasOneSink()

			t.Run("a second instance says so in one line and leaves the first alone", func(t *testing.T) {
				second := startBridge(t, w, s)
				if err := second.wait(10 * time.Second); exitCode(err) != 1 {
					t.Errorf("the second instance ended with %v, want exit code 1", err)
				}
				if lines := plainLines(second.output.String()); len(lines) != 1 {
					t.Errorf("the second instance printed %q, want one line", lines)
				}
				first.hasOneSink()
				if _, err := first.look(); err != nil {
					t.Errorf("the first instance no longer answers: %v", err)
				}
			})

			t.Run("SIGTERM leaves nothing", func(t *testing.T) {
				first.signal(syscall.SIGTERM)
				if err := first.wait(5 * time.Second); err != nil {
					t.Errorf("ended with %v, want exit code 0", err)
				}
				s.hasNothingOfOurs(t)
			})

			t.Run("SIGKILL and restart keep one sink and its volume", func(t *testing.T) {
				killed := startBridge(t, w, s)
				killed.reaches(10*time.Second, "the volume is remembered", func(r report) bool {
					return r.Sink.VolumeDB != nil && *r.Sink.VolumeDB == 0
				})
				killed.signal(syscall.SIGKILL)
				_ = killed.wait(5 * time.Second)

				again := startBridge(t, w, s)
				again.reaches(10*time.Second, "the volume is kept", func(r report) bool {
					return r.Sink.VolumeDB != nil && *r.Sink.VolumeDB == 0
				})
				again.hasOneSink()
				again.signal(syscall.SIGINT)
				if err := again.wait(5 * time.Second); err != nil {
					t.Errorf("ended with %v, want exit code 0", err)
				}
				s.hasNothingOfOurs(t)
			})

			t.Run("of two that start at once one runs", func(t *testing.T) {
				twins := []*bridge{startBridge(t, w, s), startBridge(t, w, s)}
				eventually(t, 10*time.Second, "one of two instances ends", func() bool {
					return twins[0].ended() || twins[1].ended()
				})
				loser, winner := twins[0], twins[1]
				if winner.ended() {
					loser, winner = winner, loser
				}
				if err := loser.wait(time.Second); exitCode(err) != 1 {
					t.Errorf("one ended with %v, want exit code 1", err)
				}
				if lines := plainLines(loser.output.String()); len(lines) != 1 {
					t.Errorf("it printed %q, want one line", lines)
				}
				winner.reaches(10*time.Second, "the other has a sink", func(r report) bool { return r.Sink.VolumeDB != nil })
				winner.hasOneSink()
				winner.signal(syscall.SIGTERM)
				if err := winner.wait(5 * time.Second); err != nil {
					t.Errorf("the other ended with %v, want exit code 0", err)
				}
				s.hasNothingOfOurs(t)
			})
		})
	}
}

// hasOneSink fails the test unless the server has just one sink of ours.
func (b *bridge) hasOneSink() {
	b.t.Helper()
	sinks := b.server.sinks()
	ours := 0
	for _, name := range sinks {
		if strings.HasPrefix(name, "aes67") { // PulseAudio calls a second one aes67.2
			ours++
		}
	}
	if ours != 1 || count(sinks, "aes67") != 1 {
		b.t.Errorf("the sinks are %q, want one aes67", sinks)
	}
}

// hasNothingOfOurs fails the test if a module, sink or socket was left.
func (s *server) hasNothingOfOurs(t testing.TB) {
	t.Helper()
	if sinks := s.sinks(); count(sinks, "aes67") != 0 {
		t.Errorf("the sinks are %q, want no aes67", sinks)
	}
	if modules := s.pactl("list", "short", "modules"); strings.Contains(modules, "sink_name=aes67") {
		t.Errorf("a module was left: %s", modules)
	}
	left, _ := filepath.Glob(filepath.Join(s.dir, "run/aes67-sink/*"))
	for _, path := range left {
		if info, err := os.Stat(path); err == nil && info.Mode()&os.ModeSocket != 0 {
			t.Errorf("the socket %s was left", path)
		}
	}
}

// plainLines returns what a program printed besides its log.
func plainLines(text string) []string {
	var lines []string
	for _, line := range strings.Split(text, "\n") {
		if line != "" && !strings.HasPrefix(line, "{") {
			lines = append(lines, line)
		}
	}
	return lines
}
