package e2e

import (
	"math"
	"slices"
	"testing"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/internal/lab"
)

var kinds = []string{"pipewire", "pulseaudio"}

// side is one of the two streams and the tone that it should carry.
type side struct {
	name        string
	hz, otherHz float64
}

var sides = [2]side{{"left", leftHz, rightHz}, {"right", rightHz, leftHz}}

// TestTwoReceiversHearLeftAndRight plays two tones through each sound server,
// with ptp4l as the clock: independent receivers and the lab's own get each
// tone on its own stream only, complete and clean.
func TestTwoReceiversHearLeftAndRight(t *testing.T) {
	length := window(8*time.Second, 50*time.Second)
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			shared(t)
			measured(t, func(t *attempt) {
				w := newWire(t)
				startPTP4L(t, w, speaker)
				s := startServer(t, kind)
				b := startBridge(t, w, s)
				b.loud(10 * time.Second)
				s.realtime()
				b.follows(40 * time.Second)
				descriptions := b.descriptions()

				var foreign [2][]recorder
				var own [2]listener
				for i, description := range descriptions {
					foreign[i] = []recorder{startFFmpeg(t, w, description), startGStreamer(t, w, description)}
					own[i] = listen(t, w, description, nil, length+20*time.Second)
				}
				for _, r := range slices.Concat(foreign[:]...) {
					r.records(10 * time.Second)
					r.counts()
				}

				player := s.play(makeTones(t, length+3*time.Second))
				b.playing(5 * time.Second)
				before := b.sends(time.Second)
				if err := player.wait(length + 15*time.Second); err != nil {
					t.Fatalf("paplay: %v", err)
				}
				after := b.sends(time.Second)
				figures.atMost(t, "underruns", float64(after.Drift.Underruns-before.Drift.Underruns), 0, "")
				figures.atMost(t, "overruns", float64(after.Drift.Overruns-before.Drift.Overruns), 0, "")
				for i, side := range sides {
					own[i].judgeContinuity(t, "lab "+side.name)
					judgeTone(t, "lab", steady(own[i].samples()), length, side)
					for _, r := range foreign[i] {
						judgeTone(t, r.name, steady(r.finish()), length, side)
					}
				}
			})
		})
	}
}

// fragment is the most frames that the servers hand over at once, when asked
// for 5 ms: PipeWire's least quantum, PulseAudio's 5 ms at 48 kHz.
var fragment = map[string]float64{"pipewire": 256, "pulseaudio": 240}

// TestFollowsSkewedGrandmaster runs against quartzes at both ends of what PTP
// equipment may be off: the RTP clock follows, and the resampler takes the
// difference to the sound server's clock without a fault.
func TestFollowsSkewedGrandmaster(t *testing.T) {
	for _, c := range []struct {
		name string
		rate aes67.PPB
		kind string
		long bool // for the full figures only
	}{
		{"100 ppm fast", 100_000, "pipewire", false},
		{"100 ppm slow", -100_000, "pipewire", true},
		{"100 ppm slow", -100_000, "pulseaudio", false},
	} {
		if c.long && !full {
			continue
		}
		t.Run(c.name+", "+c.kind, func(t *testing.T) {
			shared(t)
			measured(t, func(t *attempt) {
				w := newWire(t)
				master := startGrandmaster(t, w, c.rate)
				s := startServer(t, c.kind)
				b := startBridge(t, w, s)
				b.loud(10 * time.Second)
				s.realtime()
				before := b.follows(40 * time.Second)

				settle, length := window(10*time.Second, 20*time.Second), window(12*time.Second, 100*time.Second)
				judged := min(length, 60*time.Second) // at its end
				player := s.play(makeTones(t, settle+length+15*time.Second))
				b.playing(5 * time.Second)
				descriptions := b.descriptions()
				// The figures hold after a while only.
				listen(t, w, descriptions[0], nil, 0).lasts(t, settle)

				var own [2]listener
				for i, description := range descriptions {
					own[i] = listen(t, w, description, master, length)
				}
				fills := b.fillErrors(length)
				for i, side := range sides {
					own[i].lasts(t, length)
					own[i].judgeContinuity(t, side.name)
				}
				if player.ended() {
					t.Error("the tones ended before the recordings did")
				}
				after := b.sends(time.Second)
				figures.atMost(t, "underruns", float64(after.Drift.Underruns-before.Drift.Underruns), 0, "")
				figures.atMost(t, "overruns", float64(after.Drift.Overruns-before.Drift.Overruns), 0, "")
				slices.Sort(fills)
				figures.atMost(t, "fill error p99", fills[len(fills)*99/100], fragment[c.kind], "frames")
				if slope := own[0].Report(judged).SlopePPM; slope == nil {
					t.Error("the RTP clock's slope is not known")
				} else {
					figures.atMost(t, "RTP clock against grandmaster", math.Abs(*slope), limit(2, 0.05), "ppm")
				}
				for i, side := range sides {
					x := own[i].samples()
					tail := x[max(0, len(x)-int(judged.Seconds()*48000)):]
					heard := lab.MeasurePitch(tail, 48000, side.hz).Hz * c.rate.Factor()
					pitch := 1e6 * (heard/side.hz - 1)
					if c.kind == "pipewire" {
						figures.atMost(t, side.name+" pitch error", math.Abs(pitch), limit(5, 0.1), "ppm")
					} else {
						// PulseAudio's null sink rounds each block down to whole
						// microseconds: while a program plays it is not on time itself.
						t.Logf("%s: pitch %+.2f ppm", side.name, pitch)
					}
					judgeTone(t, "lab", x, length, side)
				}
			})
		})
	}
}

// TestSendInstants measures when packets leave against the grandmaster's time.
func TestSendInstants(t *testing.T) { measured(t, sendInstants) }

func sendInstants(t *attempt) {
	w := newWire(t)
	master := startGrandmaster(t, w, 20_000)
	s := startServer(t, "pulseaudio")
	b := startBridge(t, w, s)
	b.follows(40 * time.Second)
	b.reaches(30*time.Second, "the clock has settled", func(r report) bool {
		return r.Clock.OffsetRMSNS != nil && *r.Clock.OffsetRMSNS < 5000
	})
	left, length := b.descriptions()[0], window(10*time.Second, 60*time.Second)
	l := listen(t, w, left, master, 0)
	l.lasts(t, length)
	l.judgeContinuity(t, "left")
	r := l.Report(0)
	if r.Delay == nil {
		t.Fatal("no packet was judged")
	}
	figures.atMost(t, "send instant late p50", r.Delay.P50, 100, "us")
	figures.atMost(t, "send instant late p99", r.Delay.P99, 1000, "us")
	figures.atMost(t, "send instant |p1|", math.Abs(r.Delay.P1), 100, "us")
	figures.atMost(t, "packets before their RTP instant", float64(r.Early), 0, "")
	t.Logf("arrival less RTP instant less the constant: %+v", *r.Delay)
}

// TestSoundServerRestart restarts the sound server under the music: the streams
// go on, silent for a while, and the sound comes back by itself.
func TestSoundServerRestart(t *testing.T) {
	for _, c := range []struct {
		name, kind string
		crash      bool
	}{
		{"pipewire restarts", "pipewire", false},
		{"pulseaudio restarts", "pulseaudio", false},
		{"pipewire-pulse crashes", "pipewire", true},
		{"pulseaudio crashes", "pulseaudio", true},
	} {
		if c.crash && !full {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			shared(t)
			measured(t, func(t *attempt) {
				w := newWire(t)
				startGrandmaster(t, w, 20_000)
				s := startServer(t, c.kind)
				b := startBridge(t, w, s)
				b.loud(10 * time.Second)
				s.realtime()
				b.follows(40 * time.Second)

				tones := makeTones(t, 30*time.Second)
				s.play(tones)
				b.playing(5 * time.Second)
				var own [2]listener
				for i, description := range b.descriptions() {
					own[i] = listen(t, w, description, nil, 30*time.Second)
				}
				own[0].lasts(t, 2*time.Second)

				if c.crash {
					s.kill()
				}
				s.do("restart")
				returned := time.Now()
				eventually(t, 10*time.Second, "the sink is back", func() bool { return count(s.sinks(), "aes67") == 1 })
				figures.atMost(t, "sink back after", time.Since(returned).Seconds(), 3, "s")
				s.realtime()
				s.play(tones)
				for i := range own {
					own[i].TakeLevels() // forgets what was before
					eventually(t, 10*time.Second, "the sound is back", func() bool {
						return own[i].TakeLevels()[0].PeakDBFS > toneDBFS-0.5
					})
				}
				figures.atMost(t, "sound back after", time.Since(returned).Seconds(), 3, "s")
				heard := time.Duration(own[0].Report(0).Seconds * float64(time.Second))
				own[0].lasts(t, heard+2*time.Second)
				own[1].lasts(t, heard+2*time.Second)

				for i, side := range sides {
					own[i].judgeContinuity(t, side.name)
					x := own[i].samples()
					clicks := lab.FindDefects(x, 48000, side.hz)
					figures.atMost(t, side.name+" clicks", float64(len(clicks)), 0, "")
					figures.atMost(t, side.name+" peak", lab.DBFS(lab.Peak(x)), toneDBFS+0.05, "dBFS")
					for _, click := range clicks[:min(5, len(clicks))] {
						t.Logf("%s: %+v of %d frames: %.5f", side.name, click, len(x), x[max(0, click.Frame-8):min(len(x), click.Frame+8)])
					}
				}
			})
		})
	}
}
