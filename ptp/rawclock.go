package ptp

import (
	"math"

	"aes67-sink/aes67"
)

// This file keeps a grandmaster from dragging its followers along when NTP
// slews CLOCK_MONOTONIC: adjtime(3) does so by 500 ppm, chrony by up to 83 333.
// CLOCK_MONOTONIC_RAW is the same oscillator without NTP's hand on it. What a
// grandmaster serves ticks with CLOCK_MONOTONIC, which the sound server uses
// too, unless that runs too far off; then it ticks with the oscillator until
// CLOCK_MONOTONIC is back.

const (
	// A grandmaster leaves CLOCK_MONOTONIC beyond rawEnter, ppb, and returns
	// within rawLeave. Crystals are within 50 ppm, and so are NTP's lasting
	// corrections of them; a slew is far beyond.
	rawEnter, rawLeave = 50_000, 40_000
	// rawReadings of track.ServoInterval each are what the rate is taken over: 2 s.
	rawReadings = 16
	// rawChange, ppb, from one reading to the next is a slew that begins or
	// ends: reading both clocks takes less than a microsecond, 8 ppm of
	// track.ServoInterval.
	rawChange = 20_000
)

// rawGuard measures CLOCK_MONOTONIC_RAW against CLOCK_MONOTONIC.
type rawGuard struct {
	mono, raw [rawReadings]aes67.MonoTime
	n         int       // readings so far; the latest is at (n-1) % rawReadings
	rate      aes67.PPB // RAW against CLOCK_MONOTONIC, plus = CLOCK_MONOTONIC slow
	away      bool      // CLOCK_MONOTONIC is too far off
}

// observe takes a reading of both clocks at one instant. It returns by how much
// the rate has changed at once, ppb: 0 but when a slew begins or ends.
func (g *rawGuard) observe(mono, raw aes67.MonoTime) (changed aes67.PPB) {
	if g.n > 0 {
		last := (g.n - 1) % rawReadings
		step := perBillion(raw.Sub(g.raw[last]).Seconds(), mono.Sub(g.mono[last]).Seconds())
		if g.n > 1 && math.Abs(float64(step-g.rate)) > rawChange {
			changed = step - g.rate
			g.mono[0], g.raw[0], g.n = g.mono[last], g.raw[last], 1 // what was before is of the past
		}
	}
	at := g.n % rawReadings
	g.mono[at], g.raw[at] = mono, raw
	g.n++
	oldest := 0
	if g.n > rawReadings {
		oldest = g.n % rawReadings
	}
	if g.n > 1 {
		g.rate = perBillion(raw.Sub(g.raw[oldest]).Seconds(), mono.Sub(g.mono[oldest]).Seconds())
		limit := aes67.PPB(rawEnter)
		if g.away {
			limit = rawLeave
		}
		g.away = g.rate > limit || g.rate < -limit
	}
	return changed
}

// perBillion returns a/b less 1, in ppb.
func perBillion(a, b float64) aes67.PPB {
	if b <= 0 {
		return 0
	}
	return aes67.PPB((a - b) / b * 1e9)
}

// target returns the rate against CLOCK_MONOTONIC that a grandmaster ought to
// have.
func (g *rawGuard) target() aes67.PPB {
	if g.away {
		return g.rate
	}
	return 0
}
