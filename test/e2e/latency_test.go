package e2e

import (
	"fmt"
	"math"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/internal/lab"
	"aes67-sink/internal/rtthread"
)

// bench asks for the measurements beside other programs.
var bench = os.Getenv("LAB_BENCH") == "1"

const (
	// playersBuffer is what the program that plays keeps in the server's queue,
	// beside either sender.
	playersBuffer = 20 * time.Millisecond
	// latencyRatio is how much later than PipeWire's own sender the bridge may be,
	// latencyRatioStill where the machine itself stands still for more than
	// standstill oftener than once a minute.
	latencyRatio      = 1.25
	latencyRatioStill = 1.5
)

// way is one measurement of the way from a program's write to the wire.
type way struct {
	wire, monitor []float64 // ms from each write to the wire, and to the monitor's recorder
	lost          int       // marks that were written and never came
	underruns     int       // by status
	claim         latency   // by status, the median of each
	quantum       string    // of the sink's graph, as pw-top shows it
	standstills   int
	length        time.Duration
	buffers       []float64 // status latency_ms.buffer, each half second
}

// TestLatencyBesidePipeWire measures how long sound takes from a program's write
// to the wire, through PipeWire 1.4's own RTP sender and through the bridge, in
// turn, with everything else alike.
func TestLatencyBesidePipeWire(t *testing.T) {
	if !bench {
		t.Skip("takes 8 minutes: said by 'make bench-latency'")
	}
	length := window(30*time.Second, 10*time.Minute)
	var rows [][]string
	for _, c := range []struct {
		name    string
		quantum int // 0: the graph's own choice
		busy    bool
	}{
		{"quantum 256, idle", 256, false},
		{"default quantum, idle", 0, false},
		{"quantum 256, two busy loops", 256, true},
		{"default quantum, two busy loops", 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			measured(t, func(t *attempt) {
				theirs := measureWay(t, startPipeWireSender, c.quantum, c.busy, length)
				ours := measureWay(t, startBridgeSender, c.quantum, c.busy, length)
				ratio, most := median(ours.wire)/median(theirs.wire), latencyRatio
				still := theirs.standstills + ours.standstills
				if float64(still) > (2 * length).Minutes() {
					most = latencyRatioStill
				}
				figures.atMost(t, "write to wire, of PipeWire's", ratio, most, "")
				allowed := still
				if c.busy {
					allowed = max(allowed, 1)
				}
				figures.atMost(t, "underruns in "+length.String(), float64(ours.underruns), float64(allowed), "")
				// What the bridge has to answer for: behind the monitor.
				behind := median(ours.wire) - median(ours.monitor)
				figures.atMost(t, "claim of status against the way behind the monitor", math.Abs(ours.claim.Total-behind), 1, "ms")
				figures.atMost(t, "marks lost", float64(ours.lost), 0, "")
				rows = append(rows, []string{
					c.name, theirs.quantum + "/" + ours.quantum,
					spread(theirs.wire), spread(ours.wire), fmt.Sprintf("%.2f", ratio), fmt.Sprintf("%.2f", most),
					strconv.Itoa(ours.underruns), strconv.Itoa(still),
					spread(ours.monitor), fmt.Sprintf("%.1f", median(ours.wire)-playersBuffer.Seconds()*1e3), fmt.Sprintf("%.1f", behind),
					fmt.Sprintf("%.1f = %.1f + %.1f + %.1f", ours.claim.Total, ours.claim.Buffer, ours.claim.Resampler, ours.claim.Packet),
					fmt.Sprintf("%.1f-%.1f", slices.Min(ours.buffers), slices.Max(ours.buffers)),
				})
			})
		})
	}
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "case\tquantum\tPipeWire ms\tbridge ms\tratio\tlimit\tunderruns\tstandstills\twrite to monitor\tless player's 20\tmonitor to wire\tclaimed = buffer + resampler + packet\tbuffer")
	for _, row := range rows {
		fmt.Fprintln(table, strings.Join(row, "\t"))
	}
	_ = table.Flush()
	t.Logf("write to wire, median (p99) in ms of marks over %v:\n%s", length, text.String())
}

// sender is what the marks are played through.
type sender struct {
	*server
	subscription lab.Subscription
	bridge       *bridge // nil: PipeWire's own
}

// measureWay plays marks through a sender and follows each.
func measureWay(t *attempt, begin func(testing.TB, wire) sender, quantum int, busy bool, length time.Duration) (m way) {
	ended := partOf(t)
	defer ended.cleanUp() // the next sender has the machine to itself
	w := newWire(ended)
	s := begin(ended, w)
	if quantum > 0 {
		s.forceQuantum(quantum)
	}
	s.realtime()
	if busy {
		for range runtime.NumCPU() {
			start(ended, "busy loop", nil, "/bin/sh", "-c", "while :; do :; done")
		}
	}
	l := listenMarks(ended, w, s.subscription)
	player := start(ended, "player", s.env, labtool, "marks", "-latency", playersBuffer.String())
	var monitor *markRecorder
	if s.bridge != nil {
		monitor = recordMarks(ended, s.server)
	}
	eventually(ended, 20*time.Second, "marks come", func() bool { return len(l.Marks()) > 0 })
	s.realtime()
	settle := window(5*time.Second, 20*time.Second)
	l.lasts(ended, settle)
	from, before := rtthread.Now(), report{}
	if s.bridge != nil {
		before = s.bridge.sends(5 * time.Second)
	}
	var claims []latency
	for end := time.Now().Add(length); time.Now().Before(end); time.Sleep(500 * time.Millisecond) {
		if s.bridge == nil {
			continue
		}
		if r, err := s.bridge.look(); err == nil && r.LatencyMS != nil {
			claims = append(claims, *r.LatencyMS)
			m.buffers = append(m.buffers, r.LatencyMS.Buffer)
		}
	}
	m.quantum, m.standstills, m.length = s.quantum(), watch.count(from), length
	if s.bridge != nil {
		after := s.bridge.sends(5 * time.Second)
		m.underruns = after.Drift.Underruns - before.Drift.Underruns
		m.claim = medianLatency(claims)
	}
	written := writtenMarks(player.output.String())
	m.wire, m.lost = follow(written, l.Marks(), from)
	if monitor != nil {
		m.monitor, _ = follow(written, monitor.Marks(), from)
	}
	if len(m.wire) < int(length.Seconds()*3) {
		t.Fatalf("%d marks came in %v, %d did not", len(m.wire), length, m.lost)
	}
	return m
}

// written is a mark and when the program wrote it.
type written struct {
	mark  int
	at    aes67.MonoTime
	ahead int64 // ns until it is heard, as the server told; 0: not asked
}

// writtenMarks reads what "labtool marks" printed.
func writtenMarks(text string) (all []written) {
	for line := range strings.Lines(text) {
		var w written
		if _, err := fmt.Sscan(line, &w.mark, &w.at, &w.ahead); err == nil && strings.HasSuffix(line, "\n") {
			all = append(all, w)
		}
	}
	return all
}

// follow pairs the marks written since an instant with those that came and
// returns the time each took, in ms; the last ones may be on their way yet.
func follow(all []written, came []lab.Mark, since aes67.MonoTime) (took []float64, lost int) {
	const most = 380 * time.Millisecond // marks of one sign are 400 ms apart
	for _, w := range all {
		if w.at < since || len(came) == 0 || w.at.Add(most) > came[len(came)-1].At {
			continue
		}
		at := slices.IndexFunc(came, func(m lab.Mark) bool {
			return m.Negative == (w.mark%2 == 1) && m.At > w.at && m.At.Sub(w.at) < most
		})
		if at < 0 {
			lost++
			continue
		}
		took = append(took, came[at].At.Sub(w.at).Seconds()*1e3)
	}
	return took, lost
}

func median(x []float64) float64 { return quantile(x, 0.5) }

// quantile of no values is not a number.
func quantile(x []float64, share float64) float64 {
	if len(x) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(x))
	return sorted[min(len(sorted)-1, int(share*float64(len(sorted))))]
}

func spread(x []float64) string { return fmt.Sprintf("%.1f (%.1f)", median(x), quantile(x, 0.99)) }

func medianLatency(all []latency) latency {
	of := func(part func(latency) float64) float64 {
		var x []float64
		for _, l := range all {
			x = append(x, part(l))
		}
		return median(x)
	}
	return latency{
		of(func(l latency) float64 { return l.Buffer }), of(func(l latency) float64 { return l.Resampler }),
		of(func(l latency) float64 { return l.Packet }), of(func(l latency) float64 { return l.Total }),
		of(func(l latency) float64 { return l.Receiver }),
	}
}

// forceQuantum sets the length of PipeWire's graph cycle in frames; 0 leaves it
// to PipeWire.
func (s *server) forceQuantum(frames int) {
	s.t.Helper()
	mustOutput(s.t, s.env, s.by("pw-metadata", "-n", "settings", "0", "clock.force-quantum", strconv.Itoa(frames))...)
}

// quantum is the graph cycle of the node that drives the sink, by pw-top.
func (s *server) quantum() string {
	out, err := output(s.env, s.by(script("sound-server.sh"), "client", s.dir, "pw-top", "--batch-mode", "--iterations=2")...)
	if err != nil {
		return "?"
	}
	driver := "?"
	for line := range strings.Lines(out) { // S ID QUANT RATE WAIT BUSY W/Q B/Q ERR [FORMAT] NAME; followers are indented by "+"
		if f := strings.Fields(line); len(f) > 4 && f[0] == "R" && f[2] != "0" && !slices.Contains(f, "+") {
			driver = f[2]
		}
	}
	return driver
}

// startNewPipeWire runs PipeWire 1.4 of the Debian 13 tree on the pc's side of a
// wire, with a piece of configuration.
func startNewPipeWire(t testing.TB, w wire, configuration string) *server {
	t.Helper()
	s := newServer(t, "pipewire")
	s.env = append(s.env, "LAB_CHROOT="+trixieTree(t))
	conf := filepath.Join(s.dir, "home/.config/pipewire/pipewire.conf.d")
	if err := os.MkdirAll(conf, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(conf, "lab.conf"), []byte(configuration), 0o644); err != nil {
		t.Fatal(err)
	}
	mustOutput(t, s.env, w.in(pc, "setsid", "--wait", script("sound-server.sh"), "start", "pipewire", s.dir)...)
	return s
}

// startPipeWireSender is PipeWire's own sender of two mono streams: module-rtp-sink
// as pipewire-aes67.conf has it, but for the PTP clock that needs hardware, each
// with one channel of a sink that module-combine-stream makes.
func startPipeWireSender(t testing.TB, w wire) sender {
	t.Helper()
	const one = `
  { name = libpipewire-module-rtp-sink
    args = {
      local.ifname = "eth0"  destination.ip = %s  destination.port = 5004
      net.mtu = 1280  net.ttl = 15  net.loop = true
      sess.min-ptime = 1  sess.max-ptime = 1  sess.latency.msec = 3
      sess.name = "%s"  sess.media = "audio"  sess.ts-refclk = "ptp=traceable"  sess.ts-offset = 0
      audio.format = "S24BE"  audio.rate = 48000  audio.channels = 1  audio.position = [ %s ]
      stream.props = { node.name = "%[2]s"  media.class = "Audio/Sink"  node.virtual = false }
    } }`
	const combine = `
  { name = libpipewire-module-combine-stream
    args = {
      combine.mode = sink  node.name = "aes67"  node.description = "AES67"
      combine.props = { audio.position = [ FL FR ] }
      stream.rules = [
        { matches = [ { node.name = "rtp-left" } ]
          actions = { create-stream = { combine.audio.position = [ FL ]  audio.position = [ FL ] } } }
        { matches = [ { node.name = "rtp-right" } ]
          actions = { create-stream = { combine.audio.position = [ FR ]  audio.position = [ FR ] } } }
      ]
    } }`
	s := startNewPipeWire(t, w, "context.modules = ["+fmt.Sprintf(one, "239.69.7.1", "rtp-left", "FL")+
		fmt.Sprintf(one, "239.69.7.2", "rtp-right", "FR")+combine+"\n]\n")
	eventually(t, 10*time.Second, "PipeWire's sink is there", func() bool { return count(s.sinks(), "aes67") == 1 })
	s.pactl("set-sink-volume", "aes67", "100%")
	return sender{server: s, subscription: lab.Subscription{
		Name: "PipeWire left", Channels: 1, AnyPayload: true,
		Stream: aes67.Stream{
			Group: netip.MustParseAddr("239.69.7.1"), Port: 5004, Encoding: aes67.L24, Rate: 48000, PacketTime: aes67.PacketTime1ms,
		},
	}}
}

// startBridgeSender is the bridge on the same PipeWire.
func startBridgeSender(t testing.TB, w wire) sender {
	t.Helper()
	startGrandmaster(t, w, 50_000)
	s := startNewPipeWire(t, w, "")
	b := startBridge(t, w, s, "--set", "network.interface=eth0")
	b.loud(15 * time.Second)
	b.follows(40 * time.Second)
	return sender{s, subscriptionOf(t, b.descriptions()[0]), b}
}

// listenMarks receives a stream on the speaker's side and looks for marks.
func listenMarks(t testing.TB, w wire, subscription lab.Subscription) listener {
	t.Helper()
	var l listener
	w.inside(t, speaker, func(eth0 net.Interface) error {
		receiver, err := lab.NewReceiver(lab.ReceiverConfig{Interface: eth0, Subscription: subscription, Marks: true})
		l = listener{receiver, subscription.Name}
		return err
	})
	beside(t, "receiver", l.Run)
	return l
}
