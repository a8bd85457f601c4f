package aes67

import (
	"fmt"
	"net/netip"
)

// Stream is one RTP session and what it carries.
type Stream struct {
	Name        string     // s= and the name receivers show
	Channels    []string   // PulseAudio position names, such as "front-left"
	First       int        // index in the sink of the first of Channels
	Group       netip.Addr // where it goes: a group, or one receiver
	Second      netip.Addr // where the same packets go on the other network (SMPTE ST 2022-7:2019); invalid: nowhere
	Port        uint16
	TTL         uint8
	PayloadType uint8
	Encoding    Encoding
	Rate        Hz
	PacketTime  PacketTime
}

// PacketFrames returns the frames in one packet.
func (s *Stream) PacketFrames() Frames { return s.PacketTime.Frames(s.Rate) }

// Format returns how the stream is cut into packets.
func (s *Stream) Format() Format {
	return Format{s.Rate, s.Encoding, s.PacketTime, len(s.Channels)}
}

// PayloadBytes returns the RTP payload's size.
func (s *Stream) PayloadBytes() int { return s.Format().Bytes() }

// Validate tells the first thing that keeps s from being sent.
func (s *Stream) Validate() error {
	switch n := len(s.Channels); {
	case n < 1 || n > MaxChannels:
		return fmt.Errorf("stream %q: %d channels: must be 1 to %d", s.Name, n, MaxChannels)
	case !IsDestination(s.Group):
		return fmt.Errorf("stream %q: group %v: not an IPv4 address that can be sent to", s.Name, s.Group)
	case s.Second.IsValid() && !IsDestination(s.Second):
		return fmt.Errorf("stream %q: second group %v: not an IPv4 address that can be sent to", s.Name, s.Second)
	case s.Port == 0:
		return fmt.Errorf("stream %q: port 0: must be 1 to 65535", s.Name)
	case !ValidRate(s.Rate):
		return fmt.Errorf("stream %q: rate %d Hz: not one of %v", s.Name, s.Rate, Rates)
	case s.PayloadType < 96 || s.PayloadType > 127:
		return fmt.Errorf("stream %q: payload type %d: must be 96 to 127", s.Name, s.PayloadType)
	}
	if refused := s.Format().Check(); refused != nil {
		return fmt.Errorf("stream %q: %s; choose a shorter ptime, such as %v", s.Name, refused.Why, refused.Nearest.PacketTime)
	}
	return nil
}
