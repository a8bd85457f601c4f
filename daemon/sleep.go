package daemon

import (
	"context"
	"sync/atomic"
	"time"

	"aes67-sink/internal/wake"
)

// farewell is what SAP's deletions and, through Avahi, DNS-SD's goodbyes take to
// leave: tens of milliseconds, and nobody tells when.
const farewell = 80 * time.Millisecond

// leaving waits until nothing of the bridge is on the network.
type leaving struct {
	onWire  func() bool   // a stream is sent, a session announced, or PTP spoken
	changed chan struct{} // onWire may have
}

// done returns when all that was to leave has left, or with ctx.
func (l *leaving) done(ctx context.Context) {
	for l.onWire() {
		select {
		case <-ctx.Done():
			return
		case <-l.changed:
		}
	}
	wake.Pause(ctx, farewell)
}

// sleeper takes the bridge off the network while the computer sleeps.
type sleeper struct {
	leaving
	supervisor chan<- struct{} // woken when asleep has changed
	compare    func()          // of the clocks: the network's time stood still
	rejoin     func()          // switches may have forgotten what is heard here
	down       atomic.Bool
}

// asleep is a reason to send nothing.
func (s *sleeper) asleep() bool { return s.down.Load() }

// quiet has the sound faded out and the sessions withdrawn, and returns when that
// is done, or with ctx.
func (s *sleeper) quiet(ctx context.Context) {
	s.down.Store(true)
	wake.Signal(s.supervisor)
	s.done(ctx)
}

func (s *sleeper) awake() {
	s.compare()
	s.down.Store(false)
	wake.Signal(s.supervisor)
	s.rejoin()
}
