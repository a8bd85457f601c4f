package e2e

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/internal/lab"
	"aes67-sink/internal/rtthread"
)

// noise is random 24-bit stereo, as float64 of exact values.
func noise(frames int) lab.WAV {
	random := rand.New(rand.NewPCG(24, 24))
	w := lab.WAV{Rate: 48000, Channels: [][]float64{make([]float64, frames), make([]float64, frames)}}
	for c := range w.Channels {
		for i := range w.Channels[c] {
			w.Channels[c][i] = float64(random.IntN(1<<24-1)-(1<<23-1)) / (1 << 23)
		}
	}
	return w
}

// exact waits until the bridge says that samples pass untouched.
func (b *bridge) exact(within time.Duration) report {
	b.t.Helper()
	return b.reaches(within, "samples pass untouched", func(r report) bool {
		return r.State == "sending" && r.Clock.Role == "grandmaster" && r.Drift.Mode == "exact" && r.Drift.BitExact
	})
}

// inHand is a buffer that outlasts the standstills of a virtual machine: these
// tests judge what is sent, not how soon.
const inHand = "sink.latency=200ms"

// cycle is the length of PipeWire's graph cycle here, in frames: one that the
// machine sleeps through is a hole in the source, and it sleeps for more than the
// usual 256 now and then.
const cycle = 1024

// lengthenCycles sets that.
func (s *server) lengthenCycles() {
	s.t.Helper()
	mustOutput(s.t, s.env, s.by("pw-metadata", "-n", "settings", "0", "clock.force-quantum", strconv.Itoa(cycle))...)
}

// TestBitExact plays random 24-bit noise while the bridge is the grandmaster:
// what arrives is the same, bit for bit.
func TestBitExact(t *testing.T) {
	length := window(10*time.Second, 60*time.Second)
	for _, c := range []struct{ kind, player string }{{"pipewire", "paplay"}, {"pipewire", "pw-play"}, {"pulseaudio", "paplay"}} {
		t.Run(c.kind+" "+c.player, func(t *testing.T) {
			t.Parallel() // with that much in hand they do not disturb each other
			measured(t, func(t *attempt) {
				need(t, c.player)
				w, s := newWire(t), startServer(t, c.kind)
				b := startBridge(t, w, s, "--set", "network.interface=eth0", "--set", inHand)
				b.loud(15 * time.Second)
				s.realtime()
				if c.kind == "pipewire" {
					s.lengthenCycles()
				}
				b.exact(60 * time.Second)
				var own [2]listener
				for i, description := range b.descriptions() {
					own[i] = listen(t, w, description, nil, length+20*time.Second)
				}
				own[0].lasts(t, time.Second)
				own[1].lasts(t, time.Second)
				source := noise(int(length.Seconds() * 48000))
				path := writeWAV(t, source, lab.WAVInt24)
				command := []string{"paplay", "--device=aes67", path}
				if c.player == "pw-play" {
					command = []string{"pw-play", "--target=aes67", path}
				}
				player := start(t, c.player, s.env, s.by(command...)...)
				if err := player.wait(length + 20*time.Second); err != nil {
					t.Fatalf("%s: %v", c.player, err)
				}
				for i := range own { // the last of it is still on its way
					own[i].lasts(t, time.Duration(own[i].Report(0).Seconds*1e9)+time.Second)
				}
				after := b.sends(time.Second)
				figures.atMost(t, "underruns", float64(after.Drift.Underruns), 0, "")
				for i, side := range sides {
					heard := own[i].samples()
					from, same := matches(heard, source.Channels[i])
					figures.atMost(t, side.name+" samples that differ, of "+fmt.Sprint(len(source.Channels[i])), float64(len(source.Channels[i])-same), 0, "")
					if same < len(source.Channels[i]) {
						t.Logf("%s: found at frame %d of %d, %d frames alike", side.name, from, len(heard), same)
					}
				}
				if !after.Drift.BitExact {
					t.Errorf("at the end bit_exact is %v, mode %q", after.Drift.BitExact, after.Drift.Mode)
				}
			})
		})
	}
}

// matches finds a source in what was heard and counts how many of its frames are
// there as they were, in a row from the first sounding one.
func matches(heard, source []float64) (from, same int) {
	const sure = 64
	for from = 0; from+sure <= len(heard); from++ {
		n := 0
		for n < sure && heard[from+n] == source[n] {
			n++
		}
		if n == sure {
			break
		}
	}
	for same = 0; from+same < len(heard) && same < len(source) && heard[from+same] == source[same]; same++ {
	}
	return from, same
}

// TestExactComesAndGoes lets a better master come and go under a tone: the bridge
// changes over and back without a click.
func TestExactComesAndGoes(t *testing.T) {
	if !full {
		t.Skip("takes a minute: said by 'make bench-quality'; bridge/exact_test.go does the same in simulated time")
	}
	measured(t, func(t *attempt) {
		w, s := newWire(t), startServer(t, "pipewire")
		b := startBridge(t, w, s, "--set", "network.interface=eth0", "--set", inHand)
		b.loud(15 * time.Second)
		s.realtime()
		s.lengthenCycles()
		b.exact(60 * time.Second)
		s.play(makeTones(t, 110*time.Second))
		b.playing(5 * time.Second)
		l := listen(t, w, b.descriptions()[0], nil, 110*time.Second)
		l.lasts(t, 2*time.Second)
		master := &attempt{TB: t} // ended before the rest
		startGrandmasterAs(master, w, 30_000, func(c *lab.GrandmasterConfig) {
			c.Priority1 = 10
			c.Clock.Epoch = c.Clock.Epoch.Add(37 * time.Second) // TAI, as the bridge keeps it
		})
		b.reaches(30*time.Second, "it follows, and resamples", func(r report) bool {
			return r.Clock.Role == "follower" && r.Clock.State == "locked" && r.Drift.Mode == "resample" && !r.Drift.BitExact
		})
		l.lasts(t, time.Duration(l.Report(0).Seconds*1e9)+3*time.Second)
		master.cleanUp()
		b.exact(75 * time.Second)
		l.lasts(t, time.Duration(l.Report(0).Seconds*1e9)+time.Second)
		l.judgeContinuity(t, "left")
		defects := lab.FindDefects(steady(l.samples()), 48000, leftHz)
		figures.atMost(t, "clicks", float64(len(defects)), 0, "")
		if len(defects) > 0 {
			t.Logf("%+v", defects[:min(3, len(defects))])
		}
	})
}

// makeTone is a float32 tone of -1 dBFS on both channels, faded at its ends.
func makeTone(t testing.TB, rate aes67.Hz, hz float64, length time.Duration) string {
	t.Helper()
	x := tone(hz, int(rate), int(length.Seconds()*float64(rate)), int(rate)/20)
	gain := math.Pow(10, -1/20.) / 0.5
	for i := range x {
		x[i] *= gain
	}
	return writeWAV(t, lab.WAV{Rate: rate, Channels: [][]float64{x, x}}, lab.WAVFloat32)
}

// TestPurity plays loud tones while the bridge follows a grandmaster 50 ppm fast,
// and one that wanders: what comes out is as pure as 24 bits allow, at the pitch
// of the source.
func TestPurity(t *testing.T) {
	if !full {
		t.Skip("takes minutes: said by 'make bench-quality'; drift and resample do the same in simulated time")
	}
	const settle, length = 30 * time.Second, 40 * time.Second
	for _, c := range []struct {
		name   string
		wander aes67.PPB
		hz     float64
	}{
		{"constant, 997 Hz", 0, 997},
		{"constant, 18 kHz", 0, 18_000},
		{"wandering, 997 Hz", 5000, 997},
		{"wandering, 18 kHz", 5000, 18_000},
	} {
		t.Run(c.name, func(t *testing.T) {
			measured(t, func(t *attempt) {
				w := newWire(t)
				master := startGrandmasterAs(t, w, 50_000, func(g *lab.GrandmasterConfig) { g.Clock.Wander, g.Clock.Period = c.wander, 20*time.Second })
				s := startServer(t, "pipewire")
				b := startBridge(t, w, s, "--set", "network.interface=eth0", "--set", inHand)
				b.loud(15 * time.Second)
				s.realtime()
				s.lengthenCycles()
				b.follows(40 * time.Second)
				s.play(makeTone(t, 48000, c.hz, 3*settle+length+30*time.Second))
				b.playing(5 * time.Second)
				description := b.descriptions()[0]
				b.reaches(2*settle, "the drift loop is fine", fine)
				b.calm(listen(t, w, description, nil, 0), settle)
				l := listen(t, w, description, nil, length)
				b.calm(l, length)
				l.judgeContinuity(t, "left")
				x := l.samples()
				spectrum := lab.MeasureSpectrum(x, 48000)
				figures.atLeast(t, "SINAD", spectrum.SINAD(c.hz), 138, "dB")
				each, most := 10*time.Second, 0.05
				if c.wander != 0 {
					each, most = time.Second, 2
				}
				figures.atMost(t, "pitch error of "+each.String()+" averages", worstPitch(t, l, master, c.hz, each), most, "ppm")
			})
		})
	}
}

// calm listens for so long, or until something is missing of the source.
func (b *bridge) calm(l listener, length time.Duration) {
	b.t.Helper()
	for before := b.sends(5 * time.Second); l.Report(0).Seconds < length.Seconds(); time.Sleep(time.Second) {
		r := b.sends(5 * time.Second)
		if underruns, jumps := r.Drift.Underruns-before.Drift.Underruns, r.Streams[0].Jumps-before.Streams[0].Jumps; !fine(r) || underruns+jumps > 0 {
			b.t.Fatalf("after %.0f s the drift loop is %s, with %d underruns and %d timestamp jumps",
				l.Report(0).Seconds, r.Drift.State, underruns, jumps)
		}
	}
}

func fine(r report) bool { return r.Drift.State == "fine" }

// pipeWireFast is by how much PipeWire's null sink plays any source too fast, as a
// share: it renders 1024 frames each 21 333 333 ns, a third of a nanosecond early
// (spa/plugins/support/null-audio-sink.c, on_timeout).
const pipeWireFast = cycle/48000.0/21_333_333e-9 - 1

// worstPitch is how far the pitch is off the source's, in this computer's time,
// at most, in ppm, over stretches of a recording.
func worstPitch(t testing.TB, l listener, master *lab.Grandmaster, hz float64, each time.Duration) (worst float64) {
	t.Helper()
	recording := l.Recording()
	x := recording.WAV().Channels[0]
	n := int(each.Seconds() * 48000)
	for from := 0; from+n <= len(x); from += n {
		// The media clock is the grandmaster's, so its rate over the stretch is
		// known: the timestamps tell when that was.
		begin := rawOf(master, recording.Start+aes67.RTPTime(from))
		end := rawOf(master, recording.Start+aes67.RTPTime(from+n))
		rate := float64(n) / 48000 / end.Sub(begin).Seconds()
		pitch := lab.MeasurePitch(x[from:from+n], 48000, hz).Hz * rate
		worst = max(worst, math.Abs(1e6*(pitch/hz-1-pipeWireFast)))
	}
	return worst
}

// rawOf returns when the grandmaster's media clock showed a timestamp, lately.
func rawOf(master *lab.Grandmaster, timestamp aes67.RTPTime) aes67.RawTime {
	// Within the last minutes, by halving: the clock only goes forward.
	high := rtthread.Raw()
	low := high.Add(-10 * time.Minute)
	for high.Sub(low) > 1 {
		middle := low.Add(high.Sub(low) / 2)
		if int32(uint32(aes67.MediaAt(master.TimeAt(middle), 48000).RTP())-uint32(timestamp)) < 0 {
			low = middle
		} else {
			high = middle
		}
	}
	return low
}

// TestOnePass plays 44.1 kHz into a 44.1 kHz sink whose streams are of 96 kHz:
// the sound server resamples nothing, the bridge once.
func TestOnePass(t *testing.T) {
	shared(t)
	length := window(6*time.Second, 30*time.Second)
	measured(t, func(t *attempt) {
		w := newWire(t)
		startGrandmaster(t, w, 50_000)
		s := startServer(t, "pulseaudio")
		b := startBridge(t, w, s, "--set", "network.interface=eth0", "--set", inHand, "--set", "sink.rate=44100", "--set", "stream.rate=96000")
		b.loud(15 * time.Second)
		s.realtime()
		b.follows(40 * time.Second)
		const hz = 18_000
		s.play(makeTone(t, 44100, hz, length+30*time.Second))
		b.playing(5 * time.Second)
		if sinks := mustOutput(t, s.env, s.by("pactl", "list", "short", "sinks")...); !strings.Contains(sinks, "float32le 2ch 44100Hz") {
			t.Errorf("the sinks are %q, want one of 44100 Hz", sinks)
		}
		description := b.descriptions()[0]
		if text := string(must(os.ReadFile(description))); !strings.Contains(text, "L24/96000") {
			t.Errorf("the description tells no 96 kHz:\n%s", text)
		}
		l := listen(t, w, description, nil, length+3*time.Second)
		l.lasts(t, 2*time.Second)
		l.lasts(t, length+2*time.Second)
		l.judgeContinuity(t, "left")
		x := l.samples()
		spectrum := lab.MeasureSpectrum(x[len(x)/4:], 96000)
		figures.atLeast(t, "SINAD of 18 kHz, 44.1 to 96 kHz", spectrum.SINAD(lab.FitSine(x[len(x)/2:], 96000, hz).Hz), 130, "dB")
	})
}
