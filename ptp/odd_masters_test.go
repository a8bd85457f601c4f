package ptp_test

import (
	"net/netip"
	"testing"

	"aes67-sink/aes67"
	"aes67-sink/ptp"
	"aes67-sink/ptp/wire"
)

// Masters as they are met on networks.

func TestFollowsAMasterThatAnnouncesItselfMoreRarelyThanItTells(t *testing.T) {
	n := newNetwork(ptp.EngineConfig{Mode: aes67.ClockAuto})
	p := n.add(gmConfig(1, 40_000), cable(1), cable(2))
	p.edit = func(m *wire.Message) {
		if m.Kind == wire.KindAnnounce { // one each 2 s
			m.LogInterval = -3
		}
	}
	for s := 5.0; s < 60; s += 0.1 {
		n.run(at(s))
		if st := n.status(); st.State != ptp.Locked || st.Role != ptp.RoleFollower {
			t.Fatalf("after %.1f s: %+v, want to follow it", s, st)
		}
		if list := n.engine.Heard(n.now); len(list) != 1 || list[0].Why != "the only master of domain 0" {
			t.Fatalf("after %.1f s: heard %+v", s, list)
		}
	}
	if len(n.sent(wire.KindAnnounce)) > 0 {
		t.Error("served beside it")
	}
}

func TestFollowsAMasterWithTransportBits(t *testing.T) {
	n, p := newFollower()
	p.edit = func(m *wire.Message) { m.Transport = 1 }
	p.takes = func(m *wire.Message) bool { return m.Transport == 1 } // as linuxptp with transportSpecific 1
	n.run(at(20))
	if s := n.status(); s.State != ptp.Locked || !s.DelayKnown || s.Problem != "" {
		t.Errorf("%+v, want locked", s)
	}
}

// Whoever ceases to announce itself is no master any more, and everybody else
// has another: that it still sends Sync excuses a loss, and no more.
func TestLeavesAMasterWhoseAnnouncesEnd(t *testing.T) {
	n := newNetwork(ptp.EngineConfig{Mode: aes67.ClockAuto})
	p := n.add(gmConfig(1, 40_000), cable(1), cable(2))
	n.run(at(30))
	p.edit = func(m *wire.Message) {
		if m.Kind == wire.KindAnnounce {
			m.Domain = 9
		}
	}
	n.run(at(47))
	if s := n.status(); s.Role != ptp.RoleFollower || s.State != ptp.Locked {
		t.Errorf("after 8 intervals: %+v, want to follow it", s)
	}
	n.run(at(51))
	if s := n.status(); s.Role != ptp.RoleGrandmaster {
		t.Errorf("after 10 intervals: %+v, want to serve", s)
	}
}

// What nobody reads may be anything, also on the way through the engine.
func TestAnswersADelayReqWithRubbishInIt(t *testing.T) {
	n := newNetwork(ptp.EngineConfig{})
	n.run(at(10))
	m := wire.Message{Kind: wire.KindDelayReq, Source: wire.PortIdentity{Clock: aes67.ClockIdentity{7}, Port: 1}}
	b := m.Append(nil)
	for i := 34; i < 44; i++ {
		b[i] = 0xFF
	}
	n.engine.HandleEvent(b, n.now, netip.Addr{})
	if answers := len(n.sent(wire.KindDelayResp)); answers != 1 {
		t.Errorf("%d answers, want one", answers)
	}
}

// The second Announce of a master that comes each 16 s is waited for.
func TestWaitsForAMasterThatAnnouncesItselfRarely(t *testing.T) {
	n := newNetwork(ptp.EngineConfig{Mode: aes67.ClockAuto})
	cfg := gmConfig(1, 40_000)
	cfg.AnnounceLog = 4
	n.add(cfg, cable(1), cable(2))
	n.run(at(40))
	if s := n.status(); s.Role != ptp.RoleFollower || s.State != ptp.Locked || s.Steps != 0 || len(n.sent(wire.KindAnnounce)) > 0 {
		t.Errorf("%+v and %d Announces sent, want to follow it and never to have served", s, len(n.sent(wire.KindAnnounce)))
	}
}

// Who has served a network has its time: a better master is measured while it goes on.
func TestServingMakesTheTimeThatOfTheNetwork(t *testing.T) {
	n := newNetwork(ptp.EngineConfig{Mode: aes67.ClockAuto})
	n.run(at(20))
	if s := n.status(); s.Role != ptp.RoleGrandmaster {
		t.Fatalf("%+v, want to serve", s)
	}
	cfg := gmConfig(1, 40_000)
	cfg.Silent = true // it never answers
	n.add(cfg, cable(1), cable(2))
	for s := 21.0; s < 60; s += 0.1 {
		n.run(at(s))
		if st := n.status(); st.State == ptp.Uncalibrated || st.State == ptp.Listening {
			t.Fatalf("after %.1f s: %+v", s, st)
		}
	}
}
