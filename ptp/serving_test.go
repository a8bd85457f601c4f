package ptp_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/ptp"
	"aes67-sink/ptp/wire"
)

// What this computer is like as grandmaster when something is missing.

func TestServesInOneStepWithoutTransmitTimestamps(t *testing.T) {
	n := newNetwork(ptp.EngineConfig{})
	n.mute = true
	n.run(at(20))
	if len(n.sent(wire.KindFollowUp)) != 0 {
		t.Fatal("sends Follow_Up without knowing when its Sync left")
	}
	syncs := n.sent(wire.KindSync)
	late := syncs[len(syncs)-1]
	if m, _ := n.clock.Load(); late.Flags.Has(wire.FlagTwoStep) || m.PTPAt(n.now).Sub(late.Time) > 200*time.Millisecond {
		t.Errorf("sends %+v, want a one-step Sync with the time at which it is handed over", late)
	}
	two := 0
	for _, s := range syncs {
		if s.Flags.Has(wire.FlagTwoStep) {
			two++
		}
	}
	if two > 16 {
		t.Errorf("%d Syncs promised a Follow_Up that never came, want 2 s of them at most", two)
	}
	if s := n.status(); s.Role != ptp.RoleGrandmaster || !strings.Contains(s.Problem, "no transmit timestamps") {
		t.Errorf("%+v, want a grandmaster that says what it lacks", s)
	}
	n.mute = false
	n.run(at(25))
	syncs = n.sent(wire.KindSync)
	if late := syncs[len(syncs)-1]; !late.Flags.Has(wire.FlagTwoStep) || len(n.sent(wire.KindFollowUp)) < 30 {
		t.Errorf("the timestamps are back: sends %+v and %d Follow_Ups, want two-step", late, len(n.sent(wire.KindFollowUp)))
	}
	if s := n.status(); s.Problem != "" {
		t.Errorf("problem %q, want none", s.Problem)
	}
}

func TestAGrandmasterWithoutTransmitTimestampsIsFollowed(t *testing.T) {
	w := &segment{network: network{now: boot}}
	master := w.start(1, 0)
	master.mute = true
	follower := w.start(2, 8)
	w.run(at(30))
	s := follower.engine.Status(w.now)
	if s.Role != ptp.RoleFollower || s.State != ptp.Locked || s.Problem != "" {
		t.Errorf("%+v, want locked to it", s)
	}
	ours, _ := master.clock.Load()
	if its, _ := follower.clock.Load(); its.PTPAt(w.now).Sub(ours.PTPAt(w.now)).Abs() > 10*time.Microsecond {
		t.Errorf("is %v off", its.PTPAt(w.now).Sub(ours.PTPAt(w.now)))
	}
}

func TestAnswersWithTheTransportBitsOfWhoAsks(t *testing.T) {
	n := newNetwork(ptp.EngineConfig{})
	n.run(at(10))
	m := wire.Message{Kind: wire.KindDelayReq, Transport: 1, Source: wire.PortIdentity{Clock: aes67.ClockIdentity{7}, Port: 1}}
	n.engine.HandleEvent(m.Append(nil), n.now, netip.Addr{})
	if a := n.sent(wire.KindDelayResp); len(a) != 1 || a[0].Transport != 1 {
		t.Errorf("answers %+v", a)
	}
}

func TestAMachineWithoutADateDoesNotClaimTAI(t *testing.T) {
	for _, c := range []struct {
		name string
		tai  aes67.PTPTime
		want bool // ptpTimescale
	}{
		{"a date", aes67.PTPTime(1_800_000_000 * second), true},
		{"1970, as after a boot without a clock", aes67.PTPTime(100 * second), false},
		{"the end of 2023", aes67.PTPTime(1_704_067_199 * second), false},
	} {
		n := &network{now: boot, self: wire.PortIdentity{Clock: aes67.ClockIdentity{1}, Port: 1}, mute: true}
		n.engine = ptp.NewEngine(ptp.EngineConfig{Priority1: 250}, &n.clock, n)
		n.engine.Start(n.now, n.self, c.tai, nil, n.now-6*second)
		n.engine.Tick(n.now)
		a := n.sent(wire.KindAnnounce)
		if len(a) == 0 || a[0].Flags.Has(wire.FlagPTPTimescale) != c.want {
			t.Fatalf("%s: announces %+v, want ptpTimescale %v", c.name, a, c.want)
		}
		if want := map[bool]int16{true: ptp.UTCOffset}[c.want]; a[0].Properties.UTCOffset != want {
			t.Errorf("%s: currentUtcOffset %d, want %d", c.name, a[0].Properties.UTCOffset, want)
		}
	}
}

// A computer without a battery gets its date some seconds after the network.
func TestServesTheDateThatCameWhileItListened(t *testing.T) {
	n := newNetwork(ptp.EngineConfig{})
	n.run(at(3))
	n.engine.SetTAI(n.now, aes67.PTPTime(1_900_000_000*second))
	n.run(at(10))
	if m, _ := n.clock.Load(); m.PTPAt(at(3)) != aes67.PTPTime(1_900_000_000*second) {
		t.Errorf("serves %v, want the later date", m.PTPAt(at(3)))
	}
	before, _ := n.clock.Load()
	n.engine.SetTAI(n.now, aes67.PTPTime(2_000_000_000*second))
	n.run(at(20))
	if m, _ := n.clock.Load(); m.Steps != 0 || m.PTPAt(n.now) != before.PTPAt(n.now) {
		t.Error("a date that comes while it serves reaches the network")
	}
}
