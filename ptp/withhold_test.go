package ptp_test

import (
	"net/netip"
	"testing"

	"aes67-sink/aes67"
	"aes67-sink/ptp"
	"aes67-sink/ptp/wire"
)

func TestNobodyServesWhileNobodyNeedsIt(t *testing.T) {
	n := newNetwork(ptp.EngineConfig{Mode: aes67.ClockAuto})
	n.at(at(0), func() { n.engine.Withhold(n.now, true) })
	n.run(at(60))
	if s := n.status(); len(n.heard) != 0 || s.Role != ptp.RoleNone || s.Problem != "" || !s.Silent {
		t.Fatalf("withheld: %d messages, %+v; want none, no problem, and a silent network", len(n.heard), s)
	}
	n.engine.Withhold(n.now, false)
	if s := n.status(); s.Role != ptp.RoleGrandmaster || s.State != ptp.Locked {
		t.Errorf("needed: %+v, want grandmaster at once, for nobody was heard for a minute", s)
	}
	n.run(at(70))
	before, _ := n.clock.Load()
	n.engine.Withhold(n.now, true)
	n.run(at(71))
	sent := len(n.heard)
	n.run(at(600))
	if got := len(n.heard); got != sent {
		t.Errorf("withheld again, %d messages were sent", got-sent)
	}
	n.engine.Withhold(n.now, false)
	after, _ := n.clock.Load()
	if moved := after.PTPAt(n.now).Sub(before.PTPAt(n.now)).Abs(); moved > 1000 || after.Steps != before.Steps {
		t.Errorf("after a rest of ten minutes our time has moved by %v, %d steps", moved, after.Steps-before.Steps)
	}
}

func TestWhoIsFollowedGoesOnServing(t *testing.T) {
	n := newNetwork(ptp.EngineConfig{Mode: aes67.ClockAuto})
	asker := wire.PortIdentity{Clock: aes67.ClockIdentity{7, 7}, Port: 2}
	var ask func()
	ask = func() {
		m := wire.Message{Kind: wire.KindDelayReq, Source: asker, Sequence: 1, LogInterval: 0x7F}
		n.engine.HandleEvent(m.Append(nil), n.now, netip.MustParseAddr("10.0.0.7"))
		if n.now < at(300) {
			n.after(30e9, ask)
		}
	}
	n.at(at(10), ask)
	n.at(at(20), func() { n.engine.Withhold(n.now, true) })
	n.run(at(300))
	if s := n.status(); s.Role != ptp.RoleGrandmaster {
		t.Fatalf("while somebody asks: %+v, want grandmaster", s)
	}
	n.run(at(400)) // the last one asked at 300 s
	if s := n.status(); s.Role != ptp.RoleNone {
		t.Errorf("when nobody asks any more: %+v, want none", s)
	}
}

func TestWhoIsToldToServeServes(t *testing.T) {
	n := newNetwork(ptp.EngineConfig{Mode: aes67.ClockGrandmaster})
	n.at(at(0), func() { n.engine.Withhold(n.now, true) })
	n.run(at(20))
	if s := n.status(); s.Role != ptp.RoleGrandmaster {
		t.Errorf("%+v, want grandmaster: clock.mode says so", s)
	}
}
