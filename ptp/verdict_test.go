package ptp

import (
	"net/netip"
	"strings"
	"testing"

	"aes67-sink/aes67"
	"aes67-sink/mediaclock"
	"aes67-sink/ptp/wire"
)

// silentOutput sends nothing.
type silentOutput struct{}

func (silentOutput) Send([]byte, netip.Addr) error { return nil }

func TestEveryMasterHasAReason(t *testing.T) {
	now := 5000 * testSecond
	start := func(mode aes67.ClockMode) *Engine {
		e := NewEngine(EngineConfig{Mode: mode, Priority1: 250, Priority2: 250}, &mediaclock.Clock{}, silentOutput{})
		e.Start(now, ourselves, 0, nil, now-60*testSecond)
		return e
	}
	hear := func(e *Engine, times int, m *wire.Message) {
		for i := range times {
			m.Sequence = uint16(i)
			e.HandleGeneral(m.Append(nil), now, netip.AddrFrom4([4]byte{10, 0, 0, 9}))
		}
	}
	follower := start(aes67.ClockFollower)
	hear(follower, 2, announced(1, 0, func(m *wire.Message) { m.Properties.Priority1 = 10 }))
	hear(follower, 2, announced(2, 0, nil))
	hear(follower, 2, announced(3, 0, func(m *wire.Message) { m.Properties.Priority1, m.Properties.Class = 10, 255 }))
	hear(follower, 2, announced(4, 0, func(m *wire.Message) { m.Domain = 7 }))
	hear(follower, 2, announced(5, 0, func(m *wire.Message) { m.Flags = wire.FlagAlternateMaster }))
	hear(follower, 1, announced(6, 0, nil))
	hear(follower, 2, announced(7, 0, func(m *wire.Message) { m.Properties.StepsRemoved = 255 }))
	hear(follower, 2, announced(8, 0, func(m *wire.Message) {
		m.Properties.Identity, m.Properties.StepsRemoved, m.Properties.Priority1 = aes67.ClockIdentity{1}, 1, 10
	}))
	alone := start(aes67.ClockFollower)
	hear(alone, 2, announced(1, 0, nil))
	server := start(aes67.ClockGrandmaster)
	hear(server, 2, announced(1, 0, func(m *wire.Message) { m.Properties.Priority1 = 255 }))

	for _, c := range []struct {
		engine *Engine
		master byte
		want   string
	}{
		{follower, 1, "better than 01-00-00-00-00-00-00-00 by port 08-00-00-00-00-00-00-00/1: the same grandmaster by 0 steps, not 1"},
		{follower, 2, "worse than 01-00-00-00-00-00-00-00 by port 01-00-00-00-00-00-00-00/1: priority1 128, not 10"},
		{follower, 3, "clockClass 255, not 248"},
		{follower, 4, "in domain 7, ours is 0"},
		{follower, 5, "an alternate master"},
		{follower, 6, "heard once"},
		{follower, 7, "255 clocks away"},
		{follower, 8, "the same grandmaster by 1 steps, not 0"},
		{alone, 1, "the only master of domain 0"},
		{server, 1, "worse than this bridge: priority1 255, not 250"},
	} {
		why := ""
		for _, a := range c.engine.Heard(now) {
			if a.Sender.Clock[0] == c.master {
				why = a.Why
			}
		}
		if !strings.Contains(why, c.want) {
			t.Errorf("master %d: %q, want %q", c.master, why, c.want)
		}
	}
	for _, a := range follower.Heard(now + 20*testSecond) {
		if a.Sender.Clock[0] == 2 && a.Why != "no longer heard" {
			t.Errorf("after 20 s of silence: %q", a.Why)
		}
	}
}

func TestSyncsTellOfTheirMaster(t *testing.T) {
	e := NewEngine(EngineConfig{Mode: aes67.ClockFollower}, &mediaclock.Clock{}, silentOutput{})
	now := 5000 * testSecond
	e.Start(now, ourselves, 0, nil, now)
	e.HandleGeneral(announced(1, 1, nil).Append(nil), now, netip.Addr{})
	sync := wire.Message{Kind: wire.KindSync, Source: wire.PortIdentity{Clock: aes67.ClockIdentity{1}, Port: 1}, Flags: wire.FlagTwoStep, LogInterval: -3}
	e.HandleEvent(sync.Append(nil), now, netip.Addr{})
	e.HandleGeneral(announced(1, 2, nil).Append(nil), now, netip.Addr{})
	if a := e.Heard(now)[0]; !a.SyncKnown || !a.TwoStep || a.SyncInterval.Milliseconds() != 125 {
		t.Errorf("heard %+v, want two-step, each 125 ms", a)
	}
}

func TestVersion1IsTold(t *testing.T) {
	e := NewEngine(EngineConfig{Mode: aes67.ClockFollower}, &mediaclock.Clock{}, silentOutput{})
	now := 5000 * testSecond
	e.Start(now, ourselves, 0, nil, now)
	from := netip.MustParseAddr("10.0.0.7")
	e.HandleEvent([]byte{0, 1, 0, 1, 0x5F, 0x44, 0x46, 0x4C, 0x54}, now, from)
	if s := e.Status(now); s.Version1 != from {
		t.Errorf("PTPv1 is heard from %v, want %v", s.Version1, from)
	}
	if s := e.Status(now.Add(keepMaster)); s.Version1.IsValid() {
		t.Errorf("PTPv1 is still heard from %v", s.Version1)
	}
}
