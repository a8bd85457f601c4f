package track

import (
	"math"
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
	Stepped                // set to the other clock's time, not close to it for long enough
	Locked                 // close to it
	Held                   // was locked, and is good for a while; may be following anew
)

// String returns the state's name.
func (s State) String() string {
	return [...]string{"empty", "measuring", "stepped", "locked", "held"}[s]
}

const (
	// ServoInterval is how often the clock is steered: as often as a Sync of
	// the media profile comes.
	ServoInterval = 125 * time.Millisecond
	// StepLimit is the error from which time is stepped rather than slewed.
	StepLimit = time.Millisecond
	// stepTicks is how long, in ticks, an error must be beyond StepLimit before
	// a clock that is set is stepped: by then the estimate shows whether the other
	// clock stands still.
	stepTicks = 8
	// The phase error is folded into the rate over this share of the window of
	// the estimate, within these: a short window means that the clock wanders
	// and must be followed closely.
	foldShare                = 32
	fastestFold, slowestFold = 125 * time.Millisecond, time.Second
	// maxSlew limits what is added to the rate for the phase's sake, ppb: 100
	// ppm is not heard as pitch.
	maxSlew = 100_000
	// A first estimate is not applied while its standard error is beyond
	// trustError, but for trustTime at most: a burst of late messages at the
	// start is waited out.
	trustError = 50 * time.Microsecond
	trustTime  = 4 * time.Second
	// lockError is the error within which the clock is called locked, if it
	// stays there for lockTicks. Beyond lostShare times that, for lostTicks, it
	// is no longer.
	lockError            = 10 * time.Microsecond
	lockTicks            = 4
	lostShare, lostTicks = 4, 16
	// patience is after how long a network too noisy for lockError is good
	// enough.
	patience = 10 * time.Second
)

// Servo makes a clock follow an estimate. The estimate is of the other clock
// itself and not of what is left of the error, so the servo cannot become
// unstable: it is a pursuit, by rate alone.
type Servo struct {
	clock *mediaclock.Clock
	state State
	est   Estimate
	known bool           // est is
	good  aes67.PPB      // the rate when the clock was last close to its estimate
	fresh bool           // nothing was applied since the last start
	since aes67.MonoTime // the last start, or when the lock was lost
	far   int            // ticks in a row beyond StepLimit
	near  int            // ticks in a row within the limit of the lock; less than 0: beyond
	limit time.Duration  // within which the clock was locked
}

// NewServo returns one that steers a clock.
func NewServo(clock *mediaclock.Clock) Servo { return Servo{clock: clock} }

// State returns how far the clock is.
func (s *Servo) State() State { return s.state }

// Since returns when the measurement began, or the lock was lost.
func (s *Servo) Since() aes67.MonoTime { return s.since }

// Known returns the estimate that is followed.
func (s *Servo) Known() (*Estimate, bool) { return &s.est, s.known }

// Fresh reports whether no estimate was applied since Start.
func (s *Servo) Fresh() bool { return s.fresh }

// Trust tells that the clock shows a time that is good without an estimate.
func (s *Servo) Trust() { s.state, s.known = Held, false }

// Start begins to follow another clock, or the same after a step. The rate is
// kept until there is an estimate.
func (s *Servo) Start(now aes67.MonoTime) {
	state := s.state
	switch state {
	case Locked:
		state = Held
	case Empty, Stepped:
		state = Measuring
	case Measuring, Held:
	}
	*s = Servo{clock: s.clock, state: state, good: s.good, fresh: true, since: now}
}

// Take takes a new estimate. One that is not plausible is a fault of the other
// clock: it is not followed, and the caller is told. The clock is held then, until
// Start.
func (s *Servo) Take(e Estimate, now aes67.MonoTime) (plausible bool) {
	if !e.Plausible() {
		s.Hold(now)
		s.known = false
		return false
	}
	s.est, s.known = e, true
	return true
}

// Ahead returns by how much the clock is ahead of the estimate.
func (s *Servo) Ahead(now aes67.MonoTime) (ahead time.Duration, ok bool) {
	m, set := s.clock.Load()
	if !set || !s.known {
		return 0, false
	}
	return m.PTPAt(now).Sub(s.est.TimeAt(now)), true
}

// Tick steers the clock, or steps it, and reports a step.
func (s *Servo) Tick(now aes67.MonoTime) (stepped bool) {
	if !s.known || s.fresh && s.est.OffsetSE > float64(trustError) && now.Sub(s.since) < trustTime {
		return false
	}
	ahead, set := s.Ahead(now)
	// The rate of the middle of the time until the next tick.
	rate := s.est.RateAt(now.Add(ServoInterval / 2))
	if s.far++; set && ahead.Abs() <= max(StepLimit, time.Duration(4*s.est.OffsetSE)) {
		s.far = 0
	}
	switch {
	case !set || s.fresh && s.far > 0 || s.far >= stepTicks:
		s.clock.Step(now, s.est.TimeAt(now), rate)
		if s.fresh, s.far, s.good = false, 0, rate; s.state == Measuring {
			s.state = Stepped
		}
		return set
	case s.far > 0: // it runs on as it did until this is decided
	default:
		fold := min(max(s.est.Window/foldShare, fastestFold), slowestFold)
		slew := -ahead.Seconds() / fold.Seconds() * 1e9
		s.clock.Pursue(now, rate+aes67.PPB(min(max(slew, -maxSlew), maxSlew)), rate)
		if s.fresh = false; s.state == Measuring {
			s.state = Stepped
		}
	}
	s.judge(now, ahead, rate)
	return false
}

// judge decides whether the clock is locked, or no longer.
func (s *Servo) judge(now aes67.MonoTime, ahead time.Duration, rate aes67.PPB) {
	unsure := time.Duration(math.Ceil(s.est.OffsetSE))
	off := max(ahead.Abs(), unsure)
	if s.state == Locked {
		if off <= s.limit {
			s.good = rate
		}
		if s.near++; off <= lostShare*s.limit {
			s.near = 0
		}
		if s.near >= lostTicks {
			s.lose(now)
		}
		return
	}
	limit := lockError
	if now.Sub(s.since) >= patience {
		limit = max(limit, min(4*unsure, StepLimit))
	}
	if s.near++; off > limit {
		s.near = 0
	}
	if s.near >= lockTicks {
		s.state, s.near, s.limit, s.good = Locked, 0, limit, rate
	}
}

func (s *Servo) lose(now aes67.MonoTime) { s.state, s.near, s.since = Held, 0, now }

// Hold lets the clock run on without pursuit, at its last good rate.
func (s *Servo) Hold(now aes67.MonoTime) {
	if s.state == Locked {
		s.lose(now)
	}
	if s.state == Held && s.known {
		s.clock.Steer(now, s.good)
	}
}
