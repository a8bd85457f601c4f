package bridge

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/mediaclock"
	"aes67-sink/safety"
)

// clickRig plays one low tone through a pipeline of any rates, with a sound
// server and a sender that misbehave at random. A click is a step that neither
// the tone nor a fade has.
type clickRig struct {
	*Pipeline
	cfg    PipelineConfig
	random *rand.Rand
	now    aes67.MonoTime
	sent   aes67.Frames
	next   aes67.MonoTime
	stall  aes67.MonoTime // the server renders nothing before, then all at once
	away   aes67.MonoTime // the server is away until then
	out    [][]float64
	last   float64
	worst  float64
	pulls  int // while sound may be
	heard  int // of them with sound
}

func newClickRig(t *testing.T, cfg PipelineConfig, seed uint64) *clickRig {
	t.Helper()
	clock := &mediaclock.Clock{}
	clock.Step(0, 1e18, 30_000)
	p, err := NewPipeline(cfg, clock)
	if err != nil {
		t.Fatal(err)
	}
	out := make([][]float64, cfg.Channels)
	for c := range out {
		out[c] = make([]float64, cfg.PacketFrames)
	}
	p.SetConfirmed(true)
	return &clickRig{Pipeline: p, cfg: cfg, random: rand.New(rand.NewPCG(seed, 1)), out: out}
}

const (
	clickTone      = 100. // Hz
	clickAmplitude = 0.9
)

// deliver hands over so many frames of the tone now.
func (r *clickRig) deliver(frames int) {
	samples := make([]float32, frames*r.cfg.Channels)
	for i := range frames {
		x := clickAmplitude * math.Sin(2*math.Pi*clickTone*float64(r.sent)/float64(r.cfg.SinkRate))
		for c := range r.cfg.Channels {
			samples[i*r.cfg.Channels+c] = float32(x)
		}
		r.sent++
	}
	r.Frames(samples, r.now)
}

// step advances by one packet time.
func (r *clickRig) step(open bool) {
	period := r.cfg.PacketFrames.Duration(r.cfg.StreamRate)
	r.now = r.now.Add(period)
	for r.next <= r.now {
		frames := 256
		switch {
		case r.now < r.away:
		case r.now < r.stall:
			r.next = r.now.Add(time.Microsecond) // renders it later
			r.pull(open)
			return
		default:
			r.deliver(frames)
		}
		r.next = r.next.Add(aes67.Frames(frames).Duration(r.cfg.SinkRate))
	}
	r.pull(open)
}

func (r *clickRig) pull(open bool) {
	silent := r.Pull(r.out, r.now, open)
	if open && r.confirmed.Load() {
		r.pulls++
		if !silent {
			r.heard++
		}
	}
	for _, x := range r.out[0] {
		r.worst = max(r.worst, math.Abs(x-r.last))
		r.last = x
	}
}

// limit is the steepest step of the tone and a fade together.
func (r *clickRig) limit() float64 {
	perSecond := 2*math.Pi*clickTone + math.Pi/2/safety.FadeTime.Seconds()
	return 1.1 * clickAmplitude * perSecond / float64(r.cfg.StreamRate)
}

// trouble lets one thing go wrong, and tells what.
func (r *clickRig) trouble() string {
	ms := func(most float64) time.Duration {
		return time.Duration(math.Pow(most, r.random.Float64()) * float64(time.Millisecond))
	}
	switch r.random.IntN(5) {
	case 0:
		d := ms(300)
		r.stall = r.now.Add(d)
		return fmt.Sprintf("server stalls %v", d)
	case 1:
		d := ms(1000)
		r.away = r.now.Add(d)
		r.sent += 120 // of another sound
		if d < 400*time.Millisecond || r.random.IntN(2) == 0 {
			r.Gap()
		}
		return fmt.Sprintf("server away %v", d)
	case 2:
		d := ms(500)
		r.now = r.now.Add(d)
		period := r.cfg.PacketFrames.Duration(r.cfg.StreamRate)
		r.Skipped(aes67.Frames(d/period) * r.cfg.PacketFrames)
		r.last = 0 // nothing was heard meanwhile
		return fmt.Sprintf("sender stalls %v", d)
	case 3:
		r.SetConfirmed(r.random.IntN(2) == 0)
		return "confirmed"
	default:
		n := r.random.IntN(20000)
		r.deliver(n)
		return fmt.Sprintf("%d frames at once", n)
	}
}

func TestNoClickWhateverGoesWrong(t *testing.T) {
	plainOnly(t)
	tests := []struct {
		in, out aes67.Hz
		ptime   aes67.PacketTime
		latency time.Duration
	}{
		{48000, 48000, aes67.PacketTime1ms, 0},
		{48000, 48000, aes67.PacketTime125us, 0},
		{44100, 48000, aes67.PacketTime4ms, 300 * time.Millisecond},
		{48000, 96000, aes67.PacketTime1ms, 2 * time.Millisecond},
		{96000, 44100, aes67.PacketTime1ms, 0},
		{96000, 44100, aes67.PacketTime1ms, 2 * time.Millisecond},
		{44100, 88200, aes67.PacketTime1ms, 0},
	}
	for _, test := range tests {
		for seed := range uint64(2) {
			cfg := PipelineConfig{
				Channels: 1, SinkRate: test.in, StreamRate: test.out,
				PacketFrames: test.ptime.Frames(test.out), Latency: test.latency,
			}
			r := newClickRig(t, cfg, seed)
			open := true
			most := max(400, int(400*time.Millisecond/cfg.PacketFrames.Duration(cfg.StreamRate))) // packets until the next trouble
			for range 30 {
				what := r.trouble()
				if r.random.IntN(8) == 0 {
					open = !open
				}
				for range r.random.IntN(most) {
					r.step(open)
				}
				if limit := r.limit(); !(r.worst <= limit) {
					t.Errorf("%d to %d Hz, ptime %v, latency %v, seed %d: a step of %.4f after %s, the tone and its fades have %.4f",
						test.in, test.out, test.ptime, test.latency, seed, r.worst, what, limit)
					break
				}
			}
			if r.heard <= r.pulls/10 {
				t.Errorf("%d to %d Hz, ptime %v, latency %v, seed %d: sound in %d of %d packets, want a tenth",
					test.in, test.out, test.ptime, test.latency, seed, r.heard, r.pulls)
			}
		}
	}
}
