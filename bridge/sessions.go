package bridge

import (
	"net/netip"

	"aes67-sink/aes67"
	"aes67-sink/sdp"
)

// SessionPlan says what the sessions have in common for the bridge's life.
type SessionPlan struct {
	Streams []aes67.Stream // without groups where Groups gives them
	IDs     []uint64       // the o= session identifiers, one a stream
	// Groups chooses a group for each stream on a network, avoiding those that
	// somebody else announces.
	Groups func(address netip.Addr) ([]netip.Addr, error)
}

// sessions keeps the session descriptions and their versions.
type sessions struct {
	plan       SessionPlan
	current    []sdp.Session
	versions   []uint64 // last version given to each stream
	generation uint64   // counts the changes of current
}

// streams returns the streams for a network.
func (s *sessions) streams(address netip.Addr) ([]aes67.Stream, error) {
	groups, err := s.plan.Groups(address)
	if err != nil {
		return nil, err
	}
	streams := make([]aes67.Stream, len(s.plan.Streams))
	for i, stream := range s.plan.Streams {
		stream.Group = groups[i]
		if err := stream.Validate(); err != nil {
			return nil, err
		}
		streams[i] = stream
	}
	return streams, nil
}

// update describes the streams anew; a description that differs from the last
// gets a new version (RFC 8866, 5.2). It reports whether any changed.
func (s *sessions) update(streams []aes67.Stream, origin netip.Addr, reference sdp.Reference, ntpSeconds uint64) bool {
	if s.versions == nil {
		s.versions = make([]uint64, len(s.plan.Streams))
	}
	next := make([]sdp.Session, len(streams))
	changed := len(next) != len(s.current)
	for i, stream := range streams {
		next[i] = sdp.Session{Stream: stream, ID: s.plan.IDs[i], Version: s.versions[i], Origin: origin, Reference: reference}
		if i < len(s.current) && s.current[i].Text() == next[i].Text() {
			continue
		}
		s.versions[i] = sdp.NextVersion(s.versions[i], ntpSeconds)
		next[i].Version = s.versions[i]
		changed = true
	}
	s.current = next
	if changed {
		s.generation++
	}
	return changed
}

// none forgets the descriptions; versions go on from where they were.
func (s *sessions) none() {
	s.current = nil
	s.generation++
}
