package pulse

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"aes67-sink/aes67"
	"aes67-sink/internal/wake"
)

const (
	// firstRetry and lastRetry bound the pause before the next attempt, which
	// doubles each time.
	firstRetry = 50 * time.Millisecond
	lastRetry  = 2 * time.Second
	// absentRetry bounds it while nobody listens: asking then costs one system
	// call, and the sink should be back within a second of the server.
	absentRetry = 200 * time.Millisecond
	// steady is how long things must have gone well for the pause to start anew.
	steady = 10 * time.Second
	// farewell bounds what is still asked of the server at the end.
	farewell = 2 * time.Second
	// fadeIn is how sound begins once the volume is confirmed.
	fadeIn = 10 * time.Millisecond
)

// Sink is the virtual sink and the recording of its monitor.
type Sink struct {
	cfg     Config
	log     zerolog.Logger
	framer  *framer
	where   surroundings
	changed chan struct{}

	withdrawn atomic.Bool
	maxDB     atomic.Uint64 // float64 bits: the most that the sink's volume may be
	asked     chan struct{} // what is asked of the sink has changed

	wantsAlone atomic.Bool
	volumeTo   atomic.Pointer[float64] // dB, to be set; nil: nothing
	mutedTo    atomic.Pointer[bool]

	mu     sync.Mutex
	status Status

	// of the control goroutine
	guard      jumpGuard
	volume     Volume // the trusted one
	known      bool   // volume is to be restored when the sink is made
	saved      Volume
	problem    string // as last logged
	repeats    int    // of the same problem, not logged
	leftBehind bool   // the server may have the sink still
	worn       bool   // the sink gives no sound: make a new one
	remade     int    // so often was that done since there was sound
}

// New returns a sink that does nothing before Run. Frames of its monitor go to
// frames.
func New(cfg Config, frames FrameHandler, log zerolog.Logger) *Sink {
	framer := newFramer(max(1, len(cfg.Channels)), frames)
	framer.fade = int(aes67.FramesIn(fadeIn, cfg.Rate))
	s := &Sink{
		cfg:     cfg,
		guard:   jumpGuard{jumps: cfg.JumpGuard, maxDB: cfg.MaxVolumeDB},
		log:     log,
		framer:  framer,
		where:   thisProcess(),
		changed: make(chan struct{}, 1),
		asked:   make(chan struct{}, 1),
	}
	s.maxDB.Store(math.Float64bits(cfg.MaxVolumeDB))
	return s
}

// SetMaxVolume changes Config.MaxVolumeDB; any goroutine may call it.
func (s *Sink) SetMaxVolume(db float64) {
	s.maxDB.Store(math.Float64bits(db))
	wake.Signal(s.asked)
}

// takeLimits hands what was set to the control goroutine; it reports a change.
func (s *Sink) takeLimits() (changed bool) {
	db := math.Float64frombits(s.maxDB.Load())
	changed = db != s.guard.maxDB
	s.guard.maxDB, s.cfg.MaxVolumeDB = db, db
	return changed
}

// Withdraw takes the sink out of the sound server, so that it chooses another
// output, or puts it back. Any goroutine may call it, also before Run.
func (s *Sink) Withdraw(yes bool) {
	if s.withdrawn.Swap(yes) != yes {
		wake.Signal(s.asked)
	}
}

// Run keeps the sink alive until ctx is done, through every loss of the server,
// and unloads it then, unless it stays. Only a wrong configuration ends it earlier.
func (s *Sink) Run(ctx context.Context) error {
	if err := s.cfg.Validate(); err != nil {
		return fmt.Errorf("pulse: %w", err)
	}
	if s.cfg.Volume != nil {
		if v, ok := s.cfg.Volume.Load(); ok && len(v.Levels) > 0 {
			s.volume, s.saved, s.known = v.fit(len(s.cfg.Channels)), v, true
		}
	}
	again, wasAbsent := retry{first: firstRetry}, false
	for ctx.Err() == nil {
		began := s.cfg.Now()
		s.takeLimits()
		err := s.live(ctx)
		s.framer.close()
		s.set(func(st *Status) { *st = Status{VolumeDB: st.VolumeDB, Muted: st.Muted, Problem: st.Problem} })
		if ctx.Err() != nil {
			break
		}
		s.trouble(err)
		absent := errors.Is(err, errNoServer)
		if s.cfg.Now().Sub(began) > steady || absent != wasAbsent {
			again.reset()
		}
		again.last, wasAbsent = lastRetry, absent
		if absent {
			again.last = absentRetry
		}
		wake.Pause(ctx, again.pause())
	}
	if s.leftBehind && !s.stays() {
		s.sweep()
	}
	s.set(func(st *Status) { *st = Status{} })
	return nil
}

// trouble tells a problem once, however often it comes back. Who reads the status logs it.
func (s *Sink) trouble(err error) {
	problem := err.Error()
	if problem == s.problem {
		s.repeats++
		return
	}
	s.tellRepeats()
	s.problem = problem
	s.set(func(st *Status) { st.Problem = problem })
	s.log.Debug().Str("problem", problem).Msg("sink not available")
}

// relief ends a problem.
func (s *Sink) relief() {
	s.tellRepeats()
	s.problem = ""
	s.set(func(st *Status) { st.Problem = "" })
}

// tellRepeats tells what was not logged of a problem.
func (s *Sink) tellRepeats() {
	if s.repeats > 0 {
		s.log.Debug().Str("problem", s.problem).Int("repeats", s.repeats).Msg("problem was repeated")
	}
	s.repeats = 0
}

// retry is a pause that doubles.
type retry struct {
	first, last, next time.Duration
}

func (r *retry) reset() { r.next = 0 }

// pause returns how long to wait this time.
func (r *retry) pause() time.Duration {
	r.next = min(max(r.first, r.next), r.last)
	now := r.next
	r.next *= 2
	return now
}
