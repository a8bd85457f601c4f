package rtpsend

import (
	"fmt"
	"sync"
)

// placed is where a leg's socket is; the loop knows it by its number alone.
type placed struct {
	mu       sync.Mutex
	at       Leg
	unplaced error // why it is not where it is to be, and nothing leaves by it; nil: it is, or rests
	closed   bool
}

// move lets the packets leave elsewhere from the next one on, or nowhere. The loop goes
// on meanwhile: the new socket takes the old one's number. Where that fails nothing leaves.
func (l *leg) move(cfg *Config, place Leg) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return errClosed
	}
	l.unplaced = nil
	if place.Source.IsValid() && !place.Same(l.at) {
		l.unplaced = l.open(cfg, place)
	}
	l.on.Store(place.Source.IsValid() && l.unplaced == nil)
	return l.unplaced
}

// open puts the socket elsewhere; mu is held.
func (l *leg) open(cfg *Config, place Leg) error {
	next, err := openSocket(cfg, place)
	if err != nil {
		return err
	}
	if err := next.replace(l.socket); err != nil {
		return fmt.Errorf("rtpsend: interface %s: %w", place.Interface.Name, err)
	}
	l.at = place
	return nil
}

// Unplaced tells why the last SetLegs could not have packets leave by a leg; nil: they
// do, or the leg is to rest.
func (s *Sender) Unplaced() (first, second error) {
	first = s.first.whyUnplaced()
	if s.second != nil {
		second = s.second.whyUnplaced()
	}
	return first, second
}

func (l *leg) whyUnplaced() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.unplaced
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
