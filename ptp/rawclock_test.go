package ptp

import (
	"math"
	"testing"

	"aes67-sink/aes67"
	"aes67-sink/mediaclock"
	"aes67-sink/ptp/track"
)

// A grandmaster whose CLOCK_MONOTONIC is slewed by NTP goes on with its
// oscillator, and is back with CLOCK_MONOTONIC, exactly, afterwards.
func TestASlewOfTheComputersClockDragsNobodyAlong(t *testing.T) {
	for _, slew := range []float64{500e-6, -500e-6, 0.083} {
		clock := &mediaclock.Clock{}
		g := grandmaster{clock: clock}
		const start = 5000 * testSecond
		g.begin(start, 0)
		mono, raw := float64(start), float64(start)
		var worst float64
		for at := 0.0; at < 120; at += 0.125 {
			rate := 3e-6 // NTP's lasting correction of the crystal
			if at >= 30 && at < 90 {
				rate += slew
			}
			raw += 0.125e9
			mono += 0.125e9 * (1 + rate)
			now := aes67.MonoTime(mono)
			jitter := aes67.MonoTime(int64(at*8)%3*400 - 400) // of the reading, ns
			g.observe(now, aes67.MonoTime(raw)+jitter)
			g.slowDown(now)
			m, _ := clock.Load()
			// Against the oscillator, its lasting correction aside.
			served := float64(m.PTPAt(now)) - (raw-float64(start))*(1+3e-6)
			if at < 30 {
				continue
			}
			worst = max(worst, math.Abs(served))
		}
		// A slew is noticed after one reading of 125 ms, and may be while away.
		limit := math.Abs(slew)*2*0.125e9*1.2 + 200_000 + 3e-6*60e9
		if worst > limit {
			t.Errorf("slewed by %g, followers are dragged %.0f µs along, want at most %.0f µs", slew, worst/1000, limit/1000)
		}
		if m, _ := clock.Load(); m.Rate != 0 {
			t.Errorf("slewed by %g: ends with a rate of %v ppb against CLOCK_MONOTONIC, want 0", slew, m.Rate)
		}
	}
}

func TestRawGuardBelievesNoShortMoves(t *testing.T) {
	var g rawGuard
	for i := range 1000 {
		mono := aes67.MonoTime(i) * aes67.MonoTime(track.ServoInterval)
		if changed := g.observe(mono, mono+aes67.MonoTime(i%2)*900); changed != 0 {
			t.Fatalf("reading %d: changed by %v ppb", i, changed)
		}
		if g.target() != 0 {
			t.Fatalf("reading %d: target %v ppb", i, g.target())
		}
	}
}
