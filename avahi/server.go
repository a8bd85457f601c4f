package avahi

import (
	"sync"

	goavahi "github.com/holoplot/go-avahi"
)

// server is go-avahi's Server for one life of the daemon, walled off from its
// traps (docs/adr/0006-go-avahi-publishes.md): each call is bounded, each channel
// has a goroutine that drains it, and close keeps an order.
type server struct {
	life    *life
	avahi   *goavahi.Server
	changed chan struct{} // woken when a group has told a state
	done    chan struct{}
	running sync.WaitGroup // drains, and a look
}

// openServer makes one on the connection of a life. It is to be closed.
func openServer(l *life) (*server, error) {
	s := &server{life: l, changed: make(chan struct{}, 1), done: make(chan struct{})}
	err := l.bounded(callTime, func() (err error) { s.avahi, err = goavahi.ServerNew(l.conn); return err })
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// close ends the connection, and with it everything that was made on the daemon.
// In this order: without a connection every call fails at once; then go-avahi's
// loop, which spins by now, is ended; only when it sends no more may the drains
// end.
func (s *server) close() {
	_ = s.life.conn.Close()
	if s.avahi != nil {
		s.avahi.Close()
	}
	close(s.done)
	s.running.Wait()
}

// state asks for the state of the daemon.
func (s *server) state() (state int32, err error) {
	err = s.life.bounded(callTime, func() (err error) { state, err = s.avahi.GetState(); return err })
	return state, err
}

// look tells whether the daemon answers for this computer on an interface: on one
// that it was told to leave out, groups are established and nobody hears of them.
func (s *server) look(index int, answer chan<- reach) {
	s.running.Go(func() {
		err := s.life.bounded(lookTime, func() error {
			host, err := s.avahi.GetHostNameFqdn()
			if err == nil {
				_, err = s.avahi.ResolveHostName(int32(index), protoINET, host, protoINET, 0)
			}
			return err
		})
		answer <- reach{index, isError(err, "org.freedesktop.Avahi.TimeoutError")}
	})
}
