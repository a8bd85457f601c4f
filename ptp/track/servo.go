package track

import (
	"time"

	"aes67-sink/aes67"
	"aes67-sink/mediaclock"
)

// State is how far a clock has come. What others call it follows from this.
type State uint8

// The states of a clock that is made to follow another.
const (
	Empty     State = iota // there is no time
	Measuring              // nor yet, but a clock is being measured
	Stepped                // set to that clock's time, not close to it for long enough
	Locked                 // close to it
	Held                   // has been locked, and is not now; it may be following anew
)

// String returns the state's name.
func (s State) String() string {
	return [...]string{"empty", "measuring", "stepped", "locked", "held"}[s]
}

const (
	// ServoInterval is how often the clock is steered: as often as a Sync of
	// the media profile comes.
	ServoInterval = 125 * time.Millisecond
	// StepLimit is the error from which time is stepped rather than slewed, if a
	// clock that is set was beyond it for stepTicks: by then the estimate shows
	// whether the other clock stands still.
	StepLimit, stepTicks = time.Millisecond, 8
	// MaxRate is beyond what no clock is, ppb: 2 %.
	MaxRate = 20_000_000
	// The phase error is folded into the rate over a foldShare of the window of
	// the estimate, within these: in a short window the clock wanders.
	foldShare, fastestFold, slowestFold = 32, 125 * time.Millisecond, time.Second
	// maxSlew limits what is added to the rate for the phase's sake, ppb: 100
	// ppm is not heard as pitch.
	maxSlew = 100_000
	// A first estimate is not applied while its standard error is beyond
	// trustError, but for trustTime at most: a burst of late messages is waited out.
	trustError, trustTime = 50 * time.Microsecond, 4 * time.Second
	// lockError is the error within which the clock is called locked, if it
	// stays there for lockTicks. Beyond lostShare times that, for lostTicks, it
	// is no longer.
	lockError, lockTicks = 10 * time.Microsecond, 4
	lostShare, lostTicks = 4, 16
	// patience is after how long a network too noisy for lockError is good enough,
	// up to worst: a tenth of a packet of 1 ms. While the estimate is less sure than
	// that, the last good rate is the better guess, and drift, in ns/s, what it may
	// be off by: some degrees of a quartz.
	patience, worst, drift = 10 * time.Second, 100 * time.Microsecond, 500
	// certain is how many standard errors are called certain.
	certain = 4
)

// Servo makes a clock follow an estimate. The estimate is of the other clock
// itself and not of what is left of the error, so the servo cannot become
// unstable: it is a pursuit, by rate alone.
type Servo struct {
	clock *mediaclock.Clock
	state State
	est   Estimate
	known bool          // est is
	fresh bool          // nothing was applied since the last start
	good  aes67.PPB     // the rate when the clock was last close to an estimate
	since aes67.RawTime // the last start, or when the lock was lost
	sure  aes67.RawTime // the latest estimate that was
	far   int           // ticks in a row beyond StepLimit
	count int           // ticks in a row that speak for the lock, or against it
	limit time.Duration // within which the clock was locked
}

// NewServo returns one that steers a clock.
func NewServo(clock *mediaclock.Clock) Servo { return Servo{clock: clock} }

// State returns how far the clock is.
func (s *Servo) State() State { return s.state }

// Known returns the estimate that is followed.
func (s *Servo) Known() (*Estimate, bool) { return &s.est, s.known }

// Fails reports that there are estimates, but for patience none good enough to lock.
func (s *Servo) Fails(now aes67.RawTime) bool {
	return s.known && s.state != Locked && now.Sub(s.since) >= patience
}

// Applied reports whether the clock was brought to an estimate since Start.
func (s *Servo) Applied() bool { return s.known && !s.fresh }

// Trust tells that the clock shows a good time that is not an estimate.
func (s *Servo) Trust() { s.state, s.known = Held, false }

// Start begins to follow another clock, or the same after a step. The rate is
// kept until there is an estimate.
func (s *Servo) Start(now aes67.RawTime) {
	state := Measuring
	if s.state >= Locked {
		state = Held
	}
	*s = Servo{clock: s.clock, state: state, good: s.good, fresh: true, since: now}
}

// Take takes a new estimate. It returns false if no clock can have such a rate:
// the other one stands still, or runs absurdly. It is not followed then, and the
// clock runs on at its last good rate.
func (s *Servo) Take(now aes67.RawTime, e Estimate) (ok bool) {
	if ok = -MaxRate <= e.Rate && e.Rate <= MaxRate; ok {
		s.est, s.known = e, true
	} else {
		s.Hold(now)
		s.known = false
	}
	return ok
}

// Ahead returns by how much the clock is ahead of the estimate.
func (s *Servo) Ahead(now aes67.RawTime) (ahead time.Duration, ok bool) {
	m, set := s.clock.Load()
	if !set || !s.known {
		return 0, false
	}
	return m.PTPAt(now).Sub(s.est.TimeAt(now)), true
}

// Tick steers the clock, or steps it, and reports a step.
func (s *Servo) Tick(now aes67.RawTime) (stepped bool) {
	if !s.known || s.fresh && s.est.OffsetSE > float64(trustError) && now.Sub(s.since) < trustTime {
		return false
	}
	unsure := time.Duration(s.est.OffsetSE)
	if s.state >= Locked && !s.fresh && unsure > worst && unsure > time.Duration(drift*now.Sub(s.sure).Seconds()) {
		s.Hold(now)
		return false
	}
	s.sure = now
	ahead, set := s.Ahead(now)
	if s.far++; set && ahead.Abs() <= max(StepLimit, certain*unsure) {
		s.far = 0
	}
	rate := s.est.RateAt(now.Add(ServoInterval / 2)) // of the middle of the time until the next tick
	switch {
	case !set || s.fresh && s.far > 0 || s.far >= stepTicks:
		s.clock.Step(now, s.est.TimeAt(now), rate)
		s.far, s.good, stepped = 0, rate, set
	case s.far > 0:
		s.clock.Steer(now, s.good) // until this is decided
		s.judge(now, rate, ahead.Abs(), unsure)
		return false
	default:
		fold := min(max(s.est.Window/foldShare, fastestFold), slowestFold)
		slew := -ahead.Seconds() / fold.Seconds() * 1e9
		s.clock.Pursue(now, rate+aes67.PPB(min(max(slew, -maxSlew), maxSlew)), rate)
		if s.fresh { // a clock that is right already is not stepped
			s.good = rate
		}
		s.judge(now, rate, ahead.Abs(), unsure)
	}
	if s.fresh = false; s.state == Measuring {
		s.state = Stepped
	}
	return stepped
}

// judge decides whether the clock is locked, or no longer.
func (s *Servo) judge(now aes67.RawTime, rate aes67.PPB, off, unsure time.Duration) {
	off = max(off, unsure)
	s.count++
	if s.state == Locked {
		if off <= s.limit {
			s.good = rate
		}
		if off <= lostShare*s.limit {
			s.count = 0
		}
		if s.count >= lostTicks {
			s.lose(now)
		}
		return
	}
	s.limit = lockError
	if now.Sub(s.since) >= patience {
		s.limit = max(lockError, min(certain*unsure, worst))
	}
	if off > s.limit {
		s.count = 0
	}
	if s.count >= lockTicks {
		s.state, s.count, s.good = Locked, 0, rate
	}
}

// lose takes the lock back. The way back to it is the same as at the start.
func (s *Servo) lose(now aes67.RawTime) { s.state, s.count, s.since = Held, 0, now }

// Hold lets the clock run on without pursuit, at its last good rate.
func (s *Servo) Hold(now aes67.RawTime) {
	if s.state == Locked {
		s.lose(now)
	}
	if s.Applied() {
		s.clock.Steer(now, s.good)
	}
}
