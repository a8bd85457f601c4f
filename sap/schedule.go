package sap

import (
	"net/netip"
	"slices"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/sdp"
)

// The announcer's times; doc.go says why.
const (
	DefaultInterval = 30 * time.Second
	repeatAfter     = time.Second
	goodbyeGap      = 100 * time.Millisecond
	goodbyes        = 3
	retryAfter      = time.Second // after a failed send
	maxReplaced     = 4           // texts that one session remembers to delete
	maxFormer       = 64          // texts that are remembered in case their deletion was not heard
	// againAfter is the least from one answer to the next where others delete our
	// sessions.
	againAfter = 5 * time.Second
)

// route is how packets leave: by which interface, from which address.
type route struct {
	index int
	addr  netip.Addr
}

// version is one version of a session's text, as it is on the network.
type version struct {
	origin sdp.Origin
	text   string
	hash   uint16
}

// entry is a session that is wanted.
type entry struct {
	version
	replaced  []version      // texts to be deleted before this one is announced
	fresh     bool           // its first announcement is due; another follows soon
	next      aes67.MonoTime // when it is announced next
	announced bool           // a packet with this text has left
	again     aes67.MonoTime // when somebody else's deletion of it may next be answered
	contested bool           // somebody else deleted it, and the next announcement is the answer
}

// goodbye is a session that is no longer wanted.
type goodbye struct {
	version
	via  route
	left int // deletions still to send
	next aes67.MonoTime
	last bool // nothing of it is remembered afterwards
}

// transmission is one packet to send; entry or goodbye is what it is for.
type transmission struct {
	via     route
	packet  Packet
	entry   *entry
	goodbye *goodbye
}

// schedule decides what is to be sent when. It has no clock and sends nothing.
//
//  1. want sets the sessions
//  2. due gives the packets of an instant, and settle takes what became of each
//  3. next tells the instant of the following ones
type schedule struct {
	interval time.Duration
	jitter   func() float64 // uniform in [0, 1)
	via      route
	entries  []*entry
	goodbyes []*goodbye
	hold     aes67.MonoTime // nothing is announced before: an old address is being left
	// former are texts that listeners may still hold: of a former run, or deleted
	// while the cable was out. They are deleted before their sessions are
	// announced again.
	former []version
}

// want replaces the set of sessions and the way they go out.
func (s *schedule) want(now aes67.MonoTime, via route, sessions []sdp.Session) {
	if via.index != s.via.index || via.addr != s.via.addr {
		if s.dismiss(now, s.entries) {
			s.hold = now.Add((goodbyes - 1) * goodbyeGap)
		}
		s.entries = nil
	}
	s.via = via
	start := max(now, s.hold)

	old, kept := s.entries, make([]*entry, 0, len(sessions))
	for i := range sessions {
		v := version{origin: origin(&sessions[i]), text: sessions[i].Text()}
		same := func(e *entry) bool { return e.origin.Same(v.origin) }
		if slices.ContainsFunc(kept, same) {
			continue // named twice: the first counts
		}
		var e *entry
		if at := slices.IndexFunc(old, same); at >= 0 {
			e = old[at]
			old = slices.Delete(old, at, at+1)
		}
		kept = append(kept, s.renew(start, e, v, slices.Concat(kept, old)))
	}
	s.entries = kept
	s.dismiss(now, old)
	if len(sessions) > 0 { // what is left of a former run is no session any more
		for _, f := range s.former {
			s.goodbyes = append(s.goodbyes, &goodbye{version: f, via: via, left: goodbyes, next: now, last: true})
		}
		s.former = nil
	}
}

// renew returns the entry for a text that takes the place of e's, if there is
// e; others are the other sessions.
func (s *schedule) renew(start aes67.MonoTime, e *entry, v version, others []*entry) *entry {
	if e != nil && e.text == v.text {
		return e
	}
	next := &entry{version: v, fresh: true, next: start}
	s.inherit(next)
	if e != nil {
		next.replaced = append(next.replaced, e.replaced...)
		if e.announced {
			next.replaced = append(next.replaced, e.version)
		}
	}
	// A session that comes back takes over its own outstanding deletions.
	s.goodbyes = slices.DeleteFunc(s.goodbyes, func(g *goodbye) bool {
		mine := g.origin.Same(v.origin) && g.via.index == s.via.index && g.via.addr == s.via.addr
		if mine && g.text != v.text {
			next.replaced = append(next.replaced, g.version)
		}
		return mine
	})
	next.replaced = slices.DeleteFunc(next.replaced, func(r version) bool { return r.text == v.text })
	if extra := len(next.replaced) - maxReplaced; extra > 0 {
		next.replaced = next.replaced[extra:]
	}
	next.hash = s.freeHash(next, others)
	return next
}

// inherit lets an entry delete what listeners may still hold of its session,
// whatever its address was.
func (s *schedule) inherit(e *entry) {
	s.former = slices.DeleteFunc(s.former, func(f version) bool {
		if f.origin.ID == e.origin.ID {
			e.replaced = append(e.replaced, f)
			return true
		}
		return false
	})
	e.replaced = e.replaced[max(0, len(e.replaced)-maxReplaced):]
}

// formerVersions reads texts of a former run.
func formerVersions(texts []string) []version {
	var out []version
	for _, text := range texts {
		if o, ok := sdp.ParseOrigin([]byte(text)); ok {
			out = append(out, version{origin: o, text: text, hash: Hash(text)})
		}
	}
	return out
}

// freeHash returns the hash of e's text, or one after it if that stands for
// another text of ours (RFC 2974, 3: unique per originating source).
func (s *schedule) freeHash(e *entry, others []*entry) uint16 {
	taken := func(hash uint16) bool {
		clash := func(v version) bool { return v.hash == hash && v.text != e.text }
		return slices.ContainsFunc(e.replaced, clash) ||
			slices.ContainsFunc(others, func(o *entry) bool { return clash(o.version) || slices.ContainsFunc(o.replaced, clash) }) ||
			slices.ContainsFunc(s.goodbyes, func(g *goodbye) bool { return clash(g.version) })
	}
	hash := Hash(e.text)
	for hash == 0 || taken(hash) { // at most a few dozen texts exist
		hash++
	}
	return hash
}

// dismiss schedules the deletion of what was announced of the entries, and
// reports whether there is any.
func (s *schedule) dismiss(now aes67.MonoTime, entries []*entry) bool {
	before := len(s.goodbyes)
	for _, e := range entries {
		gone := e.replaced
		if e.announced {
			gone = append(gone, e.version)
		}
		for _, v := range gone {
			s.goodbyes = append(s.goodbyes, &goodbye{version: v, via: s.via, left: goodbyes, next: now})
		}
	}
	return len(s.goodbyes) > before
}

// part drops goodbyes and remembers their texts: nobody knows whether they were
// heard.
func (s *schedule) part(done func(*goodbye) bool) {
	s.goodbyes = slices.DeleteFunc(s.goodbyes, func(g *goodbye) bool {
		if !done(g) {
			return false
		}
		if !g.last {
			s.former = append(s.former, g.version)
			s.former = s.former[max(0, len(s.former)-maxFormer):]
		}
		return true
	})
}

// due returns what is to be sent at now, deletions first, and plans what follows.
func (s *schedule) due(now aes67.MonoTime) []transmission {
	var out []transmission
	for _, g := range s.goodbyes {
		if g.next <= now {
			g.left--
			g.next = now.Add(goodbyeGap)
			out = append(out, transmission{via: g.via, packet: g.packet(g.via, true), goodbye: g})
		}
	}
	s.part(func(g *goodbye) bool { return g.left <= 0 })
	for _, e := range s.entries {
		if e.next > now {
			continue
		}
		for _, old := range e.replaced {
			out = append(out, transmission{via: s.via, packet: old.packet(s.via, true)})
		}
		out = append(out, transmission{via: s.via, packet: e.packet(s.via, false), entry: e})
		if e.contested {
			e.contested, e.again = false, now.Add(againAfter)
		}
		if e.fresh {
			e.fresh, e.next = false, now.Add(repeatAfter)
		} else {
			e.replaced, e.next = nil, now.Add(s.period())
		}
	}
	return out
}

// deleted takes note of a deletion that came in. One of a text that is announced is
// not ours: listeners may have believed it, so the session is announced at once, or
// as soon as againAfter allows: a deletion is repeated, and the last one counts.
// A deletion of a text that was replaced may be our own.
func (s *schedule) deleted(now aes67.MonoTime, p Packet) {
	o, told := sdp.ParseOrigin(p.Payload)
	for _, e := range s.entries {
		if e.announced && p.Hash == e.hash && (!told || o == e.origin) {
			e.contested, e.next = true, min(e.next, max(now, e.again))
		}
	}
}

// settle takes note of what became of a transmission.
func (s *schedule) settle(now aes67.MonoTime, t transmission, sent bool) {
	switch {
	case t.entry != nil && sent:
		t.entry.announced = true
	case t.entry != nil:
		t.entry.fresh, t.entry.next = true, now.Add(retryAfter)
	case t.goodbye != nil && !sent:
		// The old address or interface is no more: nothing left to wait for. The
		// session itself, wherever it is announced now, deletes the text.
		s.part(func(g *goodbye) bool { return g.via == t.via })
		for _, e := range s.entries {
			s.inherit(e)
		}
		if s.via != t.via && s.hold > now {
			s.hold = now
			for _, e := range s.entries {
				e.next = min(e.next, now)
			}
		}
	}
}

// next returns when something is due again; ok is false if nothing ever is.
func (s *schedule) next() (at aes67.MonoTime, ok bool) {
	for _, g := range s.goodbyes {
		if !ok || g.next < at {
			at, ok = g.next, true
		}
	}
	for _, e := range s.entries {
		if !ok || e.next < at {
			at, ok = e.next, true
		}
	}
	return at, ok
}

// period is the interval, spread by a tenth either way.
func (s *schedule) period() time.Duration {
	return s.interval + time.Duration((2*s.jitter()-1)*float64(s.interval/10))
}

// packet makes the message. Listeners look for what is deleted under the
// address that it was announced from.
func (v version) packet(via route, remove bool) Packet {
	from := via.addr
	if remove && v.origin.Addr.Is4() {
		from = v.origin.Addr
	}
	return Packet{Delete: remove, Hash: v.hash, Origin: from, Payload: []byte(v.text)}
}

func origin(s *sdp.Session) sdp.Origin {
	return sdp.Origin{User: sdp.User, ID: s.ID, Version: s.Version, Addr: s.Origin}
}
