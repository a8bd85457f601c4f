package rtpsend

// Hot: write runs once a packet time.

import (
	"net/netip"
	"sync/atomic"
	"syscall"

	"aes67-sink/aes67"
)

// leg sends the packets of all streams out of one interface.
type leg struct {
	socket   *socket
	on       atomic.Bool // there is an interface
	messages []message
	streams  []legCounters
	errno    atomic.Uintptr // of the last batch, 0: none
	refusal  atomic.Uintptr // the last one that there was

	placed // beside the loop
}

type legCounters struct{ packets, dropped atomic.Uint64 }

// newLeg makes a leg that sends the packets in buffers, which are reused, to one
// destination each.
func newLeg(cfg *Config, place Leg, buffers [][]byte, to func(*aes67.Stream) netip.Addr) (*leg, error) {
	l := &leg{messages: make([]message, len(buffers)), streams: make([]legCounters, len(buffers))}
	for i := range buffers {
		l.messages[i] = newMessage(buffers[i], netip.AddrPortFrom(to(&cfg.Streams[i]), cfg.Streams[i].Port))
	}
	var err error
	if l.socket, err = openSocket(cfg, place); err != nil {
		return nil, err
	}
	l.at = place
	l.on.Store(place.Source.IsValid())
	return l, nil
}

// write sends what is in the buffers by a leg that is on: so many packets left, and why the
// kernel refused others, if it did.
func (l *leg) write() (on bool, left int, refused syscall.Errno) {
	if on = l.on.Load(); on {
		left, refused = l.socket.write(l.messages, l.streams)
	}
	if uintptr(refused) != l.errno.Load() {
		l.errno.Store(uintptr(refused))
		if refused != 0 {
			l.refusal.Store(uintptr(refused))
		}
	}
	return on, left, refused
}

// problem is why the last packet could not be sent; empty: it was.
func (l *leg) problem() string {
	if errno := syscall.Errno(l.errno.Load()); errno != 0 {
		return errno.Error()
	}
	return ""
}

// dropped counts the packets of all streams that the kernel refused.
func (l *leg) dropped() (n uint64) {
	for i := range l.streams {
		n += l.streams[i].dropped.Load()
	}
	return n
}
