package ptp_test

import (
	"strings"
	"testing"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/ptp"
	"aes67-sink/ptp/wire"
)

// sleep lets the engine's computer sleep: nothing of ours advances, and the port
// starts the engine anew with the date as it is then.
func (n *network) sleep(d time.Duration) {
	n.engine.Slept(n.now)
	tai := aes67.PTPTime(1_800_000_000*second) + aes67.PTPTime(n.now-boot) + aes67.PTPTime(d)
	n.engine.Start(n.now, n.self, tai, nil, n.now)
	n.heard = nil
}

func TestAGrandmasterThatSleptListensAndSetsItsClockOnce(t *testing.T) {
	const slept = 8 * time.Hour
	n := newNetwork(ptp.EngineConfig{Mode: aes67.ClockAuto})
	n.run(at(20))
	n.sleep(slept)
	n.run(at(25.9))
	if len(n.heard) > 0 || n.status().State != ptp.Listening {
		t.Fatalf("sent %d messages within an announce timeout, %v; want none, listening", len(n.heard), n.status().State)
	}
	n.run(at(40))
	s := n.status()
	m, _ := n.clock.Load()
	want := aes67.PTPTime(1_800_000_000*second) + aes67.PTPTime(n.now-boot) + aes67.PTPTime(slept)
	if s.Role != ptp.RoleGrandmaster || s.Steps != 1 || m.PTPAt(n.now) != want {
		t.Errorf("%v, %d steps, off by %v; want grandmaster, one step, TAI", s.Role, s.Steps, m.PTPAt(n.now).Sub(want))
	}
}

func TestAGrandmasterThatSleptYieldsToWhoServesNow(t *testing.T) {
	n := newNetwork(ptp.EngineConfig{Mode: aes67.ClockAuto})
	cfg := gmConfig(9, 0)
	cfg.Priority1 = 255 // worse than we are
	p := n.add(cfg, cable(1), cable(2))
	p.off = true
	n.run(at(20))
	if n.status().Role != ptp.RoleGrandmaster {
		t.Fatal("does not serve")
	}
	p.off = false
	n.sleep(8 * time.Hour)
	n.run(at(60))
	s := n.status()
	if got := len(n.sent(wire.KindAnnounce)); got != 0 {
		t.Errorf("sent %d Announces after sleep, want none", got)
	}
	if s.Role != ptp.RoleFollower || s.State != ptp.Locked || s.Steps != 1 {
		t.Errorf("%v %v, %d steps; want a locked follower after one step", s.Role, s.State, s.Steps)
	}
}

// Of two PTP programs on one computer neither hears the other.
func TestWithAnotherPTPProgramWeServeOnlyWhenTold(t *testing.T) {
	n := newNetwork(ptp.EngineConfig{Mode: aes67.ClockAuto})
	n.engine.SetNeighbour("ptp4l (process 42)")
	n.run(at(30))
	if s := n.status(); len(n.heard) > 0 || !strings.Contains(s.Problem, "ptp4l (process 42)") {
		t.Errorf("sent %d messages, problem %q; want silence, and the program named", len(n.heard), s.Problem)
	}
	n.engine.SetNeighbour("")
	n.run(at(40))
	if s := n.status(); s.Role != ptp.RoleGrandmaster || s.Problem != "" {
		t.Errorf("after it has ended: %v, %q; want grandmaster", s.Role, s.Problem)
	}
	n.engine.SetNeighbour("ptp4l (process 43)")
	n.run(at(41))
	n.heard = nil
	n.run(at(60))
	if len(n.heard) > 0 {
		t.Errorf("it came back, and we sent %d messages", len(n.heard))
	}

	told := newNetwork(ptp.EngineConfig{Mode: aes67.ClockGrandmaster})
	told.engine.SetNeighbour("ptp4l (process 42)")
	told.run(at(30))
	if s := told.status(); s.Role != ptp.RoleGrandmaster || !strings.Contains(s.Problem, "ptp4l") {
		t.Errorf("told to serve: %v, %q; want grandmaster, and the program named", s.Role, s.Problem)
	}

	// As a follower it gets the answers that are sent to this computer alone.
	deaf := newNetwork(ptp.EngineConfig{Mode: aes67.ClockAuto})
	deaf.engine.SetNeighbour("ptp4l (process 42)")
	cfg := gmConfig(1, 0)
	p := deaf.add(cfg, cable(1), cable(2))
	deaf.run(at(20))
	if s := deaf.status(); s.State != ptp.Locked || s.Problem != "" {
		t.Errorf("beside it: %v, %q; want locked without a word", s.State, s.Problem)
	}
	p.off = true
	cfg.Deaf = true
	other := newNetwork(ptp.EngineConfig{Mode: aes67.ClockAuto})
	other.engine.SetNeighbour("ptp4l (process 42)")
	other.add(cfg, cable(1), cable(2))
	other.run(at(20))
	if s := other.status(); !strings.Contains(s.Problem, "gets the grandmaster's answers") {
		t.Errorf("without answers: %q; want the reason", s.Problem)
	}
}
