package rtpsend

import (
	"fmt"
	"net"
	"net/netip"

	"aes67-sink/aes67"
)

// Config says what a sender sends, and where.
type Config struct {
	// Streams share rate, packet time and TTL: they are cut from one block.
	Streams   []aes67.Stream
	Interface net.Interface // where the packets leave
	Source    netip.Addr    // their source address, one of Interface's; none: the first leg rests
	// Second is where the same packets leave for the streams' second destinations, if
	// they have any; it may come and go with SetLegs.
	Second   Leg
	DSCP     int  // 0 to 63
	Loop     bool // programs on this host hear the packets too
	Priority int  // real-time priority to ask for, 1 to 99; 0: none
	// OnProblem is called within a second after Stats.Problem has come, changed or
	// gone, by an ordinary thread. It may be nil.
	OnProblem func()
	// Recorder is told what each packet time was like. It may be nil.
	Recorder Recorder
}

// Leg is one way out: an interface, and the address that packets come from there.
// Without an address nothing leaves there.
type Leg struct {
	Interface net.Interface
	Source    netip.Addr
}

// Same reports whether packets leave alike by both.
func (l Leg) Same(o Leg) bool { return l.Interface.Index == o.Interface.Index && l.Source == o.Source }

// Recorder is told of each packet time. The sender's thread calls it: it must not
// block.
type Recorder interface {
	// Sent tells when a packet of each stream was due, when the thread had woken up
	// for it, when it was ready and when the kernel had it, whether the timestamps
	// jumped before it, and whether the kernel refused it.
	Sent(due, woke, ready, done aes67.RawTime, jumped, refused bool)
}

// FrameSource gives the audio. The sender's thread calls it: it must not block.
type FrameSource interface {
	// Pull fills each channel of out (out[channel][frame], full scale ±1) with
	// the next frames of the media clock. due is the instant at which
	// the block is scheduled to be sent (ideal, not actual). With open false it
	// fades to exact zeros and stays there. silent reports that the block's
	// end, and all that would follow while open stays false, is exact zeros.
	Pull(out [][]float64, due aes67.MonoTime, open bool) (silent bool)
	// Skipped tells that the timestamps jump before the next Pull: after a
	// stall longer than the limit, or with a step of the time base. frames is
	// how many frame periods no block covers; it may be 0 after a step.
	Skipped(frames aes67.Frames)
	// Unsent tells that nothing of the block pulled last has left: the kernel refused
	// it, or there is no interface. Nobody has heard it.
	Unsent()
}

// validate tells the first thing that keeps the streams from being sent.
func (c *Config) validate() error {
	if len(c.Streams) == 0 {
		return fmt.Errorf("rtpsend: no streams: at least one is needed")
	}
	first := &c.Streams[0]
	for i := range c.Streams {
		s := &c.Streams[i]
		if err := s.Validate(); err != nil {
			return fmt.Errorf("rtpsend: %w", err)
		}
		switch {
		case s.First < 0:
			return fmt.Errorf("rtpsend: stream %q: first channel %d: must not be negative", s.Name, s.First)
		case s.Rate != first.Rate || s.PacketTime != first.PacketTime:
			return fmt.Errorf("rtpsend: stream %q: %d Hz and ptime %v: the first stream has %d Hz and %v, and all must share them",
				s.Name, s.Rate, s.PacketTime, first.Rate, first.PacketTime)
		case s.Second.IsValid() != first.Second.IsValid():
			return fmt.Errorf("rtpsend: stream %q: second destination %v: the first stream has %v, and all or none must have one", s.Name, s.Second, first.Second)
		case s.TTL != first.TTL:
			return fmt.Errorf("rtpsend: stream %q: ttl %d: the first stream has %d, and all must share it", s.Name, s.TTL, first.TTL)
		}
	}
	switch {
	case !c.Source.Is4() && (c.Source.IsValid() || !c.Second.Source.Is4()):
		return fmt.Errorf("rtpsend: source address %v: not an IPv4 address", c.Source)
	case c.Interface.Index < 1:
		return fmt.Errorf("rtpsend: interface %q: has no index", c.Interface.Name)
	case c.DSCP < 0 || c.DSCP > 63:
		return fmt.Errorf("rtpsend: dscp %d: must be 0 to 63", c.DSCP)
	}
	return nil
}

// channels returns how many channels the source has to fill.
func (c *Config) channels() int {
	n := 0
	for i := range c.Streams {
		n = max(n, c.Streams[i].First+len(c.Streams[i].Channels))
	}
	return n
}
