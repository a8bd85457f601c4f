package e2e

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"aes67-sink/internal/lab"
)

// trixieTree is the Debian 13 tree that trixie.sh makes.
func trixieTree(t testing.TB) string {
	t.Helper()
	cache := os.Getenv("XDG_CACHE_HOME")
	if cache == "" {
		cache = "/var/tmp"
	}
	tree := filepath.Join(cache, "aes67-sink/trixie")
	if _, err := os.Stat(tree); err != nil {
		t.Skip("needs a Debian 13 tree for its PipeWire 1.4: say 'make lab-trixie'")
	}
	return tree
}

// startPipeWireReceiver runs PipeWire 1.4 as an AES67 receiver on the speaker's
// side: it makes a source of each session that it hears by SAP.
func startPipeWireReceiver(t testing.TB, w wire) *server {
	t.Helper()
	tree := trixieTree(t)
	s := newServer(t, "pipewire")
	s.env = append(s.env, "LAB_CHROOT="+tree)
	conf := filepath.Join(s.dir, "home/.config/pipewire/pipewire.conf.d")
	if err := os.MkdirAll(conf, 0o755); err != nil {
		t.Fatal(err)
	}
	// The latency must be above the recorder's quantum, or zeros come out.
	text := `context.modules = [ { name = libpipewire-module-rtp-sap
  args = {
    local.ifname = "eth0"  sap.ip = 239.255.255.255  sap.port = 9875  net.ttl = 15
    stream.rules = [ { matches = [ { rtp.session = "~.*" } ]
      actions = { create-stream = { sess.latency.msec = 50  media.class = "Audio/Source" } } } ]
  } } ]
`
	if err := os.WriteFile(filepath.Join(conf, "aes67.conf"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	mustOutput(t, s.env, w.in(speaker, "setsid", "--wait", script("sound-server.sh"), "start", "pipewire", s.dir)...)
	return s
}

// TestPipeWireReceiver lets PipeWire 1.4 find both streams by itself and play
// the right one of each.
func TestPipeWireReceiver(t *testing.T) {
	shared(t)
	w := newWire(t)
	receiver := startPipeWireReceiver(t, w)
	s := startServer(t, "pipewire")
	startGrandmaster(t, w, 0)
	desk := stationAt(w, s)
	desk.host = "lab-pc"
	b := desk.run("--set", inHand)
	b.loud(15 * time.Second)
	s.realtime()
	b.follows(15 * time.Second)
	s.play(makeTones(t, 2*time.Minute))
	b.playing(10 * time.Second)
	found := func(name string) bool { return slices.Contains(receiver.names("sources"), name) }
	for _, side := range sides {
		name := "lab-pc AES67 Speakers " + map[string]string{"left": "Left", "right": "Right"}[side.name]
		eventually(t, 15*time.Second, name+" is a source", func() bool { return found(name) })
		measured(t, func(t *attempt) {
			x := receiver.record(t, name, 6*time.Second)
			x = unbroken(x[len(x)/2:], side.hz) // it centres its buffer at first
			tone := lab.AnalyseTone(x, 48000, lab.ToneOptions{NearHz: side.hz, OtherHz: side.otherHz})
			figures.atMost(t, name+" level error", math.Abs(tone.ToneDBFS-toneDBFS), 1, "dB")
			figures.atMost(t, name+" crosstalk", tone.CrosstalkDB, -30, "dB")
		})
	}
	b.end()
	eventually(t, 5*time.Second, "the sources are gone", func() bool {
		return !found("lab-pc AES67 Speakers Left") && !found("lab-pc AES67 Speakers Right")
	})
}

// record records the first channel of a source. Two are asked for: of one,
// PipeWire gives half the level.
func (s *server) record(t testing.TB, source string, length time.Duration) []float64 {
	t.Helper()
	path := filepath.Join(tempDir(t, "parec"), "source.raw")
	const frame = 2 * 4
	p := start(t, "parec", s.env, "sh", "-c", `exec parec --device="$0" --format=float32le --rate=48000 --channels=2 --latency-msec=10 --raw >"$1"`, source, path)
	(&recorder{process: p, path: path}).grows(int64(length.Seconds()) * 48000 * frame)
	p.signal(syscall.SIGTERM)
	_ = p.wait(5 * time.Second)
	raw := must(os.ReadFile(path))
	x := make([]float64, len(raw)/frame)
	for i := range x {
		x[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(raw[i*frame:])))
	}
	return x
}
