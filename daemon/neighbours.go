package daemon

import (
	"context"
	"reflect"
	"sync/atomic"

	"aes67-sink/bridge"
	"aes67-sink/internal/wake"
)

// neighbours gathers what others announce on the chosen network, for the
// supervisor to keep the sessions clear of.
type neighbours struct {
	foreign func(index int) []bridge.Foreign // what is announced on an interface; 0: on any
	refused func() []string                  // names of ours that DNS-SD refuses
	chosen  func() int                       // index of the interface in use, 0: none
	host    func() string                    // the name of this computer
	wake    chan struct{}                    // by any of these
	changed chan<- struct{}                  // tells the supervisor
	told    atomic.Pointer[bridge.Neighbours]
}

// Run gathers when something has changed, until ctx is done.
func (n *neighbours) Run(ctx context.Context) error {
	for {
		n.gather()
		select {
		case <-ctx.Done():
			return nil
		case <-n.wake:
		}
	}
}

// refresh has the supervisor fit the sessions anew though nobody else has changed: it
// knows news by their address.
func (n *neighbours) refresh() {
	if told := n.told.Load(); told != nil {
		same := *told
		n.told.CompareAndSwap(told, &same) // else there are news anyway
	}
	wake.Signal(n.changed)
}

// latest may be called from any goroutine, also before Run.
func (n *neighbours) latest() *bridge.Neighbours {
	if told := n.told.Load(); told != nil {
		return told
	}
	n.gather()
	return n.told.Load()
}

// gather replaces what is told if it has changed.
func (n *neighbours) gather() {
	next := &bridge.Neighbours{Host: n.host(), Refused: n.refused()}
	known := map[bridge.Foreign]bool{} // what is heard in two ways
	for _, f := range n.foreign(n.chosen()) {
		if !known[f] {
			known[f] = true
			next.Sessions = append(next.Sessions, f)
		}
	}
	if old := n.told.Load(); old == nil || !reflect.DeepEqual(old, next) {
		n.told.Store(next)
		wake.Signal(n.changed)
	}
}
