package daemon

import (
	"context"
	"sync/atomic"
	"time"

	"aes67-sink/wake"
)

// farewell is what SAP's deletions and, through Avahi, DNS-SD's goodbyes take to
// leave: tens of milliseconds, and nobody tells when.
const farewell = 80 * time.Millisecond

// sleeper takes the bridge off the network while the computer sleeps.
type sleeper struct {
	supervisor chan<- struct{} // woken when asleep has changed
	onWire     func() bool     // a stream is sent, or a session announced
	rejoin     func()          // switches may have forgotten what is heard here
	changed    chan struct{}   // onWire may have
	down       atomic.Bool
}

// asleep is a reason to send nothing.
func (s *sleeper) asleep() bool { return s.down.Load() }

// quiet has the sound faded out and the sessions withdrawn, and returns when that
// is done, or with ctx.
func (s *sleeper) quiet(ctx context.Context) {
	s.down.Store(true)
	wake.Signal(s.supervisor)
	for s.onWire() {
		select {
		case <-ctx.Done():
			return
		case <-s.changed:
		}
	}
	wake.Pause(ctx, farewell)
}

func (s *sleeper) awake() {
	s.down.Store(false)
	wake.Signal(s.supervisor)
	s.rejoin()
}
