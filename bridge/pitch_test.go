package bridge

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/internal/lab"
)

// While the grandmaster wanders by 5 ppm over 20 s, and the PTP clock is off by
// 0.3 µs and what it believes of the frequency by 0.1 ppm (both several times what
// package ptp's scenarios allow), the pitch that is heard stays the source's: in
// CLOCK_MONOTONIC time within 0.4 ppm, over each second.
func TestAWanderIsNotHeardAsPitch(t *testing.T) {
	plainOnly(t)
	const hz, each = 500.0, 125 * time.Millisecond
	master := lab.Oscillator{Epoch: 1e18, Skew: 50_000, Wander: 5000, Period: 20 * time.Second}
	r := newRig(t, PipelineConfig{Latency: 40 * time.Millisecond}, 50_000)
	r.SetConfirmed(true)
	random := rand.New(rand.NewPCG(9, 9))
	var x []float64
	var first aes67.PTPTime // of the first recorded frame
	for next := aes67.MonoTime(0); r.now < aes67.MonoTime(100*time.Second); {
		if r.now >= next { // the servo
			next = r.now.Add(each)
			now := aes67.RawTime(r.now) // the two clocks are one
			m, _ := r.clock.Load()
			goal := master.At(now.Add(each)).Add(time.Duration(300 * random.NormFloat64()))
			rate := float64(goal.Sub(m.PTPAt(now)))/float64(each) - 1
			r.clock.Pursue(now, aes67.PPB(1e9*rate), master.Rate(now.Add(each/2))+aes67.PPB(100*random.NormFloat64()))
		}
		r.pull()
		if r.now > aes67.MonoTime(40*time.Second) {
			if m, _ := r.clock.Load(); len(x) == 0 {
				first = m.PTPAt(aes67.RawTime(r.now))
			}
			x = append(x, r.out[0]...)
		}
	}
	// when tells when the master's clock, which is the receivers', shows a time.
	when := func(p aes67.PTPTime) float64 {
		at := 0.0
		for range 6 {
			at += float64(p.Sub(master.At(aes67.RawTime(at))))
		}
		return at
	}
	const second = 1000 // blocks
	worst := 0.0
	for from := 0; (from+second)*block <= len(x); from += second {
		took := when(first.Add(time.Duration(from+second)*time.Millisecond)) - when(first.Add(time.Duration(from)*time.Millisecond))
		heard := lab.MeasurePitch(x[from*block:(from+second)*block], testRate, hz).Hz * 1e9 / took
		worst = max(worst, math.Abs(1e6*(heard/hz-1)))
	}
	t.Logf("pitch at most %.3f ppm off", worst)
	if worst > 0.4 {
		t.Errorf("over a second the pitch is up to %.3f ppm off, want 0.4 at most", worst)
	}
	if s := r.Snapshot(); s.Underruns != 0 {
		t.Errorf("%+v", s)
	}
}
