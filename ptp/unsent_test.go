package ptp_test

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/ptp"
	"aes67-sink/ptp/wire"
)

// A firewall that lets PTP in and not out is no driver without timestamps, and no
// grandmaster that does not answer.
func TestWhatCannotBeSentIsTold(t *testing.T) {
	const (
		sentence = "PTP messages cannot be sent: operation not permitted; check the firewall"
		within   = 6 // s
	)
	event := func(k wire.Kind) bool { return k.Event() }
	general := func(k wire.Kind) bool { return !k.Event() }
	for _, c := range []struct {
		name     string
		refused  func(wire.Kind) bool
		followed bool
	}{
		{"port 319, as follower", event, true},
		{"port 319, as grandmaster", event, false},
		{"port 320, as grandmaster", general, false},
		{"both, as grandmaster", func(wire.Kind) bool { return true }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, p := newNetwork(ptp.EngineConfig{}), (*peer)(nil)
			if c.followed {
				n, p = newFollower()
			}
			look := func(when, problem string) {
				t.Helper()
				if c.followed {
					n.expect(t, when, p, 100*time.Microsecond, problem)
				} else if s := n.status(); s.Role != ptp.RoleGrandmaster || (problem == "") != (s.Problem == "") || !strings.Contains(s.Problem, problem) {
					t.Errorf("%s: %v, problem %q; want a grandmaster and %q", when, s.Role, s.Problem, problem)
				}
			}
			n.run(at(20))
			look("all is sent", "")
			n.refuse = func(k wire.Kind) error {
				if c.refused(k) {
					return syscall.EPERM
				}
				return nil
			}
			n.run(at(20 + within))
			look("none is", sentence)
			for s := 1; s <= 40; s++ {
				n.run(at(float64(20 + within + s)))
				look("for long", sentence)
			}
			n.refuse = nil
			n.run(at(60 + 3*within))
			look("all is again", "")
		})
	}
}

// One that was never let out is told too, and followed all the same.
func TestAFollowerThatMayNeverSendFollowsOneWay(t *testing.T) {
	n := newNetwork(ptp.EngineConfig{Mode: aes67.ClockFollower})
	n.refuse = func(wire.Kind) error { return syscall.EPERM }
	p := n.add(gmConfig(1, 40_000), cable(1), cable(2))
	n.run(at(20))
	n.expect(t, "from the start", p, 100*time.Microsecond, "PTP messages cannot be sent")
}

// What a grandmaster could not send is no trouble of a follower.
func TestWhatWasNotSentIsForgottenInAnotherRole(t *testing.T) {
	n := newNetwork(ptp.EngineConfig{})
	n.refuse = func(k wire.Kind) error {
		if k.Event() {
			return nil
		}
		return syscall.EPERM
	}
	n.run(at(20))
	if s := n.status(); s.Role != ptp.RoleGrandmaster || !strings.Contains(s.Problem, "cannot be sent") {
		t.Fatalf("%v, problem %q; want a grandmaster that is kept from sending", s.Role, s.Problem)
	}
	p := n.add(gmConfig(1, 40_000), cable(1), cable(2))
	n.run(at(40))
	n.expect(t, "as follower", p, 100*time.Microsecond, "")
}

// What silences comes before what makes the time a little worse.
func TestNoSyncIsToldBeforeWhatCannotBeSent(t *testing.T) {
	n, p := newFollower()
	n.run(at(10))
	n.refuse = func(wire.Kind) error { return syscall.EPERM }
	n.run(at(20))
	n.expect(t, "nothing is sent", p, 100*time.Microsecond, "cannot be sent")
	p.edit = func(m *wire.Message) {
		if m.Kind == wire.KindSync {
			m.Domain = 99
		}
	}
	n.run(at(40))
	if s := n.status(); !strings.Contains(s.Problem, "no Sync arrives") {
		t.Errorf("problem %q, want that no Sync arrives", s.Problem)
	}
}
