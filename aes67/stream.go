package aes67

import (
	"fmt"
	"net/netip"
)

// Stream is one multicast RTP session and what it carries.
type Stream struct {
	Name        string   // s= and the name receivers show
	Channels    []string // PulseAudio position names, such as "front-left"
	First       int      // index in the sink of the first of Channels
	Group       netip.Addr
	Port        uint16
	TTL         uint8
	PayloadType uint8
	Encoding    Encoding
	Rate        Hz
	PacketTime  PacketTime
}

// PacketFrames returns the frames in one packet.
func (s *Stream) PacketFrames() Frames { return s.PacketTime.Frames(s.Rate) }

// PayloadBytes returns the RTP payload's size.
func (s *Stream) PayloadBytes() int {
	return int(s.PacketFrames()) * len(s.Channels) * s.Encoding.Bytes()
}

// Validate tells the first thing that keeps s from being sent.
func (s *Stream) Validate() error {
	switch n := len(s.Channels); {
	case n < 1 || n > MaxChannels:
		return fmt.Errorf("stream %q: %d channels: must be 1 to %d", s.Name, n, MaxChannels)
	case !s.Group.Is4() || !s.Group.IsMulticast():
		return fmt.Errorf("stream %q: group %v: not an IPv4 multicast address", s.Name, s.Group)
	case s.Port == 0:
		return fmt.Errorf("stream %q: port 0: must be 1 to 65535", s.Name)
	case !ValidRate(s.Rate):
		return fmt.Errorf("stream %q: rate %d Hz: not one of %v", s.Name, s.Rate, Rates)
	case s.PayloadType < 96 || s.PayloadType > 127:
		return fmt.Errorf("stream %q: payload type %d: must be 96 to 127", s.Name, s.PayloadType)
	case s.PayloadBytes() > MaxPayload:
		return fmt.Errorf("stream %q: %d bytes a packet: %d channels of %v at %d Hz and ptime %v pass the %d bytes that AES67 allows; choose a shorter ptime, L16 or layout = \"mono\"",
			s.Name, s.PayloadBytes(), len(s.Channels), s.Encoding, s.Rate, s.PacketTime, MaxPayload)
	}
	return nil
}
