package drift

import "math"

// A regression is a line fitted to points (instant, ahead), both in ns, one at a time. It
// grows surer for memory points and forgets the oldest after that; it forgets
// sooner when the points stop lying on a line.
//
// Points err to one side: an arrival may be late, never early. A point far
// below the line counts little; one far above is proof that the line was late.
//
// Nearly every server ticks with CLOCK_MONOTONIC. So the slope is its base (0)
// until the points contradict it clearly, and what they say after that.
type regression struct {
	weight float64 // of all points; a new point weighs 1
	// Weighted means and central moments of the points, less the base.
	meanAt, meanAhead float64
	atAt, atAhead     float64

	base float64 // slope taken off the points before they are fitted
	full float64 // slope beyond the base, as fitted
	bend float64 // the same, as far as it is believed
	sure float64 // (slope beyond the base / its standard error)²

	noise  float64 // mean square of what the line did not foresee, ns²
	misfit float64 // slow mean of the same with its sign, standard deviations

	begun int // how often it was begun anew

	late      int     // grossly late points in a row
	leastLate float64 // the best of them: ns above the line, negative
}

// Figures of the line; those in points mean windows of 250 ms (one that a break ends is
// shorter). Chosen with the
// recordings named in doc.go.
const (
	memory = 400 // points: 100 s
	youth  = 8   // points; before that each counts in full

	firstNoise = 20e3 // ns: standard deviation assumed of a new line
	leastNoise = 250. // ns
	noiseGain  = 1. / 16
	misfitGain = 1. / 8
	misfitMost = 1.2 // 4.6 times what independent points give

	// Standard deviations. lateMost bounds the pull of a late point, wildMost
	// that of any point on noise and misfit.
	lateMost = 2.5
	wildMost = 4

	// What is gross begins the line anew: at once when early (without waiting for
	// the window's end from grossYoung on), when late only after grossRow points. A PipeWire cycle that was skipped is 5.3 ms.
	gross      = 12    // standard deviations
	grossLeast = 200e3 // ns
	grossYoung = 1e6   // ns
	grossRow   = 3

	// Standard errors of the slope beyond the base at which half of it is
	// believed, and at which it becomes the base of a line begun anew. Points
	// are not independent: recordings of exact servers reach 6.
	doubt   = 9
	certain = 20

	steepest = 1e-3 // twice what the trim can follow
)

// ahead returns the height of the line at an instant.
func (l *regression) ahead(at float64) float64 {
	return l.meanAhead + l.base*at + l.bend*(at-l.meanAt)
}

// slope returns the slope as far as it is believed.
func (l *regression) slope() float64 { return l.base + l.bend }

// begin starts the line anew at one point. Noise is kept, and so is a slope
// that was certain: a server that skipped a cycle has the clock it had.
func (l *regression) begin(at, ahead float64) {
	base, noise, begun := l.base, l.noise, l.begun
	if l.weight > 0 {
		begun++
	}
	if l.sure > certain*certain {
		base += l.bend
	}
	if l.weight == 0 {
		noise = firstNoise * firstNoise
	}
	*l = regression{weight: 1, meanAt: at, meanAhead: ahead - base*at, base: base, noise: noise, begun: begun}
}

// add takes the next point.
func (l *regression) add(at, ahead float64) {
	if l.weight == 0 {
		l.begin(at, ahead)
		return
	}
	miss := ahead - l.ahead(at)
	deviation := math.Sqrt(l.noise)
	young := l.weight < youth
	most := float64(grossYoung)
	if !young {
		most = max(grossLeast, gross*deviation)
	}
	switch {
	case miss > most:
		l.begin(at, ahead)
		return
	case miss < -most:
		if l.late == 0 || miss > l.leastLate {
			l.leastLate = miss
		}
		if l.late++; l.late == grossRow {
			l.begin(at, l.ahead(at)+l.leastLate)
		}
		return
	}
	l.late = 0

	// Noise is what neither the slope that is believed nor the full one explains.
	odd := miss
	if other := miss - (l.full-l.bend)*(at-l.meanAt); math.Abs(other) < math.Abs(odd) {
		odd = other
	}
	wild := clamp(odd, wildMost*deviation)
	l.noise = max(l.noise+noiseGain*(wild*wild-l.noise), leastNoise*leastNoise)
	l.misfit += misfitGain * (wild/deviation - l.misfit)
	if !young {
		miss = max(miss, -lateMost*deviation)
	}
	ahead = l.ahead(at) + miss
	if math.Abs(l.misfit) > misfitMost {
		l.misfit = 0
		l.forget(min(l.weight/4, memory/12))
	}
	l.forget(min(l.weight, memory-1))
	l.fit(at, ahead-l.base*at)
}

// early begins the line anew at a point that is so far above it that it need
// not be the best of its window: the server has rendered ahead.
func (l *regression) early(at, ahead float64) {
	if l.weight > 0 && ahead-l.ahead(at) > max(grossYoung, gross*math.Sqrt(l.noise)) {
		l.begin(at, ahead)
	}
}

// forget makes all points so far weigh as much as the given number of them.
func (l *regression) forget(points float64) {
	keep := points / l.weight
	l.weight *= keep
	l.atAt *= keep
	l.atAhead *= keep
}

// fit adds a point, less the base, to the moments.
func (l *regression) fit(at, ahead float64) {
	l.weight++
	dt, da := at-l.meanAt, ahead-l.meanAhead
	l.meanAt += dt / l.weight
	l.meanAhead += da / l.weight
	l.atAt += dt * (at - l.meanAt)
	l.atAhead += dt * (ahead - l.meanAhead)
	if l.atAt == 0 {
		return
	}
	l.full = clamp(l.atAhead/l.atAt, steepest)
	l.sure = l.full * l.full * l.atAt / l.noise
	const half = doubt * doubt * doubt * doubt
	l.bend = l.full * l.sure * l.sure / (l.sure*l.sure + half)
}

// clamp returns x, but no further from zero than most.
func clamp(x, most float64) float64 { return max(-most, min(x, most)) }
