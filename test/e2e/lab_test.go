package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// wire is a pair of network namespaces, joined (net.sh).
type wire struct{ prefix string }

const (
	pc      = "pc"      // where the bridge runs, 10.67.0.1
	speaker = "speaker" // where receivers and grandmasters run, 10.67.0.2
)

func newWire(t testing.TB, how ...string) wire {
	t.Helper()
	return newNetwork(t, "up", how...)
}

// newHub joins n machines by a switch; their sides are "1" to "n", 10.67.0.1
// to 10.67.0.n.
func newHub(t testing.TB, n int) wire {
	t.Helper()
	return newNetwork(t, "hub", strconv.Itoa(n))
}

func newNetwork(t testing.TB, verb string, how ...string) wire {
	t.Helper()
	needRoot(t)
	need(t, "ip", "nsenter")
	w := wire{uniqueName(strings.ToLower(strings.NewReplacer("/", "-", "Test", "").Replace(t.Name())))}
	mustOutput(t, nil, append([]string{script("net.sh"), verb, w.prefix}, how...)...)
	t.Cleanup(func() {
		if _, err := output(nil, script("net.sh"), "down", w.prefix); err != nil {
			t.Error(err)
		}
	})
	return w
}

// plug gives a wire that was made "bare" its interfaces.
func (w wire) plug(t testing.TB) {
	t.Helper()
	mustOutput(t, nil, script("net.sh"), "plug", w.prefix)
}

// in returns the command that runs another on one side of the wire.
func (w wire) in(side string, command ...string) []string {
	return append([]string{"nsenter", "--net=/run/netns/" + w.prefix + "-" + side, "--"}, command...)
}

// tempDir makes a folder for one purpose, with a path short enough for sockets.
func tempDir(t testing.TB, purpose string) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", uniqueName(purpose)+"-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// server is a private desktop sound server (sound-server.sh).
type server struct {
	t   testing.TB
	dir string
	env []string // what its clients need
	as  []string // how to become whom it belongs to; empty: as we are
}

var serverPrograms = map[string][]string{
	"pipewire":   {"pipewire", "wireplumber", "pipewire-pulse", "pactl", "dbus-daemon"},
	"pulseaudio": {"pulseaudio", "pactl", "dbus-daemon"},
}

func startServer(t testing.TB, kind string) *server {
	t.Helper()
	s := newServer(t, kind)
	s.do("start", kind)
	return s
}

// newServer prepares the folder and the clients' variables of a server that
// does not run yet.
func newServer(t testing.TB, kind string) *server {
	t.Helper()
	need(t, serverPrograms[kind]...)
	dir := tempDir(t, "snd")
	s := &server{t: t, dir: dir}
	run, home := filepath.Join(dir, "run"), filepath.Join(dir, "home")
	for _, private := range []string{run, home} {
		if err := os.MkdirAll(private, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	s.env = []string{
		"PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8", "HOME=" + home,
		"XDG_RUNTIME_DIR=" + run, "PULSE_RUNTIME_PATH=" + filepath.Join(run, "pulse"),
		"XDG_CONFIG_HOME=" + filepath.Join(home, ".config"), "XDG_STATE_HOME=" + filepath.Join(home, ".local/state"),
		"DBUS_SESSION_BUS_ADDRESS=unix:path=" + filepath.Join(run, "bus"),
	}
	t.Cleanup(func() {
		if _, err := os.Stat(filepath.Join(dir, "env")); err != nil {
			return // was never started
		}
		if _, err := output(s.env, s.by(script("sound-server.sh"), "stop", dir)...); err != nil {
			t.Error(err)
		}
		crashed := s.crashes() > 0
		if t.Failed() || crashed {
			log, _ := os.ReadFile(filepath.Join(dir, "server.log"))
			t.Logf("sound server: %s", tail(string(log), 10))
		}
		if a := attemptOf(t); a != nil {
			a.crashed = a.crashed || crashed
		}
	})
	return s
}

// do runs a verb of sound-server.sh.
func (s *server) do(verb string, arguments ...string) {
	s.t.Helper()
	// Without a session of its own the server would share the fate of ours.
	command := append([]string{"setsid", "--wait", script("sound-server.sh"), verb}, arguments...)
	mustOutput(s.t, s.env, s.by(append(command, s.dir)...)...)
	if verb == "start" || verb == "restart" || verb == "up" {
		for _, name := range []string{"server", "pipewire"} { // what sound goes through
			if _, err := os.Stat(filepath.Join(s.dir, name+".pid")); err == nil {
				watch.observe(s.t, s.pid(name))
			}
		}
	}
}

// by returns the command that runs another as the one it belongs to.
func (s *server) by(command ...string) []string {
	return append(s.as[:len(s.as):len(s.as)], command...)
}

// crashes is how often it has crashed by itself, and was begun anew (sound-server.sh, keep).
func (s *server) crashes() int {
	log, _ := os.ReadFile(filepath.Join(s.dir, "server.log"))
	return bytes.Count(log, []byte("has crashed"))
}

// kill ends the server as a crash does.
func (s *server) kill() {
	s.t.Helper()
	if err := syscall.Kill(s.pid("server"), syscall.SIGKILL); err != nil {
		s.t.Fatalf("sound server: %v", err)
	}
}

// realtime gives the data threads what rtkit gives on a desktop; they exist
// once a sink is there.
func (s *server) realtime() { s.t.Helper(); s.do("realtime") }

func (s *server) pactl(arguments ...string) string {
	s.t.Helper()
	return mustOutput(s.t, s.env, s.by(append([]string{"pactl"}, arguments...)...)...)
}

// sinks returns the names of the server's sinks.
func (s *server) sinks() []string { return s.names("sinks") }

func (s *server) names(kind string) []string {
	out, err := output(s.env, s.by("pactl", "list", "short", kind)...)
	if err != nil {
		return nil // no server at present
	}
	var names []string
	for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
		if fields := strings.Split(line, "\t"); len(fields) > 1 {
			names = append(names, fields[1])
		}
	}
	return names
}

// count tells how many of names are name.
func count(names []string, name string) int {
	n := 0
	for _, other := range names {
		if other == name {
			n++
		}
	}
	return n
}

// play plays a WAV file into the sink, beside the test.
func (s *server) play(wav string) *process {
	s.t.Helper()
	return start(s.t, "paplay", s.env, s.by("paplay", "--device=aes67", wav)...).onTheWay()
}

// startPTP4L serves CLOCK_REALTIME as a grandmaster; it needs some 7 s until it does.
func startPTP4L(t testing.TB, w wire, side string) *process {
	t.Helper()
	need(t, "ptp4l", "setpriv")
	return start(t, "ptp4l", nil, w.in(side, script("ptp4l.sh"), "master", "eth0", tempDir(t, "ptp"))...)
}

// window is how long a measurement lasts.
func window(short, long time.Duration) time.Duration {
	if full {
		return long
	}
	return short
}

// limit is what a figure is held to: one of a short measurement has more noise.
func limit(short, long float64) float64 {
	if full {
		return long
	}
	return short
}
