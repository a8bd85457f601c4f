package ptp_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/ptp"
	"aes67-sink/ptp/wire"
)

// What one run leaves to the next, and whose time it is.

func TestARestartedGrandmasterServesOnBeforeAnybodyMissesIt(t *testing.T) {
	for _, gap := range []time.Duration{100 * time.Millisecond, 500 * time.Millisecond, 2500 * time.Millisecond} {
		t.Run(fmt.Sprint(gap), func(t *testing.T) {
			w := &segment{network: network{now: boot}}
			master, follower := w.start(1, 0), w.start(2, 8)
			w.run(at(30))
			m, _ := master.clock.Load()
			master.engine.Stop(w.now)
			master.on = false
			before := follower.engine.Status(w.now)
			if before.State != ptp.Locked || before.Role != ptp.RoleFollower {
				t.Fatalf("%+v, want a follower that is locked", before)
			}
			again := w.resume(1, 30+gap.Seconds(), &ptp.Resumption{At: w.now, Time: m.PTPAt(w.now), Frequency: m.Frequency})
			for s := 30.0; s < 60; s += 0.1 {
				w.run(at(s))
				if f := follower.engine.Status(w.now); f.State != ptp.Locked || f.Role != ptp.RoleFollower || f.Steps != before.Steps {
					t.Fatalf("%.1f s after the end the follower is %+v, want as before", s-30, f)
				}
				if s < 30.1+gap.Seconds() {
					continue
				}
				if g := again.engine.Status(w.now); g.State != ptp.Locked || g.Role != ptp.RoleGrandmaster || g.Problem != "" || g.Steps != 0 {
					t.Fatalf("%.1f s after the end: %+v, want the grandmaster", s-30, g)
				}
			}
			timeout := aes67.RawTime(6 * time.Second) // of whoever follows it
			for i, a := range slices.Backward(w.announced) {
				if i > 0 && a-w.announced[i-1] >= timeout {
					t.Errorf("no Announce for %v", (a - w.announced[i-1]))
				}
			}
		})
	}
}

// A clock of our own was never lost, not even until the network is there.
func TestARestartedGrandmasterIsNotInHoldover(t *testing.T) {
	n := newNetwork(ptp.EngineConfig{Mode: aes67.ClockGrandmaster})
	n.engine.Resume(ptp.Resumption{At: boot - second, Time: 1e18})
	if s := n.status(); s.State != ptp.Locked || s.Problem != "" {
		t.Errorf("before it has a network: %+v, want locked", s)
	}
	n.run(at(0.5))
	if s := n.status(); s.State != ptp.Locked || s.Role != ptp.RoleGrandmaster {
		t.Errorf("with one: %+v, want the grandmaster", s)
	}
	n = newNetwork(ptp.EngineConfig{Mode: aes67.ClockGrandmaster})
	n.engine.Resume(ptp.Resumption{At: boot - 7*second, Time: 1e18})
	if s := n.status(); s.State != ptp.Holdover {
		t.Errorf("a while after: %+v, want holdover", s)
	}
}

func TestDoesNotServeAtOnceWithoutReason(t *testing.T) {
	other := aes67.ClockIdentity{0, 0x1D, 0xC1, 0xFF, 0xFE, 0, 0, 9}
	for _, c := range []struct {
		name string
		mode aes67.ClockMode
		r    ptp.Resumption
	}{
		{"it was longer ago than others wait", aes67.ClockAuto, ptp.Resumption{At: boot - 7*second, Time: 1e18}},
		{"it followed another", aes67.ClockAuto, ptp.Resumption{At: boot - second, Time: 1e18, Grandmaster: other}},
		{"it may not serve", aes67.ClockFollower, ptp.Resumption{At: boot - second, Time: 1e18}},
	} {
		n := newNetwork(ptp.EngineConfig{Mode: c.mode})
		n.engine.Resume(c.r)
		n.run(at(5))
		if s := n.status(); s.Role != ptp.RoleNone || s.State != ptp.Holdover || s.Grandmaster != c.r.Grandmaster {
			t.Errorf("%s: %+v, want to listen first", c.name, s)
		}
	}
}

func TestHandsItsTimescaleOver(t *testing.T) {
	for _, arbitrary := range []bool{false, true} {
		n := newNetwork(ptp.EngineConfig{})
		n.engine.Resume(ptp.Resumption{At: boot, Time: 1e18, Arbitrary: arbitrary})
		n.run(at(1))
		a := n.sent(wire.KindAnnounce)
		if len(a) == 0 || a[0].Flags.Has(wire.FlagPTPTimescale) == arbitrary {
			t.Errorf("arbitrary %v: announces %+v", arbitrary, a)
		}
		if s := n.status(); s.Arbitrary != arbitrary {
			t.Errorf("arbitrary %v: tells the next run %v", arbitrary, s.Arbitrary)
		}
	}
}

// Resumed on the time of one master, locked to another, and alone again: the time
// is the other's.
func TestHoldoverNamesTheMasterWhoseTimeItIs(t *testing.T) {
	n := newNetwork(ptp.EngineConfig{Mode: aes67.ClockFollower})
	n.engine.Resume(ptp.Resumption{At: boot, Time: 1e18, Grandmaster: aes67.ClockIdentity{9}})
	p := n.add(gmConfig(1, 40_000), cable(1), cable(2))
	n.run(at(20))
	n.engine.Stop(n.now)
	if s := n.status(); s.State != ptp.Holdover || s.Grandmaster != p.cfg.Identity || s.Arbitrary {
		t.Errorf("%+v, want holdover on the time of %v", s, p.cfg.Identity)
	}
	n.engine.Start(n.now, n.self, 0, nil, n.now)
	n.run(at(30)) // it is the same network
	p.off = true
	n.run(at(40))
	better := gmConfig(2, 10_000)
	better.Priority1, better.SyncLog = 1, 10
	silent := n.add(better, cable(3), cable(4))
	n.run(at(50))
	if s := n.status(); s.Parent.Clock != silent.cfg.Identity || s.Grandmaster != p.cfg.Identity {
		t.Errorf("%+v: chose a master whose Syncs do not come; want holdover on the time of %v", s, p.cfg.Identity)
	}
}

// A master of an arbitrary time is followed, another of PTP time is chosen and
// dies before it was measured: what is served then is still the first one's.
func TestServesTheTimescaleOfTheMasterThatWasMeasured(t *testing.T) {
	n := newNetwork(ptp.EngineConfig{Mode: aes67.ClockAuto})
	arbitrary := gmConfig(1, 40_000)
	arbitrary.ARB = true
	first := n.add(arbitrary, cable(1), cable(2))
	n.run(at(30))
	better := gmConfig(2, 10_000)
	better.Priority1, better.SyncLog = 1, 10
	second := n.add(better, cable(3), cable(4))
	n.run(at(34))
	if s := n.status(); s.Parent.Clock != better.Identity {
		t.Fatalf("%+v, want the better master chosen", s)
	}
	first.off, second.off = true, true
	n.run(at(60))
	a := n.sent(wire.KindAnnounce)
	if len(a) == 0 || a[len(a)-1].Flags.Has(wire.FlagPTPTimescale) {
		t.Errorf("announces %+v, want the arbitrary timescale", a)
	}
}
