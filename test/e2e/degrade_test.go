package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aes67-sink/health"
)

// silenceOfMasters is how long a bridge listens for a master before it serves
// itself: an announce timeout of 6 s, with room for starting up.
const silenceOfMasters = 15 * time.Second

// TestDegradesAndRecovers starts the bridge where something is missing: it
// says so in one line and goes on by itself when the thing appears.
func TestDegradesAndRecovers(t *testing.T) {
	t.Parallel() // at the end, beside others that measure no instants
	t.Run("no sound server yet", func(t *testing.T) {
		w, s := newWire(t), newServer(t, "pipewire")
		b := startBridge(t, w, s)
		b.reaches(10*time.Second, "it waits for the sound server", func(r report) bool {
			return r.State == "waiting-sound-server" && r.Problem != ""
		})
		s.do("start", "pipewire")
		b.loud(10 * time.Second)
		// On a network without a sign of AES67 it waits for somebody to play.
		b.reaches(silenceOfMasters, "it keeps quiet on a network that shows no AES67", func(r report) bool { return r.State == "idle" })
		s.play(makeTones(t, 30*time.Second))
		b.sends(silenceOfMasters)
	})

	t.Run("no network interface yet", func(t *testing.T) {
		w, s := newWire(t, "bare"), startServer(t, "pulseaudio")
		b := startBridge(t, w, s, "--set", "network.interface=eth0")
		r := b.reaches(10*time.Second, "it waits for the network", func(r report) bool {
			return r.State == "waiting-network" && r.Problem != "" && r.Status.Overall == health.Unhealthy
		})
		ill := r.Problems[0]
		if ill.Code == health.Unknown || ill.Sentence != r.Problem {
			t.Errorf("the problem %q is told as %+v", r.Problem, ill)
		}
		if s.hasSink(t) != 1 {
			t.Error("the sink is not there while the network is missing")
		}
		w.plug(t)
		b.sends(silenceOfMasters)
		b.reaches(10*time.Second, "all is well", func(r report) bool {
			return r.well() && (r.Problem != "" || r.Status.Overall == health.Healthy) // the machine's
		})
		for _, message := range []string{"ill", "mended"} {
			told := 0
			for line := range strings.Lines(b.output.String()) {
				if strings.Contains(line, `"code":"`+string(ill.Code)+`"`) && strings.Contains(line, `"message":"`+message+`"`) {
					told++
				}
			}
			if told != 1 {
				t.Errorf("that %s is %s has %d lines in the log, want one", ill.Code, message, told)
			}
		}
	})

	t.Run("no permission for ports 319 and 320", func(t *testing.T) {
		w, s := newWire(t), startUnprivileged(t, "pulseaudio")
		b := startBridge(t, w, s, "--set", "network.interface=eth0")
		r := b.sends(10 * time.Second)
		if r.Clock.Role != "none" {
			t.Errorf("clock.role is %q, want none", r.Clock.Role)
		}
		if !strings.Contains(r.Problem, "setcap") {
			t.Errorf("the problem is %q, want the remedy: setcap", r.Problem)
		}
		warnings := 0
		for _, line := range strings.Split(b.output.String(), "\n") {
			if strings.Contains(line, `"level":"warn"`) && strings.Contains(line, "setcap") {
				warnings++
			}
		}
		if warnings != 1 {
			t.Errorf("%d warnings name the remedy, want one", warnings)
		}
		text := string(must(os.ReadFile(b.descriptions()[0])))
		for _, line := range []string{"a=ts-refclk:localmac=", "a=mediaclk:sender"} {
			if !strings.Contains(text, line) {
				t.Errorf("the description has no %s:\n%s", line, text)
			}
		}
	})
}

// hasSink tells how many sinks named aes67 there are, waiting for the first.
func (s *server) hasSink(t testing.TB) int {
	t.Helper()
	eventually(t, 10*time.Second, "the sink is there", func() bool { return count(s.sinks(), "aes67") > 0 })
	return count(s.sinks(), "aes67")
}

// asNobody runs a program without any privilege.
var asNobody = []string{
	"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all", "--",
}

// startUnprivileged starts a sound server that belongs to nobody, with all its folders.
func startUnprivileged(t testing.TB, kind string) *server {
	t.Helper()
	return startFor(t, kind, 65534, asNobody)
}

// startFor starts a sound server that belongs to a user, with all its folders.
func startFor(t testing.TB, kind string, user int, as []string) *server {
	t.Helper()
	needRoot(t)
	need(t, "setpriv")
	s := newServer(t, kind)
	s.as = as
	err := filepath.WalkDir(s.dir, func(path string, _ os.DirEntry, _ error) error { return os.Chown(path, user, user) })
	if err != nil {
		t.Fatal(err)
	}
	s.do("start", kind)
	return s
}
