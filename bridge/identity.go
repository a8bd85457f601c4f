package bridge

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"aes67-sink/sdp"
)

// Identity is by what receivers know the sessions again: it lasts from one run
// to the next.
type Identity struct {
	Base    string            `json:"base"`   // the first stream's name without a number
	Number  int               `json:"number"` // of the names; 1 is not written in them
	Streams []SessionIdentity `json:"streams"`
	// Free: nobody had the names without a number for long; the next run begins with
	// them.
	Free bool `json:"free,omitempty"`
}

// SessionIdentity is one session's part of it.
type SessionIdentity struct {
	ID      uint64     `json:"id"`              // of the o= line, never 0
	Version uint64     `json:"version"`         // the last that was announced; 0: none yet
	Group   netip.Addr `json:"group"`           // invalid: none yet
	Second  netip.Addr `json:"second,omitzero"` // the group on the other network
	Text    string     `json:"text"`            // what was announced last, to be deleted if it was not
}

// Foreign is a session that somebody else announces.
type Foreign struct {
	Name   string
	Origin sdp.Origin
	Group  netip.Addr
	Port   uint16
}

// Neighbours is what the names, groups and ids of our sessions have to fit to.
// One that was handed over does not change.
type Neighbours struct {
	Host     string    // this machine's name, the beginning of the sessions' names
	Sessions []Foreign // of others
	Refused  []string  // names of ours that somebody else has (DNS-SD collisions)
}

const (
	// maxNumber bounds the search for a name that is free.
	maxNumber = 10_000
	// maxPast bounds how many of our own origins are remembered.
	maxPast = 256
)

// settlement is one pass of fitting the identity to the neighbours.
//
//  1. the names follow the host; a name that others have gets a number
//  2. a session id that others have is replaced
//  3. a group that others use is left, unless the user gave it
//
// Before our sessions are announced, all that others have is avoided. Later, of
// two sessions that contradict each other the one with the higher (origin
// address, session id) moves, so that just one does; of a name that DNS-SD gave to
// somebody else, it is we. Who has moved too often stays, whatever others have.
type settlement struct {
	plan      *SessionPlan
	identity  *Identity
	address   netip.Addr
	others    []Foreign
	refused   []string
	announced bool
	stays     bool // no contradiction makes us move any more: we have moved too often
}

// yields reports whether stream i makes room for f.
func (s *settlement) yields(i int, f *Foreign) bool {
	return !s.announced || !s.stays && s.compare(i, f) > 0
}

// compare orders stream i and f by (origin address, session id).
func (s *settlement) compare(i int, f *Foreign) int {
	return cmp.Or(s.address.Compare(f.Origin.Addr), cmp.Compare(s.identity.Streams[i].ID, f.Origin.ID))
}

// ids gives each stream a session id that nobody else has, and no stream of ours: what is
// remembered may be of other sinks than there are now.
func (s *settlement) ids() {
	for i := range s.identity.Streams {
		mine := &s.identity.Streams[i].ID
		clash := *mine == 0 || s.holder(*mine, i) < i ||
			slices.ContainsFunc(s.others, func(f Foreign) bool { return f.Origin.ID == *mine && s.yields(i, &f) })
		for clash {
			*mine = s.plan.NewID()
			clash = *mine == 0 || s.holder(*mine, i) != i ||
				slices.ContainsFunc(s.others, func(f Foreign) bool { return f.Origin.ID == *mine })
		}
	}
}

// holder is the first stream beside i that has an id; i: there is none.
func (s *settlement) holder(id uint64, i int) int {
	for o := range s.identity.Streams {
		if o != i && s.identity.Streams[o].ID == id {
			return o
		}
	}
	return i
}

// names chooses the number of the streams' names. They share it, so that left
// and right stay recognisable as a pair.
func (s *settlement) names(host string) {
	if base := s.plan.Names(host, 1)[0]; base != s.identity.Base {
		s.identity.Base, s.identity.Number = base, 1
	}
	s.identity.Number = max(s.identity.Number, 1)
	before, clash := 0, false // sessions that have the name by better right
	for i, name := range s.plan.Names(host, s.identity.Number) {
		rivals := 0
		for f := range s.others {
			if other := &s.others[f]; strings.EqualFold(other.Name, name) && s.yields(i, other) {
				clash = true
				rivals++
			}
		}
		clash = clash || s.isRefused(name) && (!s.announced || !s.stays)
		before = max(before, rivals)
	}
	if !clash {
		return
	}
	// Several bridges that meet at once do not all take the same next number.
	skip := max(before-1, 0)
	for number := 2; number < maxNumber; number++ {
		if !slices.ContainsFunc(s.plan.Names(host, number), s.isTaken) {
			if skip == 0 {
				s.identity.Number = number
				return
			}
			skip--
		}
	}
}

func (s *settlement) isRefused(name string) bool {
	return slices.ContainsFunc(s.refused, func(r string) bool { return strings.EqualFold(r, name) })
}

func (s *settlement) isTaken(name string) bool {
	return s.isRefused(name) || slices.ContainsFunc(s.others, func(f Foreign) bool { return strings.EqualFold(f.Name, name) })
}

// used reports whether a group is another's, or the first of a stream of ours.
func (s *settlement) used(group netip.Addr) bool {
	return slices.ContainsFunc(s.others, func(f Foreign) bool { return f.Group == group }) ||
		slices.ContainsFunc(s.identity.Streams, func(o SessionIdentity) bool { return o.Group == group })
}

// groups gives each stream a group and reports whether one changed.
func (s *settlement) groups() (changed bool, err error) {
	var derived []netip.Addr
	for i := range s.identity.Streams {
		mine := &s.identity.Streams[i].Group
		if given := s.plan.Streams[i].Group; given.IsValid() {
			changed = changed || *mine != given
			*mine = given
			continue
		}
		clash := !mine.IsValid() || !s.plan.Suits(*mine) ||
			slices.ContainsFunc(s.others, func(f Foreign) bool { return f.Group == *mine && s.yields(i, &f) })
		if !clash {
			continue
		}
		if derived == nil {
			if derived, err = s.plan.Groups(s.address, s.used); err != nil {
				return false, err
			}
		}
		*mine, changed = derived[i], true
	}
	return changed, nil
}

// seconds gives each stream a second group, or none. What is announced on this network
// tells of it, so that both legs can be joined to one.
func (s *settlement) seconds() error {
	if !s.plan.Redundant {
		for i := range s.identity.Streams {
			s.identity.Streams[i].Second = netip.Addr{}
		}
		return nil
	}
	var derived []netip.Addr
	for i := range s.identity.Streams {
		mine := &s.identity.Streams[i].Second
		if given := s.plan.Streams[i].Second; given.IsValid() {
			*mine = given
			continue
		}
		if mine.IsValid() && s.plan.Suits(*mine) && (s.announced || !s.used(*mine)) {
			continue
		}
		if derived == nil {
			var err error
			if derived, err = s.plan.Groups(s.address, s.used); err != nil {
				return err
			}
		}
		*mine = derived[i]
	}
	return nil
}

// contested returns a foreign session on one of our groups that we stay on.
func (s *settlement) contested() (Foreign, bool) {
	for _, f := range s.others {
		if slices.ContainsFunc(s.identity.Streams, func(o SessionIdentity) bool { return o.Group == f.Group }) {
			return f, true
		}
	}
	return Foreign{}, false
}
