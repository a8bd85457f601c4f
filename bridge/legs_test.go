package bridge

import (
	"net/netip"
	"strings"
	"testing"
)

// TestTheSecondLegComesAndGoesUnderTheStreams: they run on, and their description tells
// of both legs once the second one's address is known.
func TestTheSecondLegComesAndGoesUnderTheStreams(t *testing.T) {
	w, b := newWorld(t)
	b.sessions.plan.Redundant = true
	b.look(1)
	if text := w.announced[0].Text(); len(w.announced) != 2 || strings.Contains(text, "a=group:DUP") {
		t.Fatalf("a second leg of which nothing is known is described:\n%s", text)
	}
	first := w.announced[0].Version
	w.in.Network.Chosen.Second = netip.MustParseAddr("192.168.20.1")
	w.now += 10
	b.look(2)
	for i, s := range w.announced {
		text := s.Text()
		if strings.Count(text, "m=audio ") != 2 || !strings.Contains(text, "a=group:DUP primary secondary") || !strings.Contains(text, " 192.168.20.1\r\na=mid:secondary") {
			t.Errorf("stream %d has not two legs:\n%s", i, text)
		}
		if s.Stream.Group == s.Stream.Second || i > 0 && s.Stream.Second == w.announced[0].Stream.Second {
			t.Errorf("groups %v and %v", s.Stream.Group, s.Stream.Second)
		}
	}
	if w.announced[0].Version <= first {
		t.Errorf("version %d after %d", w.announced[0].Version, first)
	}
	if kept := w.kept.Streams[1]; kept.Second != w.announced[1].Stream.Second {
		t.Errorf("remembered: %+v", kept)
	}
	// An adapter that is pulled and comes back has another number.
	w.diary = nil
	w.in.Network.Chosen.Interface.Index = 17
	b.look(3)
	if got := strings.Join(w.diary, ", "); got != "announce eno1 2" {
		t.Errorf("it does %q, want it announced anew and nothing else", got)
	}
	w.diary = nil
	b.look(4)
	if len(w.diary) != 0 {
		t.Errorf("it does %q though nothing has changed", w.diary)
	}
	w.in.Network.Chosen.Address = netip.MustParseAddr("192.168.10.2")
	b.look(5)
	if got := strings.Join(w.diary, ", "); !strings.Contains(got, "stop, start eno1 2") {
		t.Errorf("with another address it does %q, want the streams begun anew", got)
	}
}

// TestSecondGroupsAreNoOneElses: neither those of the first leg nor those of others.
func TestSecondGroupsAreNoOneElses(t *testing.T) {
	_, before := newWorld(t)
	before.sessions.plan.Redundant = true
	before.look(1)
	taken := before.sessions.identity.Streams[0].Second
	w, b := newWorld(t)
	b.sessions.plan.Redundant = true
	b.sessions.plan.Streams[1].Second = netip.MustParseAddr("239.1.2.3")
	w.others = &Neighbours{Host: "pc", Sessions: []Foreign{{Name: "other", Group: taken, Port: 5004}}}
	b.look(1)
	if s := b.sessions.identity.Streams; s[0].Second == taken || !s[0].Second.IsValid() || s[1].Second != netip.MustParseAddr("239.1.2.3") {
		t.Errorf("%+v: want another than %v, and the one given", s, taken)
	}
	b.sessions.plan.Redundant = false
	if _, err := b.sessions.settle(w.in.Network.Chosen.Address, w.others); err != nil || b.sessions.identity.Streams[0].Second.IsValid() {
		t.Errorf("%+v, %v: want no second group without a second leg", b.sessions.identity.Streams, err)
	}
}
