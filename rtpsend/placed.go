package rtpsend

import (
	"fmt"
	"sync"
)

// placed is where a leg's socket is; the loop knows it by its number alone.
type placed struct {
	mu     sync.Mutex
	at     Leg
	closed bool
}

// move lets the packets leave elsewhere from the next one on, or nowhere. The loop goes
// on meanwhile: the new socket takes the old one's number.
func (l *leg) move(cfg *Config, place Leg) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return errClosed
	case !place.Source.IsValid():
		l.on.Store(false)
		return nil
	case !place.Same(l.at):
		next, err := openSocket(cfg, place)
		if err != nil {
			l.on.Store(false)
			return err
		}
		if err := next.replace(l.socket); err != nil {
			return fmt.Errorf("rtpsend: interface %s: %w", place.Interface.Name, err)
		}
		l.at = place
	}
	l.on.Store(true)
	return nil
}

func (l *leg) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return errClosed
	}
	l.closed = true
	return l.socket.close()
}

// name is that of the interface.
func (l *leg) name() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.at.Interface.Name
}
