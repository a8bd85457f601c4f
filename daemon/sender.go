package daemon

import (
	"context"
	"errors"
	"fmt"
	"sync"

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
}

// runningSender is a sender and the goroutine that runs it.
type runningSender struct {
	*rtpsend.Sender
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
	running := &runningSender{Sender: made, stop: stop, ended: make(chan struct{})}
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
	s.legs = [2]rtpsend.Leg{first, second}
	s.placeLegs()
}

// placeLegs does so; mu is held. An interface that is not ready yet is tried again with
// the next change of it.
func (s *sender) placeLegs() {
	if s.running == nil || !s.legs[0].Source.IsValid() && !s.legs[1].Source.IsValid() {
		return
	}
	if err := s.running.SetLegs(s.legs[0], s.legs[1]); err != nil {
		s.log.Warn().Err(err).Msg("packets do not leave on both legs")
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
	s.running = nil
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

// stats returns nil while no streams run.
func (s *sender) stats() *rtpsend.Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running == nil {
		return nil
	}
	stats := s.running.Snapshot()
	return &stats
}
