package pulse

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"aes67-sink/aes67"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// needs skips the test if a program is missing.
func needs(t *testing.T, programs ...string) {
	t.Helper()
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed", program)
		}
	}
}

// lab is a private sound server.
type lab struct {
	t    *testing.T
	dir  string
	kind string
}

const script = "../test/lab/sound-server.sh"

// startLab starts a server of a kind, which ends with the test. settings are lines
// for PulseAudio's daemon.conf.
func startLab(t *testing.T, kind string, settings ...string) *lab {
	t.Helper()
	if testing.Short() {
		t.Skip("real servers are left out of short tests")
	}
	needs(t, "bash", "dbus-daemon", "pactl")
	if kind == "pipewire" {
		needs(t, "pipewire", "pipewire-pulse", "wireplumber")
	} else {
		needs(t, "pulseaudio")
	}
	// Short, because a socket's path has at most 107 bytes.
	dir, err := os.MkdirTemp("/tmp", "pulse")
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{t: t, dir: dir, kind: kind}
	t.Cleanup(func() {
		l.script("stop", dir)
		l.tellLogs()
		os.RemoveAll(dir)
	})
	config := filepath.Join(dir, "home/.config/pulse")
	if err := os.MkdirAll(config, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(config, "daemon.conf"), []byte(strings.Join(settings, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l.script("start", kind, dir)
	return l
}

// tellLogs shows the last that the servers have told, if the test failed or one crashed.
func (l *lab) tellLogs() {
	l.t.Helper()
	files, _ := filepath.Glob(filepath.Join(l.dir, "*.log"))
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err == nil && (l.t.Failed() || bytes.Contains(text, []byte("has crashed"))) {
			l.t.Logf("%s:\n%s", filepath.Base(file), text[max(0, len(text)-4000):])
		}
	}
}

func (l *lab) script(args ...string) {
	l.t.Helper()
	out, err := exec.Command(script, args...).CombinedOutput()
	if err != nil {
		log, _ := os.ReadFile(filepath.Join(l.dir, "server.log"))
		l.t.Fatalf("sound-server.sh %v: %v\n%s\n%s", args, err, out, log)
	}
}

// sh runs a command line as a client of the server and returns its output.
func (l *lab) sh(format string, args ...any) string {
	l.t.Helper()
	line := fmt.Sprintf(format, args...)
	out, err := exec.Command("bash", "-c", ". "+l.dir+"/env; "+line).CombinedOutput()
	if err != nil {
		l.t.Fatalf("%s: %v\n%s", line, err, out)
	}
	return strings.TrimSpace(string(out))
}

// kill ends the server as a crash does.
func (l *lab) kill() {
	l.t.Helper()
	l.script("kill", l.dir)
	l.script("down", l.dir)
}

// where is what a process of the server's user sees.
func (l *lab) where() surroundings {
	s := thisProcess()
	s.getenv = func(name string) string {
		return map[string]string{
			"HOME":               l.dir + "/home",
			"XDG_RUNTIME_DIR":    l.dir + "/run",
			"XDG_CONFIG_HOME":    l.dir + "/home/.config",
			"PULSE_RUNTIME_PATH": l.dir + "/run/pulse",
		}[name]
	}
	return s
}

func now() aes67.MonoTime {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		panic(err)
	}
	return aes67.MonoTime(ts.Nano())
}

// plainSink has the tests make the null sink alone on servers that can tell players the
// latency too.
var plainSink = flag.Bool("plain", false, "make the null sink alone")

func stereo() Config {
	var latency func() (time.Duration, bool)
	if !*plainSink {
		latency = func() (time.Duration, bool) { return 30 * time.Millisecond, true }
	}
	return Config{
		Latency: latency,
		SinkID:  "aes67", SinkName: "AES67 Speakers", Rate: 48000,
		Channels: []string{"front-left", "front-right"}, FirstVolumeDB: -40, Now: now,
		Volume: remembered(-40, 2), // a first volume takes longer to be confirmed
	}
}

func remembered(db float64, channels int) *store {
	return &store{v: uniform(LevelOf(db), channels, false), known: true}
}

// store is a VolumeStore in memory.
type store struct {
	mu    sync.Mutex
	v     Volume
	known bool
}

func (s *store) Load() (Volume, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.v, s.known
}

func (s *store) Save(v Volume) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.v, s.known = v, true
}

// recorder is a FrameHandler that keeps what comes.
type recorder struct {
	mu       sync.Mutex
	channels int
	samples  []float32
	sizes    []int
	stamps   []aes67.MonoTime

	row, last, inRows int // of counted
}

func (r *recorder) Frames(samples []float32, at aes67.MonoTime) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.samples = append(r.samples, samples...)
	r.sizes = append(r.sizes, len(samples)/r.channels)
	r.stamps = append(r.stamps, at)
}

// clear forgets what came until now.
func (r *recorder) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.samples, r.sizes, r.stamps = nil, nil, nil
}

// gap is the longest time between two messages.
func (r *recorder) gap() (longest time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := 1; i < len(r.stamps); i++ {
		longest = max(longest, r.stamps[i].Sub(r.stamps[i-1]))
	}
	return longest
}

// rise waits until a sound that begins is not faded in any more.
func (r *recorder) rise(t *testing.T, rate aes67.Hz) {
	t.Helper()
	r.clear()
	eventually(t, "the end of the rise", func() bool { _, n := r.peaks(); return n > int(aes67.FramesIn(fadeIn, rate)) })
}

// peaks returns the largest magnitude in each channel and how many frames came.
func (r *recorder) peaks() ([]float64, int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	peaks := make([]float64, r.channels)
	for i, sample := range r.samples {
		peaks[i%r.channels] = max(peaks[i%r.channels], float64(sample), -float64(sample))
	}
	return peaks, len(r.samples) / r.channels
}

// bridge is a running Sink.
type bridge struct {
	*Sink
	*recorder
	t    *testing.T
	end  context.CancelFunc
	done chan error
}

// run starts a sink; it ends with the test at the latest.
func (l *lab) run(cfg Config) *bridge {
	l.t.Helper()
	return l.runInto(cfg, &recorder{channels: len(cfg.Channels)})
}

// runInto is run with a handler of another kind.
func (l *lab) runInto(cfg Config, handler FrameHandler) *bridge {
	l.t.Helper()
	r, _ := handler.(*recorder)
	s := New(cfg, handler, testLog(l.t))
	s.where = l.where()
	ctx, cancel := context.WithCancel(context.Background())
	b := &bridge{Sink: s, recorder: r, t: l.t, end: cancel, done: make(chan error, 1)}
	go func() { b.done <- s.Run(ctx) }()
	l.t.Cleanup(func() { b.stop() })
	return b
}

// stop ends the sink in good order.
func (b *bridge) stop() {
	b.t.Helper()
	b.end()
	select {
	case err := <-b.done:
		if err != nil {
			b.t.Errorf("Run: %v", err)
		}
		b.done <- nil
	case <-time.After(15 * time.Second):
		b.t.Fatal("Run does not end")
	}
}

// await waits for a state.
func (b *bridge) await(what string, reached func(Status) bool) Status {
	b.t.Helper()
	deadline := time.After(time.Minute)
	for {
		status := b.Snapshot()
		if reached(status) {
			return status
		}
		select {
		case <-b.Changed():
		case <-deadline:
			b.t.Fatalf("waited for %s; status %+v", what, b.Snapshot())
		}
	}
}

func flowing(s Status) bool { return s.VolumeConfirmed && s.Flowing && s.State == StateRunning }

// eventually waits until a condition holds that no status tells.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	for !holds() {
		select {
		case <-time.After(5 * time.Millisecond):
		case <-deadline:
			t.Fatalf("waited for %s", what)
		}
	}
}

func testLog(t *testing.T) zerolog.Logger {
	t.Helper()
	return zerolog.New(zerolog.NewTestWriter(t))
}
