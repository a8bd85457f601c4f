package bridge

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"aes67-sink/aes67"
	"aes67-sink/sdp"
)

// SessionPlan says what the sessions have in common for the bridge's life.
type SessionPlan struct {
	// Streams have neither names nor, unless the user gave them, groups.
	Streams []aes67.Stream
	// Redundant: each stream has a second group, on another network.
	Redundant bool
	// Names returns the streams' names on a host; a number from 2 on tells them
	// from others of the same name.
	Names func(host string, number int) []string
	// Groups derives a group for each stream of the sender at an address,
	// passing over those that are used. Suits reports whether a group is one
	// that it could have returned.
	Groups func(address netip.Addr, used func(netip.Addr) bool) ([]netip.Addr, error)
	Suits  func(group netip.Addr) bool
	// NewID returns a random session id; its low 32 bits are all it has.
	NewID func() uint64
	// Identity is that of the last run; Keep remembers it for the next.
	Identity Identity
	Keep     func(Identity)
}

// sessions keeps the session descriptions, their identity and their versions.
type sessions struct {
	plan       SessionPlan
	identity   Identity
	names      []string   // in force
	second     netip.Addr // Network.Second
	current    []sdp.Session
	generation uint64 // counts the changes of current
	announced  bool   // since the network was chosen
	stays      bool   // others do not make us move any more
	free       bool   // nobody else has the names without a number
	refused    []string
	past       []sdp.Origin // ours, whatever is heard of them
	contested  Foreign      // a foreign session on a group of ours; no group: none
}

func newSessions(plan SessionPlan) sessions {
	s := sessions{plan: plan, identity: plan.Identity}
	streams := slices.Clone(s.identity.Streams)
	s.identity.Streams = make([]SessionIdentity, len(plan.Streams))
	copy(s.identity.Streams, streams)
	if s.identity.Free {
		s.identity.Number, s.identity.Free = 1, false
	}
	return s
}

// settle fits names, ids and groups to what others announce. It reports whether
// a group changed: then the streams have to be started anew.
func (s *sessions) settle(address netip.Addr, n *Neighbours) (moved bool, err error) {
	before := s.identity.Base
	pass := settlement{
		plan: &s.plan, identity: &s.identity, address: address, announced: s.announced, stays: s.stays,
		others:  slices.DeleteFunc(slices.Clone(n.Sessions), func(f Foreign) bool { return slices.ContainsFunc(s.past, f.Origin.Same) }),
		refused: s.refusals(n),
	}
	pass.ids()
	pass.names(n.Host)
	if moved, err = pass.groups(); err != nil {
		return false, err
	}
	if err = pass.seconds(); err != nil {
		return false, err
	}
	if s.identity.Base != before {
		s.refused = nil
	}
	s.names = s.plan.Names(n.Host, s.identity.Number)
	s.contested, _ = pass.contested()
	s.free = !slices.ContainsFunc(s.plan.Names(n.Host, 1), func(name string) bool {
		return slices.ContainsFunc(pass.others, func(f Foreign) bool { return strings.EqualFold(f.Name, name) })
	})
	return moved, nil
}

// setFree has the next run begin with names without a number, or not.
func (s *sessions) setFree(yes bool) {
	if s.identity.Free != yes {
		s.identity.Free = yes
		s.keep()
	}
}

// keep remembers the identity for the next run.
func (s *sessions) keep() {
	kept := s.identity
	kept.Streams = slices.Clone(kept.Streams)
	s.plan.Keep(kept)
}

// refusals adds the names that are refused now to those that were before: once
// another one is in use, nobody tells of them again.
func (s *sessions) refusals(n *Neighbours) []string {
	for _, name := range n.Refused {
		if !slices.Contains(s.refused, name) {
			s.refused = append(s.refused, name)
		}
	}
	s.refused = s.refused[max(0, len(s.refused)-maxPast):]
	return s.refused
}

// streams returns the streams as settled.
func (s *sessions) streams() ([]aes67.Stream, error) {
	streams := slices.Clone(s.plan.Streams)
	for i := range streams {
		streams[i].Name, streams[i].Group = s.names[i], s.identity.Streams[i].Group
		streams[i].Second = s.identity.Streams[i].Second
		if err := streams[i].Validate(); err != nil {
			return nil, err
		}
	}
	return streams, nil
}

// update describes the streams anew; a description that differs from the last
// gets a new version (RFC 8866, 5.2). It reports whether any changed.
func (s *sessions) update(streams []aes67.Stream, origin netip.Addr, reference sdp.Reference, ntpSeconds uint64) bool {
	if s.describes(streams, origin, reference) {
		return false
	}
	next := make([]sdp.Session, len(streams))
	changed := len(next) != len(s.current)
	for i, stream := range streams {
		stream.Name = s.names[i]
		mine := &s.identity.Streams[i]
		next[i] = sdp.Session{Stream: stream, ID: mine.ID, Version: mine.Version, Origin: origin, Second: s.second, Reference: reference}
		if i < len(s.current) && s.current[i].Text() == next[i].Text() {
			continue
		}
		mine.Version = sdp.NextVersion(mine.Version, ntpSeconds)
		next[i].Version = mine.Version
		mine.Text = next[i].Text()
		s.remember(sdp.Origin{User: sdp.User, ID: mine.ID, Addr: origin})
		changed = true
	}
	s.current, s.announced = next, true
	if changed {
		s.generation++
		s.keep()
	}
	return changed
}

// describes reports whether the current descriptions are of just this; all else
// in them stays the same for the bridge's life.
func (s *sessions) describes(streams []aes67.Stream, origin netip.Addr, reference sdp.Reference) bool {
	if len(s.current) != len(streams) {
		return false
	}
	for i := range s.current {
		c := &s.current[i]
		if c.Stream.Name != s.names[i] || c.ID != s.identity.Streams[i].ID || c.Stream.Group != streams[i].Group ||
			c.Second != s.second || c.Origin != origin || c.Reference != reference {
			return false
		}
	}
	return true
}

// remember takes note of an origin of ours.
func (s *sessions) remember(o sdp.Origin) {
	if !slices.ContainsFunc(s.past, o.Same) {
		s.past = append(s.past, o)
		s.past = s.past[max(0, len(s.past)-maxPast):]
	}
}

// none forgets the descriptions; versions go on from where they were.
func (s *sessions) none() {
	s.current = nil
	s.generation++
}

// contest tells of a group that somebody else uses too and does not leave.
func (s *sessions) contest() string {
	if !s.contested.Group.IsValid() {
		return ""
	}
	return fmt.Sprintf("group %v is also used by %q of %v, so receivers get both: give one of the two another group (stream.addresses)",
		s.contested.Group, s.contested.Name, s.contested.Origin.Addr)
}
