package sap

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/sdp"
)

// Bounds of the table of foreign sessions.
const (
	maxSessions  = 1000
	maxPerSource = 250 // so that one talker cannot fill the table
	minLife      = 10 * time.Minute
	maxLife      = time.Hour // RFC 2974, 4
	lifeGaps     = 10        // missed announcements after which a session is gone (RFC 2974, 4)
)

// Heard is a foreign session.
type Heard struct {
	Index       int        // the interface it was heard on
	Source      netip.Addr // who sent the announcement
	Origin      netip.Addr // who it says announces
	Description sdp.Description
	FirstHeard  aes67.MonoTime
	LastHeard   aes67.MonoTime
}

// sessionKey names a session: where it was heard, who sends it, its o= line
// less the version, and where its packets go. The last is needed because
// PipeWire 1.4 writes one and the same o= line, with hash 0, for all its
// sessions.
type sessionKey struct {
	index  int
	source netip.Addr
	user   string
	id     uint64
	addr   netip.Addr
	group  netip.AddrPort
}

func keyOf(index int, source netip.Addr, d *sdp.Description) sessionKey {
	return sessionKey{index, source, d.Origin.User, d.Origin.ID, d.Origin.Addr, netip.AddrPortFrom(d.Group, d.Port)}
}

type session struct {
	Heard
	hash     uint16
	interval time.Duration // the longest between two announcements
}

// table holds the foreign sessions. It has no clock.
type table struct {
	sessions map[sessionKey]*session
	bySource map[netip.Addr]int // sessions of each source
}

func newTable() *table {
	return &table{sessions: map[sessionKey]*session{}, bySource: map[netip.Addr]int{}}
}

// outcome is what a packet did to the table.
type outcome uint8

const (
	refreshed outcome = iota
	changed           // a session came, changed or went
	malformed
	ignored // a deletion of what is not known
	full    // no room for another session
)

// take lets a packet into the table. foreign tells whether a session is
// somebody else's.
func (t *table) take(now aes67.MonoTime, index int, source netip.Addr, p Packet, foreign func(sdp.Origin) bool) outcome {
	if p.Delete {
		return t.remove(index, source, p)
	}
	d, err := sdp.Parse(p.Payload)
	if err != nil {
		return malformed
	}
	if !foreign(d.Origin) {
		return ignored
	}
	key := keyOf(index, source, &d)
	s, known := t.sessions[key]
	if !known {
		// Another version of it may have had another group.
		t.dropIf(func(s *session) bool {
			return s.Index == index && s.Source == source && s.Description.Origin.Same(d.Origin) && s.Description.Origin.Version != d.Origin.Version
		})
		if !t.room(now, source) {
			return full
		}
		s = &session{Heard: Heard{Index: index, Source: source, FirstHeard: now, LastHeard: now}}
		t.sessions[key] = s
		t.bySource[source]++
	}
	same := known && s.Description == d
	s.interval = max(s.interval, now.Sub(s.LastHeard))
	s.Description, s.Origin, s.hash, s.LastHeard = d, p.Origin, p.Hash, now
	if same {
		return refreshed
	}
	return changed
}

// room reports whether another session of a source may be kept.
func (t *table) room(now aes67.MonoTime, source netip.Addr) bool {
	if len(t.sessions) >= maxSessions || t.bySource[source] >= maxPerSource {
		t.expire(now)
	}
	return len(t.sessions) < maxSessions && t.bySource[source] < maxPerSource
}

// remove honours a deletion: it must come from where the announcement came
// from and name its origin and hash. What else it says must agree too, because
// announcers exist that have one hash for all their sessions.
func (t *table) remove(index int, source netip.Addr, p Packet) outcome {
	o, told := sdp.ParseOrigin(p.Payload)
	d, err := sdp.Parse(p.Payload)
	whole := err == nil && d.Port != 0
	if !told && p.Hash == 0 {
		return ignored // it could mean any
	}
	gone := t.dropIf(func(s *session) bool {
		return s.Index == index && s.Source == source && s.Origin == p.Origin && s.hash == p.Hash &&
			(!told || s.Description.Origin.Same(o)) &&
			(!whole || s.Description.Group == d.Group && s.Description.Port == d.Port)
	})
	if gone {
		return changed
	}
	return ignored
}

func (t *table) drop(key sessionKey) {
	delete(t.sessions, key)
	if t.bySource[key.source]--; t.bySource[key.source] <= 0 {
		delete(t.bySource, key.source)
	}
}

// dropIf drops the sessions that match and reports whether there was one.
func (t *table) dropIf(match func(*session) bool) bool {
	found := false
	for key, s := range t.sessions {
		if match(s) {
			t.drop(key)
			found = true
		}
	}
	return found
}

// expire drops what has not been heard for too long.
func (t *table) expire(now aes67.MonoTime) bool {
	return t.dropIf(func(s *session) bool {
		return now.Sub(s.LastHeard) > min(max(lifeGaps*s.interval, minLife), maxLife)
	})
}

// list returns the sessions in an order that does not change with time.
func (t *table) list() []Heard {
	out := make([]Heard, 0, len(t.sessions))
	for _, s := range t.sessions {
		out = append(out, s.Heard)
	}
	slices.SortFunc(out, func(a, b Heard) int {
		x, y := &a.Description.Origin, &b.Description.Origin
		return cmp.Or(cmp.Compare(a.Index, b.Index), a.Source.Compare(b.Source), x.Addr.Compare(y.Addr),
			cmp.Compare(x.ID, y.ID), cmp.Compare(x.User, y.User),
			a.Description.Group.Compare(b.Description.Group), cmp.Compare(a.Description.Port, b.Description.Port))
	})
	return out
}
