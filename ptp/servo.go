package ptp

import (
	"math"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/mediaclock"
)

const (
	// servoInterval is how often the clock is steered: as often as a Sync of
	// the media profile comes.
	servoInterval = 125 * time.Millisecond
	// The phase error is folded into the rate over an eighth of the window of
	// the estimate, within these: a short window means that the clock wanders
	// and must be followed closely.
	fastestFold, slowestFold = 125 * time.Millisecond, time.Second
	foldShare                = 32
	// maxSlew limits what is added to the rate for the phase's sake, ppb: 100
	// ppm is not heard as pitch.
	maxSlew = 100_000
	// maxRate limits the rate altogether, ppb: a crystal is within 100 ppm, and
	// NTP may slew CLOCK_MONOTONIC by 500 ppm.
	maxRate = 1_000_000
	// stepTicks is how long, in ticks, an error must be beyond stepLimit before
	// a clock that is set is stepped.
	stepTicks = 4
	// A first estimate is not applied while its standard error is beyond
	// trustError, but for trustTime at most: a burst of late messages at the
	// start is waited out.
	trustError = 50 * time.Microsecond
	trustTime  = 4 * time.Second
	// lockError is the error within which the clock is called locked, if it
	// stays there for lockTicks.
	lockError = 10 * time.Microsecond
	lockTicks = 4
	// patience is after how long a network too noisy for lockError is good
	// enough.
	patience = 10 * time.Second
)

// servo makes the virtual clock follow an estimate. The estimate is of the
// clock itself and not of what is left of the error, so the servo cannot
// become unstable: it is a pursuit, by rate alone.
type servo struct {
	clock  *mediaclock.Clock
	est    estimate
	known  bool // est is
	far    int  // ticks in a row beyond stepLimit
	near   int  // ticks in a row within lockError
	fresh  bool // nothing was applied since the last start
	since  aes67.MonoTime
	locked bool
}

// start begins to follow another clock, or the same after a step. The rate is
// kept until there is an estimate.
func (s *servo) start(now aes67.MonoTime) {
	*s = servo{clock: s.clock, fresh: true, since: now}
}

// take takes a new estimate.
func (s *servo) take(e estimate) { s.est, s.known = e, true }

// phaseError returns by how much the virtual clock is ahead of the estimate.
func (s *servo) phaseError(now aes67.MonoTime) (ahead time.Duration, ok bool) {
	m, set := s.clock.Load()
	if !set || !s.known {
		return 0, false
	}
	return m.PTPAt(now).Sub(s.est.ptpAt(now)), true
}

// tick steers the clock, or steps it, and reports a step.
func (s *servo) tick(now aes67.MonoTime) (stepped bool) {
	if !s.known || s.fresh && s.est.offsetSE > float64(trustError) && now.Sub(s.since) < trustTime {
		return false
	}
	ahead, set := s.phaseError(now)
	// The rate of the middle of the time until the next tick.
	rate := min(max(s.est.rateAt(now.Add(servoInterval/2)), -maxRate), maxRate)
	if s.mustStep(ahead, set) {
		s.clock.Step(now, s.est.ptpAt(now), rate)
		s.fresh, s.far = false, 0
		return set
	}
	s.fresh = false
	fold := min(max(s.est.window/foldShare, fastestFold), slowestFold)
	slew := -ahead.Seconds() / fold.Seconds() * 1e9
	slew = min(max(slew, -maxSlew), maxSlew)
	s.clock.Pursue(now, rate+aes67.PPB(slew), rate)
	s.judge(now, ahead)
	return false
}

// mustStep reports whether the error is one that slewing does not mend. When
// another clock begins to be followed that is decided at once; later on it
// takes a few ticks.
func (s *servo) mustStep(ahead time.Duration, set bool) bool {
	if !set {
		return true
	}
	if ahead.Abs() <= max(stepLimit, time.Duration(4*s.est.offsetSE)) {
		s.far = 0
		return false
	}
	s.far++
	return s.fresh || s.far >= stepTicks
}

// judge decides whether the clock is locked.
func (s *servo) judge(now aes67.MonoTime, ahead time.Duration) {
	unsure := time.Duration(math.Ceil(s.est.offsetSE))
	limit := lockError
	if now.Sub(s.since) >= patience {
		limit = max(limit, 4*unsure)
	}
	if ahead.Abs() > limit || unsure > limit {
		s.near = 0
		return
	}
	s.near++
	s.locked = s.locked || s.near >= lockTicks
}

// hold lets the clock run on without pursuit, at the last known rate or the mean
// of one that swings.
func (s *servo) hold(now aes67.MonoTime) {
	if s.known {
		s.clock.Steer(now, min(max(s.est.meanRate(now), -maxRate), maxRate))
	}
}
