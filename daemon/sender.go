package daemon

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"aes67-sink/internal/lifecycle"
	"aes67-sink/internal/wake"
	"aes67-sink/mediaclock"
	"aes67-sink/rtpsend"
)

// sender starts and stops the one sender.
type sender struct {
	clock  *mediaclock.Clock
	source rtpsend.FrameSource
	log    zerolog.Logger
	ended  chan<- struct{} // signalled when it has, by whatever

	mu      sync.Mutex
	running *runningSender // nil while no streams run
	legs    [2]rtpsend.Leg
	refused string        // why packets do not leave by each of these; empty: they do
	again   *time.Timer   // places them once more; nil: nothing is to be tried again
	wait    time.Duration // until then, since the last try; 0: there was none
}

// runningSender is a sender and the goroutine that runs it.
type runningSender struct {
	*rtpsend.Sender
	place func(first, second rtpsend.Leg) error // SetLegs
	tell  func()                                // that a leg's problem came, changed or went; nil: nobody
	stop  context.CancelFunc
	ended chan struct{}
	err   error // valid once ended is closed
}

func (s *sender) start(cfg rtpsend.Config) error {
	made, err := rtpsend.New(cfg, s.clock, s.source, s.log)
	if err != nil {
		return failure(err)
	}
	ctx, stop := context.WithCancel(context.Background()) // it ends by stop alone: fades come first
	running := &runningSender{Sender: made, place: made.SetLegs, tell: cfg.OnProblem, stop: stop, ended: make(chan struct{})}
	s.mu.Lock()
	s.running = running
	s.placeLegs()
	s.mu.Unlock()
	go func() {
		running.err = lifecycle.Guard(func() error { return made.Run(ctx) }, s.log)
		close(running.ended) // before the supervisor is woken, which looks at it
		wake.Signal(s.ended)
	}()
	return nil
}

// setLegs lets packets leave elsewhere from now on.
func (s *sender) setLegs(first, second rtpsend.Leg) {
	s.mu.Lock()
	defer s.mu.Unlock()
	same := first.Same(s.legs[0]) && second.Same(s.legs[1])
	s.legs = [2]rtpsend.Leg{first, second}
	if same && s.again != nil {
		return // what was refused has its time
	}
	s.wait = 0
	s.placeLegs()
}

// retryLegs is how long after they were refused legs are placed again, ever later up to
// retryLegsMost.
const retryLegs, retryLegsMost = 200 * time.Millisecond, 10 * time.Second

// placeLegs does so; mu is held. What is refused is tried again, for an interface that has
// just come up may not be ready yet.
func (s *sender) placeLegs() {
	s.stopPlacing()
	if s.running == nil || !s.legs[0].Source.IsValid() && !s.legs[1].Source.IsValid() {
		return
	}
	err := s.running.place(s.legs[0], s.legs[1])
	s.noteRefused(err)
	if err == nil {
		s.wait = 0
		return
	}
	s.wait = min(max(2*s.wait, retryLegs), retryLegsMost)
	s.again = time.AfterFunc(s.wait, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.placeLegs()
	})
}

// stopPlacing has nothing tried again; mu is held.
func (s *sender) stopPlacing() {
	if s.again != nil {
		s.again.Stop()
		s.again = nil
	}
}

// noteRefused tells what became of the legs, once for each reason; mu is held.
func (s *sender) noteRefused(err error) {
	why := ""
	if err != nil {
		why = err.Error()
	}
	if why == s.refused {
		return
	}
	s.refused = why
	if err != nil {
		s.log.Warn().Err(err).Msg("packets do not leave on both legs")
	}
	if s.running.tell != nil {
		s.running.tell()
	}
}

// stop returns when the last packet, of silence, is sent.
func (s *sender) stop() {
	s.mu.Lock()
	running := s.running
	s.mu.Unlock()
	if running == nil {
		return
	}
	running.stop()
	<-running.ended
	s.mu.Lock()
	s.stopPlacing()
	s.running, s.refused, s.wait = nil, "", 0
	s.mu.Unlock()
}

// failed says why it ended by itself, empty while it has not.
func (s *sender) failed() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running == nil {
		return ""
	}
	select {
	case <-s.running.ended:
		if s.running.err != nil {
			return failure(s.running.err).Error()
		}
		return failure(errors.New("it ended by itself")).Error()
	default:
		return ""
	}
}

// failure is why there is no sender.
func failure(err error) error {
	return fmt.Errorf("the sender failed: %w; it is tried again", err)
}

// runs reports whether there is one.
func (s *sender) runs() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.running != nil
}

// stats returns nil while no streams run. A leg that could not be placed has that as its
// problem.
func (s *sender) stats() *rtpsend.Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running == nil {
		return nil
	}
	stats := s.running.Snapshot()
	first, second := s.running.Unplaced()
	if first != nil {
		stats.Problem = first.Error()
	}
	if second != nil {
		stats.SecondProblem = second.Error()
	}
	return &stats
}
