package e2e

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
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
	shared(t)
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
				source := noise(int(3 * length.Seconds() * 48000))
				var own [2]listener
				for i, description := range b.descriptions() {
					own[i] = listen(t, w, description, nil, 3*length+20*time.Second)
				}
				own[0].lasts(t, time.Second)
				own[1].lasts(t, time.Second)
				path := writeWAV(t, source, lab.WAVInt24)
				command := []string{"paplay", "--device=aes67", path}
				if c.player == "pw-play" {
					command = []string{"pw-play", "--target=aes67", path}
				}
				before := b.sends(time.Second)
				player := start(t, c.player, s.env, s.by(command...)...).onTheWay()
				own[0].exactly(t, source.Channels[0], player, length)
				asked := rtthread.Now()
				after := b.sends(time.Second)
				own[1].heardUntil(t, rtthread.Now())
				var excused int
				for i, side := range sides {
					own[i].judgeContinuity(t, side.name)
					excused = max(excused, own[i].judgeExact(t, side.name, source.Channels[i], length, asked, after))
				}
				judgeUnderruns(t, before, after, excused)
			})
		})
	}
}

// ofExact is what may explain that samples are not the source's.
func ofExact() excuse { return ofSound(200 * time.Millisecond) } // inHand

// exactly listens until so much of a source has come bit for bit, or all of it
// has been played.
func (l listener) exactly(t testing.TB, source []float64, player *process, length time.Duration) {
	t.Helper()
	for wanted := length + 2*time.Second; !player.ended(); wanted += time.Second {
		l.lasts(t, wanted)
		if _, same := exact(l.heard(), source); aes67.Frames(same).Duration(48000) >= length {
			return
		}
	}
}

// judgeExact holds what sounds to the source: samples that are not its are behind
// a standstill of the machine, and status, which was asked last, does not claim that they
// are. It returns how many standstills are excused.
func (l listener) judgeExact(t testing.TB, name string, source []float64, length time.Duration, asked aes67.MonoTime, last report) (excused int) {
	t.Helper()
	h := l.heard()
	others, same := exact(h, source)
	words, excused := h.unexplained(others, ofExact())
	figures.atMost(t, name+" stretches that differ", float64(len(words)), 0, "")
	if len(words) > 0 {
		t.Logf("%s: not as they were: %s", name, strings.Join(words[:min(5, len(words))], "; "))
	}
	if len(others) > 0 {
		t.Logf("%s: %d frames are the source's, around %d stretches that are not", name, same, len(others))
	}
	if least := h.frames(length); same < least && len(others) > 0 {
		figures.not(t, name+" samples as they were", fmt.Sprintf("the machine left %d of %d", same, least))
	} else {
		figures.atLeast(t, name+" samples as they were", float64(same), float64(least), "")
	}
	// What was sent last is what status tells of, but for a change meanwhile.
	n, at := len(others), h.at(len(h.x)-1)
	differs := n > 0 && others[n-1].Frame+others[n-1].Length >= len(h.x)-sure
	if differs == last.Drift.BitExact && !watch.spoilt(min(at, asked).Add(-time.Second), at, ofExact()) {
		t.Errorf("%s: at the end bit_exact is %v, mode %q", name, last.Drift.BitExact, last.Drift.Mode)
	}
	return excused
}

// exact finds, in what was heard from the first sound on, the frames that are a
// source's, bit for bit and in its order. It returns the runs that are not, and
// the number of those that are.
func exact(h heard, source []float64) (others []gap, same int) {
	begun := slices.IndexFunc(h.x, func(v float64) bool { return v != 0 })
	if begun < 0 {
		return nil, 0
	}
	const (
		step  = 480   // where it goes on is known within 10 ms
		ahead = 48000 // the source seldom leaps by more: further on it is looked for once a second
	)
	lost := begun // from here on nothing was found
	for at, from := begun, 0; at+sure <= len(h.x) && from < len(source); {
		until := len(source)
		if (at-lost)%ahead >= step {
			until = min(until, from+at-lost+ahead)
		}
		found := find(source[from:until], h.x[at:])
		if found < 0 {
			length := min(step, len(h.x)-at)
			if n := len(others) - 1; n >= 0 && others[n].Frame+others[n].Length == at {
				others[n].Length += length
			} else {
				others = append(others, gap{Run: lab.Run{Frame: at, Length: length}})
			}
			at += length
			continue
		}
		if n := len(others) - 1; found > 0 && (n < 0 || others[n].Frame+others[n].Length != at) {
			others = append(others, gap{Run: lab.Run{Frame: at}}) // frames of the source are missing
		}
		from += found
		for at < len(h.x) && from < len(source) && h.x[at] == source[from] {
			at, from, same = at+1, from+1, same+1
		}
		lost = at
	}
	return others, same
}

// TestExactComesAndGoes lets a better master come and go under a tone: the bridge
// changes over and back without a click.
func TestExactComesAndGoes(t *testing.T) {
	if !full {
		t.Skip("takes a minute: said by 'make bench-quality'; bridge/untouched_test.go does the same in simulated time")
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
		master := partOf(t) // ended before the rest
		startGrandmasterAs(master, w, 30_000, func(c *lab.GrandmasterConfig) {
			c.Priority1 = 10
			c.Clock.Epoch = c.Clock.Epoch.Add(37 * time.Second) // TAI, as the bridge keeps it
		})
		b.reaches(30*time.Second, "it follows, and resamples", func(r report) bool {
			return r.Clock.Role == "follower" && r.Clock.State == "locked" && r.Drift.Mode == "resample" && !r.Drift.BitExact
		})
		l.lasts(t, l.length()+3*time.Second)
		master.cleanUp()
		b.exact(75 * time.Second)
		l.lasts(t, l.length()+time.Second)
		l.judgeContinuity(t, "left")
		h := l.heard()
		from, to := lab.Steady(h.x, h.frames(500*time.Millisecond))
		h.part(from, to).judgeBreaks(t, "left", leftHz, ofExact())
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
				b.calm(t, listen(t, w, description, nil, 0), settle)
				l := listen(t, w, description, nil, length)
				b.calm(t, l, length)
				l.judgeContinuity(t, "left")
				x := l.samples()
				spectrum := lab.MeasureSpectrum(x, 48000)
				figures.atLeast(t, "SINAD", spectrum.SINAD(c.hz), 138, "dB")
				each, most := 10*time.Second, 0.05
				if c.wander != 0 {
					each, most = time.Second, 2
				}
				worst := worstPitch(t, l, master, c.hz, each)
				figures.atMost(t, "pitch error of "+each.String()+" averages", worst, most, "ppm")
				figures.never(t, "pitch error, gross", worst, grossPitch, "ppm")
			})
		})
	}
}

// calm listens for so long, or until something is missing of the source.
func (b *bridge) calm(t *attempt, l listener, length time.Duration) {
	t.Helper()
	for before := b.sends(5 * time.Second); l.length() < length; time.Sleep(time.Second) {
		r := b.sends(5 * time.Second)
		if underruns, jumps := r.Drift.Underruns-before.Drift.Underruns, r.Streams[0].Jumps-before.Streams[0].Jumps; !fine(r) || underruns+jumps > 0 {
			t.spoilt(excuse{standstill, 2 * time.Second}, fmt.Sprintf("after %.0f s the drift loop is %s, with %d underruns and %d timestamp jumps",
				l.length().Seconds(), r.Drift.State, underruns, jumps))
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
		s.play(makeTone(t, 44100, hz, 4*length+30*time.Second))
		b.playing(5 * time.Second)
		if sinks := mustOutput(t, s.env, s.by("pactl", "list", "short", "sinks")...); !strings.Contains(sinks, "float32le 2ch 44100Hz") {
			t.Errorf("the sinks are %q, want one of 44100 Hz", sinks)
		}
		description := b.descriptions()[0]
		if text := string(must(os.ReadFile(description))); !strings.Contains(text, "L24/96000") {
			t.Errorf("the description tells no 96 kHz:\n%s", text)
		}
		l := listen(t, w, description, nil, 4*length+10*time.Second)
		l.lasts(t, 2*time.Second)
		from := rtthread.Now()
		l.enough(t, hz, from, length)
		l.judgeContinuity(t, "left")
		h := l.heard().since(from)
		stretches, _ := h.judgeBreaks(t, "left", hz, ofExact())
		if len(stretches) == 0 {
			figures.not(t, "SINAD of 18 kHz, 44.1 to 96 kHz", fmt.Sprintf("the machine left no %v without a break", leastStretch))
			return
		}
		sinad := math.Inf(1)
		for _, at := range stretches {
			x := h.x[at.Frame : at.Frame+at.Length]
			spectrum := lab.MeasureSpectrum(x, 96000)
			sinad = min(sinad, spectrum.SINAD(lab.FitSine(x, 96000, hz).Hz))
		}
		figures.atLeast(t, "SINAD of 18 kHz, 44.1 to 96 kHz", sinad, 130, "dB")
	})
}
